//! P8: no value is served later than its time to live after its load began.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cache_core::{Cache, Clock, EntryOptions, HasCache, ManualClock, SystemClock, TaggedCache, cached_query};

use super::mode::block_on;

const TTL: Duration = Duration::from_millis(1500);

#[derive(HasCache)]
struct Repo {
    loads: AtomicU32,
    clock: ManualClock,
    cache: Cache,
}

/// Passes the time to live as an invisible group.
macro_rules! by_macro {
    ($name:ident, $ttl:literal) => {
        #[cached_query(ttl = $ttl)]
        async fn $name(&self) -> u32 {
            self.load()
        }
    };
}

impl Repo {
    fn new() -> Self {
        let clock = ManualClock::new();
        let cache = Cache::builder().clock(clock.clone()).default_ttl(Duration::from_secs(7)).build();
        Self { loads: AtomicU32::new(0), clock, cache }
    }

    fn load(&self) -> u32 {
        self.loads.fetch_add(1, Ordering::SeqCst)
    }

    #[cached_query(ttl = "5m")]
    async fn text(&self) -> u32 {
        self.load()
    }

    #[cached_query(ttl = 300)]
    async fn seconds(&self) -> u32 {
        self.load()
    }

    #[cached_query(ttl = TTL)]
    async fn expression(&self) -> u32 {
        self.load()
    }

    #[cached_query(ttl = { self.loads.fetch_add(10, Ordering::SeqCst); TTL })]
    async fn counts_evaluations(&self) -> u32 {
        self.load()
    }

    by_macro!(macro_made, "5m");

    #[cached_query]
    async fn by_default(&self) -> u32 {
        self.load()
    }

    #[cached_query(ttl = "18446744073709551615s")]
    async fn forever(&self) -> u32 {
        self.load()
    }

    #[cached_query(ttl = "10s")]
    async fn slow(&self) -> u32 {
        self.clock.advance(Duration::from_secs(9));
        self.load()
    }
}

async fn assert_lives_for(ttl: Duration, query: impl AsyncFn(&Repo) -> u32) {
    let repo = Repo::new();
    assert_eq!(query(&repo).await, 0);
    repo.clock.advance(ttl.saturating_sub(Duration::from_nanos(1)));
    assert_eq!(query(&repo).await, 0, "it expired too early");
    repo.clock.advance(Duration::from_nanos(1));
    assert!(repo.cache.is_empty());
    assert_eq!(query(&repo).await, 1, "it was served too late");
    assert_eq!(repo.cache.stats().expirations, 1);
}

#[test]
fn p8_a_value_is_served_for_its_time_to_live() {
    block_on(async {
        assert_lives_for(Duration::from_secs(300), Repo::text).await;
        assert_lives_for(Duration::from_secs(300), Repo::seconds).await;
        assert_lives_for(Duration::from_secs(300), Repo::macro_made).await;
        assert_lives_for(TTL, Repo::expression).await;
        assert_lives_for(Duration::from_secs(7), Repo::by_default).await;
    });
}

#[test]
fn p8_the_time_to_live_counts_from_the_start_of_the_load() {
    block_on(async {
        let repo = Repo::new();
        assert_eq!((repo.slow().await, repo.slow().await), (0, 0));
        repo.clock.advance(Duration::from_secs(1));
        assert_eq!(repo.slow().await, 1);
    });
}

#[test]
fn p8_an_expression_is_evaluated_on_a_miss_and_not_on_a_hit() {
    block_on(async {
        let repo = Repo::new();
        assert_eq!((repo.counts_evaluations().await, repo.counts_evaluations().await), (10, 10));
        repo.clock.advance(TTL);
        assert_eq!(repo.counts_evaluations().await, 21);
    });
}

#[test]
fn p8_a_hit_does_not_extend_the_time_to_live() {
    block_on(async {
        let repo = Repo::new();
        repo.text().await;
        for _ in 0..299 {
            repo.clock.advance(Duration::from_secs(1));
            assert_eq!(repo.text().await, 0);
        }
        repo.clock.advance(Duration::from_secs(1));
        assert_eq!(repo.text().await, 1);
    });
}

#[test]
fn p8_the_longest_times_saturate() {
    block_on(async {
        let repo = Repo::new();
        repo.clock.advance(Duration::from_secs(1 << 33));
        assert_eq!(repo.forever().await, 0);
        repo.clock.advance(Duration::MAX);
        assert_eq!(repo.forever().await, 0);
        assert_eq!(repo.clock.now(), Duration::from_nanos(u64::MAX));

        let cache: TaggedCache<u8, u8> = TaggedCache::builder().default_ttl(Duration::MAX).build();
        cache.insert(1, 1);
        assert_eq!(cache.get(&1), Some(1));
    });
}

#[test]
fn p8_a_time_to_live_of_zero_serves_nothing() {
    let cache: TaggedCache<u8, u8> = TaggedCache::builder().default_ttl(Duration::ZERO).build();
    cache.insert(1, 1);
    assert_eq!((cache.get(&1), cache.len()), (None, 0));
    cache.insert_with(1, 2, EntryOptions::new().ttl(Duration::from_secs(60)));
    assert_eq!(cache.get(&1), Some(2));
}

#[test]
fn p8_the_system_clock_is_monotonic() {
    let mut last = SystemClock.now();
    for _ in 0..1000 {
        let now = SystemClock.now();
        assert!(now >= last);
        last = now;
    }
}

/// Without a limit, except for the watchdog.
#[test]
fn p8_the_system_clock_advances() {
    let _watch = cache_tests::watchdog::guard(Duration::from_secs(60), || "the clock does not advance".into());
    let start = SystemClock.now();
    let cache: TaggedCache<u8, u8> = TaggedCache::builder().default_ttl(Duration::from_millis(1)).build();
    cache.insert(1, 1);
    while SystemClock.now() < start + Duration::from_millis(20) || cache.get(&1).is_some() {
        std::thread::yield_now();
    }
}

#[test]
fn a_builder_shows_which_clock_it_has() {
    let builder = Cache::builder();
    assert!(format!("{builder:?}").contains("SystemClock"));
    assert!(format!("{:?}", builder.clock(ManualClock::new())).contains("custom clock"));
}

/// The options of a miss are slow, and meanwhile another thread stores a value, which expires.
#[test]
fn p8_a_value_stored_while_options_are_made_is_not_served_late() {
    block_on(async {
        let clock = ManualClock::new();
        let cache: TaggedCache<u32, &str> = TaggedCache::builder().clock(clock.clone()).build();
        let options = || {
            cache.insert_with(1, "old", EntryOptions::new().ttl(Duration::from_secs(1)));
            clock.advance(Duration::from_secs(1));
            EntryOptions::new()
        };
        assert_eq!(cache.entry(&1).with(options).or_load_async(async || "new").await, "new");
    });
}
