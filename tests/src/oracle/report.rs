//! The workers' own counts, and the report of a run.

use std::sync::atomic::{AtomicU64, Ordering};

use cache_core::Stats;

/// A counter that only one worker writes, so the load and the store need not be one atomic operation. It can move
/// between threads with its task.
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

/// What workers did, by their own counts. The caches' statistics are compared with them.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) operations: Count,
    pub(super) cancelled: Count,
    pub(super) writes: Count,
    pub(super) direct_calls: Count,
    /// Misses of calls that do not load.
    pub(super) get_misses: Count,
    /// Calls that missed, and were dropped without a load or an answer.
    pub(super) abandoned: Count,
    /// Calls that missed, and got the error of another caller's load.
    pub(super) shared_errors: Count,
    pub(super) direct_loads: Count,
    pub(super) direct_load_errors: Count,
    /// Targets of direct invalidations.
    pub(super) direct_targets: Count,
    pub(super) query_calls: Count,
    /// Calls of the query that loads in the background. Which of them load, their worker does not know.
    pub(super) background_calls: Count,
    pub(super) query_loads: Count,
    pub(super) query_load_errors: Count,
    /// Targets of the other invalidations.
    pub(super) query_targets: Count,
}

impl Tally {
    pub(super) fn add(&self, other: &Self) {
        for (sum, count) in self.all().into_iter().zip(other.all()) {
            sum.add(count.get());
        }
    }

    fn all(&self) -> [&Count; 15] {
        [
            &self.operations,
            &self.cancelled,
            &self.writes,
            &self.direct_calls,
            &self.get_misses,
            &self.abandoned,
            &self.shared_errors,
            &self.direct_loads,
            &self.direct_load_errors,
            &self.direct_targets,
            &self.query_calls,
            &self.background_calls,
            &self.query_loads,
            &self.query_load_errors,
            &self.query_targets,
        ]
    }

    /// Of all kinds, with those that there may be.
    pub(super) fn loads(&self) -> u64 {
        self.direct_loads.get() + self.query_loads.get() + self.background_calls.get()
    }

    /// Calls, loads and load errors.
    pub(super) fn direct(&self) -> (u64, u64, u64) {
        (self.direct_calls.get(), self.direct_loads.get(), self.direct_load_errors.get())
    }

    /// Calls, loads and load errors.
    pub(super) fn queries(&self) -> (u64, u64, u64) {
        (self.query_calls.get(), self.query_loads.get(), self.query_load_errors.get())
    }
}

/// The results of one or more runs.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Operations begun. Those in the bodies of loads do not count.
    pub operations: u64,
    /// Futures that were dropped before they were ready.
    pub cancelled: u64,
    /// Writes to the database, each with an invalidation or an insert.
    pub writes: u64,
    /// Calls answered from a cache.
    pub hits: u64,
    /// Bodies run.
    pub loads: u64,
    /// Calls that missed, and got the value of another caller's load.
    pub shared: u64,
    /// Loads that failed, panicked or were cancelled.
    pub load_errors: u64,
    /// Loads that were invalidated before they ended.
    pub discarded_loads: u64,
    /// Live entries that were evicted.
    pub evictions: u64,
    /// Entries that were found expired.
    pub expirations: u64,
    /// Answers that had expired before the call, and were allowed to.
    pub stale: u64,
    /// Wrong answers and wrong counts.
    pub violations: u64,
    /// The first few of each kind.
    pub first_violations: Vec<String>,
}

impl Report {
    /// From the workers' counts and the caches' statistics.
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
                .saturating_sub(loads + tally.get_misses.get() + tally.abandoned.get() + tally.shared_errors.get()),
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
        self.stale += other.stale;
        self.violations += other.violations;
        self.first_violations.extend_from_slice(&other.first_violations);
    }
}
