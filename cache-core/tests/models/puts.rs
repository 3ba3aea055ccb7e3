//! P1 for values that no load has made: writes that put what they return, and inserts.

use std::sync::Arc;

use cache_core::{Cache, HasCache, cached_query, entry, invalidates};
use shuttle::sync::atomic::{AtomicU32, Ordering};

use crate::support::{Thread, concurrently, explore, explore_switching, query_cache};

const KEY: u32 = 1;

#[derive(Clone, HasCache)]
struct Repo {
    row: Arc<AtomicU32>,
    cache: Cache,
}

impl Repo {
    fn new() -> Self {
        Self { row: Arc::default(), cache: query_cache() }
    }

    fn read(&self) -> u32 {
        self.row.load(Ordering::SeqCst)
    }

    fn count_up(&self) -> u32 {
        self.row.fetch_add(1, Ordering::SeqCst) + 1
    }

    #[cached_query]
    fn number(&self, key: u32) -> u32 {
        let _ = key;
        self.read()
    }

    #[cached_query]
    fn made(&self) -> u32 {
        self.number(KEY)
    }

    #[invalidates(number(KEY))]
    fn write(&self) -> u32 {
        self.count_up()
    }

    #[invalidates(put number(KEY))]
    fn put(&self) -> u32 {
        self.count_up()
    }

    #[invalidates(|number| put number(KEY) = *number)]
    fn put_what_is_returned(&self) -> u32 {
        self.count_up()
    }

    fn insert(&self) -> u32 {
        let point = self.cache.read_point();
        let number = self.read();
        entry!(self.number(KEY)).insert_if_current(&point, number);
        number
    }

    fn transact(&self) -> u32 {
        let transaction = self.cache.transaction();
        Self { cache: transaction.cache(), ..self.clone() }.write();
        transaction.commit_after(|| self.read())
    }

    /// After a write has returned, nothing older is served.
    fn then_read(self, write: fn(&Self) -> u32) -> Thread {
        Box::new(move || {
            let (written, seen) = (write(&self), self.number(KEY));
            assert!(seen >= written, "{seen} was served after {written} had been written");
        })
    }
}

fn against_each_other<const N: usize>(writes: [fn(&Repo) -> u32; N]) {
    explore_switching(3, 1, move || {
        let repo = Repo::new();
        concurrently(writes.map(|write| repo.clone().then_read(write)));
        assert_eq!(repo.number(KEY), repo.read());
        repo.cache.check_invariants();
    });
}

/// Guards: in `put::is_current`, `tags` with the node of the key; in `KeyedEntry::put`, that node among the tags of the
/// entry; in `Put::judge`, the version of the invalidation.
#[test]
fn p1_two_puts_and_a_reader() {
    against_each_other([Repo::put, Repo::put, |repo| repo.number(KEY)]);
}

/// Guards: the same.
#[test]
fn p1_a_put_against_an_invalidation_and_a_reader() {
    against_each_other([Repo::put, Repo::write, |repo| repo.number(KEY)]);
}

/// Guards: in `put::is_current`, `any_key`, as the key was not known at the start.
#[test]
fn p1_puts_of_keys_that_are_known_at_the_end() {
    against_each_other([Repo::put_what_is_returned, Repo::write, |repo| repo.number(KEY)]);
    against_each_other([Repo::put_what_is_returned, Repo::put]);
}

/// Guards: `hold` and `commit`.
#[test]
fn p1_a_put_against_a_commit() {
    against_each_other([Repo::put, Repo::transact]);
}

/// Guards: in `put::is_current`, the version of the point.
#[test]
fn p1_an_insert_against_a_write_and_a_put() {
    against_each_other([Repo::insert, Repo::write]);
    against_each_other([Repo::insert, Repo::put, Repo::insert]);
}

/// Guards: the order of `judge` and `raise` in `Engine::invalidate_and_judge`; in `Store::forget`, the fence of loads in flight.
#[test]
fn p15_a_put_against_what_is_made_from_the_key() {
    explore(|| {
        let repo = Repo::new();
        let (reader, writer) = (repo.clone(), repo.clone());
        concurrently([
            Box::new(move || assert!(reader.made() <= 1)),
            Box::new(move || {
                writer.put();
                assert_eq!(writer.made(), 1);
            }),
        ]);
        assert_eq!(repo.made(), 1);
    });
}

/// Guards: in `Context::attach`, `reads_answers`; in `put::is_current`, `allows_puts`.
#[test]
fn p15_an_insert_for_a_query_that_is_first_seen_to_read_others() {
    explore(|| {
        let repo = Repo::new();
        let (reader, other) = (repo.clone(), repo.clone());
        concurrently([
            Box::new(move || assert_eq!(reader.made(), 0)),
            Box::new(move || {
                entry!(other.made()).insert(0);
            }),
        ]);
        repo.write();
        assert_eq!(repo.made(), 1, "it was not invalidated with what it was made from");
    });
}
