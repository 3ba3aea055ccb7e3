//! P4 and P5: values that are refused, because something was forgotten while they were loaded.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use cache_core::{Cache, EntryOptions, HasCache, Tag, TaggedCache, cached_query};

use super::mode::block_on;
use crate::support::until_shown;

const CALLERS: usize = 200;

/// Counts the bodies that run, and how many of them at once.
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

    fn assert_a_handful(&self) {
        let (all, most) = (self.all.load(Ordering::SeqCst), self.most.load(Ordering::SeqCst));
        assert!(all <= 4, "{all} bodies for {CALLERS} callers, {most} of them at once");
    }
}

fn crowd(call: impl Fn() + Sync) {
    thread::scope(|scope| (0..CALLERS).for_each(|_| drop(scope.spawn(&call))));
}

/// Only the result brings the tag, so that those who wait can't know that it will be forgotten. Whoever waits for
/// the next load has come before it began, and may have what it brings, refused or not.
#[test]
fn p4_a_crowd_that_waits_for_a_value_that_is_refused_does_not_load_all_at_once() {
    for every in [false, true] {
        let (cache, bodies) = (TaggedCache::<u32, usize>::new(), Bodies::default());
        let body = || {
            bodies.run(|number| {
                if number == 0 {
                    until_shown(&cache, 1, CALLERS - 1);
                }
                if number == 0 || every {
                    cache.invalidate_tags(["late"]);
                }
                number
            })
        };
        crowd(|| {
            let load = cache.entry(&1).tags_from(|_| ["late"]).or_load_async(async || body());
            block_on(load);
        });
        bodies.assert_a_handful();
        cache.check_invariants();
    }
}

/// What is forgotten was known before: those who wait may have what they waited for.
#[test]
fn p4_a_crowd_shares_a_value_whose_key_or_name_is_forgotten_while_it_loads() {
    let forgets: [fn(&TaggedCache<u32, usize>); 3] =
        [|cache| _ = cache.invalidate_key(&1), TaggedCache::invalidate_all, |cache| cache.invalidate_tags(["known"])];
    for forget in forgets {
        let (cache, bodies) = (TaggedCache::<u32, usize>::new(), Bodies::default());
        let options = || EntryOptions::new().tag("known");
        let body = || {
            bodies.run(|number| {
                if number == 0 {
                    until_shown(&cache, 1, CALLERS - 1);
                    forget(&cache);
                }
                number
            })
        };
        crowd(|| _ = block_on(cache.entry(&1).with(options).or_load_async(async || body())));
        bodies.assert_a_handful();
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
                until_shown(&self.cache, 1, CALLERS - 1);
            }
            self.cache.invalidate_tags(["late"]);
            number
        })
    }

    #[cached_query(cache_if = |_| false)]
    async fn not_kept(&self) -> usize {
        self.bodies.run(|number| {
            if number == 0 {
                until_shown(&self.cache, 1, CALLERS - 1);
            }
            number
        })
    }
}

#[test]
fn p4_a_crowd_that_asks_a_query_whose_values_are_refused_does_not_load_all_at_once() {
    let repo = Repo::default();
    crowd(|| _ = block_on(repo.refused()));
    repo.bodies.assert_a_handful();
    repo.cache.check_invariants();
}

#[test]
fn p4_a_crowd_shares_a_value_that_is_not_kept() {
    let repo = Repo::default();
    crowd(|| _ = block_on(repo.not_kept()));
    repo.bodies.assert_a_handful();
}

/// P1 all the same: what was forgotten before a caller came is not for it.
#[test]
fn p1_nobody_who_comes_later_shares_a_value_that_is_refused() {
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
            // It comes after the invalidation. It may wait for this load, whose tags nobody knows, but not take its value.
            let late = scope.spawn(|| second.store(load(&|_| {}) + 1, Ordering::SeqCst));
            crate::support::until("the second has come so far", || {
                late.is_finished() || crate::support::shows(&cache, 1, 1)
            });
        });
        assert_eq!(first, 0);
    });
    assert_eq!(second.into_inner(), 2, "it loads for itself");
    assert_eq!(cache.get(&1), Some(1));
}

/// Fifty tags that only the result brings, and twenty tags of others that are forgotten while it loads.
#[test]
fn p4_tags_of_others_that_are_forgotten_meanwhile_refuse_hardly_any_load() {
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
    assert!(refused <= 2, "{refused} of {LOADS} loads were refused for what others forgot");
    cache.check_invariants();
}

/// The same where the tags are there already, borne by entries of others or of the same.
#[test]
fn p4_tags_that_others_have_refuse_hardly_any_load() {
    const LOADS: u32 = 200;
    let cache = TaggedCache::<u32, u32>::new();
    for key in 0..20 {
        cache.insert_with(10_000 + key, 0, EntryOptions::new().tag(format!("borne:{key}")));
    }
    for key in 0..LOADS {
        let body = async || {
            cache.invalidate_tags((0..20).map(|tag| format!("borne:{tag}")));
            key
        };
        let tags = |_: &u32| (0..50).map(|tag| Tag::from(format!("artist:{tag}")));
        assert_eq!(block_on(cache.entry(&key).tags_from(tags).or_load_async(body)), key);
    }
    let refused = cache.stats().discarded_loads;
    assert!(refused <= 2, "{refused} of {LOADS} loads were refused for what others forgot");
}

/// And none is missed: any one of the fifty refuses.
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
