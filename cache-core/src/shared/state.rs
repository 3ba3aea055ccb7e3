//! The tier of one cache, and what the cache knows of it.

use std::any::TypeId;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};

use crate::clock::TimeSource;
use crate::engine::settings::Settings;
use crate::query::state::QueryState;
use crate::shared::heard::Heard;
use crate::shared::lease::Lease;
use crate::shared::mark::key_hash;
use crate::shared::stats::{SharedCounters, SharedStats};
use crate::shared::tier::{LogPosition, SharedTier};
use crate::sync::{Arc, AtomicU64, Mutex, Ordering};

/// *Locking*: `heard` and `stores` are taken alone, or `heard` under no other lock but that of a caller that holds none of the
/// cache's. No user code runs under them.
pub(crate) struct Shared {
    pub(crate) tier: Arc<dyn SharedTier>,
    /// Tells its own records from those of others.
    pub(crate) origin: u64,
    tokens: AtomicU64,
    pub(crate) lease: Arc<Lease>,
    pub(crate) heard: Mutex<Heard>,
    pub(crate) counters: SharedCounters,
    stores: Mutex<SharedStores>,
}

/// What the keys of each store begin with in the second level; `None`: nothing of it is there.
#[derive(Default)]
struct SharedStores {
    by_number: HashMap<u32, Option<Arc<[u8]>>>,
    /// Which store has a beginning.
    taken: HashMap<Arc<[u8]>, u32>,
}

impl Shared {
    pub(crate) fn of(settings: &Settings) -> Option<Arc<Self>> {
        settings.tier.clone().map(|tier| Self::new(tier, &settings.time))
    }

    fn new(tier: Arc<dyn SharedTier>, time: &TimeSource) -> Arc<Self> {
        let lease = Arc::new(Lease::new(tier.max_lag(), time));
        // Its seed is random.
        let origin = RandomState::new().build_hasher().finish();
        Arc::new(Self {
            tier,
            origin,
            tokens: AtomicU64::new(0),
            lease,
            heard: Mutex::default(),
            counters: SharedCounters::default(),
            stores: Mutex::default(),
        })
    }

    pub(crate) fn next_token(&self) -> u64 {
        self.tokens.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// See [`Heard::applied`].
    pub(crate) fn applied(&self) -> Option<LogPosition> {
        self.heard.lock().applied()
    }

    /// What the keys of a store begin with. `types`: the names of its keys' and values' types.
    ///
    /// Two stores never share one: their types have different names, or one of them is not in the second level. Where the
    /// name of a type may stand for several, it is not either. A compiler or release that writes a name differently finds
    /// nothing of the other.
    pub(crate) fn prefix(&self, query: &QueryState, store: u32, instance: TypeId, types: &str) -> Option<Arc<[u8]>> {
        let mut stores = self.stores.lock();
        if let Some(prefix) = stores.by_number.get(&store) {
            return prefix.clone();
        }
        let is_ambiguous = |name: &str| name.contains("{{") || name.contains("impl ");
        let QueryState { module, owner, name, .. } = *query;
        // In these values `Some` and `None` would be written alike.
        let is_lossy = ["Option<core::option::Option<", "Option<()>"].iter().any(|lossy| types.contains(lossy));
        let is_named = instance == TypeId::of::<()>() && !is_ambiguous(owner) && !is_ambiguous(types) && !is_lossy;
        let prefix: Option<Arc<[u8]>> = is_named.then(|| {
            let identity = key_hash(format!("{module} {owner} {name} {types}").as_bytes());
            format!("{name}:{identity:016x}:").into_bytes().into()
        });
        let prefix = prefix.filter(|prefix| *stores.taken.entry(prefix.clone()).or_insert(store) == store);
        stores.by_number.insert(store, prefix.clone());
        prefix
    }

    pub(crate) fn stats(&self) -> SharedStats {
        let unpublished = self.heard.lock().unpublished();
        let (lag, is_live) = (self.lease.lag(), self.lease.is_live_now());
        SharedStats { unpublished, is_live, lag, ..self.counters.stats() }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
