//! The asynchronous repository: it answers as the synchronous library does, and invalidates what it must.

#![forbid(unsafe_code)]

use std::{path::PathBuf, sync::Arc, time::Duration};

use cache_core::{Cache, HasCache};
use library_demo::{
    Database, DbError, LibraryManager, MusicRepository, NewPurchase, NewTrack, SqliteRepository, TrackChanges, TrackId,
    serve::run_to_completion,
    workload::{Mutation, Read},
};
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::{task::yield_now, time::timeout};

/// Pairs of a call and its answer.
macro_rules! answers {
    (sync $library:ident: $($call:ident $arguments:tt)*) => {
        vec![$((stringify!($call $arguments), format!("{:?}", $library.$call $arguments))),*]
    };
    (async $library:ident: $($call:ident $arguments:tt)*) => {
        vec![$((stringify!($call $arguments), format!("{:?}", $library.$call $arguments.await))),*]
    };
}

/// The calls that both libraries answer alike.
macro_rules! checks {
    ($kind:tt $library:ident) => {
        answers! { $kind $library:
            get_all_tracks(10, 0)
            get_track(TrackId(1))
            add_track(&new_track(Some(7), "100% HardCore"))
            add_track(&new_track(None, "Águas De Março"))
            add_track(&new_track(None, "snake_case"))
            add_track(&new_track(Some(7), "the id is taken"))
            add_track(&full_track())
            get_track(TrackId(7))
            get_track(TrackId(20))
            get_all_tracks(10, 0)
            get_all_tracks(2, 1)
            get_all_tracks(0, 0)
            get_all_tracks(u32::MAX, 4)
            search_tracks("100%", 10, 0)
            search_tracks("%", 10, 0)
            search_tracks("snake_", 10, 0)
            search_tracks("MARço", 10, 0)
            search_tracks("", 2, 2)
            search_tracks("' OR 1 = 1 --", 10, 0)
            get_popular_tracks(10, 0)
            record_track_play(TrackId(8))
            record_track_play(TrackId(9))
            record_track_play(TrackId(8))
            record_track_play(TrackId(99))
            get_popular_tracks(10, 0)
            get_popular_tracks(1, 1)
            get_recent_tracks(10, 0)
            get_track(TrackId(8))
            set_track_favorite(TrackId(9), true)
            set_track_favorite(TrackId(9), true)
            set_track_favorite(TrackId(7), true)
            set_track_favorite(TrackId(7), false)
            set_track_favorite(TrackId(99), true)
            set_track_favorite(TrackId(99), false)
            get_favorite_tracks(10, 0)
            update_track(TrackId(9), &new_title("camelCase"))
            update_track(TrackId(8), &TrackChanges::default())
            update_track(TrackId(99), &new_title("unknown"))
            search_tracks("camel", 10, 0)
            get_favorite_tracks(10, 0)
            delete_track(TrackId(9))
            delete_track(TrackId(9))
            get_track(TrackId(9))
            get_favorite_tracks(10, 0)
            get_popular_tracks(10, 0)
            get_recent_tracks(10, 0)
            get_all_tracks(10, 0)
            purchase(&purchase(&[8, 20, 8]))
            purchase(&purchase(&[20, 99]))
            purchase(&purchase(&[]))
            get_track(TrackId(8))
            get_track(TrackId(20))
            get_favorite_tracks(10, 0)
            get_popular_tracks(10, 0)
        }
    };
}

fn new_track(id: Option<u32>, title: &str) -> NewTrack {
    NewTrack { id: id.map(TrackId), title: title.to_owned(), ..NewTrack::default() }
}

fn purchase(ids: &[u32]) -> NewPurchase {
    let tracks = ids.iter().copied().map(TrackId).collect();
    NewPurchase { invoice_date: "2026-11-29".to_owned(), customer_id: 1, tracks }
}

/// A different value in each column.
fn full_track() -> NewTrack {
    NewTrack {
        id: Some(TrackId(20)),
        title: "title".to_owned(),
        artist: "artist".to_owned(),
        album: "album".to_owned(),
        genre: "genre".to_owned(),
        media_type: "media type".to_owned(),
        composer: "composer".to_owned(),
        duration_ms: u32::MAX,
        size_bytes: 1,
    }
}

fn new_title(title: &str) -> TrackChanges {
    TrackChanges { title: Some(title.to_owned()), ..TrackChanges::default() }
}

#[tokio::test]
async fn it_answers_as_the_synchronous_library_does() {
    let folder = TempDir::new().unwrap();
    let manager = LibraryManager::new(Database::open_in_memory().unwrap(), Cache::new());
    let repository = SqliteRepository::open(&folder.path().join("library.db"), Cache::new()).await.unwrap();

    let (expected, answers) = (checks!(sync manager), checks!(async repository));
    for (expected, answer) in expected.iter().zip(&answers) {
        assert_eq!(answer, expected);
    }
    assert_eq!(repository.queries(), manager.database().queries());
    assert_eq!(repository.cache().stats().hits, manager.cache().stats().hits);
}

/// Tracks 1 to 3 in a file. Each read shows track 2, so that a mutation of it can invalidate each.
struct Library {
    repository: Arc<SqliteRepository>,
    /// The same file, without a cache.
    truth: SqliteRepository,
    file: PathBuf,
    _folder: TempDir,
}

impl Library {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("library.db");
        let database = Database::open(&file).unwrap();
        for (id, title) in [(1, "Love Me Do"), (2, "All You Need Is Love"), (3, "Can't Buy Me Love")] {
            database.add_track(&new_track(Some(id), title)).unwrap();
        }
        database.set_track_favorite(TrackId(2), true).unwrap();
        database.record_track_play(TrackId(2)).unwrap();
        let no_cache = Cache::builder().capacity(0).build();
        Self {
            repository: Arc::new(SqliteRepository::open(&file, Cache::new()).await.unwrap()),
            truth: SqliteRepository::open(&file, no_cache).await.unwrap(),
            file,
            _folder: folder,
        }
    }

    fn hits(&self) -> u64 {
        self.repository.cache().stats().hits
    }
}

/// An answer, as text.
async fn ask(repository: &dyn MusicRepository, read: &Read) -> String {
    match read {
        Read::AllTracks { offset } => format!("{:?}", repository.get_all_tracks(10, *offset).await.unwrap()),
        Read::Track(id) => format!("{:?}", repository.get_track(*id).await.unwrap()),
        Read::Search(text) => format!("{:?}", repository.search_tracks(text, 10, 0).await.unwrap()),
        Read::Favorites => format!("{:?}", repository.get_favorite_tracks(10, 0).await.unwrap()),
        Read::Recent => format!("{:?}", repository.get_recent_tracks(10, 0).await.unwrap()),
        Read::Popular => format!("{:?}", repository.get_popular_tracks(10, 0).await.unwrap()),
    }
}

async fn mutate(repository: &dyn MusicRepository, mutation: &Mutation) -> Result<(), DbError> {
    match mutation {
        Mutation::Add(new) => repository.add_track(new).await.map(drop),
        Mutation::Favorite(id, favorite) => repository.set_track_favorite(*id, *favorite).await,
        Mutation::Play(id) => repository.record_track_play(*id).await.map(drop),
        Mutation::Update(id, changes) => repository.update_track(*id, changes).await.map(drop),
        Mutation::Delete(id) => repository.delete_track(*id).await,
    }
}

/// Each mutation, its track, and the reads it invalidates.
fn cases() -> Vec<(Mutation, TrackId, &'static [&'static str])> {
    const ALL: &[&str] = &["AllTracks", "Track", "Search", "Favorites", "Recent", "Popular"];
    let (four, two) = (TrackId(4), TrackId(2));
    vec![
        (Mutation::Add(new_track(Some(4), "Real Love")), four, &["AllTracks", "Search", "Recent", "Track"]),
        (Mutation::Favorite(two, false), two, &["Favorites"]),
        (Mutation::Play(two), two, &["Popular", "Recent", "AllTracks", "Track"]),
        (Mutation::Update(two, new_title("All You Need Is Love (2009)")), two, ALL),
        (Mutation::Delete(two), two, ALL),
    ]
}

fn reads(id: TrackId) -> [Read; 6] {
    let search = Read::Search("love".to_owned());
    [Read::AllTracks { offset: 0 }, Read::Track(id), search, Read::Favorites, Read::Recent, Read::Popular]
}

#[tokio::test]
async fn every_mutation_invalidates_exactly_the_answers_it_changes() {
    for (mutation, id, invalidated) in cases() {
        let library = Library::new().await;
        let mut before = Vec::new();
        for read in reads(id) {
            before.push(ask(&*library.repository, &read).await);
        }
        mutate(&*library.repository, &mutation).await.unwrap();
        for (read, before) in reads(id).iter().zip(before) {
            let cell = format!("{mutation:?} and {read:?}");
            let truth = ask(&library.truth, read).await;
            let hits = library.hits();
            let after = ask(&*library.repository, read).await;
            let is_hit = library.hits() > hits;

            let is_invalidated = invalidated.iter().any(|name| format!("{read:?}").starts_with(name));
            assert_eq!(after, truth, "{cell}: stale");
            assert_eq!(is_hit, !is_invalidated, "{cell}: hit or miss");
            assert_eq!(truth != before, is_invalidated, "{cell}: was the invalidation necessary?");
        }
    }
}

#[tokio::test]
async fn entries_of_other_tracks_stay() {
    for (mutation, ..) in cases() {
        let Library { repository, .. } = &Library::new().await;
        repository.get_track(TrackId(3)).await.unwrap();
        mutate(&**repository, &mutation).await.unwrap();
        let hits = repository.cache().stats().hits;
        repository.get_track(TrackId(3)).await.unwrap();
        assert_eq!(repository.cache().stats().hits, hits + 1, "{mutation:?}");
    }
}

#[tokio::test]
async fn a_mutation_that_fails_changes_nothing() {
    let unknown = TrackId(99);
    let mutations = [
        (Mutation::Favorite(unknown, true), "there is no track 99"),
        (Mutation::Favorite(unknown, false), "there is no track 99"),
        (Mutation::Play(unknown), "there is no track 99"),
        (Mutation::Update(unknown, new_title("a")), "there is no track 99"),
        (Mutation::Delete(unknown), "there is no track 99"),
        (Mutation::Add(new_track(Some(2), "Love, Love, Love")), "track 2 already exists"),
    ];
    let library = Library::new().await;
    for (mutation, message) in mutations {
        for id in [TrackId(2), unknown] {
            let mut before = Vec::new();
            for read in reads(id) {
                before.push(ask(&*library.repository, &read).await);
            }
            let error = mutate(&*library.repository, &mutation).await.unwrap_err();
            assert_eq!(error.to_string(), message, "{mutation:?}");
            for (read, before) in reads(id).iter().zip(before) {
                assert_eq!(ask(&*library.repository, read).await, before, "{mutation:?} and {read:?}");
                assert_eq!(ask(&library.truth, read).await, before, "{mutation:?} and {read:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_page_and_its_total_are_of_one_snapshot() {
    let Library { repository, truth, .. } = &Library::new().await;
    let repository = repository.clone();
    let adding = tokio::spawn(async move {
        for _ in 0..100 {
            repository.add_track(&new_track(None, "Love")).await.unwrap();
        }
    });
    while !adding.is_finished() {
        let page = truth.get_all_tracks(u32::MAX, 0).await.unwrap();
        assert_eq!(page.items.len(), page.total as usize);
    }
    adding.await.unwrap();
}

#[tokio::test]
async fn tasks_that_read_at_once_share_one_load() {
    let Library { repository, .. } = &Library::new().await;
    let ask = || {
        tokio::spawn({
            let repository = repository.clone();
            async move { repository.get_all_tracks(10, 0).await.unwrap() }
        })
    };
    let (first, second) = (ask(), ask());
    assert!(Arc::ptr_eq(&first.await.unwrap(), &second.await.unwrap()));
    assert_eq!(repository.cache().stats().loads, 1);
}

#[tokio::test]
async fn a_mutation_runs_to_completion_when_its_request_is_cancelled() {
    let Library { repository, file, .. } = &Library::new().await;
    // A write lock, so that the mutation has to wait.
    let other = Connection::open(file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mutation = {
        let repository = repository.clone();
        run_to_completion(async move { repository.record_track_play(TrackId(1)).await.unwrap() })
    };
    tokio::select! {
        biased;
        _ = mutation => panic!("it must wait"),
        () = yield_now() => {}
    }
    let plays = async || repository.get_track(TrackId(1)).await.unwrap().unwrap().plays;
    assert_eq!(plays().await, 0);

    other.execute_batch("COMMIT").unwrap();
    let play_is_shown = async {
        while plays().await == 0 {
            yield_now().await;
        }
    };
    timeout(Duration::from_secs(30), play_is_shown)
        .await
        .expect("the play is committed, and invalidates the cached track");
}

#[tokio::test]
async fn other_files_are_rejected() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("notes.txt");
    std::fs::write(&file, "To be, or not to be: that is the question. ".repeat(100)).unwrap();
    let error = SqliteRepository::open(&file, Cache::new()).await.err().unwrap();
    assert!(matches!(&error, DbError::NotALibrary(path) if *path == file), "{error}");
}

#[tokio::test]
async fn a_closed_repository_answers_hits_only() {
    let Library { repository, .. } = &Library::new().await;
    repository.get_track(TrackId(1)).await.unwrap();
    repository.close().await;
    assert!(repository.get_track(TrackId(1)).await.is_ok(), "from the cache");
    assert!(repository.get_track(TrackId(2)).await.unwrap_err().to_string().starts_with("the database failed: "));
}
