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
    /// 1 if a commit may still happen.
    uncertain: AtomicUsize,
}

impl Timeline {
    pub(crate) fn new(time: TimeSource) -> Self {
        let uncertain = AtomicUsize::new(0);
        Self { versions: VersionClock::default(), everything: TagRef::permanent(), time, uncertain }
    }

    /// Whether a commit may still happen: some nodes are suspended.
    #[inline]
    pub(crate) fn is_uncertain(&self) -> bool {
        self.uncertain.load(Ordering::Acquire) > 0
    }

    pub(crate) fn set_uncertain(&self, is_uncertain: bool) {
        self.uncertain.store(usize::from(is_uncertain), Ordering::Release);
    }
}
