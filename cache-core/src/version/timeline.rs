//! The time of one cache: in versions, and in nanoseconds.

use crate::clock::TimeSource;
use crate::version::VersionClock;
use crate::version::registry::TagRef;

/// What validity is measured by. Loads, entries and handles of one cache share one; it also tells caches apart.
pub(crate) struct Timeline {
    pub(crate) versions: VersionClock,
    /// When everything was last invalidated.
    pub(crate) everything: TagRef,
    pub(crate) time: TimeSource,
}

impl Timeline {
    pub(crate) fn new(time: TimeSource) -> Self {
        Self { versions: VersionClock::default(), everything: TagRef::permanent(), time }
    }
}
