//! Commits that may still happen: their future was dropped, or their answer was lost.
//!
//! A load that reads before such a commit and ends after the invalidation has read the old rows, and the cache cannot
//! see it. So for a *grace* the targets are invalidated again whenever a load ends or a call misses: what depends on them
//! is neither stored nor joined by later callers. The last time is after the grace, for loads that began within it.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::clock::Nanos;
use crate::engine::transaction::Held;
use crate::sync::Mutex;
use crate::version::timeline::Timeline;

pub(crate) struct Uncertain {
    grace: Nanos,
    /// With the end of the grace.
    targets: Mutex<HashMap<Held, Nanos, RandomState>>,
}

impl Uncertain {
    pub(crate) fn new(grace: Nanos) -> Self {
        Self { grace, targets: Mutex::new(HashMap::default()) }
    }

    pub(crate) fn add(&self, timeline: &Timeline, targets: impl Iterator<Item = Held>) {
        let until = timeline.time.now().saturating_add(self.grace);
        let mut known = self.targets.lock();
        known.extend(targets.map(|target| (target, until)));
        timeline.set_uncertain(known.len());
    }

    /// All targets, and the time.
    pub(crate) fn current(&self, timeline: &Timeline) -> (Vec<Held>, Nanos) {
        let now = timeline.time.now();
        (self.targets.lock().keys().cloned().collect(), now)
    }

    /// Called after they were invalidated: the grace of some had ended `now`.
    pub(crate) fn remove_ended(&self, timeline: &Timeline, now: Nanos) {
        let mut known = self.targets.lock();
        known.retain(|_, until| now < *until);
        timeline.set_uncertain(known.len());
    }
}
