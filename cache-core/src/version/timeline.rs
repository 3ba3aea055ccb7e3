//! The two clocks of one cache: versions, and time.

use crate::clock::TimeSource;
use crate::version::VersionClock;
use crate::version::registry::TagRef;

/// Shared by all loads and handles of one cache, and so also its identity.
pub(crate) struct Timeline {
    pub(crate) versions: VersionClock,
    pub(crate) everything: TagRef,
    pub(crate) time: TimeSource,
}

impl Timeline {
    pub(crate) fn new(time: TimeSource) -> Self {
        Self { versions: VersionClock::default(), everything: TagRef::permanent(), time }
    }
}
