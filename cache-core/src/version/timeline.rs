//! The two clocks of one cache: versions, and time.

use crate::clock::{Nanos, TimeSource};
use crate::shared::lease::Lease;
use crate::sync::{Arc, AtomicUsize, Ordering};
use crate::version::VersionClock;
use crate::version::registry::TagRef;

/// Shared by all loads and handles of one cache, and so also its identity.
pub(crate) struct Timeline {
    pub(crate) versions: VersionClock,
    pub(crate) everything: TagRef,
    pub(crate) time: TimeSource,
    /// 1 if a commit may still happen.
    uncertain: AtomicUsize,
    /// If other processes write, too.
    pub(crate) lease: Option<Arc<Lease>>,
}

impl Timeline {
    pub(crate) fn new(time: TimeSource, lease: Option<Arc<Lease>>) -> Self {
        let uncertain = AtomicUsize::new(0);
        Self { versions: VersionClock::default(), everything: TagRef::permanent(), time, uncertain, lease }
    }

    /// Whether memory may answer: what other processes have invalidated is known. `now` was read during the call.
    #[inline]
    pub(crate) fn may_serve(&self, now: Nanos) -> bool {
        self.lease.as_ref().is_none_or(|lease| lease.is_live(now))
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
