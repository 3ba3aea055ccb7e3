//! The configurations of a run.

use std::time::Duration;

/// One configuration: the caches, and the rates of what happens to them.
#[derive(Debug)]
pub struct Scenario {
    /// The name in the report.
    pub name: &'static str,
    /// Of each cache.
    pub(super) capacity: usize,
    /// Of each cache.
    pub(super) max_weight: Option<u64>,
    /// In each place.
    pub(super) keys: usize,
    pub(super) time: Time,
    /// This many of 256 operations are writes.
    pub(super) writes: u32,
    /// One of this many writes invalidates everything.
    pub(super) invalidate_all: u32,
    /// One of this many calls of user code yields.
    pub(super) yields: u32,
    /// One of this many drops of values and keys in a cache panics.
    pub(super) drop_panics: u32,
}

/// The clock of the caches, and the default time to live.
#[derive(Clone, Copy, Debug)]
pub(super) enum Time {
    /// Workers advance it, a few [`TICK`]s at a time.
    Manual {
        ttl: Duration,
    },
    System {
        ttl: Duration,
    },
}

pub(super) const TICK: Duration = Duration::from_millis(1);

const fn ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks)
}

/// Each finds what others rarely reach.
pub const SCENARIOS: [Scenario; 7] = [
    // Each insert evicts, and tags are released soon after they are created.
    Scenario {
        name: "one entry",
        capacity: 1,
        max_weight: None,
        keys: 14,
        time: Time::Manual { ttl: ticks(50) },
        writes: 24,
        invalidate_all: 32,
        yields: 128,
        drop_panics: 2_000,
    },
    // All threads use the same few slots.
    Scenario {
        name: "hot keys",
        capacity: 64,
        max_weight: None,
        keys: 7,
        time: Time::Manual { ttl: ticks(100) },
        writes: 48,
        invalidate_all: 16,
        yields: 64,
        drop_panics: 2_000,
    },
    // So few invalidations that the next one does not hide a failed one.
    Scenario {
        name: "rare writes",
        capacity: 64,
        max_weight: None,
        keys: 14,
        time: Time::System { ttl: Duration::from_secs(300) },
        writes: 4,
        invalidate_all: 64,
        yields: 128,
        drop_panics: 2_000,
    },
    // Of some entries, the weights leave room for fewer.
    Scenario {
        name: "eight entries",
        capacity: 8,
        max_weight: Some(12),
        keys: 49,
        time: Time::Manual { ttl: ticks(10) },
        writes: 20,
        invalidate_all: 64,
        yields: 256,
        drop_panics: 2_000,
    },
    Scenario {
        name: "real clock",
        capacity: 64,
        max_weight: None,
        keys: 200,
        time: Time::System { ttl: Duration::from_millis(3) },
        writes: 16,
        invalidate_all: 200,
        yields: 512,
        drop_panics: 2_000,
    },
    // Nothing is evicted: entries only expire and are invalidated.
    Scenario {
        name: "no evictions",
        capacity: 10_000,
        max_weight: None,
        keys: 400,
        time: Time::Manual { ttl: ticks(200) },
        writes: 16,
        invalidate_all: 500,
        yields: 512,
        drop_panics: 2_000,
    },
    Scenario {
        name: "nothing stored",
        capacity: 0,
        max_weight: None,
        keys: 7,
        time: Time::Manual { ttl: ticks(50) },
        writes: 16,
        invalidate_all: 16,
        yields: 512,
        drop_panics: 2_000,
    },
];
