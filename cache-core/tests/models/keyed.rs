//! P1 for one entry that a mutation names by its key, in the scope of its handle or in all scopes.

use cache_core::{Cache, HasCache, cached_query, invalidates};

use crate::support::{Database, concurrently, explore, query_cache, read_against_write};

const KEY: u32 = 1;

#[derive(Clone, HasCache)]
struct Repo {
    database: Database,
    cache: Cache,
}

impl Repo {
    fn new() -> Self {
        Self { database: Database::default(), cache: query_cache() }
    }

    fn with(&self, handle: fn(&Cache) -> Cache) -> Self {
        Self { database: self.database.clone(), cache: handle(&self.cache) }
    }

    #[cached_query]
    fn number(&self, key: u32) -> u32 {
        let _ = key;
        self.database.read()
    }

    #[invalidates(number(KEY))]
    fn write(&self, number: u32) {
        self.database.write(number);
    }
}

/// Two readers, of which the first creates the store, against a writer. Each thread makes its own handle, and its scope.
fn first_loads_against_a_write(reader: fn(&Cache) -> Cache, writer: fn(&Cache) -> Cache) {
    explore(move || {
        let repo = Repo::new();
        let read = move |repo: &Repo| repo.with(reader).number(KEY);
        read_against_write(&repo, 2, [], read, move |repo| repo.with(writer).write(1));
        repo.cache.check_invariants();
    });
}

/// Guards: in `Store::forget`, `Flights::fence`.
#[test]
fn p1_the_first_load_of_a_key_against_its_invalidation() {
    first_loads_against_a_write(Cache::clone, Cache::clone);
}

/// Guards: the same; in `Engine::candidate_of`, the tag of the key in all scopes.
#[test]
fn p1_the_first_load_in_a_scope_against_an_invalidation_of_its_key_in_all_scopes() {
    first_loads_against_a_write(|cache| cache.scope("a"), Cache::clone);
}

/// Guards: in `Flights::fence`, the comparison of keys.
#[test]
fn an_invalidation_of_a_key_does_not_discard_loads_of_other_keys() {
    explore(|| {
        let repo = Repo::new();
        let (reader, writer) = (repo.clone(), repo.clone());
        let read = move || _ = reader.number(KEY + 1);
        concurrently([Box::new(read), Box::new(move || writer.write(1))]);
        let stats = repo.cache.stats();
        assert_eq!((stats.loads, stats.discarded_loads, repo.cache.len()), (1, 0, 1));
    });
}
