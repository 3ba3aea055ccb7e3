//! The tier of one cache, and what the cache knows of it.

use std::collections::HashMap;

use crate::clock::TimeSource;
use crate::shared::follower::{Follower, Memory};
use crate::shared::lease::Lease;
use crate::shared::log::Log;
use crate::shared::stats::{SecondLevelCounters, SharedStats};
use crate::shared::tier::SharedTier;
use crate::sync::{Arc, Mutex, Weak};

/// What [`CacheBuilder::shared`](crate::CacheBuilder::shared) was given.
pub(crate) type AnyTier = Arc<dyn SharedTier>;

/// *Locking*: `prefixes` is taken alone, and no user code runs under it.
pub(crate) struct Shared {
    pub(crate) tier: AnyTier,
    pub(crate) log: Arc<Log>,
    pub(crate) counters: SecondLevelCounters,
    prefixes: Mutex<Prefixes>,
}

/// What the keys of each store begin with in the second level; `None`: nothing of it is there.
#[derive(Default)]
struct Prefixes {
    by_number: HashMap<u32, Option<Arc<[u8]>>>,
    /// Which store has a prefix.
    taken: HashMap<Arc<[u8]>, u32>,
}

impl Shared {
    pub(crate) fn new(tier: AnyTier, time: &TimeSource) -> Arc<Self> {
        let log = Arc::new(Log::new(tier.max_lag(), time));
        Arc::new(Self { tier, log, counters: SecondLevelCounters::default(), prefixes: Mutex::default() })
    }

    /// The tier begins to follow the log.
    pub(crate) fn follow(&self, memory: Weak<dyn Memory>) {
        self.tier.follow(Follower { log: Arc::downgrade(&self.log), memory });
    }

    pub(crate) fn lease(&self) -> &Arc<Lease> {
        &self.log.lease
    }

    /// What the keys of a store begin with. Two stores never share one: the second that `make` gives it to has none.
    pub(crate) fn prefix(&self, store: u32, make: impl FnOnce() -> Option<Arc<[u8]>>) -> Option<Arc<[u8]>> {
        let mut prefixes = self.prefixes.lock();
        if let Some(prefix) = prefixes.by_number.get(&store) {
            return prefix.clone();
        }
        let prefix = make().filter(|prefix| *prefixes.taken.entry(prefix.clone()).or_insert(store) == store);
        prefixes.by_number.insert(store, prefix.clone());
        prefix
    }

    pub(crate) fn stats(&self) -> SharedStats {
        let Log { lease, heard, counters, .. } = &*self.log;
        let unpublished = heard.lock().unpublished();
        let mut stats =
            SharedStats { unpublished, is_live: lease.is_live_now(), lag: lease.lag(), ..SharedStats::default() };
        self.counters.read(&mut stats);
        counters.read(&mut stats);
        stats
    }
}
