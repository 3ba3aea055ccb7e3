//! P13: a `Clone` or a `Drop` that drops loads in flight, which use the cache as they end.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use cache_core::TaggedCache;

use crate::support::{finishes, in_flight};

type Holders = TaggedCache<u32, Holder>;
type Loads = Arc<Mutex<Vec<Load>>>;
type Load = Pin<Box<dyn Future<Output = Holder> + Send>>;

struct Holder {
    lets_go_when_cloned: Loads,
    lets_go_when_dropped: Loads,
}

impl Holder {
    fn of(lets_go_when_cloned: Loads, lets_go_when_dropped: Loads) -> Self {
        Self { lets_go_when_cloned, lets_go_when_dropped }
    }

    fn of_nothing() -> Self {
        Self::of(Loads::default(), Loads::default())
    }
}

fn drop_loads(loads: &Mutex<Vec<Load>>) {
    let loads = std::mem::take(&mut *loads.lock().unwrap());
    drop(loads);
}

impl Clone for Holder {
    fn clone(&self) -> Self {
        drop_loads(&self.lets_go_when_cloned);
        Self::of_nothing()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop_loads(&self.lets_go_when_dropped);
    }
}

fn begin(cache: &Holders, key: u32) -> Load {
    let cache = cache.clone();
    let mut load: Load = Box::pin(async move { cache.get_or_load_async(&key, async || pending().await).await });
    assert!(load.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    load
}

/// A leader and a waiter, in the same shard and in others.
fn loads(cache: &Holders) -> Loads {
    Arc::new(Mutex::new((2..40).flat_map(|key| [begin(cache, key), begin(cache, key)]).collect()))
}

#[test]
fn p13_a_clone_may_drop_loads_in_flight() {
    for capacity in [4, 10_000] {
        let cache: Holders = TaggedCache::builder().capacity(capacity).build();
        cache.insert(1, Holder::of(loads(&cache), Loads::default()));
        assert!(in_flight(&cache, 38, 38));
        let hit = cache.clone();
        finishes("a `Clone` that drops loads", move || assert!(hit.get(&1).is_some()));
        assert!(in_flight(&cache, 0, 0), "{cache:?}");
        cache.check_invariants();
    }
}

#[test]
fn p13_a_drop_may_drop_loads_in_flight() {
    let invalidate: [fn(&Holders); 4] = [
        |cache| assert!(cache.invalidate_key(&1)),
        |cache| cache.insert(1, Holder::of_nothing()),
        |cache| {
            cache.invalidate_all();
            cache.purge();
        },
        |cache| {
            cache.invalidate_all();
            assert!(cache.get(&1).is_none());
            cache.purge();
        },
    ];
    for invalidate in invalidate {
        let cache: Holders = TaggedCache::builder().capacity(4).build();
        cache.insert(1, Holder::of(Loads::default(), loads(&cache)));
        let invalidated = cache.clone();
        finishes("a `Drop` that drops loads", move || invalidate(&invalidated));
        assert!(in_flight(&cache, 0, 0), "{cache:?}");
        cache.check_invariants();
    }
}
