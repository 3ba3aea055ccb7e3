//! P4 and P5: one load per key, however many callers there are, and no waiter is left behind.
//!
//! No test here sleeps. A load that others are to wait for lasts until the statistics count their misses: from then on
//! each of them waits for it, or finds the stored entry.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use cache_core::{Cache, EntryOptions, HasCache, ManualClock, TaggedCache, cached_query};
use cache_tests::watchdog::{self, Guard};

use super::mode::block_on;

type Numbers = TaggedCache<u64, u64>;

fn watch(cache: &Numbers) -> Guard {
    let cache = cache.clone();
    watchdog::guard(Duration::from_secs(60), move || format!("{cache:?}\n{}", cache.stats()))
}

fn until_missed(cache: &Numbers, calls: u64) {
    while cache.stats().misses < calls {
        thread::yield_now();
    }
}

fn until_state(cache: &Numbers, what: &str) {
    while !format!("{cache:?}").contains(what) {
        thread::yield_now();
    }
}

fn assert_idle(cache: &Numbers) {
    assert!(format!("{cache:?}").contains("loads_in_flight: Some(0)"), "{cache:?}");
    cache.check_invariants();
}

#[test]
fn p4_256_threads_load_one_cold_key_once() {
    const THREADS: u64 = 256;
    let cache = Numbers::new();
    let _watch = watch(&cache);
    let bodies = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let value = block_on(cache.get_or_load_async(&1, async || {
                    until_missed(&cache, THREADS);
                    bodies.fetch_add(1, Ordering::SeqCst) + 7
                }));
                assert_eq!(value, 7);
            });
        }
    });
    let stats = cache.stats();
    assert_eq!((bodies.into_inner(), stats.loads, stats.hits, stats.misses), (1, 1, 0, THREADS));
    assert_idle(&cache);
}

#[test]
fn p4_ten_thousand_keys_are_loaded_once_each() {
    const THREADS: u64 = 64;
    const KEYS: u64 = 10_000;
    let cache: Numbers = TaggedCache::builder().capacity(20_000).build();
    let _watch = watch(&cache);
    let start = Barrier::new(usize::try_from(THREADS).unwrap());
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (cache, start) = (&cache, &start);
            scope.spawn(move || {
                start.wait();
                // Half of them begin with the same key, the others each with its own.
                let first = if thread % 2 == 0 { 0 } else { thread * KEYS / THREADS };
                for key in (0..KEYS).map(|n| (first + n) % KEYS) {
                    assert_eq!(block_on(cache.get_or_load_async(&key, async || key * 2)), key * 2);
                }
            });
        }
    });
    let stats = cache.stats();
    assert_eq!((stats.loads, stats.hits + stats.misses), (KEYS, THREADS * KEYS));
    assert_idle(&cache);
}

/// All entries of so small a cache are behind one lock.
#[test]
fn p4_keys_do_not_wait_for_each_other() {
    let cache: Numbers = TaggedCache::builder().capacity(4).build();
    let _watch = watch(&cache);
    let done = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            block_on(cache.get_or_load_async(&1, async || {
                done.wait();
                1
            }))
        });
        until_missed(&cache, 1);
        assert_eq!(block_on(cache.get_or_load_async(&2, async || 2)), 2);
        assert_eq!(block_on(cache.get_or_load_async(&2, async || unreachable!())), 2);
        cache.insert(3, 3);
        assert_eq!((cache.len(), cache.get(&1)), (2, None));
        cache.purge();
        done.wait();
    });
    assert_eq!(cache.get(&1), Some(1));
    assert_idle(&cache);
}

#[derive(HasCache)]
struct Repo {
    bodies: AtomicU32,
    cache: Cache,
}

impl Repo {
    #[cached_query]
    async fn get(&self, id: &str, callers: u64) -> Result<String, ()> {
        self.bodies.fetch_add(1, Ordering::SeqCst);
        while self.cache.stats().misses < callers {
            thread::yield_now();
        }
        Ok(id.to_owned())
    }
}

#[test]
fn p4_an_annotated_query_runs_once_per_scope() {
    const CALLERS: u64 = 8;
    let cache = Cache::new();
    let repo = |cache: Cache| Repo { bodies: AtomicU32::new(0), cache };
    let repos = [repo(cache.clone()), repo(cache.scope("tenant:1")), repo(cache.scope("tenant:2"))];
    thread::scope(|scope| {
        for repo in &repos {
            for _ in 0..CALLERS {
                scope.spawn(|| assert_eq!(block_on(repo.get("a", 3 * CALLERS)).as_deref(), Ok("a")));
            }
        }
    });
    assert!(repos.iter().all(|repo| repo.bodies.load(Ordering::SeqCst) == 1));
    assert_eq!((cache.stats().loads, cache.len()), (3, 3));
    cache.check_invariants();
}

/// The first bodies panic, the next one returns. Returns the callers' values, and the number of panics.
fn after_panics(panics: u64, callers: u64) -> (BTreeSet<u64>, u64) {
    let cache = Numbers::new();
    let _watch = watch(&cache);
    let bodies = AtomicU64::new(0);
    let call = || {
        block_on(cache.entry(&1).or_try_load_async(async || {
            until_missed(&cache, callers);
            match bodies.fetch_add(1, Ordering::SeqCst) {
                body if body < panics => resume_unwind(Box::new("as the test wants it")),
                body => Ok(body),
            }
        }))
    };
    let call = || catch_unwind(AssertUnwindSafe(call)).unwrap_or(Err(()));
    let results: Vec<_> = thread::scope(|scope| {
        let calls: Vec<_> = (0..callers).map(|_| scope.spawn(call)).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    let stats = cache.stats();
    assert_eq!((stats.loads, stats.load_errors), (panics + 1, panics), "one loads at a time");
    assert_eq!((stats.misses, cache.get(&1)), (callers, Some(panics)));
    assert_idle(&cache);
    let panicked = results.iter().filter(|result| result.is_err()).count();
    (results.into_iter().flatten().collect(), panicked as u64)
}

#[test]
fn p5_a_leader_that_panics_five_times_and_then_succeeds() {
    let (values, panicked) = after_panics(5, 256);
    assert_eq!((values, panicked), ([5].into(), 5), "a panic reaches only its own caller");
}

/// Two of the waiters fail as well. The others get what they load, and one such value is stored.
#[test]
fn p5_a_leader_that_fails_ends_every_wait() {
    const CALLERS: usize = 16;
    let cache = Numbers::new();
    let _watch = watch(&cache);
    let (bodies, at_once) = (AtomicU64::new(0), Barrier::new(CALLERS - 1));
    let results: Vec<_> = thread::scope(|scope| {
        let call = || {
            block_on(cache.entry(&1).or_try_load_async(async || {
                let body = bodies.fetch_add(1, Ordering::SeqCst);
                if body == 0 {
                    until_state(&cache, &format!("callers_waiting: Some({})", CALLERS - 1));
                } else {
                    at_once.wait();
                }
                if body < 3 { Err(body) } else { Ok(body) }
            }))
        };
        let calls: Vec<_> = (0..CALLERS).map(|_| scope.spawn(call)).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    let errors: BTreeSet<_> = results.iter().filter_map(|result| result.err()).collect();
    let values: BTreeSet<_> = results.iter().filter_map(|result| result.ok()).collect();
    assert_eq!((errors, &values), ((0..3).collect(), &(3..16).collect()), "each gets what its own body returned");
    let stats = cache.stats();
    assert_eq!((stats.loads, stats.load_errors, stats.misses), (16, 3, 16));
    assert!(cache.get(&1).is_some_and(|value| values.contains(&value)));
    assert_idle(&cache);
}

#[test]
fn p5_when_all_fail_each_gets_its_own_error() {
    const CALLERS: u64 = 16;
    let cache = Numbers::new();
    let _watch = watch(&cache);
    let bodies = AtomicU64::new(0);
    let errors: BTreeSet<_> = thread::scope(|scope| {
        let call = || {
            block_on(cache.entry(&1).or_try_load_async(async || {
                until_missed(&cache, CALLERS);
                Err(bodies.fetch_add(1, Ordering::SeqCst))
            }))
        };
        let calls: Vec<_> = (0..CALLERS).map(|_| scope.spawn(call)).collect();
        calls.into_iter().map(|call| call.join().unwrap().unwrap_err()).collect()
    });
    assert_eq!(errors, (0..CALLERS).collect());
    assert_eq!((cache.stats().load_errors, cache.len()), (CALLERS, 0));
    assert_idle(&cache);
}

/// A call comes while a load from before an invalidation is in flight. To join it would deadlock: it ends only when the
/// caller has an answer.
fn call_after(invalidate: impl Fn(&Numbers)) {
    let cache: Numbers = TaggedCache::builder().capacity(4).build();
    let scope = cache.scope("tenant");
    let _watch = watch(&cache);
    let options = || EntryOptions::new().tags(["other", "mine"]);
    let done = Barrier::new(2);
    thread::scope(|threads| {
        let first = threads.spawn(|| {
            block_on(scope.entry(&1).with(options).or_load_async(async || {
                done.wait();
                1
            }))
        });
        until_missed(&cache, 1);
        until_state(&cache, "loads_in_flight: Some(1)");
        invalidate(&scope);
        assert_eq!(block_on(scope.entry(&1).with(options).or_load_async(async || 2)), 2);
        done.wait();
        assert_eq!(first.join().unwrap(), 1, "a caller from before the invalidation gets the older value");
    });
    assert_eq!(scope.get(&1), Some(2), "the older load replaced the newer");
    assert_eq!(cache.stats().discarded_loads, 1);
    assert_idle(&cache);
}

#[test]
fn p1_a_caller_after_an_invalidation_does_not_join_an_older_load() {
    call_after(|scope| scope.invalidate_tags(["mine"]));
    call_after(Numbers::invalidate_all);
    call_after(|scope| assert!(!scope.invalidate_key(&1)));
}

#[test]
fn p1_an_invalidated_key_fences_no_load_of_another_key() {
    let cache: Numbers = TaggedCache::builder().capacity(4).build();
    block_on(cache.get_or_load_async(&1, async || {
        cache.invalidate_key(&2);
        cache.scope("another").invalidate_key(&1);
        1
    }));
    assert_eq!((cache.get(&1), cache.stats().discarded_loads), (Some(1), 0));
}

/// The tag is known only at the end of the load, which a caller from after the invalidation has joined.
#[test]
fn p1_a_waiter_loads_again_if_a_late_tag_was_invalidated() {
    let cache = Numbers::new();
    let _watch = watch(&cache);
    let database = AtomicU64::new(1);
    let read = |before: &(dyn Fn() + Sync)| {
        let body = async || {
            let read = database.load(Ordering::SeqCst);
            before();
            read
        };
        block_on(cache.entry(&1).tags_from(|value| [format!("version:{}", value.min(&1))]).or_load_async(body))
    };
    let started = Barrier::new(2);
    thread::scope(|scope| {
        let first = scope.spawn(|| {
            read(&|| {
                started.wait();
                until_missed(&cache, 2);
            })
        });
        started.wait();
        database.store(2, Ordering::SeqCst);
        cache.invalidate_tags(["version:1"]);
        assert_eq!(read(&|| {}), 2);
        assert_eq!(first.join().unwrap(), 1);
    });
    let stats = cache.stats();
    assert_eq!((stats.loads, stats.discarded_loads), (2, 1), "it loads for itself once");
    assert_idle(&cache);
}

/// A caller waits for a load that began before it, and whose late tag is invalidated meanwhile. The next load began
/// after the call: its value may be shared, although it is refused as well.
#[test]
fn p4_a_waiter_that_got_no_value_shares_the_next_load() {
    let cache = Numbers::new();
    let _watch = watch(&cache);
    let options = || EntryOptions::new().tag("known");
    let ends = [(); 3].map(|()| Barrier::new(2));
    let load = |number: usize| {
        let body = async || {
            ends[number].wait();
            number as u64
        };
        block_on(cache.entry(&1).with(options).tags_from(|_| ["late"]).or_load_async(body))
    };
    let shown = |what| until_state(&cache, what);
    let invalidate = || cache.invalidate_tags(["known", "late"]);
    thread::scope(|scope| {
        scope.spawn(|| load(0));
        shown("loads_in_flight: Some(1)");
        // So that the caller has a later version than the load: a late tag may have been invalidated in between.
        cache.invalidate_tags(["unrelated"]);
        let caller = scope.spawn(|| block_on(cache.entry(&1).with(options).or_load_async(async || 9)));
        shown("callers_waiting: Some(1)");
        for number in [1, 2] {
            invalidate();
            scope.spawn(move || load(number));
            shown("loads_in_flight: Some(2)");
            ends[number - 1].wait();
            if number == 1 {
                shown("loads_in_flight: Some(1), callers_waiting: Some(1)");
            }
        }
        let value = caller.join().unwrap();
        ends[2].wait();
        assert_eq!(value, 1);
    });
    assert_eq!((cache.stats().loads, cache.get(&1)), (3, Some(2)), "the load that began last is stored");
    assert_idle(&cache);
}

/// A caller finds a dead entry. Before it looks for a flight, others free that entry and store another, perhaps at the
/// same address.
#[test]
fn p4_an_entry_stored_while_options_are_made_is_not_taken_for_the_dead_one() {
    block_on(async {
        let cache = Numbers::new();
        for round in 0..100 {
            cache.insert(1, round);
            cache.invalidate_all();
            let options = || {
                assert_eq!(block_on(cache.get_or_load_async(&1, async || round + 1)), round + 1);
                EntryOptions::new()
            };
            let found = cache.entry(&1).with(options).or_load_async(async || unreachable!("it is stored")).await;
            assert_eq!(found, round + 1);
        }
        assert_idle(&cache);
    });
}

#[test]
fn p8_a_waiter_does_not_get_an_expired_value() {
    let clock = ManualClock::new();
    let cache: Numbers = TaggedCache::builder().clock(clock.clone()).default_ttl(Duration::from_secs(5)).build();
    let _watch = watch(&cache);
    let bodies = AtomicU64::new(0);
    let values: BTreeSet<_> = thread::scope(|scope| {
        let call = || {
            block_on(cache.get_or_load_async(&1, async || {
                let body = bodies.fetch_add(1, Ordering::SeqCst);
                if body == 0 {
                    until_state(&cache, "callers_waiting: Some(1)");
                    clock.advance(Duration::from_secs(5));
                }
                body
            }))
        };
        let calls = [scope.spawn(call), scope.spawn(call)];
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert_eq!(values, [0, 1].into());
    assert_eq!(cache.get(&1), Some(1));
    assert_idle(&cache);
}

/// A caller from before an invalidation may get a value from before it, also one that is not stored.
#[test]
fn p4_waiters_share_a_value_that_is_not_stored() {
    let cache = Numbers::new();
    let _watch = watch(&cache);
    let options = || EntryOptions::new().tag("known");
    let bodies = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let value = block_on(cache.entry(&1).with(options).or_load_async(async || {
                    until_state(&cache, "callers_waiting: Some(1)");
                    cache.invalidate_tags(["known"]);
                    bodies.fetch_add(1, Ordering::SeqCst)
                }));
                assert_eq!(value, 0);
            });
        }
    });
    let stats = cache.stats();
    assert_eq!((stats.loads, stats.discarded_loads, cache.get(&1)), (1, 1, None));
    assert_idle(&cache);
}

/// Nothing that could be joined: each call loads, as the docs of `capacity` and `default_ttl` say.
#[test]
fn p4_no_caller_waits_for_a_load_that_cannot_be_stored() {
    for cache in [Numbers::builder().capacity(0).build(), Numbers::builder().default_ttl(Duration::ZERO).build()] {
        let _watch = watch(&cache);
        let both = Barrier::new(2);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| block_on(cache.get_or_load_async(&1, async || u64::from(both.wait().is_leader()))));
            }
        });
        assert_eq!((cache.stats().loads, cache.len()), (2, 0));
        assert_idle(&cache);
    }
}
