//! P9: the entries never exceed the capacity, and their weights their limit, not even for a moment.

use cache_core::{EntryOptions, TaggedCache};

use crate::support::{Numbers, concurrently, explore};

/// Guards: in `Store::admit`, one lock of the eviction for the whole admission.
#[test]
fn p9_concurrent_inserts_stay_within_the_capacity() {
    explore(|| {
        let cache: Numbers = TaggedCache::builder().capacity(1).build();
        let insert = |key: u32| {
            let cache = cache.clone();
            move || {
                cache.insert(key, key);
                cache.check_invariants();
                assert!(cache.len() <= 1);
            }
        };
        let load = {
            let cache = cache.clone();
            move || {
                cache.get_or_load(&3, || 3);
                cache.check_invariants();
            }
        };
        concurrently([Box::new(insert(1)), Box::new(insert(2)), Box::new(load)]);
        cache.check_invariants();
        assert_eq!(cache.len(), 1);
        assert_eq!(cache.stats().evictions, 2);
    });
}

/// A key is invalidated while its entry is evicted, replaced and purged.
#[test]
fn p9_an_entry_removed_in_several_ways_at_once_is_removed_once() {
    explore(|| {
        let cache: Numbers = TaggedCache::builder().capacity(1).build();
        cache.insert(1, 1);
        let invalidate = {
            let cache = cache.clone();
            move || _ = cache.invalidate_key(&1)
        };
        let replace = {
            let cache = cache.clone();
            move || cache.insert(1, 2)
        };
        let evict = {
            let cache = cache.clone();
            move || {
                cache.insert(2, 2);
                cache.invalidate_all();
                cache.purge();
            }
        };
        concurrently([Box::new(invalidate), Box::new(replace), Box::new(evict)]);
        cache.check_invariants();
        assert!(cache.len() <= 1);
    });
}

/// Inserts sweep a dead entry while it is read, invalidated, and replaced.
///
/// Guards: in `Store::admit`, `replace`.
#[test]
fn p9_a_sweep_against_reads_invalidations_and_inserts_of_an_entry() {
    explore(|| {
        let cache: Numbers = TaggedCache::builder().capacity(3).build();
        cache.insert_with(1, 1, EntryOptions::new().tag("dead"));
        cache.invalidate_tags(["dead"]);
        let sweep = {
            let cache = cache.clone();
            move || {
                cache.insert(2, 2);
                cache.insert(3, 3);
                cache.check_invariants();
            }
        };
        let read = {
            let cache = cache.clone();
            move || assert_ne!(cache.get(&1), Some(1), "it was invalidated")
        };
        let invalidate = {
            let cache = cache.clone();
            move || _ = cache.invalidate_key(&1)
        };
        let replace = {
            let cache = cache.clone();
            move || {
                cache.insert(1, 4);
                cache.insert(1, 5);
            }
        };
        concurrently([Box::new(sweep), Box::new(read), Box::new(invalidate), Box::new(replace)]);
        cache.check_invariants();
        assert!(cache.len() <= 3);
    });
}

fn weighed() -> Numbers {
    TaggedCache::builder().capacity(4).max_weight(5).weight(|value| *value as usize).build()
}

/// Keys are ten times the weight of their values, and more. What is listed was stored at one moment.
fn check_weight(cache: &Numbers) {
    let listed: u32 = cache.entries().iter().map(|entry| entry.arguments.parse::<u32>().expect("a number") / 10).sum();
    assert!(listed <= 5 && cache.stats().weight <= 5, "a weight of {listed}");
}

/// Guards: in `EvictionSegments::admit_if_possible`, the weight is taken before the entry is admitted.
#[test]
fn p9_concurrent_inserts_of_heavy_values_stay_within_the_weight() {
    explore(|| {
        let cache = weighed();
        let insert = |keys: [u32; 2]| {
            let cache = cache.clone();
            move || {
                for key in keys {
                    cache.insert(key, key / 10);
                    check_weight(&cache);
                    cache.check_invariants();
                }
            }
        };
        let load = {
            let cache = cache.clone();
            move || {
                assert_eq!(cache.get_or_load(&21, || 2), 2);
                check_weight(&cache);
            }
        };
        concurrently([Box::new(insert([32, 51])), Box::new(insert([41, 22])), Box::new(load)]);
        check_weight(&cache);
        cache.check_invariants();
        assert!(cache.stats().evictions > 0);
    });
}

/// One value is too heavy.
#[test]
fn p9_concurrent_replacements_by_heavier_and_lighter_values_stay_within_the_weight() {
    explore(|| {
        let cache = weighed();
        cache.insert(1, 1);
        let replace = |weights: [u32; 2]| {
            let cache = cache.clone();
            move || {
                for weight in weights {
                    cache.insert(7, weight);
                    assert!(cache.stats().weight <= 5);
                    cache.check_invariants();
                }
            }
        };
        let remove = {
            let cache = cache.clone();
            move || {
                cache.invalidate_key(&7);
                cache.insert(2, 2);
            }
        };
        concurrently([Box::new(replace([5, 1])), Box::new(replace([3, 6])), Box::new(remove)]);
        cache.check_invariants();
        assert_eq!(cache.stats().too_heavy, 1);
    });
}
