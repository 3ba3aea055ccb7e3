//! P1, P15 and P16: loads whose bodies call other cached queries, against invalidations of what they read.

use cache_core::{Cache, EntryOptions, HasCache, LoadContext, TaggedCache, cached_query, invalidates};
use shuttle::thread;

use crate::support::{Database, Numbers, cache, concurrently, explore, join_thread, query_cache, read_against_write};

const KEY: u32 = 1;
const OUTER: u32 = 2;

#[derive(Clone, HasCache)]
struct Repo {
    database: Database,
    cache: Cache,
}

impl Repo {
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

    /// Reads on another thread, which takes part in the load.
    #[cached_query]
    fn outer_on_two_threads(&self) -> u32 {
        let (repo, context) = (self.clone(), LoadContext::current());
        join_thread(thread::spawn(move || context.within(|| repo.inner(KEY))))
    }

    /// Reads on a thread that is not known to take part in the load.
    #[cached_query]
    fn unseen(&self) -> u32 {
        let repo = self.clone();
        join_thread(thread::spawn(move || repo.inner(KEY)))
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

/// A reader of `read` against a writer. What the body of `read` reads is cached at the start.
fn read_against(read: fn(&Repo) -> u32, write: fn(&Repo)) {
    read_in_scope_against(read, write, Cache::clone);
}

/// The same, read through a handle of its own.
fn read_in_scope_against(read: fn(&Repo) -> u32, write: fn(&Repo), handle: fn(&Cache) -> Cache) {
    explore(move || {
        let root = Repo { database: Database::default(), cache: query_cache() };
        let repo = Repo { cache: handle(&root.cache), ..root.clone() };
        assert_eq!(repo.inner(KEY), 0);
        let state = (root, repo.clone());
        read_against_write(&state, 1, [], move |(_, repo)| read(repo), move |(root, _)| write(root));
        assert_eq!(repo.inner(KEY), 1);
        repo.cache.check_invariants();
    });
}

/// Guards: in `Call::look_up_inside`, that the version is read before the entry is looked up; in `VersionClock::invalidate`,
/// that the version is published after the nodes are raised; in `Context::end`, `shareable_before`; in `Context::is_valid`,
/// `ended`.
#[test]
fn p15_an_outer_load_against_the_name_of_the_inner_query() {
    read_against(Repo::outer, Repo::write_by_name);
}

/// Guards: the same; in `Call::look_up_inside`, that the node of the key is found before the entry is looked up; in
/// `Engine::invalidate`, that the entry of a key is removed before its node is raised.
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

/// Guards: in `Engine::candidate_of`, the tag of the key in all scopes.
#[test]
fn p15_an_outer_load_in_a_scope_against_a_key_in_all_scopes() {
    read_in_scope_against(Repo::outer, Repo::write_by_key, |cache| cache.scope("a"));
}

/// Guards: `LoadContext::within`.
#[test]
fn p15_a_load_on_two_threads_against_a_key_that_one_reads() {
    read_against(Repo::outer_on_two_threads, Repo::write_by_key);
}

/// The load cannot know what it reads, so the write names both queries. Whatever their order, no load begins between the
/// two invalidations.
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
/// Guards: in `Context::attach`, that the earlier of two versions counts; in `Context::end`, the version of each answer.
#[test]
fn p15_an_outer_load_that_reads_before_and_after_a_write() {
    explore(|| {
        let inner = |cache: &Numbers, database: &Database| cache.get_or_load(&KEY, || database.read());
        let outer = move |(cache, database): &(Numbers, Database)| {
            cache.get_or_load(&OUTER, || {
                let before = inner(cache, database);
                thread::yield_now();
                before.min(inner(cache, database))
            })
        };
        let state = (cache(), Database::default());
        read_against_write(&state, 1, [], outer, move |(cache, database)| {
            database.write(1);
            cache.invalidate_key(&KEY);
            assert_eq!(inner(cache, database), 1);
        });
        state.0.check_invariants();
    });
}

/// An invalidation before the body reads does not concern the load, which began earlier.
///
/// Guards: in `Call::look_up_inside`, the version at the look-up, instead of the birth of the outer load.
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
        let inner: Numbers = TaggedCache::builder().capacity(inner_capacity).build();
        inner.insert_with(KEY, 0, EntryOptions::new().tag("inner"));
        let read = |(outer, inner, database): &(Numbers, Numbers, Database)| {
            outer.get_or_load(&OUTER, || inner.get_or_load(&KEY, || database.read()))
        };
        let state = (cache(), inner, Database::default());
        read_against_write(&state, 2, [], read, move |(_, inner, database)| {
            database.write(1);
            invalidate(inner);
        });
        state.0.check_invariants();
        state.1.check_invariants();
    });
}

/// Guards: in `Meta::new`, `ELSEWHERE`; in `Context::is_as_good_for`, that versions of two caches are not compared; in
/// `Context::end`, that a follower which cannot compare them does not share the result.
#[test]
fn p15_two_caches_against_a_key_of_the_inner_one() {
    two_caches_against(8, |inner| _ = inner.invalidate_key(&KEY));
}

/// The inner cache stores nothing, so an invalidation finds no load of its own in flight.
///
/// Guards: in `Load::attach`, that the node of the key is attached with the birth of the inner load.
#[test]
fn p15_a_cache_without_capacity_against_a_key() {
    two_caches_against(0, |inner| _ = inner.invalidate_key(&KEY));
}

/// Guards: in `Context::attach`, the node of everything in the other cache.
#[test]
fn p15_two_caches_against_an_invalidation_of_all_of_the_inner_one() {
    two_caches_against(8, Numbers::invalidate_all);
}

/// The body of the outer load misses the inner key; another caller loads it while the options are made.
///
/// Guards: in `Attempt::step`, that the version is read before the entry is found.
#[test]
fn p15_a_value_stored_after_a_miss_against_its_invalidation() {
    explore(|| {
        let (cache, database) = (cache(), Database::default());
        let options = || EntryOptions::new().tag("inner");
        let outer = move |cache: &Numbers, database: &Database| {
            let inner = || {
                let (other, read) = (cache.clone(), database.clone());
                let another = thread::spawn(move || _ = other.get_or_load_with(&KEY, options, || read.read()));
                let options = || {
                    join_thread(another);
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
        assert_eq!(outer(&cache, &database), 1, "a stale value stayed in the cache");
        cache.check_invariants();
    });
}

/// The outer load fails, with what it has read as its error.
///
/// Guards: in `Follower::go_on`, `shareable_before` of a failure.
#[test]
fn p15_an_error_made_from_stale_values_is_not_shared_with_later_callers() {
    explore(|| {
        let (cache, database) = (cache(), Database::default());
        cache.insert(KEY, 0);
        let outer = |cache: &Numbers, database: &Database| {
            cache
                .entry(&OUTER)
                .share_errors()
                .or_try_load(|| Err::<u32, u32>(cache.get_or_load(&KEY, || database.read())))
        };
        let error = move |(cache, database): &(Numbers, Database)| outer(cache, database).expect_err("it fails");
        read_against_write(&(cache.clone(), database), 1, [], error, |(cache, database)| {
            database.write(1);
            cache.invalidate_key(&KEY);
        });
        cache.check_invariants();
    });
}

/// An answer made from the value of a key, or from its absence, is not served after an insert of the key.
fn insert_against(inner: fn(&Numbers) -> u32) {
    explore(move || {
        let cache = cache();
        let outer = move |cache: &Numbers| cache.get_or_load(&OUTER, || inner(cache));
        read_against_write(&cache, 1, [], outer, |cache| cache.insert(KEY, 1));
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
