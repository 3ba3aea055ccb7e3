//! The load test: no answer is stale, and the oracle finds stale answers.

#![forbid(unsafe_code)]

use std::sync::Arc;

use async_trait::async_trait;
use cache_core::{Cache, HasCache};
use indicatif::ProgressBar;
use library_demo::{
    CsvFiles, Database, DbError, MusicRepository, NewPurchase, NewTrack, Page, SqliteRepository, Track, TrackChanges,
    TrackId, TrackInfo,
    serve::{Budget, Load, Served, Service},
    workload::{Mutation, Read, Step, visits},
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
