//! A load: from the miss that calls for it to the entry that it leaves.

use std::time::Duration;

use crate::clock::Nanos;
use crate::engine::{Engine, ScopeRef, scope_id};
use crate::policy::NodeId;
use crate::shard::{Entry, NEVER_VERIFIED, Origin};
use crate::stats::Event;
use crate::store::{Storable, Store, Wanted};
use crate::sync::{Arc, AtomicU32, AtomicU64};
use crate::tag::{Bearings, Tag};

/// A load that has begun. Dropped before it is finished, it has failed, by an `Err` or by a panic.
pub(crate) struct Load<K, V> {
    engine: Arc<Engine>,
    pub(crate) store: Arc<Store<K, V>>,
    /// Taken when the load is finished.
    pending: Option<Pending<K>>,
}

struct Pending<K> {
    key: K,
    hash: u64,
    scope: u32,
    origin: Origin,
    expires_at: Nanos,
    bearings: Bearings,
    /// A dead entry has the key, and is to go even if nothing takes its place.
    replaces: bool,
}

/// What a load is for.
pub(crate) struct Miss<K> {
    pub(crate) key: K,
    pub(crate) hash: u64,
    /// When the cache was asked for the key.
    pub(crate) now: Nanos,
    /// Whether a dead entry was found.
    pub(crate) found_dead: bool,
}

impl Miss<()> {
    /// For the key that was asked for.
    pub(crate) fn of<K>(self, key: K) -> Miss<K> {
        Miss { key, hash: self.hash, now: self.now, found_dead: self.found_dead }
    }
}

impl<K: Storable + Eq, V: Storable> Load<K, V> {
    /// Begins a load. Nothing that its value is made from may have been read yet.
    pub(crate) fn begin(
        engine: Arc<Engine>,
        store: Arc<Store<K, V>>,
        scope: ScopeRef<'_>,
        miss: Miss<K>,
        ttl: Option<Duration>,
        tags: impl IntoIterator<Item = Tag>,
    ) -> Self {
        // In this order: see `crate::version`.
        let bearings = engine.bear(scope, &store.query, tags);
        let origin = engine.origin(miss.now);
        let pending = Pending {
            key: miss.key,
            hash: miss.hash,
            scope: scope_id(scope),
            origin,
            expires_at: origin.time.saturating_add(engine.ttl(ttl)),
            bearings,
            replaces: miss.found_dead,
        };
        Self { pending: Some(pending), engine, store }
    }

    /// Stores the value, unless what it was made from has been invalidated since. `value` is not asked for
    /// where nothing is stored anyway.
    pub(crate) fn finish(mut self, value: impl FnOnce() -> V) {
        if self.engine.capacity() == 0 {
            self.pending = None;
            return;
        }
        // While it is made, and may panic, the load is still unfinished.
        let value = value();
        let Some(pending) = self.pending.take() else { return };
        let now = self.engine.time.now();
        if now >= pending.expires_at {
            self.bury_predecessor(&pending);
        } else if !self.store.insert(&self.engine, pending.into_entry(value), now) {
            self.store.query.counters.count(Event::DiscardedLoad);
        }
    }

    /// Ends a load that made no value.
    pub(crate) fn fail(self) {
        if let Some(pending) = &self.pending {
            self.bury_predecessor(pending);
        }
    }

    fn bury_predecessor(&self, pending: &Pending<K>) {
        if pending.replaces {
            let is_key = |stored: &K| *stored == pending.key;
            let wanted = Wanted { hash: pending.hash, scope: pending.scope, is_key };
            self.store.bury(&self.engine, &wanted, self.engine.time.now());
        }
    }
}

impl<K, V> Drop for Load<K, V> {
    fn drop(&mut self) {
        if self.pending.is_some() {
            self.store.query.counters.count(Event::LoadError);
        }
    }
}

impl<K> Pending<K> {
    fn into_entry<V>(self, value: V) -> Entry<K, V> {
        Entry {
            hash: self.hash,
            scope: self.scope,
            node: NodeId::MAX,
            origin: self.origin,
            expires_at: self.expires_at,
            verified: AtomicU64::new(NEVER_VERIFIED),
            hits: AtomicU32::new(0),
            spent: AtomicU32::new(0),
            bearings: self.bearings,
            key: self.key,
            value,
        }
    }
}
