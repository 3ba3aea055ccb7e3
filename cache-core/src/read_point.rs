//! Points in the order of invalidations.

use std::fmt;

use crate::cache::Cache;
use crate::clock::Nanos;
use crate::sync::Arc;
use crate::version::Version;
use crate::version::timeline::Timeline;

/// The moment before data is read from the database: see [`QueryEntry::insert_if_current`](crate::QueryEntry).
#[derive(Clone)]
#[must_use = "it is of use only to an insert"]
pub struct ReadPoint {
    pub(crate) timeline: Arc<Timeline>,
    pub(crate) version: Version,
    pub(crate) time: Nanos,
}

impl Cache {
    /// Marks the moment before data is read that is to be put into the cache.
    ///
    /// [`QueryEntry::insert_if_current`](crate::QueryEntry::insert_if_current) has an example.
    pub fn read_point(&self) -> ReadPoint {
        ReadPoint::now(self.engine().timeline())
    }
}

impl ReadPoint {
    pub(crate) fn now(timeline: &Arc<Timeline>) -> Self {
        // The time first: it is never later than the version.
        let time = timeline.time.now();
        Self { timeline: timeline.clone(), version: timeline.versions.now(), time }
    }

    pub(crate) fn is_of(&self, timeline: &Arc<Timeline>) -> bool {
        Arc::ptr_eq(&self.timeline, timeline)
    }
}

impl fmt::Debug for ReadPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadPoint").field("version", &self.version).finish_non_exhaustive()
    }
}
