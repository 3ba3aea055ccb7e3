//! The settings of a cache, whichever builder sets them.

use std::time::Duration;

use crate::clock::TimeSource;

/// The highest capacity.
pub(crate) const MAX_CAPACITY: usize = 1 << 28;

#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) capacity: usize,
    pub(crate) default_ttl: Duration,
    pub(crate) time: TimeSource,
    pub(crate) commit_grace: Duration,
    /// `None`: nothing is weighed.
    pub(crate) max_weight: Option<u64>,
    /// `None`: a random one.
    pub(crate) jitter_seed: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            capacity: 10_000,
            default_ttl: Duration::from_secs(300),
            time: TimeSource::System,
            commit_grace: Duration::from_secs(5),
            max_weight: None,
            jitter_seed: None,
        }
    }
}
