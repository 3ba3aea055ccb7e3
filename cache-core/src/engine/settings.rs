//! The settings of a cache, whichever builder sets them.

use std::fmt;
use std::time::Duration;

use crate::audit::Audit;
use crate::clock::TimeSource;
use crate::observer::Observers;
use crate::runtime::Runtime;
use crate::shared::state::AnyTier;
use crate::sync::Arc;

/// The highest capacity.
pub(crate) const MAX_CAPACITY: usize = 1 << 28;

pub(crate) struct Settings {
    pub(crate) capacity: usize,
    pub(crate) default_ttl: Duration,
    pub(crate) time: TimeSource,
    pub(crate) commit_grace: Duration,
    pub(crate) runtime: Option<Arc<dyn Runtime>>,
    /// `None`: nothing is weighed.
    pub(crate) max_weight: Option<u64>,
    /// `None`: a random one.
    pub(crate) jitter_seed: Option<u64>,
    /// How many invalidations are remembered.
    pub(crate) mutation_log: usize,
    pub(crate) observers: Observers,
    pub(crate) audit: Option<Audit>,
    /// What it shares with other processes.
    pub(crate) tier: Option<AnyTier>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            capacity: 10_000,
            default_ttl: Duration::from_secs(300),
            time: TimeSource::System,
            commit_grace: Duration::from_secs(5),
            runtime: None,
            max_weight: None,
            jitter_seed: None,
            mutation_log: 512,
            observers: Observers::default(),
            audit: None,
            tier: None,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("capacity", &self.capacity)
            .field("default_ttl", &self.default_ttl)
            .field("time", &self.time)
            .field("commit_grace", &self.commit_grace)
            .field("has_runtime", &self.runtime.is_some())
            .finish_non_exhaustive()
    }
}
