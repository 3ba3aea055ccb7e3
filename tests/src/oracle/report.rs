//! What a run is known by: the workers' own count of what they did, and the report made of it.

use std::sync::atomic::{AtomicU64, Ordering};

use cache_core::Stats;

/// A count of one worker's. A task takes it along from thread to thread, but nobody else writes here: there is nothing
/// to lose between reading and writing.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self, more: u64) {
        self.0.store(self.get() + more, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What workers did, by their own count: what the caches say is compared with it.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) operations: Count,
    pub(super) cancelled: Count,
    pub(super) writes: Count,
    pub(super) hand_calls: Count,
    /// Calls that missed, and don't load.
    pub(super) get_misses: Count,
    /// Calls that missed, and neither loaded nor got an answer.
    pub(super) given_up: Count,
    /// Calls that missed, and got the error of a load of another's.
    pub(super) shared_errors: Count,
    pub(super) hand_loads: Count,
    pub(super) hand_load_errors: Count,
    /// What the invalidations by hand named.
    pub(super) hand_targets: Count,
    pub(super) query_calls: Count,
    pub(super) query_loads: Count,
    pub(super) query_load_errors: Count,
    /// What the other invalidations named.
    pub(super) query_targets: Count,
}

impl Tally {
    pub(super) fn add(&self, other: &Self) {
        for (sum, count) in self.all().into_iter().zip(other.all()) {
            sum.add(count.get());
        }
    }

    fn all(&self) -> [&Count; 14] {
        [
            &self.operations,
            &self.cancelled,
            &self.writes,
            &self.hand_calls,
            &self.get_misses,
            &self.given_up,
            &self.shared_errors,
            &self.hand_loads,
            &self.hand_load_errors,
            &self.hand_targets,
            &self.query_calls,
            &self.query_loads,
            &self.query_load_errors,
            &self.query_targets,
        ]
    }

    /// All of them.
    pub(super) fn loads(&self) -> u64 {
        self.hand_loads.get() + self.query_loads.get()
    }

    /// Calls, loads and load errors.
    pub(super) fn hand(&self) -> (u64, u64, u64) {
        (self.hand_calls.get(), self.hand_loads.get(), self.hand_load_errors.get())
    }

    /// Calls, loads and load errors.
    pub(super) fn queries(&self) -> (u64, u64, u64) {
        (self.query_calls.get(), self.query_loads.get(), self.query_load_errors.get())
    }
}

/// What happened in one run or in several.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What workers set out to do. What bodies did in the middle of loads is not counted.
    pub operations: u64,
    /// Futures that were dropped before they were ready, whether of operations or of what bodies did.
    pub cancelled: u64,
    /// Writes to the database, each with one invalidation or insertion.
    pub writes: u64,
    /// Calls answered from a cache.
    pub hits: u64,
    /// Bodies run.
    pub loads: u64,
    /// Calls that missed, and were answered with what another had loaded.
    pub shared: u64,
    /// Loads that failed, panicked or were cancelled.
    pub load_errors: u64,
    /// Loads that were overtaken by an invalidation.
    pub discarded_loads: u64,
    /// Live entries that made room for others.
    pub evictions: u64,
    /// Entries that were found expired.
    pub expirations: u64,
    /// What must not be.
    pub violations: u64,
    /// A few of them.
    pub first_violations: Vec<String>,
}

impl Report {
    /// Of a run: what its workers did, and the figures of the caches that were made for it.
    pub(super) fn new(tally: &Tally, caches: [&Stats; 3]) -> Self {
        let sum = |figure: fn(&Stats) -> u64| caches.into_iter().map(figure).sum::<u64>();
        let (misses, loads) = (sum(|stats| stats.misses), sum(|stats| stats.loads));
        Self {
            operations: tally.operations.get(),
            cancelled: tally.cancelled.get(),
            writes: tally.writes.get(),
            hits: sum(|stats| stats.hits),
            loads,
            shared: misses
                .saturating_sub(loads + tally.get_misses.get() + tally.given_up.get() + tally.shared_errors.get()),
            load_errors: sum(|stats| stats.load_errors),
            discarded_loads: sum(|stats| stats.discarded_loads),
            evictions: sum(|stats| stats.evictions),
            expirations: sum(|stats| stats.expirations),
            ..Self::default()
        }
    }

    /// Adds another run.
    pub fn add(&mut self, other: &Self) {
        self.operations += other.operations;
        self.cancelled += other.cancelled;
        self.writes += other.writes;
        self.hits += other.hits;
        self.loads += other.loads;
        self.shared += other.shared;
        self.load_errors += other.load_errors;
        self.discarded_loads += other.discarded_loads;
        self.evictions += other.evictions;
        self.expirations += other.expirations;
        self.violations += other.violations;
        self.first_violations.extend_from_slice(&other.first_violations);
    }
}
