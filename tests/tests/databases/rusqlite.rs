//! With rusqlite.

use cache_core::{Cache, HasCache, cached_query, invalidates};
use rusqlite::{Connection, ErrorCode, Result, Transaction, TransactionBehavior};

use super::{GET, GRACE, PLAY, PURCHASE, World};

#[derive(HasCache)]
struct Shop<'c> {
    connection: &'c Connection,
    cache: Cache,
}

impl<'c> Shop<'c> {
    fn new(connection: &'c Connection, cache: Cache) -> Self {
        Self { connection, cache }
    }

    #[cached_query(ttl = "1h")]
    fn plays(&self, id: u32) -> Result<u32> {
        self.connection.prepare_cached(GET)?.query_one([id], |row| row.get(0))
    }

    #[invalidates(plays(id))]
    fn play(&self, id: u32) -> Result<()> {
        self.connection.prepare_cached(PLAY)?.execute([id]).map(drop)
    }
}

impl World {
    fn connect(&self) -> Connection {
        let connection = Connection::open(self.file()).unwrap();
        // A test that expects to find it busy does not wait.
        connection.execute_batch("PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 0").unwrap();
        connection
    }

    fn loads(&self) -> u64 {
        self.cache.stats().loads
    }
}

fn begin(connection: &Connection) -> Transaction<'_> {
    Transaction::new_unchecked(connection, TransactionBehavior::Immediate).unwrap()
}

/// A unit of work: plays a track.
fn play(world: &World, connection: &Connection, id: u32) {
    let (begun, transaction) = (begin(connection), world.cache.transaction());
    Shop::new(&begun, transaction.cache()).play(id).unwrap();
    transaction.commit_after(|| begun.commit()).unwrap();
}

#[test]
fn p17_a_read_transaction_on_an_older_snapshot_stores_nothing() {
    let world = World::new();
    let (writer, reader, other) = (world.connect(), world.connect(), world.connect());
    let snapshot = Transaction::new_unchecked(&reader, TransactionBehavior::Deferred).unwrap();
    let transaction = world.cache.transaction();
    let inside = Shop::new(&snapshot, transaction.cache());
    assert_eq!(inside.plays(1), Ok(0), "it has its snapshot now");

    play(&world, &writer, 1);
    assert_eq!(inside.plays(1), Ok(0), "it sees the state when it began");
    let ordinary = Shop::new(&other, world.cache.clone());
    assert_eq!(ordinary.plays(1), Ok(1), "the answer from the snapshot is not stored");
    assert_eq!(inside.plays(1), Ok(0), "nor is what is stored taken");
    transaction.rollback();
}

/// What the test above is for.
#[test]
fn a_read_on_an_older_snapshot_through_the_ordinary_handle_stores_a_stale_answer() {
    let world = World::new();
    let (writer, reader, other) = (world.connect(), world.connect(), world.connect());
    let snapshot = Transaction::new_unchecked(&reader, TransactionBehavior::Deferred).unwrap();
    let on_snapshot = Shop::new(&snapshot, world.cache.clone());
    assert_eq!(on_snapshot.plays(2), Ok(0), "it has its snapshot now");

    play(&world, &writer, 1);
    assert_eq!(on_snapshot.plays(1), Ok(0));
    assert_eq!(Shop::new(&other, world.cache.clone()).plays(1), Ok(0), "it is stale");
}

#[test]
fn p17_a_savepoint_that_is_rolled_back_invalidates_nothing() {
    let world = World::new();
    let (writer, reader) = (world.connect(), world.connect());
    let ordinary = Shop::new(&reader, world.cache.clone());
    assert_eq!((ordinary.plays(1), ordinary.plays(2)), (Ok(0), Ok(0)));

    let mut begun = begin(&writer);
    let transaction = world.cache.transaction();
    Shop::new(&begun, transaction.cache()).play(1).unwrap();
    {
        let part = begun.savepoint().unwrap();
        let savepoint = transaction.savepoint();
        let inside = Shop::new(&part, savepoint.cache());
        inside.play(2).unwrap();
        assert_eq!((inside.plays(1), inside.plays(2)), (Ok(1), Ok(1)));
        drop(part); // rolls back
        savepoint.rollback();
    }
    let inside = Shop::new(&begun, transaction.cache());
    assert_eq!((inside.plays(1), inside.plays(2)), (Ok(1), Ok(0)));
    drop(inside);
    transaction.commit_after(|| begun.commit()).unwrap();

    let loads = world.loads();
    assert_eq!((ordinary.plays(1), ordinary.plays(2)), (Ok(1), Ok(0)));
    assert_eq!(world.loads(), loads + 1, "the second is still cached");
}

#[test]
fn p17_a_commit_that_a_deferred_constraint_rejects_invalidates_and_is_not_stored_for_a_grace() {
    let world = World::new();
    let (writer, reader) = (world.connect(), world.connect());
    let ordinary = Shop::new(&reader, world.cache.clone());
    assert_eq!(ordinary.plays(1), Ok(0));

    let (begun, transaction) = (begin(&writer), world.cache.transaction());
    Shop::new(&begun, transaction.cache()).play(1).unwrap();
    begun.execute(PURCHASE, [99]).unwrap(); // checked by the commit
    let error = transaction.commit_after(|| begun.commit()).unwrap_err();
    assert_eq!(error.sqlite_error_code(), Some(ErrorCode::ConstraintViolation));

    // Which errors mean that nothing was done, the cache does not know.
    let loads = world.loads();
    assert_eq!((ordinary.plays(1), ordinary.plays(1)), (Ok(0), Ok(0)));
    assert_eq!(world.loads(), loads + 2, "not stored");
    assert_eq!((ordinary.plays(2), ordinary.plays(2)), (Ok(0), Ok(0)));
    assert_eq!(world.loads(), loads + 3, "of other tracks it is");
    world.clock.advance(GRACE);
    assert_eq!((ordinary.plays(1), ordinary.plays(1)), (Ok(0), Ok(0)));
    assert_eq!(world.loads(), loads + 4, "stored");
}

/// With a rollback journal, a commit waits for readers.
#[test]
fn p17_a_commit_that_is_busy_and_succeeds_later_leaves_nothing_stale() {
    let world = World::new();
    let (writer, reader) = (world.connect(), world.connect());
    writer.execute_batch("PRAGMA journal_mode = DELETE").unwrap();
    let ordinary = Shop::new(&reader, world.cache.clone());

    let snapshot = Transaction::new_unchecked(&reader, TransactionBehavior::Deferred).unwrap();
    assert_eq!(ordinary.plays(1), Ok(0));
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    let transaction = world.cache.transaction();
    Shop::new(&writer, transaction.cache()).play(1).unwrap();
    let commit = || writer.execute_batch("COMMIT");
    let error = transaction.commit_after(commit).unwrap_err();
    assert_eq!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy));
    assert_eq!(ordinary.plays(1), Ok(0), "it is not committed");

    snapshot.commit().unwrap();
    commit().unwrap();
    assert_eq!(ordinary.plays(1), Ok(1), "what was read meanwhile is not stored");
}

#[test]
fn p17_what_a_dropped_transaction_has_read_is_not_stored() {
    let world = World::new();
    let (writer, reader) = (world.connect(), world.connect());
    let (begun, transaction) = (begin(&writer), world.cache.transaction());
    // Not annotated: nothing is invalidated when the transaction is dropped.
    begun.execute(PLAY, [1]).unwrap();
    assert_eq!(Shop::new(&begun, transaction.cache()).plays(1), Ok(1));
    drop((begun, transaction));
    assert_eq!(Shop::new(&reader, world.cache.clone()).plays(1), Ok(0));
}
