//! How an entry leaves its store: its key invalidated, dead, or evicted.

use std::time::Duration;

use crate::clock::Nanos;
use crate::entry::{Entry, Meta, address, discard, discard_some};
use crate::history::departed::Gone;
use crate::observer::events::Evicted;
use crate::stats::counters::Event;
use crate::store::storage::Storage;
use crate::store::{ShardWriter, Storable, Store, Wanted};
use crate::sync::Arc;

impl<K: Storable, V: Storable> Store<K, V> {
    pub(crate) fn remove_if_dead(&self, storage: &Storage, wanted: &Wanted<impl Fn(&K) -> bool>, now: Nanos) {
        let Some(entry) = self.find_current(wanted) else { return };
        if self.is_kept(storage, &entry.meta, now) {
            discard(entry, &self.query.counters);
        } else {
            self.remove_dead(storage, entry, now);
        }
    }

    pub(crate) fn remove_dead(&self, storage: &Storage, entry: Arc<Entry<K, V>>, now: Nanos) {
        let removed = remove(storage, &mut self.lock(entry.meta.hash), &entry);
        if removed.is_some() {
            self.record_departure(storage, &entry.meta, self.why_dead(storage, &entry.meta));
            self.count_expiration(&entry.meta, now);
        }
        discard_some(removed, &self.query.counters);
        discard(entry, &self.query.counters);
    }

    /// Removes the entries of a key, and fences its loads in flight. Returns their number. If `wanted` matches every key, this applies to all
    /// keys with its hash; two keys share a hash with a probability of 2^-64.
    pub(crate) fn forget(
        &self,
        storage: &Storage,
        wanted: &Wanted<impl Fn(&K) -> bool>,
        mut removed: impl FnMut(Arc<Entry<K, V>>),
    ) -> usize {
        let mut shard = self.lock(wanted.hash);
        let fenced = shard.state_mut().fence(wanted.hash, wanted.scope, &wanted.is_key);
        while let Some(entry) = shard.value().find(wanted.hash, wanted.scope, &wanted.is_key).cloned() {
            drop(remove(storage, &mut shard, &entry));
            removed(entry);
        }
        fenced
    }

    /// The entry has left the eviction, where it had this weight.
    pub(crate) fn dispose(&self, storage: &Storage, entry: Arc<Entry<K, V>>, weight: u64, now: Nanos) {
        let removed = self.lock(entry.meta.hash).value_mut().remove_at(entry.meta.hash, address(&entry));
        if let Some(removed) = removed {
            // Not the last reference.
            drop(entry);
            self.discard_evicted(storage, removed, weight, now);
        } else {
            if self.is_kept(storage, &entry.meta, now) {
                self.tell_evicted(storage, &entry, weight, now);
            }
            discard(entry, &self.query.counters);
        }
    }

    fn tell_evicted(&self, storage: &Storage, entry: &Arc<Entry<K, V>>, weight: u64, now: Nanos) {
        self.query.counters.count(Event::Eviction);
        self.query.counters.add(Event::EvictedWeight, weight);
        if storage.observers.want_traces() {
            self.with_call(entry, |call| {
                let age = Duration::from_nanos(now.saturating_sub(entry.meta.began));
                storage.observers.evicted(&Evicted { call, age });
            });
        }
    }

    /// The entry was evicted and removed.
    pub(super) fn discard_evicted(&self, storage: &Storage, entry: Arc<Entry<K, V>>, weight: u64, now: Nanos) {
        if self.is_kept(storage, &entry.meta, now) {
            self.record_departure(storage, &entry.meta, Gone::Evicted);
            self.tell_evicted(storage, &entry, weight, now);
        } else {
            self.record_departure(storage, &entry.meta, self.why_dead(storage, &entry.meta));
            self.count_expiration(&entry.meta, now);
        }
        discard(entry, &self.query.counters);
    }

    /// Only if it has expired.
    pub(super) fn count_expiration(&self, meta: &Meta, now: Nanos) {
        if now >= meta.expires_at {
            self.query.counters.count(Event::Expiration);
        }
    }
}

pub(super) fn remove<K, V>(
    storage: &Storage,
    shard: &mut ShardWriter<'_, K, V>,
    entry: &Arc<Entry<K, V>>,
) -> Option<Arc<Entry<K, V>>> {
    let removed = shard.value_mut().remove_at(entry.meta.hash, address(entry));
    if let Some(removed) = &removed {
        // Not the last reference: the shard's is there.
        drop(storage.eviction.remove(&removed.meta));
    }
    removed
}
