//! P1, P15 and P16: loads whose bodies ask other cached queries, against invalidations of what they read.

use std::sync::Arc;

use cache_core::{Cache, EntryOptions, HasCache, LoadContext, TaggedCache, cached_query, invalidates};
use shuttle::thread;

use crate::{Database, Numbers, cache, concurrently, explore};

const KEY: u32 = 1;
const OUTER: u32 = 2;

#[derive(Clone, HasCache)]
struct Repo {
    database: Arc<Database>,
    cache: Cache,
}

impl Repo {
    fn new() -> Self {
        Self { database: Arc::default(), cache: Cache::builder().capacity(8).build() }
    }

    #[cached_query(tags("inner"))]
    fn inner(&self, key: u32) -> u32 {
        let _ = key;
        self.database.read()
    }

    #[cached_query]
    fn outer(&self) -> u32 {
        let number = self.inner(KEY);
        thread::yield_now();
        number
    }

    /// Reads on another thread, which belongs to the load.
    #[cached_query]
    fn outer_on_two_threads(&self) -> u32 {
        let (repo, context) = (self.clone(), LoadContext::current());
        let part = thread::spawn(move || context.within(|| repo.inner(KEY)));
        part.join().expect("what a model asserts holds")
    }

    /// Reads on a thread that is not known to belong to the load.
    #[cached_query]
    fn unseen(&self) -> u32 {
        let repo = self.clone();
        thread::spawn(move || repo.inner(KEY)).join().expect("what a model asserts holds")
    }

    #[invalidates("inner")]
    fn write_by_name(&self) {
        self.database.write(1);
    }

    #[invalidates(inner(KEY))]
    fn write_by_key(&self) {
        self.database.write(1);
    }

    #[invalidates("inner", "unseen")]
    fn write_inner_first(&self) {
        self.database.write(1);
    }

    #[invalidates("unseen", "inner")]
    fn write_outer_first(&self) {
        self.database.write(1);
    }

    #[invalidates("unseen", inner(KEY))]
    fn write_key_last(&self) {
        self.database.write(1);
    }
}

/// A reader of `read` against a writer that writes, and reads what it has written. What the reader's body asks for is
/// cached from the start.
fn read_against(read: fn(&Repo) -> u32, write: fn(&Repo)) {
    read_in_scope_against(read, write, Cache::clone);
}

/// The same with a reader that has a handle of its own.
fn read_in_scope_against(read: fn(&Repo) -> u32, write: fn(&Repo), handle: fn(&Cache) -> Cache) {
    explore(move || {
        let root = Repo::new();
        let repo = Repo { cache: handle(&root.cache), ..root.clone() };
        assert_eq!(repo.inner(KEY), 0);
        let reader = {
            let repo = repo.clone();
            move || assert!(read(&repo) <= 1)
        };
        let writer = {
            let repo = repo.clone();
            move || {
                write(&root);
                assert_eq!(read(&repo), 1, "what was made from a value before the write was served after it");
            }
        };
        concurrently([Box::new(reader), Box::new(writer)]);
        assert_eq!(read(&repo), 1, "what was made from a value before the write has stayed");
        assert_eq!(repo.inner(KEY), 1);
        repo.cache.check_invariants();
    });
}

/// Guards: in `Call::look_up_inside`, that the version is read before the entry is looked up; in `VersionClock::invalidate`,
/// that the version is shown after the nodes are raised; in `Context::end`, `shareable_before`; in `Context::is_valid`,
/// `ended`.
#[test]
fn p15_an_outer_load_against_the_name_of_the_inner_query() {
    read_against(Repo::outer, Repo::write_by_name);
}

/// Guards: the same; in `Call::look_up_inside`, that the node of the key is found before the entry is looked up; in
/// `Engine::invalidate`, that the entry of a key is removed before the node is raised.
#[test]
fn p15_an_outer_load_against_a_key_of_the_inner_query() {
    read_against(Repo::outer, Repo::write_by_key);
}

/// Guards: the same; in `context::attach`, the tags of the answer.
#[test]
fn p15_an_outer_load_against_a_tag_of_the_inner_query() {
    read_against(Repo::outer, |repo| {
        repo.database.write(1);
        repo.cache.invalidate_tags(["inner"]);
    });
}

/// Guards: in `Engine::candidate_of`, the node of the key everywhere.
#[test]
fn p15_an_outer_load_in_a_scope_against_a_key_everywhere() {
    read_in_scope_against(Repo::outer, Repo::write_by_key, |cache| cache.scope("a"));
}

/// Guards: `LoadContext::within`.
#[test]
fn p15_a_load_on_two_threads_against_a_key_that_one_reads() {
    read_against(Repo::outer_on_two_threads, Repo::write_by_key);
}

/// The load cannot know what it reads, and both are named. Whatever their order, no load begins between the two.
///
/// Guards: in `Engine::invalidate`, one version for all targets.
#[test]
fn p16_a_load_against_an_invalidation_of_two_queries() {
    read_against(Repo::unseen, Repo::write_inner_first);
    read_against(Repo::unseen, Repo::write_outer_first);
}

/// Guards: in `Engine::invalidate`, that entries of keys are removed before anything is raised.
#[test]
fn p16_a_load_against_an_invalidation_of_a_query_and_a_key() {
    read_against(Repo::unseen, Repo::write_key_last);
}

/// While the outer body runs, what it has read is invalidated and loaded again.
///
/// Guards: in `Context::attach`, that the earlier version counts if something is read twice; in `Context::end`, the
/// version of each answer.
#[test]
fn p15_an_outer_load_that_reads_before_and_after_a_write() {
    explore(|| {
        let (cache, database) = (cache(), Arc::new(Database::default()));
        let inner = |cache: &Numbers, database: &Database| cache.get_or_load(&KEY, || database.read());
        let outer = move |cache: &Numbers, database: &Database| {
            cache.get_or_load(&OUTER, || {
                let before = inner(cache, database);
                thread::yield_now();
                before.min(inner(cache, database))
            })
        };
        let reader = {
            let (cache, database) = (cache.clone(), database.clone());
            move || assert!(outer(&cache, &database) <= 1)
        };
        let writer = {
            let (cache, database) = (cache.clone(), database.clone());
            move || {
                database.write(1);
                cache.invalidate_key(&KEY);
                assert_eq!(inner(&cache, &database), 1);
                assert_eq!(outer(&cache, &database), 1, "what was made from a value before the write was served");
            }
        };
        concurrently([Box::new(reader), Box::new(writer)]);
        assert_eq!(cache.get_or_load(&OUTER, || 1), 1, "what was made from a value before the write has stayed");
        cache.check_invariants();
    });
}

/// What is invalidated before a body reads it does not concern the load, though it began before.
///
/// Guards: in `Call::look_up_inside`, the version at the look-up, where the birth of the outer load would not do.
#[test]
fn p15_a_load_is_stored_if_what_it_reads_was_invalidated_only_before() {
    explore(|| {
        let cache = cache();
        let inner = |cache: &Numbers| cache.get_or_load_with(&KEY, || EntryOptions::new().tag("inner"), || 1);
        let outer = {
            let cache = cache.clone();
            move || {
                let load = || {
                    cache.invalidate_tags(["inner"]);
                    inner(&cache)
                };
                cache.get_or_load(&OUTER, load);
            }
        };
        let inner = {
            let cache = cache.clone();
            move || _ = inner(&cache)
        };
        concurrently([Box::new(outer), Box::new(inner)]);
        assert_eq!(cache.get(&OUTER), Some(1), "the load was refused");
        cache.check_invariants();
    });
}

/// The outer key is in one cache, the inner one in another.
fn two_caches_against(inner_capacity: usize, invalidate: fn(&Numbers)) {
    explore(move || {
        let (outer, database) = (cache(), Arc::new(Database::default()));
        let inner: Numbers = TaggedCache::builder().capacity(inner_capacity).build();
        inner.insert_with(KEY, 0, EntryOptions::new().tag("inner"));
        let read = |outer: &Numbers, inner: &Numbers, database: &Database| {
            outer.get_or_load(&OUTER, || inner.get_or_load(&KEY, || database.read()))
        };
        let readers = [(); 2].map(|()| {
            let (outer, inner, database) = (outer.clone(), inner.clone(), database.clone());
            move || assert!(read(&outer, &inner, &database) <= 1)
        });
        let writer = {
            let (outer, inner, database) = (outer.clone(), inner.clone(), database.clone());
            move || {
                database.write(1);
                invalidate(&inner);
                assert_eq!(read(&outer, &inner, &database), 1, "what was made from a value before was served");
            }
        };
        let [first, second] = readers;
        concurrently([Box::new(first), Box::new(second), Box::new(writer)]);
        assert_eq!(read(&outer, &inner, &database), 1, "what was made from a value before has stayed");
        outer.check_invariants();
        inner.check_invariants();
    });
}

/// Guards: in `Meta::new`, the mark of what depends on another cache; in `Context::is_as_good_for`, that versions of two
/// caches are not compared; in `Context::end`, that nobody joins who could not be told.
#[test]
fn p15_two_caches_against_a_key_of_the_inner_one() {
    two_caches_against(8, |inner| _ = inner.invalidate_key(&KEY));
}

/// The inner cache stores nothing: no load of its is in flight that an invalidation could find.
///
/// Guards: in `Load::attach`, that the node of the key is attached with the birth of the inner load.
#[test]
fn p15_a_cache_without_entries_against_a_key() {
    two_caches_against(0, |inner| _ = inner.invalidate_key(&KEY));
}

/// Guards: in `Context::attach`, the node of all of the other cache.
#[test]
fn p15_two_caches_against_an_invalidation_of_all_of_the_inner_one() {
    two_caches_against(8, Numbers::invalidate_all);
}

/// The body of the outer load misses the inner key, and then finds what another has loaded while it made the options.
///
/// Guards: in `Attempt::step`, that the version is read before the entry is found.
#[test]
fn p15_a_value_that_comes_after_a_miss_against_its_invalidation() {
    explore(|| {
        let (cache, database) = (cache(), Arc::new(Database::default()));
        let options = || EntryOptions::new().tag("inner");
        let outer = move |cache: &Numbers, database: &Arc<Database>| {
            let inner = || {
                let (other, read) = (cache.clone(), database.clone());
                let another = thread::spawn(move || _ = other.get_or_load_with(&KEY, options, || read.read()));
                let options = || {
                    another.join().expect("what a model asserts holds");
                    options()
                };
                cache.get_or_load_with(&KEY, options, || database.read())
            };
            cache.get_or_load(&OUTER, inner)
        };
        let reader = {
            let (cache, database) = (cache.clone(), database.clone());
            move || assert!(outer(&cache, &database) <= 1)
        };
        let writer = {
            let (cache, database) = (cache.clone(), database.clone());
            move || {
                database.write(1);
                cache.invalidate_tags(["inner"]);
            }
        };
        concurrently([Box::new(reader), Box::new(writer)]);
        assert_eq!(outer(&cache, &database), 1, "what was made from a value before the write has stayed");
        cache.check_invariants();
    });
}

/// The outer load fails with an error that says what it has read.
///
/// Guards: in `Follower::go_on`, `shareable_before` of a failure.
#[test]
fn p15_an_error_made_from_what_was_invalidated_is_not_shared_with_later_callers() {
    explore(|| {
        let (cache, database) = (cache(), Arc::new(Database::default()));
        cache.insert(KEY, 0);
        let outer = |cache: &Numbers, database: &Database| {
            cache
                .entry(&OUTER)
                .share_errors()
                .or_try_load(|| Err::<u32, u32>(cache.get_or_load(&KEY, || database.read())))
        };
        let reader = {
            let (cache, database) = (cache.clone(), database.clone());
            move || assert!(outer(&cache, &database).is_err())
        };
        let writer = {
            let (cache, database) = (cache.clone(), database.clone());
            move || {
                database.write(1);
                cache.invalidate_key(&KEY);
                assert_eq!(outer(&cache, &database), Err(1), "an error from before the write");
            }
        };
        concurrently([Box::new(reader), Box::new(writer)]);
        cache.check_invariants();
    });
}

/// What was made from the value of a key, or from that it had none, is not served after an insert of the key.
fn insert_against(inner: fn(&Numbers) -> u32) {
    explore(move || {
        let cache = cache();
        let outer = move |cache: &Numbers| cache.get_or_load(&OUTER, || inner(cache));
        let reader = {
            let cache = cache.clone();
            move || assert!(outer(&cache) <= 1)
        };
        let writer = {
            let cache = cache.clone();
            move || {
                cache.insert(KEY, 1);
                assert_eq!(outer(&cache), 1, "what was made from the value before was served");
            }
        };
        concurrently([Box::new(reader), Box::new(writer)]);
        assert_eq!(outer(&cache), 1, "what was made from the value before has stayed");
        cache.check_invariants();
    });
}

/// Guards: in `TaggedCache::insert_with`, the invalidation of what depends on the key, after the entry is stored.
#[test]
fn p15_an_insert_against_a_load_that_reads_the_key() {
    insert_against(|cache| cache.get_or_load(&KEY, || 0));
}

/// Guards: the same; `Call::attach_absence`.
#[test]
fn p15_an_insert_against_a_load_that_finds_nothing() {
    insert_against(|cache| cache.get(&KEY).unwrap_or(0));
}
