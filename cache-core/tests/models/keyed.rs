//! P1 for one entry that a mutation names by its key, in the scope of its handle or in all.

use std::sync::Arc;

use cache_core::{Cache, HasCache, cached_query, invalidates};

use crate::{Database, concurrently, explore};

const KEY: u32 = 1;

#[derive(HasCache)]
struct Repo {
    database: Arc<Database>,
    cache: Cache,
}

impl Repo {
    #[cached_query]
    fn number(&self, key: u32) -> u32 {
        let _ = key;
        self.database.read()
    }

    #[invalidates(number(KEY))]
    fn write(&self, number: u32) {
        self.database.write(number);
    }

    /// What was written before may not be read any more.
    fn read_after(&self, written: u32) {
        assert!(self.number(KEY) >= written, "what was read before the write was served after it");
    }
}

/// Two readers, of which the first makes the store, against a writer. `reader` and `writer` are handles of one cache.
fn first_loads_against_a_write(reader: fn(&Cache) -> Cache, writer: fn(&Cache) -> Cache) {
    explore(move || {
        let (cache, database) = (Cache::builder().capacity(8).build(), Arc::new(Database::default()));
        let repo = |handle: fn(&Cache) -> Cache| Repo { database: database.clone(), cache: handle(&cache) };
        let read = || {
            let repo = (database.clone(), cache.clone());
            // The scope is made on this thread, too.
            move || _ = Repo { database: repo.0, cache: reader(&repo.1) }.number(KEY)
        };
        let write = {
            let (repo, database, cache) = (repo(writer), database.clone(), cache.clone());
            move || {
                repo.write(1);
                Repo { database, cache: reader(&cache) }.read_after(1);
            }
        };
        concurrently([Box::new(read()), Box::new(read()), Box::new(write)]);
        repo(reader).read_after(1);
        cache.check_invariants();
    });
}

/// Guards: in `Store::forget`, `Flights::fence`.
#[test]
fn p1_the_first_load_of_a_key_against_its_invalidation() {
    first_loads_against_a_write(Cache::clone, Cache::clone);
}

/// Guards: the same; in `Engine::candidate_of`, the node of the key everywhere.
#[test]
fn p1_the_first_load_in_a_scope_against_the_invalidation_of_its_key_everywhere() {
    first_loads_against_a_write(|cache| cache.scope("a"), Cache::clone);
}

/// A load of another key that is in flight is stored.
///
/// Guards: in `Flights::fence`, the comparison of keys.
#[test]
fn an_invalidation_of_a_key_leaves_the_loads_of_others_alone() {
    explore(|| {
        let (cache, database) = (Cache::builder().capacity(8).build(), Arc::new(Database::default()));
        let repo = || Repo { database: database.clone(), cache: cache.clone() };
        let (reads, writes) = (repo(), repo());
        let read = move || _ = reads.number(KEY + 1);
        concurrently([Box::new(read), Box::new(move || writes.write(1))]);
        let stats = cache.stats();
        assert_eq!((stats.loads, stats.discarded_loads, cache.len()), (1, 0, 1));
    });
}
