//! The replay of the demo on its real data, under a full audit.
//!
//! Before and after each mutation all queries are asked, for what the mutation touches: the first time an entry is loaded or
//! found right, the second time it is loaded or audited. So a finding has one mutation, the one between. When something was
//! found the cache forgets everything: other entries may be wrong for the same reason.

use indicatif::ProgressBar;
use library_demo::workload::{Mutation, PAGE, Read, Step, visits};
use library_demo::{CsvFiles, Database, DbError, NewPurchase, TrackId};

use crate::findings::{Findings, Pairs, name_of};
use crate::library::{Library, Shop};

/// Every 200th visit deletes a track.
const VISITS: usize = 200;
/// Every tenth visit does more than to play a track.
const EVENTFUL: usize = 10;

pub(crate) struct Replay<L> {
    library: L,
    findings: Findings,
    wrong: Pairs,
}

/// What a replay has found.
pub(crate) struct Found {
    /// By each mutation.
    pub(crate) wrong: Pairs,
    pub(crate) mutations: u64,
    pub(crate) audited: u64,
}

/// An id, and a text that a search finds the track by.
type Touched = (TrackId, String);

impl<L: Library> Replay<L> {
    /// On the sample library.
    pub(crate) fn new() -> Self {
        let findings = Findings::default();
        let database = Database::open_sample(&ProgressBar::hidden()).unwrap();
        Self { library: L::over(database, findings.cache()), findings, wrong: Pairs::new() }
    }

    /// The trace of the demo.
    pub(crate) fn run_trace(&mut self) {
        self.run(visits(self.library.database(), VISITS).unwrap());
    }

    /// The visits of the trace that do more than to play a track.
    pub(crate) fn run_eventful_visits(&mut self) {
        let visits = visits(self.library.database(), VISITS).unwrap();
        self.run(visits.into_iter().skip(EVENTFUL - 1).step_by(EVENTFUL));
    }

    fn run(&mut self, visits: impl IntoIterator<Item = Vec<Step>>) {
        for step in visits.into_iter().flatten() {
            match step {
                Step::Read(read) => self.library.ask(&read).unwrap(),
                Step::Mutation(mutation) => {
                    let touched = self.touched(&mutation);
                    self.between_questions(&[touched], |library| library.mutate(&mutation).unwrap());
                }
            }
        }
    }

    fn touched(&self, mutation: &Mutation) -> Touched {
        match mutation {
            Mutation::Add(new) => (new.id.expect("the trace chooses ids"), new.artist.clone()),
            Mutation::Favorite(id, _) | Mutation::Play(id) | Mutation::Update(id, _) | Mutation::Delete(id) => {
                self.track(*id)
            }
        }
    }

    fn track(&self, id: TrackId) -> Touched {
        (id, self.library.database().get_track(id).unwrap().expect("it was added").info.artist)
    }

    fn between_questions(&mut self, touched: &[Touched], mutate: impl FnOnce(&L)) {
        self.ask_all(touched);
        mutate(&self.library);
        self.ask_all(touched);
        let findings = self.findings.take();
        if !findings.is_empty() {
            self.library.cache().invalidate_all();
        }
        for finding in findings {
            let [mutation] = &*finding.mutations else { panic!("one mutation, and not: {finding}") };
            self.wrong.entry(name_of(mutation)).or_default().insert(finding.query);
        }
    }

    fn ask_all(&self, touched: &[Touched]) {
        let mut reads = vec![Read::AllTracks { offset: 0 }, Read::Favorites, Read::Recent, Read::Popular];
        for (TrackId(id), text) in touched {
            reads.extend([Read::Track(TrackId(*id)), Read::Search(text.clone())]);
            reads.push(Read::AllTracks { offset: (id - 1) / PAGE * PAGE });
        }
        for read in &reads {
            self.library.ask(read).unwrap();
        }
    }

    pub(crate) fn end(self) -> Found {
        let Self { library, findings, wrong } = self;
        let stats = library.cache().stats();
        assert_eq!(
            (stats.audited, findings.take().len()),
            (stats.hits, 0),
            "each hit, and all findings are of a mutation"
        );
        library.cache().check_invariants();
        Found {
            wrong,
            mutations: library.cache().mutations().last().map_or(0, |last| last.version),
            audited: stats.audited,
        }
    }
}

impl<L: Shop> Replay<L> {
    /// What the trace has no step for.
    pub(crate) fn run_rest(&mut self) {
        let [first, second, unknown] = [TrackId(100), TrackId(200), TrackId(999_999)];
        let bought = [self.track(first), self.track(second)];
        let new = NewPurchase { tracks: vec![first, second], ..NewPurchase::default() };
        self.between_questions(&bought, |library| library.purchase(&new).unwrap());

        let third = TrackId(300);
        let liked = [self.track(third)];
        // The first is a favourite when the second fails.
        self.between_questions(&liked, |library| {
            let failed = library.add_favorites(&[third, unknown]);
            assert!(matches!(failed, Err(DbError::UnknownTrack(id)) if id == unknown), "{failed:?}");
        });

        let files = CsvFiles {
            tracks: b"track_id,title,artist,album,genre,media_type,composer,duration_ms,size_bytes\n\
                      2000000,Imported,Nobody Else,,,,,1,1\n"
                .into(),
            playlists: b"playlist_id,playlist,track_id\n".into(),
            purchases: b"invoice_date,customer_id,track_id\n".into(),
        };
        let imported = [(TrackId(2_000_000), "Nobody Else".to_owned())];
        self.between_questions(&imported, |library| library.import(&files).unwrap());
    }
}
