//! The version clock: what an invalidation costs, and why no stale load is served.
//!
//! Each invalidating write takes the next *version* and raises its targets to it: see [`InvalidatedAt`]. A load records
//! the version at its start, its *birth*. Its value is valid if and only if no dependency has been raised past its
//! birth. Nothing is ever scanned.
//!
//! Invalidations run one at a time, under a mutex: the clock shows a version only when all targets of the write have
//! been raised. So
//!
//! - all targets of one write take effect at one version. A load that begins while they are raised is born before that
//!   version, and what it reads of them is invalid afterwards;
//! - what is found valid *after* the clock was read is valid as of the version that it showed. While the clock shows
//!   that version, nothing has to be checked.
//!
//! No user code runs under that mutex: names and keys are resolved before, and values are dropped after.
//!
//! A load attaches to what it depends on **before** it reads its birth, and an invalidation raises its targets
//! **before** the clock shows its version. For tags from the result of a load, see [`crate::version::registry`].

pub(crate) mod label;
mod orphans;
pub(crate) mod registry;
pub(crate) mod scope;
pub(crate) mod tag_set;
pub(crate) mod timeline;

use crossbeam_utils::CachePadded;

use crate::sync::{AtomicU64, Mutex, Ordering};

/// A point in the order of invalidations.
pub(crate) type Version = u64;

#[derive(Default)]
pub(crate) struct VersionClock {
    completed: CachePadded<AtomicU64>,
    /// Held by the invalidation that is in progress.
    turn: CachePadded<Mutex<()>>,
}

impl VersionClock {
    /// The last version whose targets have all been raised.
    #[inline]
    pub(crate) fn now(&self) -> Version {
        self.completed.load(Ordering::Acquire)
    }

    /// `raise` must raise all targets to the given version.
    pub(crate) fn invalidate(&self, raise: impl FnOnce(Version)) {
        let _turn = self.turn.lock();
        let version = self.completed.load(Ordering::Relaxed) + 1;
        raise(version);
        self.completed.store(version, Ordering::Release);
    }
}

/// The last version at which something was invalidated, and whether it is suspended.
#[derive(Debug, Default)]
pub(crate) struct InvalidatedAt(AtomicU64);

/// Above all versions that a clock shows: what is suspended is valid since none.
const SUSPENDED: Version = 1 << 62;

impl InvalidatedAt {
    /// Never lowers it.
    pub(crate) fn raise(&self, version: Version) {
        if self.0.fetch_max(version, Ordering::AcqRel) & SUSPENDED > 0 {
            self.raise_suspended(version);
        }
    }

    #[cold]
    fn raise_suspended(&self, version: Version) {
        let mut last = self.0.load(Ordering::Acquire);
        loop {
            let raised = (last & SUSPENDED) | (last & !SUSPENDED).max(version);
            match self.0.compare_exchange(last, raised, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return,
                Err(now) => last = now,
            }
        }
    }

    pub(crate) fn version(&self) -> Version {
        self.0.load(Ordering::Acquire) & !SUSPENDED
    }

    #[inline]
    pub(crate) fn is_valid_since(&self, version: Version) -> bool {
        self.0.load(Ordering::Acquire) <= version
    }

    /// Until it is resumed, nothing that depends on it is valid.
    pub(crate) fn suspend(&self) {
        self.0.fetch_or(SUSPENDED, Ordering::AcqRel);
    }

    pub(crate) fn resume(&self) {
        self.0.fetch_and(!SUSPENDED, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p1_invalidated_at_is_never_lowered() {
        let at = InvalidatedAt::default();
        at.raise(2);
        at.raise(1);
        assert_eq!(at.version(), 2);
    }

    #[test]
    fn p17_what_is_suspended_is_valid_since_no_version_and_keeps_its_own() {
        let at = InvalidatedAt::default();
        at.raise(2);
        at.suspend();
        assert!(!at.is_valid_since(Version::MAX / 4));
        at.raise(5);
        at.raise(3);
        assert!(!at.is_valid_since(5) && at.version() == 5);
        at.resume();
        assert!(at.is_valid_since(5) && !at.is_valid_since(4));
    }

    #[test]
    fn p1_the_clock_shows_a_version_only_after_its_targets_are_raised() {
        let (clock, targets) = (VersionClock::default(), [InvalidatedAt::default(), InvalidatedAt::default()]);
        clock.invalidate(|version| {
            assert_eq!((clock.now(), version), (0, 1));
            for target in &targets {
                target.raise(version);
            }
            assert_eq!(clock.now(), 0);
        });
        assert_eq!(clock.now(), 1);
        assert!(targets.iter().all(|target| !target.is_valid_since(0) && target.is_valid_since(1)));
    }
}
