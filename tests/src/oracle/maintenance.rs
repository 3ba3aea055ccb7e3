//! Operations on whole caches, and the check at the end of a run.

use std::fmt::Debug;
use std::thread;

use cache_core::{EntryInfo, Stats};

use super::harness::Harness;
use super::report::{Report, Tally};
use super::slot::{PLACES, SCOPES};
use super::worker::Worker;

impl Worker {
    /// One of the operations that visit every entry.
    pub(super) fn maintenance(&self) {
        let (harness, place) = (&self.harness, self.random.index(PLACES));
        let (direct, cache) = (harness.direct(place), harness.cache(place));
        match self.random.below(11) {
            8 => harness.views(place).purge(),
            9 => harness.inspect_len(harness.views(place).len()),
            10 => harness.inspect_len(cache.len_with_stale()),
            0 => direct.purge(),
            1 => cache.purge(),
            2 => harness.inspect_list(place, &direct.entries()),
            3 => harness.inspect_list(place, &cache.entries()),
            4 => harness.inspect_stats(&direct.stats()),
            5 => harness.inspect_stats(&cache.stats()),
            6 => harness.inspect_len(direct.len()),
            _ => harness.inspect_len(cache.len()),
        }
    }
}

impl Harness {
    fn inspect_len(&self, len: usize) {
        if len > self.scenario.capacity {
            self.add_violation(|| format!("{len} entries, but the capacity is {}", self.scenario.capacity));
        }
    }

    fn inspect_stats(&self, stats: &Stats) {
        self.inspect_len(stats.entries);
        if stats.weight > self.scenario.max_weight.unwrap_or(0) {
            self.add_violation(|| format!("a weight of {}, but the limit is {}", stats.weight, stats.max_weight));
        }
    }

    fn inspect_list(&self, place: usize, entries: &[EntryInfo]) {
        for entry in entries {
            if place != 0 && entry.scope.as_deref() != Some(SCOPES[place]) {
                self.add_violation(|| format!("listed in {}: {entry:?}", SCOPES[place]));
            }
        }
    }

    /// Compares the caches' statistics with the workers' own counts, after all have ended.
    ///
    /// # Panics
    ///
    /// If the structure of a cache is broken.
    pub(super) fn check_at_end(&self, tally: &Tally) -> Report {
        self.direct.check_invariants();
        self.views.check_invariants();
        self.cache.check_invariants();
        // By the system clock, entries expire between the two calls.
        if self.clock.is_some() {
            let lists = [0, 1, 2].map(|place| self.direct(place).entries().len());
            let lens = [0, 1, 2].map(|place| self.direct(place).len());
            self.expect_equal("entries, direct", lists, lens);
            let lists = [0, 1, 2].map(|place| self.cache(place).entries().len());
            let lens = [0, 1, 2].map(|place| self.cache(place).len());
            self.expect_equal("entries of queries", lists, lens);
        }
        for text in [format!("{:?}", self.direct), format!("{:?}", self.views), format!("{:?}", self.cache)] {
            self.expect_equal(&text, has_no_load_in_flight(&text), true);
        }
        let (direct, views, queries) = (self.direct.stats(), self.views.stats(), self.cache.stats());
        self.add_clones(tally);
        self.add_background(tally);
        if queries.stale_hits < self.stale() {
            self.add_violation(|| format!("{} stale hits, but {} expired answers", queries.stale_hits, self.stale()));
        }
        let figures = |stats: &Stats| (stats.hits + stats.misses, stats.loads, stats.load_errors);
        let sum = |a: (u64, u64, u64), b: (u64, u64, u64)| (a.0 + b.0, a.1 + b.1, a.2 + b.2);
        self.expect_equal("(calls, loads, errors), direct", sum(figures(&direct), figures(&views)), tally.direct());
        self.expect_equal("(calls, loads, errors) of queries", figures(&queries), tally.queries());
        self.expect_equal(
            "invalidated targets, direct",
            direct.invalidations + views.invalidations,
            tally.direct_targets.get(),
        );
        self.expect_equal("invalidated targets of queries", queries.invalidations, tally.query_targets.get());

        let mut report = Report { stale: self.stale(), ..Report::new(tally, [&direct, &views, &queries]) };
        self.add_violations(&mut report);
        report
    }

    /// Waits for loads in the background, after all workers have ended.
    pub(super) fn wait_for_background(&self) {
        while !has_no_load_in_flight(&format!("{:?}", self.cache)) {
            thread::yield_now();
        }
    }

    fn expect_equal<T: Copy + PartialEq + Debug>(&self, what: &str, found: T, expected: T) {
        if found != expected {
            self.add_violation(|| format!("{what}: {found:?}, but expected {expected:?}"));
        }
    }
}

fn has_no_load_in_flight(cache: &str) -> bool {
    cache.contains("loads_in_flight: Some(0)")
}
