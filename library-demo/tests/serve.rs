//! The load test: no answer is stale, and the oracle finds stale answers.

#![forbid(unsafe_code)]

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use cache_core::{Cache, HasCache, ManualClock};
use indicatif::ProgressBar;
use library_demo::{
    CsvFiles, Database, DbError, MusicRepository, NewPurchase, NewTrack, Outage, Page, ShortLived, SqliteRepository,
    StaleIfError, Track, TrackChanges, TrackId, TrackInfo,
    serve::{Budget, Load, OutageReport, Served, Service, Watch},
    workload::{Mutation, Read, Step, listening, visits},
};
use tempfile::TempDir;

const TRACK: TrackId = TrackId(5);

/// A repository whose mutations invalidate nothing, because they go through another cache.
struct NoInvalidation {
    reads: SqliteRepository,
    writes: SqliteRepository,
}

#[async_trait]
impl MusicRepository for NoInvalidation {
    async fn get_all_tracks(&self, limit: u32, offset: u32) -> Result<Arc<Page<Track>>, DbError> {
        self.reads.get_all_tracks(limit, offset).await
    }

    async fn get_track(&self, id: TrackId) -> Result<Option<Track>, DbError> {
        self.reads.get_track(id).await
    }

    async fn search_tracks(&self, query: &str, limit: u32, offset: u32) -> Result<Arc<Page<TrackInfo>>, DbError> {
        self.reads.search_tracks(query, limit, offset).await
    }

    async fn get_favorite_tracks(&self, limit: u32, offset: u32) -> Result<Arc<Page<TrackInfo>>, DbError> {
        self.reads.get_favorite_tracks(limit, offset).await
    }

    async fn get_recent_tracks(&self, limit: u32, offset: u32) -> Result<Arc<Page<Track>>, DbError> {
        self.reads.get_recent_tracks(limit, offset).await
    }

    async fn get_popular_tracks(&self, limit: u32, offset: u32) -> Result<Arc<Page<Track>>, DbError> {
        self.reads.get_popular_tracks(limit, offset).await
    }

    async fn add_track(&self, new: &NewTrack) -> Result<Track, DbError> {
        self.writes.add_track(new).await
    }

    async fn set_track_favorite(&self, id: TrackId, favorite: bool) -> Result<(), DbError> {
        self.writes.set_track_favorite(id, favorite).await
    }

    async fn record_track_play(&self, id: TrackId) -> Result<Track, DbError> {
        self.writes.record_track_play(id).await
    }

    async fn update_track(&self, id: TrackId, changes: &TrackChanges) -> Result<Track, DbError> {
        self.writes.update_track(id, changes).await
    }

    async fn delete_track(&self, id: TrackId) -> Result<(), DbError> {
        self.writes.delete_track(id).await
    }

    async fn purchase(&self, new: &NewPurchase) -> Result<Vec<Track>, DbError> {
        self.writes.purchase(new).await
    }
}

struct Library {
    folder: TempDir,
    database: Database,
}

impl Library {
    fn empty() -> Self {
        let folder = TempDir::new().unwrap();
        Self { database: Database::open(folder.path().join("library.db")).unwrap(), folder }
    }

    /// The sample library.
    fn sample() -> Self {
        let library = Self::empty();
        library.database.import(&CsvFiles::embedded(), &ProgressBar::hidden()).unwrap();
        library
    }

    /// One track.
    fn small() -> Self {
        let library = Self::empty();
        let (title, artist) = ("Princess of the Dawn".to_owned(), "Accept".to_owned());
        library.database.add_track(&NewTrack { id: Some(TRACK), title, artist, ..NewTrack::default() }).unwrap();
        library
    }

    fn trace(&self) -> Vec<Vec<Step>> {
        visits(&self.database, usize::MAX).unwrap()
    }

    async fn open(&self, cache: Cache) -> SqliteRepository {
        SqliteRepository::open(&self.folder.path().join("library.db"), cache).await.unwrap()
    }

    async fn open_without_invalidation(&self) -> NoInvalidation {
        NoInvalidation { reads: self.open(Cache::new()).await, writes: self.open(Cache::new()).await }
    }

    /// Serves a load, and also returns the number of stale answers found afterwards.
    async fn serve(&self, repository: Arc<dyn MusicRepository>, visits: Vec<Vec<Step>>, load: Load) -> (Served, u64) {
        let service = Service::new(repository, visits);
        let served = service.serve(load, &ProgressBar::hidden()).await.unwrap();
        let truth = self.open(Cache::builder().capacity(0).build()).await;
        (served, service.compare_with(&truth, &ProgressBar::hidden()).await.unwrap())
    }
}

fn load(tasks: usize, operations: u64) -> Load {
    Load { tasks, budget: Budget::Operations(operations), cancelled: 0, seed: 1 }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_is_stale_while_requests_are_cancelled() {
    let library = Library::sample();
    let repository = Arc::new(library.open(Cache::new()).await);
    let (served, stale) =
        library.serve(repository.clone(), library.trace(), Load { cancelled: 20, ..load(16, 2_000) }).await;
    assert_eq!((served.operations, served.stale, stale), (2_000, 0, 0));
    assert!(served.cancelled > 0);
    let stats = repository.cache().stats();
    assert!(stats.hits > 0 && stats.loads < stats.misses, "{stats}");
    // Cancelled requests leave nothing behind.
    let idle = format!("{:?}", repository.cache());
    assert!(idle.contains("loads_in_flight: Some(0), callers_waiting: Some(0)"), "{idle}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oracle_finds_stale_answers_under_load() {
    let library = Library::sample();
    let repository = Arc::new(library.open_without_invalidation().await);
    let (served, stale) = library.serve(repository, library.trace(), load(16, 500)).await;
    assert!(served.stale > 0 && stale > 0, "{} and {stale}", served.stale);
}

/// For each mutation, and each read that it invalidates.
#[tokio::test]
async fn stale_answers_are_found_after_every_mutation() {
    let title = Some("Princess of the Dawn".to_owned());
    let update = Mutation::Update(TRACK, TrackChanges { title, ..TrackChanges::default() });
    let add = Mutation::Add(NewTrack { artist: "Accept".to_owned(), ..NewTrack::default() });
    let delete = Mutation::Delete(TrackId(0));
    let search = Read::Search("Accept".to_owned());
    let (all, one) = (Read::AllTracks { offset: 0 }, Read::Track(TRACK));
    // The last field: whether the oracle finds it. Additions and deletions have no version, only the comparison finds
    // them.
    let cases = [
        (Mutation::Play(TRACK), vec![&all, &one, &Read::Recent, &Read::Popular], true),
        (update.clone(), vec![&all, &one, &search, &Read::Recent], true),
        (Mutation::Favorite(TRACK, true), vec![&Read::Favorites], true),
        (add.clone(), vec![&all, &search, &Read::Recent], false),
        (delete, vec![&all, &search, &Read::Recent], false),
    ];
    for (mutation, reads, oracle_finds_it) in cases {
        for read in reads {
            let cell = format!("{mutation:?} and {read:?}");
            // So that there is something to delete, and something popular.
            let before = [Step::Mutation(add.clone()), Step::Mutation(Mutation::Play(TRACK)), Step::Read(read.clone())];
            let after = [Step::Mutation(mutation.clone()), Step::Read(read.clone())];
            let visit = || vec![[&before[..], &after].concat()];

            let library = Library::small();
            let repository = Arc::new(library.open_without_invalidation().await);
            let (served, stale) = library.serve(repository, visit(), load(1, 5)).await;
            assert_eq!(served.stale > 0, oracle_finds_it, "{cell}: the oracle");
            assert!(stale > 0, "{cell}: the comparison");

            let library = Library::small();
            let repository = Arc::new(library.open(Cache::new()).await);
            let (served, stale) = library.serve(repository, visit(), load(1, 5)).await;
            assert_eq!((served.stale, stale), (0, 0), "{cell}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_fails_ends_the_load() {
    for step in [Step::Mutation(Mutation::Play(TrackId(9_999))), Step::Read(Read::Track(TrackId(1)))] {
        let library = Library::small();
        let repository = Arc::new(library.open(Cache::new()).await);
        if matches!(step, Step::Read(_)) {
            repository.close().await;
        }
        let service = Service::new(repository, vec![vec![step.clone()]]);
        service.serve(load(4, u64::MAX), &ProgressBar::hidden()).await.expect_err(&format!("{step:?}"));
    }
}

/// A service on a library that can fail, and whose time the test sets.
struct Unreliable {
    library: Library,
    cache: Cache,
    clock: ManualClock,
    outage: Arc<Outage>,
    service: Arc<Service>,
    watch: Arc<Watch>,
}

type Caching = fn(Arc<SqliteRepository>, Cache) -> Arc<dyn MusicRepository>;

const SHORT_LIVED: Caching = |library, cache| Arc::new(ShortLived::new(library, cache));
const STALE_IF_ERROR: Caching = |library, cache| Arc::new(StaleIfError::new(library, cache));

impl Unreliable {
    async fn open(library: Library, caching: Caching, visits: Vec<Vec<Step>>) -> Self {
        let clock = ManualClock::new();
        let cache = Cache::builder().clock(clock.clone()).build();
        let outage = Arc::new(Outage::new(Duration::ZERO));
        let file = library.folder.path().join("library.db");
        let source = SqliteRepository::open_with_outage(&file, cache.bypass(), outage.clone()).await.unwrap();
        let (service, watch) = Service::with_outage(caching(Arc::new(source), cache.clone()), visits, outage.clone());
        Self { library, cache, clock, outage, service, watch }
    }

    /// Serves until there have been so many operations; returns also the stale answers so far.
    async fn serve(&self, load: Load) -> (OutageReport, u64) {
        let served = self.service.serve(load, &ProgressBar::hidden()).await.unwrap();
        (self.watch.report(), served.stale)
    }

    /// All answers so far have expired when it begins.
    fn begin_outage(&self) {
        self.clock.advance(Duration::from_secs(2));
        self.outage.begin();
    }

    /// The number of answers that are stale after the outage.
    async fn end_outage(&self) -> u64 {
        self.outage.end();
        let truth = self.library.open(Cache::builder().capacity(0).build()).await;
        self.service.compare_with(&truth, &ProgressBar::hidden()).await.unwrap()
    }
}

#[tokio::test]
async fn in_an_outage_a_known_answer_is_served_until_a_mutation_that_fails() {
    let read = || Step::Read(Read::Track(TRACK));
    let phases = [vec![read()], vec![read()], vec![Step::Mutation(Mutation::Play(TRACK)), read()], vec![read()]];
    // The client begins another visit before it finds the budget spent.
    let visits: Vec<_> = phases.into_iter().flat_map(|visit| [visit.clone(), visit]).collect();
    for (caching, expired_served) in [(SHORT_LIVED, 0), (STALE_IF_ERROR, 1)] {
        let failed = 1 - expired_served;
        let unreliable = Unreliable::open(Library::small(), caching, visits.clone()).await;
        let counts = async |operations| {
            let (report, stale) = unreliable.serve(load(1, operations)).await;
            assert_eq!(stale, 0);
            let OutageReport { reads, failed_reads, failed_writes, known, known_failed, .. } = report;
            [reads, failed_reads, failed_writes, known, known_failed]
        };
        assert_eq!(counts(1).await, [1, 0, 0, 0, 0], "before the outage");
        unreliable.begin_outage();
        assert_eq!(counts(2).await, [2, failed, 0, 1, failed], "a known answer");
        assert_eq!(counts(4).await, [3, failed + 1, 1, 1, failed], "it may be invalid");
        assert_eq!(unreliable.cache.stats().stale_hits, expired_served);
        assert_eq!(unreliable.end_outage().await, 0);
        assert_eq!(counts(5).await, [4, failed + 1, 1, 1, failed], "after the outage");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_an_outage_under_load_no_known_answer_fails_and_none_is_stale() {
    for (caching, serves_expired) in [(SHORT_LIVED, false), (STALE_IF_ERROR, true)] {
        let library = Library::sample();
        let visits = listening(&library.database, 10).unwrap();
        let unreliable = Unreliable::open(library, caching, visits).await;
        let load = |operations| Load { cancelled: 10, ..load(16, operations) };
        unreliable.serve(load(600)).await;
        unreliable.begin_outage();
        let (report, stale) = unreliable.serve(load(1_800)).await;
        assert!(report.failed_reads > 0 && report.failed_writes > 0 && report.known > 0, "{report:?}");
        assert_eq!(report.known_failed == 0, serves_expired, "{report:?}");
        assert_eq!(unreliable.cache.stats().stale_hits > 0, serves_expired, "{report:?}");
        assert_eq!((stale, unreliable.end_outage().await), (0, 0));
    }
}

#[tokio::test]
async fn a_failure_that_is_no_outage_ends_the_load() {
    let visits = vec![vec![Step::Mutation(Mutation::Play(TrackId(9_999)))]];
    let unreliable = Unreliable::open(Library::small(), STALE_IF_ERROR, visits).await;
    let error = unreliable.service.serve(load(4, u64::MAX), &ProgressBar::hidden()).await.unwrap_err();
    assert!(matches!(error, DbError::UnknownTrack(_)), "{error}");
}
