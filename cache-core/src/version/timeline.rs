//! The two clocks of one cache: versions, and time.

use crate::clock::TimeSource;
use crate::sync::{AtomicUsize, Ordering};
use crate::version::VersionClock;
use crate::version::registry::TagRef;

/// Shared by all loads and handles of one cache, and so also its identity.
pub(crate) struct Timeline {
    pub(crate) versions: VersionClock,
    pub(crate) everything: TagRef,
    pub(crate) time: TimeSource,
    /// The number of targets of commits that may still happen.
    uncertain: AtomicUsize,
}

impl Timeline {
    pub(crate) fn new(time: TimeSource) -> Self {
        let uncertain = AtomicUsize::new(0);
        Self { versions: VersionClock::default(), everything: TagRef::permanent(), time, uncertain }
    }

    /// Whether a commit may still happen: its targets may not be stored.
    #[inline]
    pub(crate) fn is_uncertain(&self) -> bool {
        self.uncertain.load(Ordering::Acquire) > 0
    }

    pub(crate) fn set_uncertain(&self, targets: usize) {
        self.uncertain.store(targets, Ordering::Release);
    }
}
