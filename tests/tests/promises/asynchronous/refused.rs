//! P4 and P5: values that are refused because they were invalidated while they were loaded.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use cache_core::{Cache, EntryOptions, HasCache, Tag, TaggedCache, cached_query};

use super::mode::block_on;
use crate::support::until_in_flight;

const CALLERS: usize = 200;

/// Counts the bodies that run, and how many at once.
#[derive(Default)]
struct Bodies {
    all: AtomicUsize,
    running: AtomicUsize,
    most: AtomicUsize,
}

impl Bodies {
    fn run<T>(&self, body: impl FnOnce(usize) -> T) -> T {
        self.most.fetch_max(self.running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let value = body(self.all.fetch_add(1, Ordering::SeqCst));
        self.running.fetch_sub(1, Ordering::SeqCst);
        value
    }

    fn assert_few(&self) {
        let (all, most) = (self.all.load(Ordering::SeqCst), self.most.load(Ordering::SeqCst));
        assert!(all <= 4, "{all} bodies for {CALLERS} callers, {most} of them at once");
    }
}

fn load_at_once(call: impl Fn() + Sync) {
    thread::scope(|scope| (0..CALLERS).for_each(|_| drop(scope.spawn(&call))));
}

/// Waiters cannot know that the late tag is invalidated. A waiter of the next load came before that began, and may
/// share its value, refused or not.
#[test]
fn p4_waiters_of_a_refused_value_do_not_all_load_at_once() {
    for every in [false, true] {
        let (cache, bodies) = (TaggedCache::<u32, usize>::new(), Bodies::default());
        let body = || {
            bodies.run(|number| {
                if number == 0 {
                    until_in_flight(&cache, 1, CALLERS - 1);
                }
                if number == 0 || every {
                    cache.invalidate_tags(["late"]);
                }
                number
            })
        };
        load_at_once(|| {
            let load = cache.entry(&1).tags_from(|_| ["late"]).or_load_async(async || body());
            block_on(load);
        });
        bodies.assert_few();
        cache.check_invariants();
    }
}

/// The key and the name are known from the start: waiters may share the value.
#[test]
fn p4_waiters_share_a_value_whose_key_or_name_is_invalidated_during_the_load() {
    let invalidates: [fn(&TaggedCache<u32, usize>); 3] =
        [|cache| _ = cache.invalidate_key(&1), TaggedCache::invalidate_all, |cache| cache.invalidate_tags(["known"])];
    for invalidate in invalidates {
        let (cache, bodies) = (TaggedCache::<u32, usize>::new(), Bodies::default());
        let options = || EntryOptions::new().tag("known");
        let body = || {
            bodies.run(|number| {
                if number == 0 {
                    until_in_flight(&cache, 1, CALLERS - 1);
                    invalidate(&cache);
                }
                number
            })
        };
        load_at_once(|| _ = block_on(cache.entry(&1).with(options).or_load_async(async || body())));
        bodies.assert_few();
        cache.check_invariants();
    }
}

#[derive(HasCache, Default)]
struct Repo {
    bodies: Bodies,
    #[cache]
    cache: Cache,
}

impl Repo {
    #[cached_query(tags_from = |_| ["late"])]
    async fn refused(&self) -> usize {
        self.bodies.run(|number| {
            if number == 0 {
                until_in_flight(&self.cache, 1, CALLERS - 1);
            }
            self.cache.invalidate_tags(["late"]);
            number
        })
    }

    #[cached_query(cache_if = |_| false)]
    async fn not_kept(&self) -> usize {
        self.bodies.run(|number| {
            if number == 0 {
                until_in_flight(&self.cache, 1, CALLERS - 1);
            }
            number
        })
    }
}

#[test]
fn p4_waiters_of_a_query_whose_values_are_refused_do_not_all_load_at_once() {
    let repo = Repo::default();
    load_at_once(|| _ = block_on(repo.refused()));
    repo.bodies.assert_few();
    repo.cache.check_invariants();
}

#[test]
fn p4_waiters_share_a_value_that_is_not_kept() {
    let repo = Repo::default();
    load_at_once(|| _ = block_on(repo.not_kept()));
    repo.bodies.assert_few();
}

/// P1: a value invalidated before a call is not for that caller.
#[test]
fn p1_no_later_caller_shares_a_refused_value() {
    let (cache, bodies) = (TaggedCache::<u32, usize>::new(), Bodies::default());
    let load = |body: &dyn Fn(usize)| {
        block_on(cache.entry(&1).tags_from(|_| ["late"]).or_load_async(async || {
            bodies.run(|number| {
                body(number);
                number
            })
        }))
    };
    let second = AtomicUsize::new(0);
    thread::scope(|scope| {
        let first = load(&|_| {
            cache.invalidate_tags(["late"]);
            // It comes after the invalidation. It may wait for this load, whose tags are not known yet, but not share
            // its value.
            let late = scope.spawn(|| second.store(load(&|_| {}) + 1, Ordering::SeqCst));
            crate::support::until("the second caller waits or has loaded", || {
                late.is_finished() || crate::support::in_flight(&cache, 1, 1)
            });
        });
        assert_eq!(first, 0);
    });
    assert_eq!(second.into_inner(), 2, "it loads for itself");
    assert_eq!(cache.get(&1), Some(1));
}

/// Fifty tags that come from the result, and twenty tags of others that are invalidated during the load.
#[test]
fn p4_invalidations_of_other_tags_refuse_hardly_any_load() {
    const LOADS: u32 = 200;
    let cache = TaggedCache::<u32, u32>::new();
    let names =
        |kind: &str, key: u32, number: u32| (0..number).map(|tag| format!("{kind}:{key}:{tag}")).collect::<Vec<_>>();
    for key in 0..LOADS {
        let body = async || {
            cache.invalidate_tags(names("of another", key, 20));
            key
        };
        let tags = |key: &u32| names("artist", *key, 50).into_iter().map(Tag::from);
        assert_eq!(block_on(cache.entry(&key).tags_from(tags).or_load_async(body)), key);
    }
    let refused = cache.stats().discarded_loads;
    assert!(refused <= 2, "{refused} of {LOADS} loads were refused because of other tags");
    cache.check_invariants();
}

/// The same where entries have the tags already.
#[test]
fn p4_invalidations_of_other_attached_tags_refuse_hardly_any_load() {
    const LOADS: u32 = 200;
    let cache = TaggedCache::<u32, u32>::new();
    for key in 0..20 {
        cache.insert_with(10_000 + key, 0, EntryOptions::new().tag(format!("attached:{key}")));
    }
    for key in 0..LOADS {
        let body = async || {
            cache.invalidate_tags((0..20).map(|tag| format!("attached:{tag}")));
            key
        };
        let tags = |_: &u32| (0..50).map(|tag| Tag::from(format!("artist:{tag}")));
        assert_eq!(block_on(cache.entry(&key).tags_from(tags).or_load_async(body)), key);
    }
    let refused = cache.stats().discarded_loads;
    assert!(refused <= 2, "{refused} of {LOADS} loads were refused because of other tags");
}

/// And none is missed: each of the fifty refuses the value.
#[test]
fn p1_any_one_of_many_tags_of_a_result_refuses_it() {
    let cache = TaggedCache::<u32, u32>::new();
    for key in 0..50 {
        let body = async || {
            cache.invalidate_tags([format!("artist:{key}")]);
            key
        };
        let tags = |_: &u32| (0..50).map(|tag| Tag::from(format!("artist:{tag}")));
        block_on(cache.entry(&key).tags_from(tags).or_load_async(body));
        assert_eq!(cache.get(&key), None);
    }
    assert_eq!(cache.stats().discarded_loads, 50);
}
