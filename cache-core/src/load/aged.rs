//! A value that is served instead of one that was not loaded, or not yet.

use std::future::poll_fn;
use std::sync::{Mutex as StdMutex, PoisonError};
use std::task::{Context, Poll};

use crate::clock::Nanos;
use crate::engine::Engine;
use crate::flight::context::Lifetime;
use crate::load::attach::{Answer, attach};
use crate::runtime::Task;
use crate::store::aged::AgedEntry;
use crate::store::{Storable, Store};
use crate::sync::Arc;
use crate::version::registry::TagRef;

/// A copy of an aged entry's value, unless it was invalidated. It is attached to the load around the caller. Whether its
/// key was invalidated, the caller knows.
pub(crate) fn serve<K: Storable, V: Storable + Clone>(
    engine: &Engine,
    store: &Store<K, V>,
    aged: &AgedEntry<K, V>,
    key_node: Option<&TagRef>,
    now: Nanos,
) -> Option<V> {
    let (entry, since) = (aged.entry(), aged.since);
    if !engine.timeline().may_serve(now) || !engine.storage.is_valid(&store.query, &entry.meta) {
        return None;
    }
    store.count_served(&engine.storage, entry, now);
    let answer = Answer { tags: entry.meta.tags.clone(), since, lifetime: Lifetime::of_served(&entry.meta, now) };
    attach(engine.timeline(), &store.query, key_node, answer);
    Some(entry.value.clone())
}

/// An aged entry, for a caller that does not lead the load.
pub(crate) struct Standby<K, V> {
    pub(super) engine: Arc<Engine>,
    pub(super) store: Arc<Store<K, V>>,
    pub(super) aged: Arc<AgedEntry<K, V>>,
    pub(super) key_node: Option<TagRef>,
}

impl<K, V> Standby<K, V> {
    pub(crate) fn is_served_at_once(&self) -> bool {
        self.aged.is_served_at_once
    }
}

impl<K: Storable, V: Storable + Clone> Standby<K, V> {
    /// If it is still stored: who invalidates its key removes it.
    pub(crate) fn serve(&self) -> Option<V> {
        let Self { engine, store, aged, key_node } = self;
        let now = engine.timeline().time.now();
        if !store.has(aged.entry()) {
            return None;
        }
        serve(engine, store, aged, key_node.as_ref(), now)
    }
}

/// The end of a soft timeout. A `Mutex`, as futures that wait are `Sync`; it is never locked.
pub(crate) struct Timer(StdMutex<Task>);

impl Timer {
    pub(crate) fn new(sleep: Task) -> Self {
        Self(StdMutex::new(sleep))
    }

    /// The output of what is polled; `None` if the time is over before.
    pub(crate) async fn in_time<T>(&mut self, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Option<T> {
        poll_fn(|cx| match (poll(cx), self.poll(cx)) {
            (Poll::Ready(output), _) => Poll::Ready(Some(output)),
            (Poll::Pending, Poll::Ready(())) => Poll::Ready(None),
            (Poll::Pending, Poll::Pending) => Poll::Pending,
        })
        .await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().poll(cx)
    }
}

/// If the query of an aged entry has a soft timeout, its entry has expired, and the cache has a runtime.
pub(crate) fn soft_timeout<K, V>(engine: &Engine, aged: Option<&Arc<AgedEntry<K, V>>>) -> Option<Timer> {
    let aged = aged.filter(|aged| aged.has_expired)?;
    engine.background.sleep(aged.soft_timeout()?).map(Timer::new)
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::hash::{Hash, Hasher};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::Waker;
    use std::time::Duration;

    use futures_lite::future::yield_now;

    use super::*;
    use crate::{ManualClock, TaggedCache};

    #[derive(Clone)]
    struct PanicsInDrop(Arc<AtomicBool>);

    impl Drop for PanicsInDrop {
        fn drop(&mut self) {
            assert!(!self.0.load(Ordering::SeqCst), "in `Drop`");
        }
    }

    impl Hash for PanicsInDrop {
        fn hash<H: Hasher>(&self, _: &mut H) {}
    }

    impl PartialEq for PanicsInDrop {
        fn eq(&self, _: &Self) -> bool {
            true
        }
    }

    impl Eq for PanicsInDrop {}

    #[test]
    fn p11_a_panic_in_drop_of_a_key_reaches_no_caller_that_is_served_a_stale_value() {
        let (clock, is_armed) = (ManualClock::new(), Arc::new(AtomicBool::new(false)));
        let cache: TaggedCache<PanicsInDrop, u32> = TaggedCache::builder()
            .default_ttl(Duration::from_secs(10))
            .stale_if_error(Duration::from_secs(60))
            .clock(clock.clone())
            .build();
        let key = PanicsInDrop(is_armed.clone());
        cache.insert(key.clone(), 1);
        clock.advance(Duration::from_secs(11));
        let ask = || {
            Box::pin(cache.entry(&key).or_try_load_async(async || {
                yield_now().await;
                Err(())
            }))
        };
        let mut cx = Context::from_waker(Waker::noop());
        let (mut leader, mut follower) = (ask(), ask());
        assert!(leader.as_mut().poll(&mut cx).is_pending() && follower.as_mut().poll(&mut cx).is_pending());
        is_armed.store(true, Ordering::SeqCst);
        assert_eq!(leader.as_mut().poll(&mut cx), Poll::Ready(Ok(1)));
        assert_eq!(follower.as_mut().poll(&mut cx), Poll::Ready(Ok(1)));
        is_armed.store(false, Ordering::SeqCst);
        assert_eq!(cache.stats().drop_panics, 2, "the key of each call");
    }
}
