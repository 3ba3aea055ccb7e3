//! P4 and P6: one load of a key at a time, and nobody waits for ever: shuttle reports a deadlock as a failure.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::{Numbers, cache, concurrently, explore};

const KEY: u32 = 1;
const CALLERS: u32 = 3;

/// Each caller does the same, on a thread of its own.
fn all_call(cache: &Numbers, loads: &Arc<AtomicU32>, call: impl Fn(&Numbers, &AtomicU32) + Copy + Send + 'static) {
    concurrently([(); CALLERS as usize].map(|()| {
        let (cache, loads) = (cache.clone(), loads.clone());
        Box::new(move || call(&cache, &loads)) as Box<dyn FnOnce() + Send>
    }));
}

/// Guards: in `Store::claim`, one lock for the search for an entry and for an open load, and the start of another.
#[test]
fn p4_callers_at_once_load_once() {
    explore(|| {
        let (cache, loads) = (cache(), Arc::new(AtomicU32::new(0)));
        let call = |cache: &Numbers, loads: &AtomicU32| {
            let load = || {
                shuttle::thread::yield_now();
                loads.fetch_add(1, Ordering::Relaxed)
            };
            assert_eq!(cache.get_or_load(&KEY, load), 0, "each gets the value of the one load");
        };
        all_call(&cache, &loads, call);
        let stats = cache.stats();
        assert_eq!((stats.loads, loads.load(Ordering::Relaxed)), (1, 1));
        assert_eq!(stats.hits + stats.misses, CALLERS.into(), "every call is one or the other");
        assert!(format!("{cache:?}").contains("loads_under_way: Some(0)"));
    });
}

/// Guards: in `Wait::begin`, that a wait which would close a circle does not begin, and one lock for that and the search
/// for the circle.
#[test]
fn p6_bodies_that_need_each_others_keys() {
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

/// Three loads, each of which needs the next one's key.
#[test]
fn p6_a_circle_of_three() {
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
