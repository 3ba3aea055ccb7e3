//! The version clock: what an invalidation costs, and why no stale load is served.
//!
//! Every invalidation takes the next version and then raises the *cells* of what it names to it. A load
//! notes the version at which it is *born*, before it reads anything. What it made is current if and only
//! if none of the cells that it bears has been raised past its birth. Nothing is ever scanned.
//!
//! Two orders make that hold, and every module that touches a cell keeps them:
//!
//! - An invalidation takes its version **before** it looks for the cell that it raises.
//! - A load finds or makes its cells **before** it reads the version of its birth.
//!
//! Cells are found and made under a lock, so one of the two comes first there. If the load does, the
//! invalidation finds the cell and raises it. If the invalidation does, the load is born after it.
//! Tags that are known only from a load's result can't keep the second order; [`crate::tag`] says what
//! holds instead.

use crossbeam_utils::CachePadded;

use crate::sync::{AtomicU64, Ordering};

/// A point in the order of invalidations.
pub(crate) type Version = u64;

/// Counts the invalidations of one cache: those begun and those completed.
#[derive(Debug, Default)]
pub(crate) struct VersionClock {
    begun: CachePadded<AtomicU64>,
    completed: CachePadded<AtomicU64>,
}

impl VersionClock {
    /// The version at which a load that starts now is born.
    pub(crate) fn birth(&self) -> Version {
        self.begun.load(Ordering::Acquire)
    }

    /// Runs an invalidation: `raise` lifts every cell that it names to the version it is given.
    pub(crate) fn invalidate<R>(&self, raise: impl FnOnce(Version) -> R) -> R {
        let version = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
        let raised = raise(version);
        // Only now: who sees this count must see every cell that was raised before it.
        self.completed.fetch_add(1, Ordering::Release);
        raised
    }

    /// How many invalidations have raised all their cells.
    pub(crate) fn completed(&self) -> u64 {
        self.completed.load(Ordering::Acquire)
    }

    /// The last version, if all invalidations up to it have raised their cells.
    ///
    /// What is found current *after* this was read is current as of this version: those that begin later have higher
    /// ones. While one is still to raise its cells there is no such version. The number of those completed must be
    /// read first. It is never above that of those begun, so if the two are equal, nothing had begun that was not
    /// complete when the first was read.
    pub(crate) fn settled(&self) -> Option<Version> {
        let completed = self.completed();
        (completed == self.begun.load(Ordering::Acquire)).then_some(completed)
    }
}

/// The version at which something was last invalidated.
#[derive(Debug, Default)]
pub(crate) struct Cell(AtomicU64);

impl Cell {
    pub(crate) fn new(at: Version) -> Self {
        Self(AtomicU64::new(at))
    }

    /// Raises the cell to `version`; one that is higher already stays, for a slow invalidation must not
    /// undo what a later one did.
    pub(crate) fn raise(&self, version: Version) {
        self.0.fetch_max(version, Ordering::AcqRel);
    }

    pub(crate) fn at(&self) -> Version {
        self.0.load(Ordering::Acquire)
    }

    /// Whether what was born at `birth` has not been invalidated through this cell since.
    pub(crate) fn admits(&self, birth: Version) -> bool {
        self.at() <= birth
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p1_a_slow_invalidation_does_not_lower_a_cell() {
        let (clock, cell) = (VersionClock::default(), Cell::default());
        clock.invalidate(|slow| {
            clock.invalidate(|fast| cell.raise(fast));
            cell.raise(slow);
        });
        assert_eq!(cell.at(), 2);
    }

    #[test]
    fn p1_an_invalidation_counts_as_completed_only_after_its_cells_are_raised() {
        let clock = VersionClock::default();
        clock.invalidate(|_| {
            assert_eq!((clock.birth(), clock.settled()), (1, None));
        });
        assert_eq!((clock.birth(), clock.settled()), (1, Some(1)));
    }
}
