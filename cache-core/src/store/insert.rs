//! How a value becomes an entry: at the end of a load, or directly.

use crate::clock::Nanos;
use crate::entry::{AnyEntry, Entry, EntryOrigin, Meta, address, discard, discard_some, discard_value};
use crate::eviction::segment::{Aftermath, Removed};
use crate::flight::context::Dependencies;
use crate::flight::id::LoadId;
use crate::flight::promise::{Completer, End};
use crate::history::departed::Gone;
use crate::stats::counters::Event;
use crate::store::candidate::Candidate;
use crate::store::remove::remove;
use crate::store::storage::Storage;
use crate::store::{ShardWriter, Storable, Store};
use crate::sync::Arc;
use crate::version::Version;

pub(crate) struct Loaded<V> {
    /// `None` if it is not to be stored.
    pub(crate) copy: Option<V>,
    /// Whether a value that is not to be stored removes the entry.
    pub(crate) replaces: bool,
    pub(crate) dependencies: Dependencies,
    pub(crate) expires_at: Nanos,
    pub(crate) weight: u64,
    pub(crate) now: Nanos,
}

/// How a load has ended.
pub(crate) struct Completed {
    /// Something that it depends on was invalidated.
    pub(crate) is_refused: bool,
    pub(crate) is_stored: bool,
    /// How many others waited for it.
    pub(crate) shared_by: usize,
}

/// How a value was made that is inserted.
#[derive(Clone, Copy)]
pub(crate) struct Made {
    pub(crate) valid_as_of: Version,
    /// Its time to live is counted from here.
    pub(crate) began: Nanos,
    pub(crate) weight: u64,
    pub(crate) now: Nanos,
    pub(crate) replaces: bool,
}

#[derive(Default)]
pub(crate) struct Inserted {
    pub(crate) is_stored: bool,
    /// Whether loads in flight were fenced.
    pub(crate) was_in_flight: bool,
}

/// What a new entry displaced, to be settled after the shard's lock is released.
struct Displaced<K, V> {
    aftermath: Aftermath,
    /// Evicted, and already removed from the shard; with its weight.
    evicted: Option<(Arc<Entry<K, V>>, u64)>,
    /// The previous entry of the key.
    replaced: Option<Arc<Entry<K, V>>>,
}

impl<K, V> Default for Displaced<K, V> {
    fn default() -> Self {
        Self { aftermath: Aftermath::default(), evicted: None, replaced: None }
    }
}

impl<K: Storable, V: Storable> Store<K, V> {
    /// Ends a load, and stores its value if it is valid. Of several loads of one key, the last begun wins. `value` is
    /// cloned for followers if it is not stored.
    pub(crate) fn complete(&self, storage: &Storage, hash: u64, load: LoadId, value: &V, loaded: Loaded<V>) -> Completed
    where
        K: Eq,
        V: Clone,
    {
        let Loaded { copy, replaces, dependencies, expires_at, weight, now } = loaded;
        let Dependencies { tags, since, is_valid, is_private, shareable_before, .. } = dependencies;
        let counters = &self.query.counters;
        // Before the lock: there may be many tags. If it is invalid, this is since its birth.
        let invalidated_at = if is_valid { None } else { storage.invalidated_after(&self.query, &tags, since) };
        let mut shard = self.lock(hash);
        // Comparing keys may panic: the load has not ended yet.
        let flight = shard.state().get(hash, load).expect("a load ends once");
        let predecessor = shard.value().find(hash, flight.scope, |key| *key == flight.key).cloned();
        // Nothing panics from here on: the load ends and its value is stored or refused in one step.
        let mut flight = shard.state_mut().end(hash, load).expect("it was found above");
        shard.state_mut().failures.forget(hash, flight.scope);
        let promise = flight.promise.take().map(|promise| Completer::new(promise, counters));
        let is_refused = !is_valid || flight.is_fenced;
        let shared_by = flight.followers;
        let (order, birth) = (flight.order, flight.context.birth);
        let is_predecessor_kept = predecessor.as_ref().is_some_and(|entry| !storage.seems_dead(&entry.meta, now));
        let is_predecessor_live =
            is_predecessor_kept && predecessor.as_ref().is_some_and(|entry| now < entry.meta.expires_at);
        let is_kept = !is_refused && now < expires_at && !(flight.is_superseded && is_predecessor_live);
        let is_too_heavy = storage.eviction.is_too_heavy(weight);
        let meta = Meta::new(EntryOrigin {
            hash,
            scope: flight.scope,
            store: self.number,
            segment: storage.eviction.segment_of(self.place(hash), self.query.quota),
            tags,
            birth,
            valid_as_of: since,
            began: flight.began,
            expires_at,
        });
        let mut displaced = Displaced::default();
        let (mut entry, mut unused) = (None, None);
        match copy {
            Some(copy) if is_kept && !is_too_heavy => {
                shard.state_mut().supersede(&flight);
                let new = Arc::new(Entry { meta, key: flight.key, value: copy });
                displaced = self.put(storage, &mut shard, predecessor.as_ref(), &new, weight, now);
                entry = Some(new);
            }
            copy => {
                let is_replaced = match copy {
                    // Too heavy: what is stored is outdated.
                    Some(_) => is_kept,
                    None => replaces && !is_refused,
                };
                if copy.is_some() && is_kept {
                    counters.count(Event::TooHeavy);
                }
                if let Some(dead) = predecessor.as_ref().filter(|_| is_replaced || !is_predecessor_kept) {
                    displaced.replaced = remove(storage, &mut shard, dead);
                }
                if predecessor.is_none() || displaced.replaced.is_some() {
                    self.record_unstored(storage, hash, birth, invalidated_at);
                }
                unused = Some((meta, flight.key, copy));
            }
        }
        drop(shard);
        let valid_as_of = (!is_refused).then_some(since);
        match (unused, promise) {
            (Some((_, key, copy)), Some(promise)) if is_private => {
                promise.complete(End::Private);
                discard_value(counters, key);
                discard_value(counters, copy);
            }
            (None, None) => {}
            (None, Some(promise)) => {
                if let Some(entry) = entry.clone() {
                    promise.complete(End::Loaded { entry, valid_as_of, shareable_before, order });
                }
            }
            (Some((_, key, copy)), None) => {
                discard_value(counters, key);
                discard_value(counters, copy);
            }
            (Some((meta, key, copy)), Some(promise)) => {
                let entry = Arc::new(Entry { meta, key, value: copy.unwrap_or_else(|| value.clone()) });
                promise.complete(End::Loaded { entry, valid_as_of, shareable_before, order });
            }
        }
        discard_some(predecessor, counters);
        self.settle(storage, displaced, now);
        let is_stored = entry.is_some();
        discard_some(entry, counters);
        Completed { is_refused, is_stored, shared_by }
    }

    /// Stores a value that no load of its key has made. If it replaces others, it takes the place of the key's entry, and
    /// fences its loads in flight. If not, a live entry stays, and the value is dropped.
    pub(crate) fn insert(&self, storage: &Storage, candidate: Candidate<K>, value: V, made: Made) -> Inserted
    where
        K: Eq,
    {
        let Made { valid_as_of, began, weight, now, replaces } = made;
        let counters = &self.query.counters;
        if storage.capacity_of(&self.query) == 0 {
            discard_value(counters, candidate.key);
            discard_value(counters, value);
            return Inserted::default();
        }
        let expires_at = candidate.expires_at(began);
        let Candidate { key, hash, scope, tags, .. } = candidate;
        let (store, segment) = (self.number, storage.eviction.segment_of(self.place(hash), self.query.quota));
        let birth = valid_as_of;
        let origin = EntryOrigin { hash, scope, store, segment, tags, birth, valid_as_of, began, expires_at };
        let new = Arc::new(Entry { meta: Meta::new(origin), key, value });
        let mut shard = self.lock(hash);
        let is_key = |stored: &K| *stored == new.key;
        let predecessor = shard.value().find(hash, scope, is_key).cloned();
        let was_in_flight = replaces && shard.state_mut().fence(hash, scope, is_key) > 0;
        let is_live = |meta: &Meta| now < meta.expires_at && !storage.seems_dead(meta, now);
        let has_live = predecessor.as_ref().is_some_and(|entry| is_live(&entry.meta));
        let is_kept = now < expires_at && (replaces || !has_live);
        let is_stored = is_kept && !storage.eviction.is_too_heavy(weight);
        let displaced = if is_stored {
            self.put(storage, &mut shard, predecessor.as_ref(), &new, weight, now)
        } else {
            if is_kept {
                counters.count(Event::TooHeavy);
            }
            let replaced = predecessor.as_ref().filter(|_| replaces || !has_live);
            let replaced = replaced.and_then(|predecessor| remove(storage, &mut shard, predecessor));
            Displaced { replaced, ..Displaced::default() }
        };
        drop(shard);
        discard_some(predecessor, counters);
        if let (false, Some(replaced)) = (is_stored, &displaced.replaced) {
            let gone = if has_live { Gone::Unknown } else { self.why_dead(storage, &replaced.meta) };
            self.record_departure(storage, &replaced.meta, gone);
        }
        self.settle(storage, displaced, now);
        discard(new, counters);
        Inserted { is_stored, was_in_flight }
    }

    /// Puts an entry into its locked shard.
    fn put(
        &self,
        storage: &Storage,
        shard: &mut ShardWriter<'_, K, V>,
        predecessor: Option<&Arc<Entry<K, V>>>,
        new: &Arc<Entry<K, V>>,
        weight: u64,
        now: Nanos,
    ) -> Displaced<K, V> {
        let entry: Arc<dyn AnyEntry> = new.clone();
        self.query.counters.count(Event::Put);
        let predecessor_meta = predecessor.map(|entry| &entry.meta);
        let mut aftermath = storage.admit(&entry, weight, predecessor_meta, self.query.quota, now);
        let replaced = shard.value_mut().put(predecessor, new.clone());
        let evicted = self.remove_victim(shard, new.meta.hash, &mut aftermath);
        Displaced { aftermath, evicted, replaced }
    }

    /// Removes the evicted entry, if it is in this shard. Usually it is: see
    /// [`EvictionSegments`](crate::eviction::EvictionSegments).
    fn remove_victim(
        &self,
        shard: &mut ShardWriter<'_, K, V>,
        hash: u64,
        aftermath: &mut Aftermath,
    ) -> Option<(Arc<Entry<K, V>>, u64)> {
        let is_here = |meta: &Meta| meta.store() == self.number && self.place(meta.hash) == self.place(hash);
        let Removed { entry, weight } = aftermath.victim.as_ref().filter(|victim| is_here(victim.entry.meta()))?;
        let (removed, weight) = (shard.value_mut().remove_at(entry.meta().hash, address(entry))?, *weight);
        // Not the last reference.
        aftermath.victim = None;
        Some((removed, weight))
    }

    /// Counts and drops what was displaced. The shard's lock is released.
    fn settle(&self, storage: &Storage, displaced: Displaced<K, V>, now: Nanos) {
        let Displaced { aftermath, evicted, replaced } = displaced;
        // First: evicted entries leave their shards before a `Drop` can purge the cache.
        storage.settle(aftermath, now);
        if let Some((evicted, weight)) = evicted {
            self.discard_evicted(storage, evicted, weight, now);
        }
        if let Some(replaced) = replaced {
            self.count_expiration(&replaced.meta, now);
            discard(replaced, &self.query.counters);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::any::TypeId;

    use super::*;
    use crate::engine::Engine;
    use crate::engine::settings::Settings;
    use crate::entry::options::EntryOptions;
    use crate::query::state::QueryState;
    use crate::store::{Caller, Claim, NewLoad, Wanted};
    use crate::version::tag_set::TagSet;

    const HASH: u64 = 7;

    /// Ends loads of one key in this order; 0 removes the entry. Returns what is stored after each.
    fn stored_after(order: &[u32]) -> Vec<Option<u32>> {
        let engine = Arc::new(Engine::new(Settings::default()));
        let (query, instance) = (Arc::new(QueryState::anonymous()), TypeId::of::<()>());
        let store = engine.make_store::<u32, u32>(query, instance, |_, _, _| Ok(()));
        let now = engine.timeline().time.now();
        let begin = || {
            let candidate = engine.candidate(None, &store, HASH, EntryOptions::new()).with_key(7);
            match store.claim(
                &engine.storage,
                &mut Some(candidate),
                Caller { now, arrived: 0, may_wait: false, takes_entries: true, batch: None },
            ) {
                Claim::Lead(lead, _) => lead,
                Claim::Found(_) | Claim::Join { .. } => unreachable!("nothing is stored, and the caller must not wait"),
            }
        };
        let loads: Vec<_> = std::iter::repeat_with(begin).take(order.len()).collect();
        let wanted = Wanted { hash: HASH, scope: 0, is_key: |key: &u32| *key == 7 };
        let end = |&number: &u32| {
            if number == 0 {
                let mut removed = 0;
                store.forget(&engine.storage, &wanted, |_| removed += 1);
                assert_eq!(removed, 1, "an entry was there");
                // The removal has fenced the loads in flight: undone here.
                (1..=loads.len()).for_each(|load| store.unfence(HASH, loads[load - 1].context.id));
            } else {
                let NewLoad { context, .. } = &loads[number as usize - 1];
                let dependencies = context.end(&TagSet::default());
                let (copy, expires_at) = (Some(number), context.expires_at);
                let loaded = Loaded { copy, replaces: false, dependencies, expires_at, weight: 1, now };
                store.complete(&engine.storage, HASH, context.id, &number, loaded);
            }
            store.peek(&engine.storage, wanted, |entry| entry.value).ok()
        };
        order.iter().map(end).collect()
    }

    impl<K, V> Store<K, V> {
        fn unfence(&self, hash: u64, load: LoadId) {
            if let Some(flight) = self.lock(hash).state_mut().get_mut(hash, load) {
                flight.is_fenced = false;
            }
        }
    }

    #[test]
    fn of_several_loads_of_one_key_the_last_begun_is_kept() {
        assert_eq!(stored_after(&[1, 2, 3]), [1, 2, 3].map(Some));
        assert_eq!(stored_after(&[2, 1, 3]), [2, 2, 3].map(Some));
        assert_eq!(stored_after(&[3, 1, 2]), [3, 3, 3].map(Some));
        assert_eq!(
            stored_after(&[3, 0, 1, 2]),
            [Some(3), None, Some(1), Some(2)],
            "a removed entry supersedes nothing"
        );
        assert_eq!(stored_after(&[3, 0, 2, 1]), [Some(3), None, Some(2), Some(2)]);
    }
}
