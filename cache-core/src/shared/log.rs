//! The log of invalidations, as one process knows it.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use crate::clock::TimeSource;
use crate::shared::heard::Heard;
use crate::shared::lease::Lease;
use crate::shared::record::LogPosition;
use crate::shared::stats::LogCounters;
use crate::sync::{Arc, AtomicU64, Mutex, Ordering};

/// *Locking*: `heard` is taken alone, and no user code runs under it.
pub(crate) struct Log {
    /// Tells its own records from those of others.
    pub(crate) origin: u64,
    tokens: AtomicU64,
    pub(crate) lease: Arc<Lease>,
    pub(crate) heard: Mutex<Heard>,
    pub(crate) counters: LogCounters,
}

impl Log {
    pub(crate) fn new(max_lag: Duration, time: &TimeSource) -> Self {
        Self {
            // Its seed is random.
            origin: RandomState::new().build_hasher().finish(),
            tokens: AtomicU64::new(0),
            lease: Arc::new(Lease::new(max_lag, time)),
            heard: Mutex::default(),
            counters: LogCounters::default(),
        }
    }

    pub(crate) fn next_token(&self) -> u64 {
        self.tokens.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// See [`Heard::applied`].
    pub(crate) fn applied(&self) -> Option<LogPosition> {
        self.heard.lock().applied()
    }
}
