//! P4 and P6: one load of a key at a time, and no deadlock: shuttle reports one as a failure.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use shuttle::thread;

use crate::support::{cache, concurrently, explore, is_idle, on_threads};

const KEY: u32 = 1;
const CALLERS: u32 = 3;

/// Guards: in `Store::claim`, one lock for the search for an entry, the search for a flight, and the start of a load.
#[test]
fn p4_concurrent_callers_load_once() {
    explore(|| {
        let (cache, loads) = (cache(), Arc::new(AtomicU32::new(0)));
        let call = {
            let (cache, loads) = (cache.clone(), loads.clone());
            move || {
                let load = || {
                    thread::yield_now();
                    loads.fetch_add(1, Ordering::Relaxed)
                };
                assert_eq!(cache.get_or_load(&KEY, load), 0, "each gets the value of the one load");
            }
        };
        on_threads(CALLERS as usize, call);
        let stats = cache.stats();
        assert_eq!((stats.loads, loads.load(Ordering::Relaxed)), (1, 1));
        assert_eq!(stats.hits + stats.misses, CALLERS.into(), "every call is a hit or a miss");
        assert!(is_idle(&cache));
    });
}

/// Guards: in `Wait::begin`, that a wait which would close a cycle does not begin, and one lock for that and the search
/// for the cycle.
#[test]
fn p6_bodies_that_read_each_others_keys() {
    explore(|| {
        let cache = cache();
        let load = |own: u32, other: u32| {
            let cache = cache.clone();
            move || {
                let load = || {
                    assert_eq!(cache.get_or_load(&other, || other), other);
                    own
                };
                assert_eq!(cache.get_or_load(&own, load), own);
            }
        };
        concurrently([Box::new(load(1, 2)), Box::new(load(2, 1)), Box::new(load(1, 2))]);
        cache.check_invariants();
    });
}

/// Each of three bodies reads the key of the next.
#[test]
fn p6_a_cycle_of_three() {
    explore(|| {
        let cache = cache();
        let load = |own: u32, other: u32| {
            let cache = cache.clone();
            move || _ = cache.get_or_load(&own, || cache.get_or_load(&other, || other))
        };
        concurrently([Box::new(load(1, 2)), Box::new(load(2, 3)), Box::new(load(3, 1))]);
        cache.check_invariants();
    });
}
