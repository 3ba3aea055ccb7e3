//! The unit of work: a purchase invalidates when it is committed, and only then.

#![forbid(unsafe_code)]

use std::{future::poll_fn, pin::pin, task::Poll};

use cache_core::{Cache, HasCache};
use library_demo::{Database, LibraryManager, MusicRepository, NewPurchase, NewTrack, SqliteRepository, TrackId};
use tempfile::TempDir;

fn purchase(ids: &[u32]) -> NewPurchase {
    let tracks = ids.iter().copied().map(TrackId).collect();
    NewPurchase { invoice_date: "2026-11-29".to_owned(), customer_id: 1, tracks }
}

/// Adds tracks 1 to 3.
fn fill(database: &Database) {
    for title in ["Love Me Do", "All You Need Is Love", "Can't Buy Me Love"] {
        database.add_track(&NewTrack { title: title.to_owned(), ..NewTrack::default() }).unwrap();
    }
}

/// Tracks 1 to 3 in a file.
struct Library {
    repository: SqliteRepository,
    /// The same file, without a cache.
    truth: SqliteRepository,
    database: Database,
    _folder: TempDir,
}

impl Library {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("library.db");
        let database = Database::open(&file).unwrap();
        fill(&database);
        Self {
            repository: SqliteRepository::open(&file, Cache::new()).await.unwrap(),
            truth: SqliteRepository::open(&file, Cache::builder().capacity(0).build()).await.unwrap(),
            database,
            _folder: folder,
        }
    }
}

/// The answers of all six reads.
async fn ask(library: &SqliteRepository) -> [String; 6] {
    [
        format!("{:?}", library.get_track(TrackId(1)).await),
        format!("{:?}", library.get_all_tracks(10, 0).await),
        format!("{:?}", library.get_recent_tracks(10, 0).await),
        format!("{:?}", library.get_popular_tracks(10, 0).await),
        format!("{:?}", library.get_favorite_tracks(10, 0).await),
        format!("{:?}", library.search_tracks("love", 10, 0).await),
    ]
}

#[tokio::test]
async fn a_purchase_invalidates_what_it_changes_when_it_is_committed() {
    let Library { repository, truth, database, .. } = &Library::new().await;
    ask(repository).await;
    let bought = repository.purchase(&purchase(&[1, 2, 1])).await.unwrap();
    let plays: Vec<_> = bought.iter().map(|track| (track.info.id.0, track.plays)).collect();
    assert_eq!(plays, [(1, 2), (2, 1), (1, 2)], "it reads what it has not committed yet");
    assert_eq!(database.get_purchased_tracks().unwrap(), [1, 2, 1].map(TrackId));
    let hits = repository.cache().stats().hits;
    assert_eq!(ask(repository).await, ask(truth).await);
    assert_eq!(repository.cache().stats().hits, hits + 1, "only the search");
}

#[tokio::test]
async fn a_purchase_that_is_rolled_back_invalidates_nothing() {
    let Library { repository, truth, database, .. } = &Library::new().await;
    let before = ask(repository).await;
    let invalidations = repository.cache().stats().invalidations;
    let error = repository.purchase(&purchase(&[1, 2, 99])).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no track 99");
    let hits = repository.cache().stats().hits;
    assert_eq!((ask(repository).await, ask(truth).await), (before.clone(), before));
    assert_eq!(repository.cache().stats().hits, hits + 6);
    assert_eq!(repository.cache().stats().invalidations, invalidations);
    assert_eq!(database.get_purchased_tracks().unwrap(), []);
}

#[test]
fn a_purchase_of_the_manager_that_is_rolled_back_invalidates_nothing() {
    let manager = LibraryManager::new(Database::open_in_memory().unwrap(), Cache::new());
    fill(manager.database());
    let ask = || (manager.get_all_tracks(10, 0).unwrap(), manager.get_track(TrackId(1)).unwrap());
    let before = ask();
    let error = manager.purchase(&purchase(&[1, 2, 99])).unwrap_err();
    assert_eq!(error.to_string(), "there is no track 99");
    assert_eq!(ask(), before);
    assert_eq!((manager.cache().stats().hits, manager.cache().stats().invalidations), (2, 0));
    assert_eq!(manager.database().get_purchased_tracks().unwrap(), []);
}

/// Drops a future that is not ready after so many polls.
async fn poll_times<T>(mut polls: u32, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        polls -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if polls == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Whether or not it is committed yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_that_is_dropped_at_any_await_leaves_no_stale_answer() {
    let Library { repository, truth, database, .. } = &Library::new().await;
    let mut dropped = 0;
    for round in 0..60 {
        // How often it waits varies with the threads of its connection.
        if poll_times(round % 12 + 1, repository.purchase(&purchase(&[1, 2]))).await.is_none() {
            dropped += 1;
        }
        // While the purchase may be committed still.
        ask(repository).await;
        // The connection of writes is free when the dropped transaction has ended.
        repository.record_track_play(TrackId(3)).await.unwrap();
        assert_eq!(ask(repository).await, ask(truth).await, "in round {round}");
    }
    let purchased = database.get_purchased_tracks().unwrap().len();
    assert!(dropped >= 5 && purchased >= 2, "{dropped} dropped, {purchased} tracks purchased");
}
