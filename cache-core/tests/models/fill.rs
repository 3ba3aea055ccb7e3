//! P1 and P3: a value whose load began before an invalidation is not served to a caller that comes after it.

use std::sync::Arc;
use std::time::Duration;

use cache_core::{Cache, EntryOptions, HasCache, cached_query};

use crate::{Database, Numbers, cache, concurrently, explore, explore_switching};

const KEY: u32 = 1;

fn read(cache: &Numbers, database: &Database) -> u32 {
    cache.get_or_load_with(&KEY, || EntryOptions::new().tags(["a", "b"]), || database.read())
}

/// Readers fill the cache while a writer writes, invalidates, and reads what it has written.
fn fill_against(invalidate: fn(&Numbers), readers: usize) {
    explore(move || {
        let (cache, database) = (cache(), Arc::new(Database::default()));
        let mut threads: Vec<_> = (0..readers)
            .map(|_| {
                let (cache, database) = (cache.clone(), database.clone());
                shuttle::thread::spawn(move || assert!(read(&cache, &database) <= 1))
            })
            .collect();
        let writer = {
            let (cache, database) = (cache.clone(), database.clone());
            shuttle::thread::spawn(move || {
                database.write(1);
                invalidate(&cache);
                assert_eq!(read(&cache, &database), 1, "what was read before the write was served after it");
            })
        };
        threads.push(writer);
        for thread in threads {
            thread.join().expect("what a model asserts holds");
        }
        assert_eq!(read(&cache, &database), 1, "what was read before the write has stayed");
        cache.check_invariants();
    });
}

/// Guards: in `Context::end`, the check of the tags; in `Engine::is_still_valid`, the same.
#[test]
fn p1_fill_against_invalidation_of_a_tag() {
    fill_against(|cache| cache.invalidate_tags(["b"]), 1);
}

/// Guards: in `Context::end`, the check of the node of everything; in `Engine::is_still_valid`, the same.
#[test]
fn p1_fill_against_invalidation_of_everything() {
    fill_against(Numbers::invalidate_all, 1);
}

/// Guards: `Flights::fence`; in `Store::complete`, that a fenced load is refused.
#[test]
fn p1_fill_against_invalidation_of_the_key() {
    fill_against(|cache| _ = cache.invalidate_key(&KEY), 1);
}

/// With two readers one may wait for the other.
///
/// Guards: in `Attempt::step`, `is_as_good_for`.
#[test]
fn p1_join_against_invalidation() {
    fill_against(|cache| cache.invalidate_tags(["a"]), 2);
}

/// Guards: in `Flight::is_joinable`, that a fenced load is joined only by callers that came before it began.
#[test]
fn p1_join_against_invalidation_of_the_key() {
    fill_against(|cache| _ = cache.invalidate_key(&KEY), 2);
}

/// A reader in the same scope, in another one, and in none.
#[test]
fn p1_fill_against_invalidation_in_a_scope() {
    fn fill(invalidate: fn(&Numbers, &Numbers)) {
        explore(move || {
            let (cache, database) = (cache(), Arc::new(Database::default()));
            let scope = cache.scope("tenant");
            let reader = {
                let (scope, database) = (scope.clone(), database.clone());
                move || assert!(read(&scope, &database) <= 1)
            };
            let writer = {
                let (cache, scope, database) = (cache.clone(), scope.clone(), database.clone());
                move || {
                    database.write(1);
                    invalidate(&cache, &scope);
                    assert_eq!(read(&scope, &database), 1, "what was read before the write was served after it");
                }
            };
            concurrently([Box::new(reader), Box::new(writer)]);
            assert_eq!(read(&scope, &database), 1);
            cache.check_invariants();
        });
    }
    fill(|_, scope| scope.invalidate_all());
    fill(|cache, _| cache.invalidate_tags(["a"]));
}

/// A scope without references is dropped, and made again with the number of another.
///
/// Guards: in `Scopes`, that a number is free only when nothing in the scope is left.
#[test]
fn p10_scopes_that_come_and_go_stay_apart() {
    explore(|| {
        let cache = cache();
        let visit = |name: &'static str, number: u32| {
            let cache = cache.clone();
            move || {
                let scope = cache.scope(name);
                assert_eq!(scope.get_or_load(&KEY, || number), number, "a value of another scope");
                scope.invalidate_all();
                drop(scope);
                assert_eq!(cache.scope(name).get(&KEY), None, "what was forgotten is back");
            }
        };
        concurrently([Box::new(visit("a", 1)), Box::new(visit("b", 2)), Box::new(visit("c", 3))]);
        cache.check_invariants();
    });
}

#[derive(HasCache)]
struct Repo {
    database: Arc<Database>,
    cache: Cache,
}

impl Repo {
    #[cached_query]
    fn number(&self) -> u32 {
        self.database.read()
    }
}

/// The query is registered under its name by its first load, while an invalidation looks for the name.
///
/// Guards: that a load registers its query before its birth is read.
#[test]
fn p1_the_first_load_of_a_query_against_an_invalidation_by_name() {
    explore(|| {
        let (cache, database) = (Cache::builder().capacity(8).build(), Arc::new(Database::default()));
        let repo = || Repo { database: database.clone(), cache: cache.clone() };
        let reader = {
            let repo = repo();
            move || assert!(repo.number() <= 1)
        };
        let writer = {
            let repo = repo();
            move || {
                repo.database.write(1);
                repo.cache.invalidate(["number"]);
                assert_eq!(repo.number(), 1, "what was read before the write was served after it");
            }
        };
        concurrently([Box::new(reader), Box::new(writer)]);
        assert_eq!(repo().number(), 1, "what was read before the write has stayed");
    });
}

/// Of two writers the first to begin may be the last to have its turn.
///
/// Guards: in `VersionClock::invalidate`, one lock for all of the turn.
#[test]
fn p1_a_slow_invalidation_against_a_fast_one() {
    explore(|| {
        let (cache, database) = (cache(), Arc::new(Database::default()));
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
        assert_eq!(read(&cache, &database), database.read(), "a later invalidation was undone by an earlier one");
    });
}

/// A reader that finds an entry valid records the version. An invalidation that has raised nothing yet must not be covered
/// by it.
///
/// Guards: in `Engine::is_valid`, that the version is read before anything is checked; in `VersionClock::invalidate`, that
/// the version is shown last.
#[test]
fn p1_the_mark_of_what_is_current_against_invalidations() {
    explore_switching(4, 10, || {
        let (cache, database) = (cache(), Arc::new(Database::default()));
        read(&cache, &database);
        // Before the readers come, so that one of them has the mark to move on.
        cache.invalidate_tags(["nobody's"]);
        let reader = {
            let cache = cache.clone();
            move || _ = cache.get(&KEY)
        };
        let other = {
            let cache = cache.clone();
            move || cache.invalidate_tags(["nobody's"])
        };
        let writer = {
            let (cache, database) = (cache.clone(), database.clone());
            move || {
                database.write(1);
                cache.invalidate_tags(["a"]);
                assert_eq!(cache.get(&KEY), None, "an entry was found current after it had been invalidated");
            }
        };
        concurrently([Box::new(reader), Box::new(other), Box::new(writer)]);
        assert_eq!(read(&cache, &database), 1);
    });
}

/// A value that is inserted also takes the place of one that is being loaded.
///
/// Guards: in `Store::insert`, `Flights::fence`.
#[test]
fn an_insert_against_an_older_load() {
    explore(|| {
        let (cache, database) = (cache(), Arc::new(Database::default()));
        let loader = {
            let (cache, database) = (cache.clone(), database.clone());
            move || _ = read(&cache, &database)
        };
        let writer = {
            let (cache, database) = (cache.clone(), database.clone());
            move || {
                database.write(1);
                cache.insert(KEY, 1);
                // One that has expired on arrival takes the place too, and leaves it empty.
                cache.insert_with(KEY, 1, EntryOptions::new().ttl(Duration::ZERO));
                assert_ne!(cache.get(&KEY), Some(0), "an older load came after what was inserted");
            }
        };
        concurrently([Box::new(loader), Box::new(writer)]);
        assert_ne!(cache.get(&KEY), Some(0), "an older load came after what was inserted");
        cache.check_invariants();
    });
}
