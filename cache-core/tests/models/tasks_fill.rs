//! P1 and P11 for tasks: loads and mutations that are dropped before they are ready, against readers and writers.

use cache_core::{Cache, EntryOptions, HasCache, cached_query, invalidates};
use shuttle::future::{spawn, yield_now};
use shuttle::thread;

use crate::support::{Database, Numbers, cache, explore, join_thread, query_cache};
use crate::tasks::{join, poll_a_few_times, spawn_and_abort};

const KEY: u32 = 1;

async fn read(cache: Numbers, database: Database) -> u32 {
    let body = async || {
        yield_now().await;
        let number = database.read();
        yield_now().await;
        number
    };
    cache.entry(&KEY).with(|| EntryOptions::new().tags(["a", "b"])).or_load_async(body).await
}

/// Two readers, of which one may be dropped, against a writer that writes, invalidates, and reads.
fn fill_against(invalidate: fn(&Numbers)) {
    explore(move || {
        let (cache, database) = (cache(), Database::default());
        let read = || read(cache.clone(), database.clone());
        let dropped = spawn(poll_a_few_times(read()));
        let stays = spawn(read());
        let writer = {
            let (cache, database, read_again) = (cache.clone(), database.clone(), read());
            spawn(async move {
                database.write(1);
                invalidate(&cache);
                assert_eq!(read_again.await, 1, "a stale value was served after the write");
            })
        };
        assert!(join(stays) <= 1);
        join(writer);
        join(dropped);
        assert_eq!(join(spawn(read())), 1, "a stale value stayed in the cache");
        cache.check_invariants();
    });
}

/// Guards: in `Attempt::step`, `is_as_good_for`; in `Context::end`, the check of the tags.
#[test]
fn p1_tasks_against_an_invalidation_of_a_tag() {
    fill_against(|cache| cache.invalidate_tags(["b"]));
}

/// Guards: in `Attempt::step`, `is_as_good_for`; in `Context::end`, the check of everything.
#[test]
fn p1_tasks_against_an_invalidation_of_everything() {
    fill_against(Numbers::invalidate_all);
}

/// Guards: `Flights::fence`; in `Flight::is_joinable` and `Store::complete`, `is_fenced`.
#[test]
fn p1_tasks_against_an_invalidation_of_the_key() {
    fill_against(|cache| _ = cache.invalidate_key(&KEY));
}

#[derive(Clone, HasCache)]
struct Repo {
    database: Database,
    cache: Cache,
}

/// Writes when it is dropped, as a transaction that rolls back.
struct Transaction<'a>(&'a Database);

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        self.0.write(self.0.read() + 1);
    }
}

impl Repo {
    fn new() -> Self {
        Self { database: Database::default(), cache: query_cache() }
    }

    #[cached_query]
    async fn number(&self, key: u32) -> u32 {
        let _ = key;
        yield_now().await;
        self.database.read()
    }

    #[invalidates("number")]
    async fn write(&self) {
        let _transaction = Transaction(&self.database);
        yield_now().await;
        yield_now().await;
    }

    #[invalidates(number(KEY))]
    async fn write_to_key(&self) {
        let _transaction = Transaction(&self.database);
        yield_now().await;
        yield_now().await;
    }
}

/// A mutation that may be dropped before it is ready, against a task that reads at the same time, and later readers.
macro_rules! against_readers {
    ($write:ident) => {
        explore(|| {
            let repo = Repo::new();
            let reader = {
                let repo = repo.clone();
                spawn(async move { assert!(repo.number(KEY).await <= 1) })
            };
            let writer = {
                let repo = repo.clone();
                spawn(async move {
                    poll_a_few_times(repo.$write()).await;
                    assert_eq!(repo.number(KEY).await, 1, "a stale value was served after the write");
                })
            };
            join(reader);
            join(writer);
            let read_again = thread::spawn(move || shuttle::future::block_on(async move { repo.number(KEY).await }));
            assert_eq!(join_thread(read_again), 1, "a stale value stayed in the cache");
        });
    };
}

/// Guards: `Invalidation::drop`; in `Invalidating`, that the body is dropped first.
#[test]
fn p11_a_dropped_mutation_against_a_reader() {
    against_readers!(write);
}

/// Guards: the same, and `Flights::fence`.
#[test]
fn p11_a_dropped_mutation_of_one_key_against_a_reader() {
    against_readers!(write_to_key);
}

/// Guards: the same. A mutation that is aborted before its first poll writes nothing.
#[test]
fn p11_an_aborted_mutation_against_a_reader() {
    explore(|| {
        let repo = Repo::new();
        let (reader, writer) = (repo.clone(), repo.clone());
        let reader = spawn(async move { assert!(reader.number(KEY).await <= 1) });
        join(spawn_and_abort(async move { writer.write().await }));
        let written = repo.database.read();
        let repo = repo.clone();
        let read_again = spawn(async move { repo.number(KEY).await });
        assert_eq!(join(read_again), written, "a stale value was served after the write");
        join(reader);
    });
}
