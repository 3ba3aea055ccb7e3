//! With sqlx.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::mpsc::{Sender, channel};
use std::task::Poll;

use cache_core::{Cache, HasCache, cached_query, invalidates};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, Result, SqliteConnection};
use tokio::sync::Mutex;

use super::{GET, GRACE, PLAY, World};

#[derive(HasCache)]
struct Shop<'c> {
    connection: Mutex<&'c mut SqliteConnection>,
    cache: Cache,
}

impl<'c> Shop<'c> {
    fn new(connection: &'c mut SqliteConnection, cache: Cache) -> Self {
        Self { connection: Mutex::new(connection), cache }
    }

    #[cached_query(ttl = "1h")]
    async fn plays(&self, id: u32) -> Result<u32> {
        sqlx::query_scalar(GET).bind(id).fetch_one(&mut **self.connection.lock().await).await
    }

    #[invalidates(plays(id))]
    async fn play(&self, id: u32) -> Result<()> {
        sqlx::query(PLAY).bind(id).execute(&mut **self.connection.lock().await).await.map(drop)
    }
}

impl World {
    async fn connect_async(&self) -> SqliteConnection {
        SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(self.file())).await.unwrap()
    }
}

async fn plays(shop: &Shop<'_>, ids: [u32; 2]) -> [u32; 2] {
    [shop.plays(ids[0]).await.unwrap(), shop.plays(ids[1]).await.unwrap()]
}

/// Lets the commits of a connection begin, and end when something is sent.
async fn hold_commits(connection: &mut SqliteConnection) -> Sender<()> {
    let (release, released) = channel();
    let mut handle = connection.lock_handle().await.unwrap();
    handle.set_commit_hook(move || released.recv().is_ok());
    release
}

/// Polls a future, which is not ready, and drops it.
async fn poll_once(future: impl Future) {
    let mut future = pin!(future);
    let is_ready = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready())).await;
    assert!(!is_ready);
}

/// The thread of a connection commits although nobody waits for it.
#[tokio::test]
async fn p17_a_commit_whose_future_is_dropped_leaves_nothing_stale() {
    let world = World::new();
    let (mut writer, mut reader) = (world.connect_async().await, world.connect_async().await);
    let ordinary = Shop::new(&mut reader, world.cache.clone());
    assert_eq!(plays(&ordinary, [1, 2]).await, [0, 0]);

    let release = hold_commits(&mut writer).await;
    let mut begun = writer.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let transaction = world.cache.transaction();
    Shop::new(&mut begun, transaction.cache()).play(1).await.unwrap();
    poll_once(transaction.commit_after_async(begun.commit())).await;
    assert_eq!(plays(&ordinary, [1, 2]).await, [0, 0], "it is not committed yet");

    release.send(()).unwrap();
    writer.ping().await.unwrap(); // after the commit
    assert_eq!(plays(&ordinary, [1, 2]).await, [1, 0], "what was read meanwhile is not stored");

    world.clock.advance(GRACE);
    let loads = world.cache.stats().loads;
    assert_eq!([plays(&ordinary, [1, 1]).await, plays(&ordinary, [1, 2]).await], [[1, 1], [1, 0]]);
    assert_eq!(world.cache.stats().loads, loads + 1, "stored");
}

/// What the test above is for: the cache's transaction ends, and then the commit goes on.
#[tokio::test]
async fn a_commit_that_ends_after_the_invalidation_leaves_a_stale_answer() {
    let world = World::new();
    let (mut writer, mut reader) = (world.connect_async().await, world.connect_async().await);
    let ordinary = Shop::new(&mut reader, world.cache.clone());

    let release = hold_commits(&mut writer).await;
    let mut begun = writer.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let transaction = world.cache.transaction();
    Shop::new(&mut begun, transaction.cache()).play(1).await.unwrap();
    poll_once(begun.commit()).await;
    transaction.commit();
    assert_eq!(ordinary.plays(1).await.unwrap(), 0);

    release.send(()).unwrap();
    writer.ping().await.unwrap();
    assert_eq!(ordinary.plays(1).await.unwrap(), 0, "it is stale");
}

#[tokio::test]
async fn p17_a_commit_whose_future_is_never_polled_leaves_nothing_dirty() {
    let world = World::new();
    let (mut writer, mut reader) = (world.connect_async().await, world.connect_async().await);
    let ordinary = Shop::new(&mut reader, world.cache.clone());
    assert_eq!(ordinary.plays(1).await.unwrap(), 0);

    let mut begun = writer.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let transaction = world.cache.transaction();
    Shop::new(&mut begun, transaction.cache()).play(1).await.unwrap();
    drop(transaction.commit_after_async(begun.commit()));
    writer.ping().await.unwrap(); // after the rollback
    let loads = world.cache.stats().loads;
    assert_eq!(plays(&ordinary, [1, 1]).await, [0, 0]);
    assert_eq!(world.cache.stats().loads, loads + 1, "invalidated, and stored again");
}

#[tokio::test]
async fn p17_a_nested_transaction_that_is_rolled_back_invalidates_nothing() {
    let world = World::new();
    let (mut writer, mut reader) = (world.connect_async().await, world.connect_async().await);
    let ordinary = Shop::new(&mut reader, world.cache.clone());
    assert_eq!(plays(&ordinary, [1, 2]).await, [0, 0]);

    let mut begun = writer.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let transaction = world.cache.transaction();
    Shop::new(&mut begun, transaction.cache()).play(1).await.unwrap();
    let mut part = begun.begin().await.unwrap(); // a savepoint
    let savepoint = transaction.savepoint();
    let inside = Shop::new(&mut part, savepoint.cache());
    inside.play(2).await.unwrap();
    assert_eq!(plays(&inside, [1, 2]).await, [1, 1]);
    drop(inside);
    part.rollback().await.unwrap();
    savepoint.rollback();
    transaction.commit_after_async(begun.commit()).await.unwrap();

    let loads = world.cache.stats().loads;
    assert_eq!(plays(&ordinary, [1, 2]).await, [1, 0]);
    assert_eq!(world.cache.stats().loads, loads + 1, "the second is still cached");
}
