//! What a cache's builder says of all its values.

use std::panic::RefUnwindSafe;
use std::time::Duration;

use crate::entry::options::EntryOptions;
use crate::load::judge::{Judge, Judged};
use crate::sync::Arc;

type Of<V, R> = Box<dyn Fn(&V) -> R + Send + Sync>;

pub(super) struct ValueRules<V> {
    pub(super) ttl: Option<Of<V, Duration>>,
    pub(super) weight: Option<Of<V, usize>>,
}

impl<V> ValueRules<V> {
    pub(super) const NONE: Self = Self { ttl: None, weight: None };

    /// Adds to the options of a value what they do not say.
    pub(super) fn complete(&self, options: EntryOptions, value: &V) -> EntryOptions {
        let ttl = options.ttl.or_else(|| Some(self.ttl.as_ref()?(value)));
        let weight = options.weight.or_else(|| Some(self.weight.as_ref()?(value)));
        EntryOptions { ttl, weight, ..options }
    }
}

// As for the cache: a rule that panics leaves nothing half-done.
impl<V> RefUnwindSafe for ValueRules<V> {}

/// A value is judged by `J`, but for what the options say, and then by the rules.
pub(super) struct Ruled<V, J> {
    pub(super) judge: J,
    pub(super) has_ttl: bool,
    pub(super) weight: Option<usize>,
    pub(super) rules: Arc<ValueRules<V>>,
}

impl<V, J: Judge<V>> Judge<V> for Ruled<V, J> {
    fn judge(self, value: &V) -> Option<Judged> {
        let Judged { tags, ttl, weight } = self.judge.judge(value)?;
        let ttl = if self.has_ttl { None } else { ttl.or_else(|| Some(self.rules.ttl.as_ref()?(value))) };
        let weight = self.weight.or(weight).or_else(|| Some(self.rules.weight.as_ref()?(value)));
        Some(Judged { tags, ttl, weight })
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::{ManualClock, TaggedCache, TaggedCacheBuilder};

    type Numbers = TaggedCache<u32, u32>;

    fn seconds(number: u32) -> Duration {
        Duration::from_secs(u64::from(number))
    }

    fn builder() -> (TaggedCacheBuilder<u32, u32>, ManualClock) {
        let clock = ManualClock::new();
        let builder = TaggedCache::builder().clock(clock.clone()).default_ttl(seconds(5));
        (builder.ttl_from(|value| seconds(*value)).weight(|value| *value as usize), clock)
    }

    fn expires_in(cache: &Numbers) -> Duration {
        cache.entries().pop().expect("there is an entry").expires_in
    }

    #[test]
    fn p8_options_come_before_the_value_and_the_entry_before_the_cache() {
        let cache = builder().0.max_weight(1_000).build();
        let options = || EntryOptions::new().ttl(seconds(3)).weight(30);
        cache.insert_with(1, 7, options());
        assert_eq!((expires_in(&cache), cache.stats().weight), (seconds(3), 30));
        cache.insert(1, 7);
        assert_eq!((expires_in(&cache), cache.stats().weight), (seconds(7), 7));
        cache.invalidate_key(&1);
        cache.get_or_load(&1, || 8);
        assert_eq!((expires_in(&cache), cache.stats().weight), (seconds(8), 8));
        cache.invalidate_key(&1);
        let entry = || cache.entry(&1).ttl_from(|value| seconds(value + 1)).weight(|value| *value as usize + 2);
        entry().or_load(|| 9);
        assert_eq!((expires_in(&cache), cache.stats().weight), (seconds(10), 11));
        cache.invalidate_key(&1);
        entry().with(options).or_load(|| 9);
        assert_eq!((expires_in(&cache), cache.stats().weight), (seconds(3), 30));
        cache.check_invariants();
    }

    #[test]
    fn nothing_is_weighed_without_a_limit() {
        let cache: Numbers = TaggedCache::builder().weight(|_| unreachable!()).build();
        cache.insert(1, 1);
        cache.get_or_load(&2, || 2);
        cache.entry(&3).weight(|_| unreachable!()).or_load(|| 3);
        let stats = cache.stats();
        assert_eq!((stats.entries, stats.weight, stats.max_weight, stats.too_heavy), (3, 0, 0, 0));
        cache.check_invariants();
    }

    /// Nobody knows how long its value lives: the default time to live is over.
    #[test]
    fn p4_a_load_whose_value_says_its_time_to_live_is_joined_however_long_it_takes() {
        let (builder, clock) = builder();
        let cache = builder.build();
        let mut cx = Context::from_waker(Waker::noop());
        let (sender, receiver) = std::sync::mpsc::channel();
        let mut leader = Box::pin(cache.get_or_load_async(&1, || {
            std::future::poll_fn(|_| receiver.try_recv().map_or(Poll::Pending, Poll::Ready))
        }));
        assert!(leader.as_mut().poll(&mut cx).is_pending());
        clock.advance(seconds(60));
        let mut follower = Box::pin(cache.get_or_load_async(&1, async || unreachable!()));
        assert!(follower.as_mut().poll(&mut cx).is_pending());
        sender.send(100).expect("the load waits for it");
        assert_eq!(leader.as_mut().poll(&mut cx), Poll::Ready(100));
        assert_eq!(follower.as_mut().poll(&mut cx), Poll::Ready(100));
        assert_eq!((cache.stats().loads, expires_in(&cache)), (1, seconds(40)), "from the start of its load");
    }

    #[test]
    fn p15_a_load_that_fails_limits_an_enclosing_one_by_nothing_but_what_it_read() {
        let inner = builder().0.build();
        let clock = ManualClock::new();
        let outer: Numbers = TaggedCache::builder().clock(clock).default_ttl(seconds(60)).build();
        outer.get_or_load(&1, || inner.entry(&1).or_try_load(|| Err::<u32, ()>(())).map_or(1, |_| 2));
        assert_eq!(expires_in(&outer), seconds(60));
        outer.insert(7, 7);
        outer.invalidate_key(&1);
        outer.get_or_load(&1, || {
            let body = || Err::<u32, u32>(inner.get_or_load(&7, || 30));
            inner.entry(&1).or_try_load(body).unwrap_or_else(|read| read)
        });
        let mut left: Vec<_> = outer.entries().into_iter().map(|entry| entry.expires_in).collect();
        left.sort_unstable();
        assert_eq!(left, [seconds(30), seconds(60)]);
    }

    #[test]
    fn p15_a_value_for_no_time_is_not_kept_in_what_was_made_from_it() {
        let (inner, outer) = (builder().0.build(), Numbers::new());
        assert_eq!((outer.get_or_load(&1, || inner.get_or_load(&1, || 0)), inner.len(), outer.len()), (0, 0, 0));
    }

    #[test]
    fn p5_a_rule_that_panics_stores_nothing_and_the_next_call_loads() {
        let is_broken = Arc::new(std::sync::atomic::AtomicBool::new(true));
        let breaks = is_broken.clone();
        let cache: Numbers = TaggedCache::builder()
            .max_weight(10)
            .weight(move |_| {
                assert!(!breaks.load(std::sync::atomic::Ordering::Relaxed), "as the test wants it");
                1
            })
            .build();
        let load = |value| catch_unwind(AssertUnwindSafe(|| cache.get_or_load(&1, || value))).ok();
        let insert = || catch_unwind(AssertUnwindSafe(|| cache.insert(2, 2))).ok();
        assert_eq!((load(1), insert(), cache.stats().weight, cache.stats().load_errors), (None, None, 0, 1));
        is_broken.store(false, std::sync::atomic::Ordering::Relaxed);
        assert_eq!((load(2), insert(), cache.stats().weight), (Some(2), Some(()), 2));
        cache.check_invariants();
    }

    fn jittered(seed: u64, share: f64) -> Vec<Duration> {
        let builder = TaggedCache::<u32, u32>::builder().clock(ManualClock::new()).default_ttl(seconds(1_000));
        let cache = builder.jitter(share).jitter_seed(seed).build();
        let stored = |key| {
            let value_ttl = || cache.entry(&key).ttl_from(|_| seconds(1_000)).or_load(|| key);
            match key % 4 {
                0 => _ = cache.get_or_load(&key, || key),
                1 => cache.insert(key, key),
                2 => cache.insert_with(key, key, EntryOptions::new().ttl(seconds(1_000))),
                _ => _ = value_ttl(),
            }
            let left = expires_in(&cache);
            cache.invalidate_key(&key);
            left
        };
        (0..400).map(stored).collect()
    }

    #[test]
    fn each_time_to_live_is_shortened_by_up_to_the_jitter() {
        let times = jittered(7, 0.1);
        assert!(times.iter().all(|time| (seconds(900)..=seconds(1_000)).contains(time)));
        for kind in 0..4 {
            let of_kind = || times.iter().skip(kind).step_by(4);
            let (least, most) = (of_kind().min(), of_kind().max());
            assert!(least < Some(&seconds(910)) && most > Some(&seconds(990)), "{kind}: {least:?} to {most:?}");
        }
        assert_eq!(times, jittered(7, 0.1), "a seed makes it reproducible");
        assert_ne!(times, jittered(8, 0.1));
        assert!(jittered(7, 0.0).iter().all(|time| *time == seconds(1_000)));
    }

    #[test]
    fn a_jitter_is_a_share() {
        for share in [-0.1, 1.0, f64::NAN, f64::INFINITY] {
            assert!(catch_unwind(|| Numbers::builder().jitter(share)).is_err(), "{share}");
        }
        assert!(jittered(7, 0.999_999_9).iter().all(|time| !time.is_zero()));
    }
}
