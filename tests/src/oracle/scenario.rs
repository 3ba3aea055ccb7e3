//! The configurations that the oracle is asked in.

use std::time::Duration;

/// One configuration: caches of a size, and what happens to them.
#[derive(Debug)]
pub struct Room {
    /// What it is called in the report.
    pub name: &'static str,
    /// Of each cache.
    pub(super) capacity: usize,
    /// In each place.
    pub(super) keys: usize,
    pub(super) time: Time,
    /// How many of 256 operations are writes.
    pub(super) writes: u32,
    /// One of so many writes forgets everything.
    pub(super) sweep: u32,
    /// One of so many calls of code of the user's gives way to another thread.
    pub(super) stumble: u32,
    /// One of so many drops of values and keys that a cache has panics.
    pub(super) traps: u32,
}

/// The clock of the caches, and how long values live by it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Time {
    /// Threads move it, one [`TICK`] at a time.
    Manual {
        ttl: Duration,
    },
    System {
        ttl: Duration,
    },
}

/// What a thread moves a manual clock by.
pub(super) const TICK: Duration = Duration::from_millis(1);

const fn ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks)
}

/// All configurations. Each finds what the others seldom meet.
pub const ROOMS: [Room; 7] = [
    // Whatever is stored displaces something, and tags leave as soon as they have come.
    Room {
        name: "one entry",
        capacity: 1,
        keys: 12,
        time: Time::Manual { ttl: ticks(50) },
        writes: 24,
        sweep: 32,
        stumble: 128,
        traps: 2_000,
    },
    // All that threads do is about the same few slots.
    Room {
        name: "hot keys",
        capacity: 64,
        keys: 6,
        time: Time::Manual { ttl: ticks(100) },
        writes: 48,
        sweep: 16,
        stumble: 64,
        traps: 2_000,
    },
    // So few invalidations that one which goes wrong isn't covered up by the next.
    Room {
        name: "seldom written",
        capacity: 64,
        keys: 12,
        time: Time::System { ttl: Duration::from_secs(300) },
        writes: 4,
        sweep: 64,
        stumble: 128,
        traps: 2_000,
    },
    Room {
        name: "eight entries",
        capacity: 8,
        keys: 48,
        time: Time::Manual { ttl: ticks(10) },
        writes: 20,
        sweep: 64,
        stumble: 256,
        traps: 2_000,
    },
    Room {
        name: "real clock",
        capacity: 64,
        keys: 200,
        time: Time::System { ttl: Duration::from_millis(3) },
        writes: 16,
        sweep: 200,
        stumble: 512,
        traps: 2_000,
    },
    // Nothing is ever evicted: entries die by time and by invalidation only.
    Room {
        name: "room for all",
        capacity: 10_000,
        keys: 400,
        time: Time::Manual { ttl: ticks(200) },
        writes: 16,
        sweep: 500,
        stumble: 512,
        traps: 2_000,
    },
    Room {
        name: "nothing stored",
        capacity: 0,
        keys: 6,
        time: Time::Manual { ttl: ticks(50) },
        writes: 16,
        sweep: 16,
        stumble: 512,
        traps: 2_000,
    },
];
