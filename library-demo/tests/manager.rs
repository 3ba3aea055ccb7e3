//! The manager: what each mutation invalidates, and mutations that fail.

#![forbid(unsafe_code)]

use cache_core::{Cache, HasCache};
use indicatif::ProgressBar;
use library_demo::{CsvFiles, Database, DbError, LibraryManager, NewPurchase, NewTrack, TrackChanges, TrackId};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Read {
    All,
    One,
    Search,
    Favorites,
    Recent,
    Popular,
}

use Read::{All, Favorites, One, Popular, Recent, Search};

const READS: [Read; 6] = [All, One, Search, Favorites, Recent, Popular];

/// An answer of a manager or a database, as text.
macro_rules! ask {
    ($library:expr, $read:expr, $id:expr) => {
        match $read {
            All => format!("{:?}", $library.get_all_tracks(10, 0).unwrap()),
            One => format!("{:?}", $library.get_track($id).unwrap()),
            Search => format!("{:?}", $library.search_tracks("love", 10, 0).unwrap()),
            Favorites => format!("{:?}", $library.get_favorite_tracks(10, 0).unwrap()),
            Recent => format!("{:?}", $library.get_recent_tracks(10, 0).unwrap()),
            Popular => format!("{:?}", $library.get_popular_tracks(10, 0).unwrap()),
        }
    };
}

fn new_track(id: u32, title: &str) -> NewTrack {
    NewTrack { id: Some(TrackId(id)), title: title.to_owned(), ..NewTrack::default() }
}

/// Tracks 1 to 3. Each read shows track 2, so that a mutation of it can invalidate each.
fn library() -> LibraryManager {
    let library = LibraryManager::new(Database::open_in_memory().unwrap(), Cache::new());
    for (id, title) in [(1, "Love Me Do"), (2, "All You Need Is Love"), (3, "Can't Buy Me Love")] {
        library.add_track(&new_track(id, title)).unwrap();
    }
    library.set_track_favorite(TrackId(2), true).unwrap();
    library.record_track_play(TrackId(2)).unwrap();
    library
}

fn purchase(tracks: &[TrackId]) -> NewPurchase {
    NewPurchase { invoice_date: "2026-11-29".to_owned(), customer_id: 1, tracks: tracks.to_vec() }
}

fn new_title() -> TrackChanges {
    TrackChanges { title: Some("All You Need Is Love (2009)".to_owned()), ..TrackChanges::default() }
}

struct Case {
    mutation: &'static str,
    /// The track of `mutate`, and of `Read::One`.
    id: TrackId,
    mutate: fn(&LibraryManager, TrackId),
    invalidates: &'static [Read],
}

const CASES: &[Case] = &[
    Case {
        mutation: "add_track",
        id: TrackId(4),
        mutate: |library, id| drop(library.add_track(&new_track(id.0, "Real Love")).unwrap()),
        invalidates: &[All, Search, Recent, One],
    },
    Case {
        mutation: "set_track_favorite",
        id: TrackId(2),
        mutate: |library, id| library.set_track_favorite(id, false).unwrap(),
        invalidates: &[Favorites],
    },
    Case {
        mutation: "record_track_play",
        id: TrackId(2),
        mutate: |library, id| drop(library.record_track_play(id).unwrap()),
        invalidates: &[Popular, Recent, All, One],
    },
    Case {
        mutation: "update_track",
        id: TrackId(2),
        mutate: |library, id| drop(library.update_track(id, &new_title()).unwrap()),
        invalidates: &READS,
    },
    Case {
        mutation: "delete_track",
        id: TrackId(2),
        mutate: |library, id| library.delete_track(id).unwrap(),
        invalidates: &READS,
    },
    Case {
        mutation: "purchase",
        id: TrackId(1),
        mutate: |library, id| drop(library.purchase(&purchase(&[id])).unwrap()),
        invalidates: &[Popular, Recent, All, One, Favorites],
    },
];

#[test]
fn every_mutation_invalidates_exactly_the_answers_it_changes() {
    for case in CASES {
        for read in READS {
            let cell = format!("{} and {read:?}", case.mutation);
            let library = library();
            let before = ask!(library, read, case.id);

            (case.mutate)(&library, case.id);
            let truth = ask!(library.database(), read, case.id);
            let hits = library.cache().stats().hits;
            let after = ask!(library, read, case.id);
            let was_hit = library.cache().stats().hits > hits;

            assert_eq!(after, truth, "{cell}: stale");
            assert_eq!(was_hit, !case.invalidates.contains(&read), "{cell}: hit or miss");
            assert_eq!(truth != before, case.invalidates.contains(&read), "{cell}: was the invalidation necessary?");
        }
    }
}

#[test]
fn entries_of_other_tracks_stay() {
    for case in CASES {
        let library = library();
        library.get_track(TrackId(3)).unwrap();
        (case.mutate)(&library, case.id);
        let hits = library.cache().stats().hits;
        library.get_track(TrackId(3)).unwrap();
        assert_eq!(library.cache().stats().hits, hits + 1, "{}", case.mutation);
    }
}

/// The id of the track is unknown then.
#[test]
fn a_failed_addition_invalidates_all_tracks() {
    let library = library();
    library.get_track(TrackId(3)).unwrap();
    library.add_track(&new_track(2, "Taken")).unwrap_err();
    assert!(library.cache().is_empty());
}

#[test]
fn the_absence_of_a_track_is_cached_until_it_is_added() {
    let library = library();
    assert_eq!(library.get_track(TrackId(4)).unwrap(), None);
    let queries = library.database().queries();
    assert_eq!(library.get_track(TrackId(4)).unwrap(), None);
    assert_eq!(library.database().queries(), queries, "the second read must hit");

    let added = library.add_track(&new_track(4, "Real Love")).unwrap();
    assert_eq!(library.get_track(TrackId(4)).unwrap(), Some(added));
}

#[test]
fn an_import_invalidates_everything() {
    let library = LibraryManager::new(Database::open_in_memory().unwrap(), Cache::new());
    let before = READS.map(|read| ask!(library, read, TrackId(1)));
    library.import(&CsvFiles::embedded(), &ProgressBar::hidden()).unwrap();
    assert!(library.cache().is_empty());
    for (read, before) in READS.into_iter().zip(before) {
        let after = ask!(library, read, TrackId(1));
        assert_eq!(after, ask!(library.database(), read, TrackId(1)), "{read:?}");
        let shows_tracks = !matches!(read, Favorites | Popular);
        assert_eq!(after != before, shows_tracks, "{read:?}");
    }
}

#[test]
fn a_mutation_of_an_unknown_track_fails_and_changes_nothing() {
    type Mutate = fn(&LibraryManager, TrackId) -> Result<(), DbError>;
    let mutations: [(&str, Mutate); 6] = [
        ("favourite on", |library, id| library.set_track_favorite(id, true)),
        ("favourite off", |library, id| library.set_track_favorite(id, false)),
        ("play", |library, id| library.record_track_play(id).map(drop)),
        ("update", |library, id| library.update_track(id, &new_title()).map(drop)),
        ("delete", |library, id| library.delete_track(id)),
        ("purchase", |library, id| library.purchase(&purchase(&[TrackId(1), id])).map(drop)),
    ];
    let unknown = TrackId(99);
    for (name, mutate) in mutations {
        let library = library();
        let before = READS.map(|read| ask!(library, read, unknown));
        let error = mutate(&library, unknown).unwrap_err();
        assert_eq!(error.to_string(), "there is no track 99", "{name}");
        assert_eq!(READS.map(|read| ask!(library, read, unknown)), before, "{name}");
        assert_eq!(READS.map(|read| ask!(library.database(), read, unknown)), before, "{name}");
    }
}

#[test]
fn an_id_is_unique() {
    let library = library();
    let before = READS.map(|read| ask!(library, read, TrackId(2)));
    let error = library.add_track(&new_track(2, "Love, Love, Love")).unwrap_err();
    assert_eq!(error.to_string(), "track 2 already exists");
    assert_eq!(READS.map(|read| ask!(library.database(), read, TrackId(2))), before);
}

#[test]
fn a_manager_can_be_shared_between_threads() {
    const PLAYS: u32 = 50;
    let library = library();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..PLAYS {
                    library.record_track_play(TrackId(1)).unwrap();
                    library.get_track(TrackId(1)).unwrap();
                }
            });
        }
    });
    let track = library.get_track(TrackId(1)).unwrap().unwrap();
    assert_eq!(track.plays, 2 * PLAYS);
}
