//! P9: the sum of all weights never exceeds its limit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

use cache_core::{Cache, EntryOptions, HasCache, ManualClock, TaggedCache, TaggedCacheBuilder, cached_query};

use super::mode::block_on;
use crate::support::{Latch, until_in_flight};

type Weights = TaggedCache<u32, u32>;

/// A value is its weight.
fn builder(max: u64) -> TaggedCacheBuilder<u32, u32> {
    TaggedCache::builder().max_weight(max).weight(|value| *value as usize)
}

/// By what the cache lists: keys end in the weight of their entry.
fn listed_weight(cache: &Weights) -> u64 {
    cache.entries().iter().map(|entry| entry.arguments.parse::<u64>().expect("it is a number") % 1_000).sum()
}

async fn load(cache: &Weights, number: u32, weight: u32) {
    assert_eq!(cache.get_or_load_async(&(number * 1_000 + weight), async || weight).await, weight);
}

#[test]
fn p9_the_weights_never_exceed_their_limit() {
    block_on(async {
        // In one segment, and in several.
        for capacity in [10, 1_000, 100_000] {
            let cache: Weights = builder(1_000).capacity(capacity).build();
            for number in 0..600 {
                let weight = if number % 50 == 49 { 900 } else { number * 7 % 30 };
                if number % 3 == 0 {
                    cache.insert(number * 1_000 + weight, weight);
                } else {
                    load(&cache, number, weight).await;
                }
                assert_eq!(cache.get(&(number * 1_000 + weight)), Some(weight), "the newest entry is there");
                let stats = cache.stats();
                assert!(stats.weight <= 1_000 && stats.weight == listed_weight(&cache), "{stats}");
            }
            cache.check_invariants();
            assert_eq!(cache.stats().too_heavy, 0);
        }
    });
}

#[test]
fn p9_all_of_the_weight_is_used_before_anything_is_evicted() {
    let cache: Weights = builder(5_000).build();
    for number in 0..1_000 {
        cache.insert(number * 1_000 + 5, 5);
    }
    let stats = cache.stats();
    assert_eq!((stats.entries, stats.evictions, stats.weight, stats.max_weight), (1_000, 0, 5_000, 5_000));
    cache.insert(1_000_023, 23);
    assert_eq!((cache.len(), cache.stats().evictions, cache.stats().weight), (996, 5, 4_998));
    assert_eq!(cache.stats().evicted_weight, 25);
    cache.check_invariants();
}

#[test]
fn p9_a_value_heavier_than_all_is_not_stored_and_removes_the_former_one() {
    block_on(async {
        let cache: Weights = builder(10).build();
        cache.insert(1, 3);
        cache.insert(2, 4);
        cache.insert(1, 11);
        assert_eq!(
            (cache.get(&1), cache.get(&2), cache.stats().weight),
            (None, Some(4), 4),
            "the former value is outdated"
        );
        assert_eq!(cache.get_or_load_async(&1, async || 12).await, 12, "its caller gets it");
        let stats = cache.stats();
        assert_eq!((stats.too_heavy, stats.entries, stats.evictions, stats.discarded_loads), (2, 1, 0, 0));
        cache.insert(3, 10);
        assert_eq!((cache.len(), cache.stats().weight), (1, 10), "what just fits is stored");
        cache.check_invariants();
    });
}

#[test]
fn p4_waiters_get_a_value_that_is_too_heavy() {
    let cache: Weights = builder(10).build();
    let gate = Latch::new();
    let ask = || {
        block_on(cache.get_or_load_async(&1, async || {
            gate.pass();
            11
        }))
    };
    thread::scope(|scope| {
        let leader = scope.spawn(ask);
        until_in_flight(&cache, 1, 0);
        let follower = scope.spawn(ask);
        until_in_flight(&cache, 1, 1);
        gate.open();
        assert_eq!((leader.join().unwrap(), follower.join().unwrap()), (11, 11));
    });
    assert_eq!((cache.stats().loads, cache.stats().too_heavy, cache.len()), (1, 1, 0));
}

#[test]
fn p9_another_value_of_a_key_may_weigh_more_or_less() {
    let cache: Weights = builder(10).build();
    for key in 0..5 {
        cache.insert(key, 2);
    }
    cache.insert(4, 1);
    assert_eq!((cache.len(), cache.stats().weight), (5, 9));
    cache.insert(4, 2);
    assert_eq!((cache.len(), cache.stats().weight, cache.stats().evictions), (5, 10, 0));
    for weight in [5, 10, 1] {
        cache.insert(4, weight);
        assert_eq!(cache.get(&4), Some(weight));
        assert!(cache.stats().weight <= 10);
        cache.check_invariants();
    }
    assert_eq!(
        (cache.len(), cache.stats().weight, cache.stats().evictions, cache.stats().evicted_weight),
        (1, 1, 4, 8),
        "a replaced value is not evicted"
    );
}

#[test]
fn p9_what_leaves_gives_its_weight_back() {
    let clock = ManualClock::new();
    let cache: Weights = builder(1_000).clock(clock.clone()).build();
    let insert_all = || (0..10).for_each(|key| cache.insert_with(key, 10, EntryOptions::new().tag("all")));
    insert_all();
    assert_eq!((cache.remove(&0), cache.invalidate_key(&1), cache.stats().weight), (Some(10), true, 80));
    cache.invalidate_tags(["all"]);
    cache.purge();
    assert_eq!(cache.stats().weight, 0);
    insert_all();
    clock.advance(std::time::Duration::from_secs(1_000));
    assert_eq!((cache.len(), cache.stats().weight), (0, 100), "they are dead, and still there");
    for key in 100..120 {
        cache.insert(key, 1);
    }
    assert_eq!(cache.stats().weight, 20, "inserts have freed them");
    cache.check_invariants();
}

#[test]
fn p9_dead_entries_make_room_for_a_heavy_one_before_live_ones() {
    // In one segment, and in several: there one live entry may leave before other segments are searched.
    for (capacity, most) in [(10_000, 0), (100_000, 1)] {
        let cache: Weights = builder(1_000).capacity(capacity).build();
        for key in 0..500 {
            cache.insert(key, 1);
            cache.insert_with(1_000 + key, 1, EntryOptions::new().tag("mortal"));
        }
        cache.invalidate_tags(["mortal"]);
        cache.insert(5_000, 500);
        let stats = cache.stats();
        assert!(stats.evictions <= most && cache.len() as u64 == 501 - stats.evictions, "{stats}");
        cache.check_invariants();
    }
}

#[test]
fn p9_a_scan_does_not_evict_entries_in_use_of_a_cache_that_is_full_by_weight() {
    let entries = 100;
    let cache: Weights = builder(u64::from(entries) * 10).build();
    for key in 0..entries {
        cache.insert(key, 10);
    }
    for _ in 0..3 {
        assert!((0..entries / 2).all(|key| cache.get(&key).is_some()));
    }
    for key in entries..entries * 20 {
        cache.insert(key, 10);
    }
    let kept = (0..entries / 2).filter(|key| cache.get(key).is_some()).count();
    assert_eq!(kept, entries as usize / 2, "a scan evicted entries in use");
}

#[test]
fn p9_an_entry_that_nobody_weighs_weighs_1_and_nothing_is_weighed_without_a_limit() {
    block_on(async {
        let cache: Weights = TaggedCache::builder().max_weight(3).build();
        for key in 0..10 {
            load(&cache, key, 1).await;
        }
        assert_eq!((cache.len(), cache.stats().weight), (3, 3));
        let cache: Weights = TaggedCache::builder().weight(|_| unreachable!()).build();
        load(&cache, 1, 1).await;
        cache.insert(2, 2);
        assert_eq!((cache.len(), cache.stats().weight, cache.stats().max_weight), (2, 0, 0));
    });
}

#[test]
fn p9_a_weight_that_options_say_comes_first_then_that_of_the_entry() {
    block_on(async {
        let cache: Weights = builder(1_000).build();
        let options = || EntryOptions::new().weight(500);
        cache.insert_with(1, 2, options());
        assert_eq!(cache.stats().weight, 500);
        cache.entry(&2).with(|| EntryOptions::new().weight(3)).weight(|_| 9).or_load_async(async || 4).await;
        assert_eq!(cache.stats().weight, 503);
        cache.entry(&3).weight(|value| *value as usize * 2).or_load_async(async || 4).await;
        assert_eq!(cache.stats().weight, 511);
    });
}

#[test]
fn p9_with_a_limit_of_0_only_what_weighs_nothing_is_stored() {
    block_on(async {
        let cache: Weights = builder(0).build();
        load(&cache, 1, 0).await;
        load(&cache, 2, 1).await;
        cache.insert(3_000, 0);
        assert_eq!((cache.len(), cache.stats().too_heavy, cache.stats().weight), (2, 1, 0));
        cache.check_invariants();
    });
}

#[test]
fn p13_a_weigher_may_use_the_cache_and_may_panic() {
    block_on(async {
        let myself = Arc::new(OnceLock::<Weights>::new());
        let (inside, is_broken) = (myself.clone(), Arc::new(AtomicBool::new(false)));
        let breaks = is_broken.clone();
        let weigh = move |value: &u32| {
            assert!(!breaks.load(Ordering::SeqCst), "as the test wants it");
            inside.get().and_then(|cache| cache.get(&7)).unwrap_or(1) as usize * *value as usize
        };
        let cache = TaggedCache::builder().max_weight(100).weight(weigh).build();
        cache.insert(7, 2);
        assert!(myself.set(cache.clone()).is_ok());
        load(&cache, 1, 10).await;
        assert_eq!(cache.stats().weight, 22);
        is_broken.store(true, Ordering::SeqCst);
        let broken = catch_unwind(AssertUnwindSafe(|| block_on(load(&cache, 2, 10))));
        assert!(broken.is_err() && catch_unwind(AssertUnwindSafe(|| cache.insert(3, 3))).is_err());
        is_broken.store(false, Ordering::SeqCst);
        load(&cache, 2, 10).await;
        assert_eq!((cache.stats().weight, cache.len()), (42, 3));
        cache.check_invariants();
    });
}

/// In one segment, whose entries are listed at one moment, the entries tell the sum. In several the cache does.
#[test]
fn p9_inserts_of_threads_stay_within_the_weight() {
    for (capacity, is_listed_at_once) in [(100, true), (1_000, true), (100_000, false)] {
        let cache: Weights = builder(500).capacity(capacity).build();
        thread::scope(|scope| {
            for thread in 0..4 {
                let cache = &cache;
                scope.spawn(move || {
                    for number in 0..1_500 {
                        let weight = if number % 20 == 0 { 499 } else { (number * 13 + thread) % 40 };
                        let key = (thread * 10_000 + number % 500) * 1_000 + weight;
                        match number % 4 {
                            0 => block_on(load(cache, key / 1_000, weight)),
                            1 => _ = cache.remove(&(key - 1_000)),
                            _ => cache.insert(key, weight),
                        }
                        assert!(cache.stats().weight <= 500);
                        if is_listed_at_once && number % 4 == 0 {
                            assert!(listed_weight(cache) <= 500);
                        }
                    }
                });
            }
        });
        cache.check_invariants();
        assert_eq!(cache.stats().weight, listed_weight(&cache));
    }
}

/// The same key gets values of all weights.
#[test]
fn p9_threads_that_replace_one_key_stay_within_the_weight() {
    let cache: Weights = builder(100).build();
    thread::scope(|scope| {
        for thread in 0..4 {
            let cache = &cache;
            scope.spawn(move || {
                for number in 0..3_000 {
                    cache.insert(number % 3, (number * 31 + thread) % 102);
                    assert!(cache.stats().weight <= 100);
                }
            });
        }
    });
    cache.check_invariants();
}

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query]
    async fn number(&self, number: u32) -> u32 {
        number
    }
}

#[test]
fn p9_entries_of_queries_weigh_1_in_a_cache_with_a_limit() {
    block_on(async {
        let repo = Repo { cache: Cache::builder().max_weight(3).build() };
        for number in 0..10 {
            repo.number(number).await;
        }
        let stats = repo.cache.stats();
        assert_eq!((stats.entries, stats.weight, stats.max_weight, stats.evictions), (3, 3, 3, 7));
        assert_eq!(stats.evicted_weight, 7);
        let table: Vec<_> = stats.to_string().split_whitespace().map(str::to_owned).collect();
        assert!(table.join(" ").contains("weight 3 of 3 evicted weight 7 "), "{stats}");
        repo.cache.check_invariants();
    });
}
