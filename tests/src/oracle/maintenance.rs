//! What looks at whole caches: in the middle of a run, and when it is over.

use std::fmt::Debug;

use cache_core::{EntryInfo, Stats};

use super::report::{Report, Tally};
use super::slot::{PLACES, SCOPES};
use super::worker::Worker;
use super::world::World;

impl Worker {
    /// Does one of the things that look at every entry.
    pub(super) fn upkeep(&self) {
        let (world, place) = (&self.world, self.dice.index(PLACES));
        let (hand, cache) = (world.hand(place), world.cache(place));
        match self.dice.below(10) {
            8 => world.views(place).purge(),
            9 => world.inspect_len(world.views(place).len()),
            0 => hand.purge(),
            1 => cache.purge(),
            2 => world.inspect_list(place, &hand.entries()),
            3 => world.inspect_list(place, &cache.entries()),
            4 => world.inspect_len(hand.stats().entries),
            5 => world.inspect_len(cache.stats().entries),
            6 => world.inspect_len(hand.len()),
            _ => world.inspect_len(cache.len()),
        }
    }
}

impl World {
    fn inspect_len(&self, len: usize) {
        if len > self.room.capacity {
            self.accuse(|| format!("{len} entries in room for {}", self.room.capacity));
        }
    }

    fn inspect_list(&self, place: usize, entries: &[EntryInfo]) {
        for entry in entries {
            if place != 0 && entry.scope.as_deref() != Some(SCOPES[place]) {
                self.accuse(|| format!("listed in {}: {entry:?}", SCOPES[place]));
            }
        }
    }

    /// Compares what the caches say with what was done, when nobody does anything any more.
    ///
    /// # Panics
    ///
    /// If the structure of a cache is broken.
    pub(super) fn examine(&self, tally: &Tally) -> Report {
        self.hand.check_invariants();
        self.views.check_invariants();
        self.cache.check_invariants();
        // By the system's clock entries expire between one look and the next.
        if self.clock.is_some() {
            let lists = [0, 1, 2].map(|place| self.hand(place).entries().len());
            let lens = [0, 1, 2].map(|place| self.hand(place).len());
            self.expect_equal("entries by hand", lists, lens);
            let lists = [0, 1, 2].map(|place| self.cache(place).entries().len());
            let lens = [0, 1, 2].map(|place| self.cache(place).len());
            self.expect_equal("entries of queries", lists, lens);
        }
        for text in [format!("{:?}", self.hand), format!("{:?}", self.views), format!("{:?}", self.cache)] {
            self.expect_equal(&text, text.contains("loads_under_way: Some(0)"), true);
        }
        let (by_hand, views, queries) = (self.hand.stats(), self.views.stats(), self.cache.stats());
        self.add_clones(tally);
        let figures = |stats: &Stats| (stats.hits + stats.misses, stats.loads, stats.load_errors);
        let sum = |a: (u64, u64, u64), b: (u64, u64, u64)| (a.0 + b.0, a.1 + b.1, a.2 + b.2);
        self.expect_equal("(calls, loads, errors) by hand", sum(figures(&by_hand), figures(&views)), tally.hand());
        self.expect_equal("(calls, loads, errors) of queries", figures(&queries), tally.queries());
        self.expect_equal(
            "targets of invalidations by hand",
            by_hand.invalidations + views.invalidations,
            tally.hand_targets.get(),
        );
        self.expect_equal("targets of invalidations of queries", queries.invalidations, tally.query_targets.get());

        let mut report = Report::new(tally, [&by_hand, &views, &queries]);
        self.add_violations(&mut report);
        report
    }

    fn expect_equal<T: Copy + PartialEq + Debug>(&self, what: &str, found: T, expected: T) {
        if found != expected {
            self.accuse(|| format!("{what}: {found:?}, where {expected:?} is right"));
        }
    }
}
