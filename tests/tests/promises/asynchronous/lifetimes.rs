//! P8 and P15: a value says how long it lives, and a jitter shortens what is said.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use cache_core::{EntryOptions, ManualClock, TaggedCache, TaggedCacheBuilder};

use super::mode::block_on;
use crate::support::{Latch, until_in_flight};

type Numbers = TaggedCache<u32, u32>;

fn seconds(number: u32) -> Duration {
    Duration::from_secs(u64::from(number))
}

/// A value is its time to live in seconds.
fn builder() -> (TaggedCacheBuilder<u32, u32>, ManualClock) {
    let clock = ManualClock::new();
    let builder = TaggedCache::builder().clock(clock.clone()).default_ttl(seconds(5));
    (builder.ttl_from(|value| seconds(*value)), clock)
}

#[test]
fn p8_a_value_lives_as_long_as_it_says_from_the_start_of_its_load() {
    block_on(async {
        let (builder, clock) = builder();
        let cache = builder.build();
        let body = async || {
            clock.advance(seconds(9));
            10
        };
        assert_eq!(cache.get_or_load_async(&1, body).await, 10);
        assert_eq!(cache.get(&1), Some(10));
        clock.advance(seconds(1));
        assert_eq!(cache.get(&1), None, "it was served longer than ten seconds after its load began");
        cache.insert(1, 300);
        clock.advance(seconds(299));
        assert_eq!(cache.get(&1), Some(300), "it was not served as long as it says");
        clock.advance(seconds(1));
        assert_eq!(cache.get(&1), None);
        cache.check_invariants();
    });
}

#[test]
fn p8_a_value_that_took_longer_than_it_lives_is_not_stored() {
    block_on(async {
        let (builder, clock) = builder();
        let cache = builder.build();
        let body = async || {
            clock.advance(seconds(11));
            10
        };
        assert_eq!((cache.get_or_load_async(&1, body).await, cache.len()), (10, 0));
    });
}

#[test]
fn p8_a_time_to_live_that_options_say_comes_first() {
    block_on(async {
        let (builder, clock) = builder();
        let cache = builder.build();
        let options = || EntryOptions::new().ttl(seconds(3));
        cache.insert_with(1, 100, options());
        cache.entry(&2).with(options).or_load_async(async || 100).await;
        cache.entry(&3).ttl_from(|value| seconds(value / 10)).or_load_async(async || 100).await;
        clock.advance(seconds(3));
        assert_eq!([1, 2, 3].map(|key| cache.get(&key)), [None, None, Some(100)]);
        clock.advance(seconds(7));
        assert_eq!(cache.get(&3), None, "the entry comes before the cache");
    });
}

#[test]
fn p8_a_value_for_no_time_is_not_stored() {
    block_on(async {
        let cache = builder().0.build();
        assert_eq!((cache.get_or_load_async(&1, async || 0).await, cache.len()), (0, 0));
        cache.insert(1, 10);
        cache.insert(1, 0);
        assert_eq!((cache.get(&1), cache.len()), (None, 0), "what it replaces is outdated");
        cache.check_invariants();
    });
}

#[test]
fn p15_a_value_lives_no_longer_than_what_it_was_made_from() {
    block_on(async {
        let (builder, clock) = builder();
        let (inner, outer) = (builder.build(), self::builder().0.build());
        let read = async || inner.get_or_load_async(&1, async || 10).await * 10;
        outer.get_or_load_async(&1, read).await;
        outer.entry(&2).with(|| EntryOptions::new().own_ttl()).or_load_async(read).await;
        let mut left: Vec<_> = outer.entries().into_iter().map(|entry| entry.expires_in).collect();
        left.sort_unstable();
        assert_eq!(left, [seconds(10), seconds(100)]);
        clock.advance(seconds(10));
        assert_eq!(inner.get(&1), None);
    });
}

#[test]
fn p15_what_was_made_from_an_error_lives_as_long_as_what_that_was_made_from() {
    block_on(async {
        let (inner, outer) = (builder().0.build(), builder().0.build());
        let fails = async || Err::<u32, u32>(inner.get_or_load_async(&1, async || 40).await);
        let body = async || inner.entry(&2).or_try_load_async(fails).await.unwrap_or_else(|read| read * 10);
        assert_eq!(outer.get_or_load_async(&1, body).await, 400);
        assert_eq!(outer.entries()[0].expires_in, seconds(40), "not the default of five seconds");
    });
}

#[test]
fn p4_callers_join_a_load_longer_than_the_default_time_to_live() {
    let (builder, clock) = builder();
    let cache = builder.build();
    let (gate, bodies) = (Latch::new(), AtomicU32::new(0));
    let ask = || {
        block_on(cache.get_or_load_async(&1, async || {
            bodies.fetch_add(1, Ordering::SeqCst);
            gate.pass();
            100
        }))
    };
    thread::scope(|scope| {
        let leader = scope.spawn(ask);
        until_in_flight(&cache, 1, 0);
        clock.advance(seconds(60));
        let follower = scope.spawn(ask);
        until_in_flight(&cache, 1, 1);
        gate.open();
        assert_eq!((leader.join().unwrap(), follower.join().unwrap()), (100, 100));
    });
    assert_eq!(bodies.into_inner(), 1);
    clock.advance(seconds(39));
    assert_eq!(cache.get(&1), Some(100));
    clock.advance(seconds(1));
    assert_eq!(cache.get(&1), None);
}

/// The times to live of entries that are stored together.
async fn jittered(builder: TaggedCacheBuilder<u32, u32>) -> Vec<Duration> {
    let cache: Numbers = builder.clock(ManualClock::new()).default_ttl(seconds(1_000)).build();
    for key in 0..300 {
        match key % 3 {
            0 => _ = cache.get_or_load_async(&key, async || key).await,
            1 => cache.insert(key, key),
            _ => _ = cache.entry(&key).ttl_from(|_| seconds(1_000)).or_load_async(async || key).await,
        }
    }
    let mut times: Vec<_> = cache.entries().into_iter().map(|entry| entry.expires_in).collect();
    times.sort_unstable();
    assert_eq!(times.len(), 300);
    times
}

#[test]
fn p8_what_was_stored_together_does_not_expire_together_and_nothing_later() {
    block_on(async {
        let times = jittered(TaggedCache::builder().jitter(0.1)).await;
        assert!(times.iter().all(|time| *time >= seconds(900) && *time <= seconds(1_000)), "{times:?}");
        assert!(
            times[0] < seconds(920) && times[299] > seconds(980),
            "{} to {}",
            times[0].as_secs(),
            times[299].as_secs()
        );
        assert!(times.windows(2).all(|pair| pair[1].abs_diff(pair[0]) < seconds(10)), "spread over all of it");
        let seeded = || TaggedCache::builder().jitter(0.5).jitter_seed(1);
        assert_eq!(jittered(seeded()).await, jittered(seeded()).await, "a seed makes it reproducible");
        assert_eq!(jittered(TaggedCache::builder().jitter_seed(1)).await, vec![seconds(1_000); 300]);
    });
}
