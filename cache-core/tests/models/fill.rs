//! P1 and P3: a value whose load began before an invalidation is not served to a caller that comes after it.

use std::time::Duration;

use cache_core::{Cache, EntryOptions, HasCache, cached_query};

use crate::support::{
    Database, Numbers, cache, concurrently, explore, explore_switching, query_cache, read_against_write,
};

const KEY: u32 = 1;

fn read(cache: &Numbers, database: &Database) -> u32 {
    cache.get_or_load_with(&KEY, || EntryOptions::new().tags(["a", "b"]), || database.read())
}

/// Readers fill the cache while a writer writes, invalidates, and reads.
fn fill_against(invalidate: fn(&Numbers), readers: usize) {
    explore(move || {
        let state = (cache(), Database::default());
        let read = |(cache, database): &(Numbers, Database)| read(cache, database);
        read_against_write(&state, readers, [], read, move |(cache, database)| {
            database.write(1);
            invalidate(cache);
        });
        state.0.check_invariants();
    });
}

/// Guards: in `Context::end`, the check of the tags; in `Storage::is_still_valid`, the same.
#[test]
fn p1_a_fill_against_an_invalidation_of_a_tag() {
    fill_against(|cache| cache.invalidate_tags(["b"]), 1);
}

/// Guards: in `Context::end`, the check of everything; in `Storage::is_still_valid`, the same.
#[test]
fn p1_a_fill_against_an_invalidation_of_everything() {
    fill_against(Numbers::invalidate_all, 1);
}

/// Guards: `Flights::fence`; in `Store::complete`, that a fenced load is refused.
#[test]
fn p1_a_fill_against_an_invalidation_of_the_key() {
    fill_against(|cache| _ = cache.invalidate_key(&KEY), 1);
}

/// Of two readers, one may join the load of the other.
///
/// Guards: in `Attempt::step`, `is_as_good_for`.
#[test]
fn p1_a_join_against_an_invalidation_of_a_tag() {
    fill_against(|cache| cache.invalidate_tags(["a"]), 2);
}

/// Guards: in `Flight::is_joinable`, that a fenced load is joined only by callers that came before it began.
#[test]
fn p1_a_join_against_an_invalidation_of_the_key() {
    fill_against(|cache| _ = cache.invalidate_key(&KEY), 2);
}

/// A reader in a scope; the invalidation is in that scope, then in all.
#[test]
fn p1_a_fill_in_a_scope_against_an_invalidation() {
    fn fill(invalidate: fn(&Numbers, &Numbers)) {
        explore(move || {
            let cache = cache();
            let state = (cache.clone(), cache.scope("tenant"), Database::default());
            let read = |(_, scope, database): &(Numbers, Numbers, Database)| read(scope, database);
            read_against_write(&state, 1, [], read, move |(cache, scope, database)| {
                database.write(1);
                invalidate(cache, scope);
            });
            cache.check_invariants();
        });
    }
    fill(|_, scope| scope.invalidate_all());
    fill(|cache, _| cache.invalidate_tags(["a"]));
}

/// A scope without references is dropped, and may be created again with the number of another.
///
/// Guards: in `Scopes`, that a number is reused only when nothing in the scope is left.
#[test]
fn p10_scopes_that_are_dropped_and_created_stay_apart() {
    explore(|| {
        let cache = cache();
        let visit = |name: &'static str, number: u32| {
            let cache = cache.clone();
            move || {
                let scope = cache.scope(name);
                assert_eq!(scope.get_or_load(&KEY, || number), number, "a value of another scope");
                scope.invalidate_all();
                drop(scope);
                assert_eq!(cache.scope(name).get(&KEY), None, "an invalidated entry is back");
            }
        };
        concurrently([Box::new(visit("a", 1)), Box::new(visit("b", 2)), Box::new(visit("c", 3))]);
        cache.check_invariants();
    });
}

#[derive(Clone, HasCache)]
struct Repo {
    database: Database,
    cache: Cache,
}

impl Repo {
    #[cached_query]
    fn number(&self) -> u32 {
        self.database.read()
    }
}

/// The first load registers the query while an invalidation looks its name up.
///
/// Guards: that a load registers its query before its birth is read.
#[test]
fn p1_the_first_load_of_a_query_against_an_invalidation_by_name() {
    explore(|| {
        let repo = Repo { database: Database::default(), cache: query_cache() };
        read_against_write(&repo, 1, [], Repo::number, |repo| {
            repo.database.write(1);
            repo.cache.invalidate(["number"]);
        });
    });
}

/// The writer that writes last may be the first to invalidate.
///
/// Guards: in `VersionClock::invalidate`, one lock for the whole invalidation.
#[test]
fn p1_a_slow_invalidation_against_a_fast_one() {
    explore(|| {
        let (cache, database) = (cache(), Database::default());
        let write = |number| {
            let (cache, database) = (cache.clone(), database.clone());
            move || {
                database.write(number);
                cache.invalidate_tags(["a"]);
            }
        };
        let reader = {
            let (cache, database) = (cache.clone(), database.clone());
            move || {
                read(&cache, &database);
            }
        };
        concurrently([Box::new(write(1)), Box::new(write(2)), Box::new(reader)]);
        assert_eq!(read(&cache, &database), database.read(), "an earlier invalidation undid a later one");
    });
}

/// A reader that finds an entry valid records the version. That must not cover an invalidation in progress that has raised
/// nothing yet.
///
/// Guards: in `Storage::is_valid`, that the version is read before anything is checked; in `VersionClock::invalidate`,
/// that the version is published last.
#[test]
fn p1_the_recorded_version_of_an_entry_against_invalidations() {
    explore_switching(4, 10, || {
        let (cache, database) = (cache(), Database::default());
        read(&cache, &database);
        // So that a reader has a newer version to record.
        cache.invalidate_tags(["unused"]);
        let reader = {
            let cache = cache.clone();
            move || _ = cache.get(&KEY)
        };
        let other = {
            let cache = cache.clone();
            move || cache.invalidate_tags(["unused"])
        };
        let writer = {
            let (cache, database) = (cache.clone(), database.clone());
            move || {
                database.write(1);
                cache.invalidate_tags(["a"]);
                assert_eq!(cache.get(&KEY), None, "an invalidated entry was found valid");
            }
        };
        concurrently([Box::new(reader), Box::new(other), Box::new(writer)]);
        assert_eq!(read(&cache, &database), 1);
    });
}

/// Guards: in `Store::insert`, `Flights::fence`.
#[test]
fn an_insert_against_an_older_load() {
    explore(|| {
        let (cache, database) = (cache(), Database::default());
        let loader = {
            let (cache, database) = (cache.clone(), database.clone());
            move || _ = read(&cache, &database)
        };
        let writer = {
            let (cache, database) = (cache.clone(), database.clone());
            move || {
                database.write(1);
                cache.insert(KEY, 1);
                // An entry that is expired on insertion replaces the other too, and leaves none.
                cache.insert_with(KEY, 1, EntryOptions::new().ttl(Duration::ZERO));
                assert_ne!(cache.get(&KEY), Some(0), "an older load replaced what was inserted");
            }
        };
        concurrently([Box::new(loader), Box::new(writer)]);
        assert_ne!(cache.get(&KEY), Some(0), "an older load replaced what was inserted");
        cache.check_invariants();
    });
}
