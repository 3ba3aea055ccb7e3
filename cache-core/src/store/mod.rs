//! The entries of one query, or of one [`TaggedCache`](crate::TaggedCache), in shards that are read by pins.
//!
//! # A hit
//!
//! A hit pins its shard (see [`crate::sync::read_mostly`]), finds the entry, reads the clock, checks that the entry is live,
//! and clones the value where it is. While the shard is pinned, nobody waits for the hit: whoever changes the shard
//! meanwhile goes on with a copy of its table. So a `Clone` may take long, and may use the cache.
//!
//! A hit of a hot entry writes to no memory that hits of other threads write to, apart from the value's own reference
//! count, if it has one (as an `Arc` does). What it writes is:
//!
//! - The lock of its thread's stripe of the shard. Each thread has a stripe of its own, up to as many threads as there
//!   are processors, but at most eight. With more threads than stripes, several share one, and contend for its cache
//!   line.
//! - The hits of the query, in [`Counters`], which each thread counts in a cache line of its own, up to twice as many
//!   threads as processors.
//! - The first 32 hits in the entry itself, in [`Hits`](crate::entry::hits::Hits), and after that one in 64, drawn by each
//!   thread for itself. The policy reads that count when it looks for an entry to evict, and takes some uses off. The
//!   next hits are written down again then, up to seven each time.
//! - The version as of which the entry is valid, by the first hits after something was invalidated.
//!
//! The entry's own reference count is left alone, because the pin keeps the entry. There are exceptions: a hit in
//! the body of a load, or one that finds its stripe stale, takes a reference to the entry first.
//!
//! # Changes
//!
//! Whoever adds or removes entries takes the shard's writers' lock, and then the lock of a segment of the cache's
//! [eviction](crate::eviction), under which nothing else is waited for. An entry that leaves to make room is taken out
//! of its segment first. It is removed from its shard under the same lock if it is in the shard of the new entry, as it
//! is most often, and otherwise when no lock is held.
//!
//! No user code runs under a lock that anybody waits for, but for `Eq` of keys: values are cloned under pins or from
//! entries that are held, keys are written out from such entries, and what has to be dropped is handed out from under
//! the lock first.

pub(crate) mod entry_table;
pub(crate) mod erased;
pub(crate) mod storage;

use std::any::TypeId;
use std::fmt;

use crate::clock::Nanos;
use crate::entry::{AnyEntry, Entry, Meta, Origin, address, discard, discard_some, discard_value};
use crate::eviction::segment::Aftermath;
use crate::flight::context::{self, Context, Dependencies};
use crate::flight::id::{LoadId, next_load};
use crate::flight::promise::{Completer, End, Promise};
use crate::flight::{Flight, Flights, InFlight, MAX_LOADS_OF_A_KEY};
use crate::query::state::QueryState;
use crate::stats::counters::{Counters, Event, processors};
use crate::store::entry_table::EntryTable;
use crate::store::storage::{Storage, WithEntries};
use crate::sync::Arc;
use crate::sync::read_mostly::{ReadMostly, Writer};
use crate::version::Version;
use crate::version::scope::ScopeId;
use crate::version::tag_set::TagSet;

/// Keys and values that can be stored.
pub(crate) trait Storable: Send + Sync + 'static {}
impl<T: Send + Sync + 'static> Storable for T {}

/// Writes out a key, for a listing.
pub(crate) type Describe<K> = fn(&K, &QueryState, &mut dyn fmt::Write) -> fmt::Result;

/// In each shard, the entries of some keys, and the loads of them that are in flight.
type Shards<K, V> = ReadMostly<EntryTable<K, V>, Flights<K>>;

type ShardWriter<'a, K, V> = Writer<'a, EntryTable<K, V>, Flights<K>>;

pub(crate) struct Store<K, V> {
    /// Its number among the stores of the cache.
    pub(crate) number: u32,
    shards: Shards<K, V>,
    pub(crate) query: Arc<QueryState>,
    /// The generic arguments of the query's function, which tell its keys apart.
    pub(crate) instance: TypeId,
    pub(crate) describe: Describe<K>,
}

/// Entry metadata, built before any lock is taken.
pub(crate) struct Candidate<K> {
    pub(crate) key: K,
    pub(crate) hash: u64,
    pub(crate) scope: ScopeId,
    pub(crate) ttl: Nanos,
    /// Whether it expires by its own time to live alone.
    pub(crate) own_ttl: bool,
    pub(crate) tags: TagSet,
}

impl<K> Candidate<K> {
    fn expires_at(&self, began: Nanos) -> Nanos {
        began.saturating_add(self.ttl)
    }
}

impl Candidate<()> {
    /// The same, with its key.
    pub(crate) fn with_key<K>(self, key: K) -> Candidate<K> {
        let Self { key: (), hash, scope, ttl, own_ttl, tags } = self;
        Candidate { key, hash, scope, ttl, own_ttl, tags }
    }
}

/// A caller that missed, as a claim sees it.
#[derive(Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) now: Nanos,
    /// The version when it came: what is valid as of then is valid for it.
    pub(crate) arrived: Version,
    pub(crate) may_wait: bool,
}

/// What a caller is to do that missed.
pub(crate) enum Claim<K, V> {
    /// Look at this entry.
    Found(Arc<Entry<K, V>>),
    /// Wait for a load in flight.
    Join { load: LoadId, order: LoadId, promise: Arc<Promise>, context: Arc<Context> },
    /// Load.
    Lead(Lead),
}

/// A load to be done.
pub(crate) struct Lead {
    /// Whether it is listed: nobody waits for one that is not, and its value is not stored.
    pub(crate) is_listed: bool,
    pub(crate) context: Arc<Context>,
}

/// A value that was loaded.
pub(crate) struct Loaded<V> {
    /// What is to be stored, if anything.
    pub(crate) copy: Option<V>,
    pub(crate) dependencies: Dependencies,
    pub(crate) expires_at: Nanos,
    pub(crate) now: Nanos,
}

/// The key that a caller looks for, borrowed.
pub(crate) struct Wanted<F> {
    pub(crate) hash: u64,
    pub(crate) scope: ScopeId,
    /// Whether a stored key is the one.
    pub(crate) is_key: F,
}

/// A reference to an entry, discarded at the end.
struct Held<'a, K, V> {
    entry: Option<Arc<Entry<K, V>>>,
    counters: &'a Counters,
}

impl<K, V> Drop for Held<'_, K, V> {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            discard(entry, self.counters);
        }
    }
}

/// Why a key has no value that may be served.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absent {
    /// There is an entry, expired or invalidated.
    Dead,
    Missing,
}

/// Removes an entry from its shard, which is locked, and from the eviction.
fn remove<K, V>(
    storage: &Storage,
    shard: &mut ShardWriter<'_, K, V>,
    entry: &Arc<Entry<K, V>>,
) -> Option<Arc<Entry<K, V>>> {
    let removed = shard.value_mut().remove_at(entry.meta.hash, address(entry));
    if let Some(removed) = &removed {
        // The shard's reference is still there: this is not the last one.
        drop(storage.eviction.remove(&removed.meta));
    }
    removed
}

impl<K: Storable, V: Storable> Store<K, V> {
    pub(crate) fn new(
        number: u32,
        shards: usize,
        query: Arc<QueryState>,
        instance: TypeId,
        describe: Describe<K>,
    ) -> Self {
        debug_assert!(shards.is_power_of_two());
        let shards = Shards::new(shards, || (EntryTable::new(query.clone()), Flights::new()), processors());
        Self { number, shards, query, instance, describe }
    }

    /// The live entry of a key, for a caller: a hit or a miss, and counted as such. On a hit, `take` is given the entry, and
    /// may take as long as it likes, and use the cache: see [`ReadMostly`]. On a miss, the time is returned as well.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "it has two callers, and a hit would pay for a call of it")]
    pub(crate) fn look_up<R>(
        &self,
        storage: &Storage,
        wanted: &Wanted<impl Fn(&K) -> bool>,
        take: impl FnOnce(&Arc<Entry<K, V>>) -> R,
    ) -> Result<R, (Absent, Nanos)> {
        let found = self.get(storage, wanted, take);
        self.query.counters.count(if found.is_ok() { Event::Hit } else { Event::Miss });
        found
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as for its one caller")]
    fn get<R>(
        &self,
        storage: &Storage,
        wanted: &Wanted<impl Fn(&K) -> bool>,
        take: impl FnOnce(&Arc<Entry<K, V>>) -> R,
    ) -> Result<R, (Absent, Nanos)> {
        let Some(pin) = self.shards.pin(self.place(wanted.hash)) else {
            return self.get_current(storage, wanted, take);
        };
        let found = pin.find_fast(wanted.hash, wanted.scope, &wanted.is_key);
        self.take_live(storage, found, take)
    }

    /// The same without a pin.
    #[cold]
    fn get_current<R>(
        &self,
        storage: &Storage,
        wanted: &Wanted<impl Fn(&K) -> bool>,
        take: impl FnOnce(&Arc<Entry<K, V>>) -> R,
    ) -> Result<R, (Absent, Nanos)> {
        let held = Held { entry: self.find_current(wanted), counters: &self.query.counters };
        self.take_live(storage, held.entry.as_ref(), take)
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as for its caller")]
    fn take_live<R>(
        &self,
        storage: &Storage,
        found: Option<&Arc<Entry<K, V>>>,
        take: impl FnOnce(&Arc<Entry<K, V>>) -> R,
    ) -> Result<R, (Absent, Nanos)> {
        // Only now: while the processor fetches the entry, it has time to read the clock.
        let now = storage.timeline.time.now();
        let Some(entry) = found else { return Err((Absent::Missing, now)) };
        if !self.is_live(storage, &entry.meta, now) {
            return Err((Absent::Dead, now));
        }
        entry.meta.hits.record();
        Ok(take(entry))
    }

    fn find_current(&self, wanted: &Wanted<impl Fn(&K) -> bool>) -> Option<Arc<Entry<K, V>>> {
        let mut found = None;
        self.shards.read_current(self.place(wanted.hash), &mut |table| {
            found = table.find(wanted.hash, wanted.scope, &wanted.is_key).cloned();
        });
        found
    }

    /// Finds out what a caller is to do that missed. If it is to load, that load begins, and the candidate is taken. One
    /// that must not wait is given a load of its own.
    pub(crate) fn claim(&self, storage: &Storage, candidate: &mut Option<Candidate<K>>, caller: Caller) -> Claim<K, V>
    where
        K: Eq,
    {
        let wanted = candidate.as_ref().expect("it is taken when a load begins, and no other begins after");
        let (hash, scope, is_key) = (wanted.hash, wanted.scope, |key: &K| *key == wanted.key);
        let mut shard = self.lock(hash);
        if let Some(entry) = shard.value().find(hash, scope, is_key)
            && !storage.seems_dead(&entry.meta, caller.now)
        {
            return Claim::Found(entry.clone());
        }
        let in_flight = shard.state_mut().find(hash, scope, is_key, caller.arrived, caller.now);
        if let (InFlight::Open(load), true) = (&in_flight.state, caller.may_wait) {
            let flight = shard.state_mut().get_mut(hash, *load).expect("it was found just now");
            let (load, order, context) = (*load, flight.order, flight.context.clone());
            return Claim::Join { load, order, promise: flight.join(), context };
        }
        let candidate = candidate.take().expect("it was there a moment ago");
        let expires_at = candidate.expires_at(caller.now);
        let taken_over = match in_flight.state {
            InFlight::Leaderless(load) => Some(load),
            InFlight::Nothing | InFlight::Open(_) => None,
        };
        let id = taken_over.unwrap_or_else(next_load);
        let origin = context::Origin { tags: candidate.tags, own_ttl: candidate.own_ttl, expires_at };
        let context = Context::new(id, storage.timeline.clone(), self.query.clone(), origin);
        // One that callers may join is listed in any case.
        let is_open = !matches!(in_flight.state, InFlight::Open(_));
        let is_listed = is_open || in_flight.loads < MAX_LOADS_OF_A_KEY;
        // Dropped when the lock is released.
        let (mut unused_key, mut last_context) = (None, None);
        if let Some(flight) = taken_over.and_then(|load| shard.state_mut().get_mut(hash, load)) {
            last_context = Some(flight.take_over(context.clone(), caller.now));
            unused_key = Some(candidate.key);
        } else if is_listed {
            shard.state_mut().begin(Flight {
                id,
                order: id,
                hash,
                scope,
                key: candidate.key,
                began: caller.now,
                context: context.clone(),
                is_open,
                is_fenced: false,
                is_superseded: false,
                promise: None,
                followers: 0,
            });
        } else {
            unused_key = Some(candidate.key);
        }
        drop(shard);
        discard_value(&self.query.counters, unused_key);
        drop(last_context);
        Claim::Lead(Lead { is_listed, context })
    }

    /// Lets nobody else wait for a load that was found invalid.
    pub(crate) fn close(&self, hash: u64, load: LoadId) {
        if let Some(flight) = self.lock(hash).state_mut().get_mut(hash, load) {
            flight.is_open = false;
        }
    }

    /// Ends a load, and stores its value if it is valid. Of several loads of one key the last begun is kept. `value` is
    /// cloned for followers, if it is not stored and there are any. Returns whether the value was refused.
    pub(crate) fn complete(&self, storage: &Storage, hash: u64, load: LoadId, value: &V, loaded: Loaded<V>) -> bool
    where
        K: Eq,
        V: Clone,
    {
        let Loaded { copy, dependencies, expires_at, now } = loaded;
        let Dependencies { tags, since, is_valid, shareable_before, .. } = dependencies;
        let counters = &self.query.counters;
        let mut shard = self.lock(hash);
        // Comparing keys may panic: the load has not ended then.
        let flight = shard.state().get(hash, load).expect("a load ends once");
        let predecessor = shard.value().find(hash, flight.scope, |key| *key == flight.key).cloned();
        // From here on nothing panics: the load ends now, in one step with what becomes of its value.
        let mut flight = shard.state_mut().end(hash, load).expect("it was found just now");
        let promise = flight.promise.take().map(|promise| Completer::new(promise, counters));
        let is_refused = !is_valid || flight.is_fenced;
        let order = flight.order;
        let is_predecessor_live = predecessor.as_ref().is_some_and(|entry| !storage.seems_dead(&entry.meta, now));
        let is_kept = !is_refused && now < expires_at && !(flight.is_superseded && is_predecessor_live);
        let origin = |tags| Origin {
            hash,
            scope: flight.scope,
            store: self.number,
            segment: storage.eviction.segment_of(self.place(hash), self.query.quota),
            tags,
            valid_as_of: since,
            began: flight.began,
            expires_at,
        };
        let (mut aftermath, mut evicted, mut displaced) = (Aftermath::default(), None, None);
        let (mut entry, mut unused) = (None, None);
        match copy {
            Some(copy) if is_kept => {
                shard.state_mut().supersede(&flight);
                let new = Arc::new(Entry { meta: Meta::new(origin(tags)), key: flight.key, value: copy });
                aftermath = self.admit(storage, predecessor.as_deref(), &new, now);
                displaced = shard.value_mut().put(predecessor.as_ref(), new.clone());
                evicted = self.remove_victim(&mut shard, hash, &mut aftermath);
                entry = Some(new);
            }
            copy => {
                if let Some(dead) = predecessor.as_ref().filter(|_| !is_predecessor_live) {
                    displaced = remove(storage, &mut shard, dead);
                }
                unused = Some((Meta::new(origin(tags)), flight.key, copy));
            }
        }
        drop(shard);
        let valid_as_of = (!is_refused).then_some(since);
        match (unused, promise) {
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
        // First, so that a `Drop` that purges finds nothing dead that is neither here nor there.
        storage.settle(aftermath, now);
        if let Some(evicted) = evicted {
            self.discard_evicted(storage, evicted, now);
        }
        discard_some(predecessor, counters);
        discard_some(entry, counters);
        if let Some(displaced) = displaced {
            self.count_death(&displaced.meta, now);
            discard(displaced, counters);
        }
        is_refused
    }

    /// Finds room for an entry, under the lock of its shard. What had to leave is to be settled afterwards.
    fn admit(
        &self,
        storage: &Storage,
        predecessor: Option<&Entry<K, V>>,
        entry: &Arc<Entry<K, V>>,
        now: Nanos,
    ) -> Aftermath {
        let entry: Arc<dyn AnyEntry> = entry.clone();
        let (predecessor, quota) = (predecessor.map(|predecessor| &predecessor.meta), self.query.quota);
        storage.admit(&entry, predecessor, quota, now)
    }

    /// Removes what made room from the shard of this hash, if it is there. Most often it is: see
    /// [`EvictionSegments`](crate::eviction::EvictionSegments).
    fn remove_victim(
        &self,
        shard: &mut ShardWriter<'_, K, V>,
        hash: u64,
        aftermath: &mut Aftermath,
    ) -> Option<Arc<Entry<K, V>>> {
        let is_here = |meta: &Meta| meta.store() == self.number && self.place(meta.hash) == self.place(hash);
        let victim = aftermath.victim.as_ref().filter(|victim| is_here(victim.meta()))?;
        let removed = shard.value_mut().remove_at(victim.meta().hash, address(victim))?;
        // Not the last reference to it.
        aftermath.victim = None;
        Some(removed)
    }

    /// Stores a value that is there already, in place of any that the key has, and of any that a load in flight will
    /// make. Returns whether something was in flight.
    pub(crate) fn insert(
        &self,
        storage: &Storage,
        candidate: Candidate<K>,
        value: V,
        valid_as_of: Version,
        now: Nanos,
    ) -> bool
    where
        K: Eq,
    {
        let counters = &self.query.counters;
        if storage.capacity_of(&self.query) == 0 {
            discard_value(counters, candidate.key);
            discard_value(counters, value);
            return false;
        }
        let expires_at = candidate.expires_at(now);
        let is_live = now < expires_at;
        let Candidate { key, hash, scope, tags, .. } = candidate;
        let (store, segment) = (self.number, storage.eviction.segment_of(self.place(hash), self.query.quota));
        let origin = Origin { hash, scope, store, segment, tags, valid_as_of, began: now, expires_at };
        let new = Arc::new(Entry { meta: Meta::new(origin), key, value });
        let (mut aftermath, mut evicted) = (Aftermath::default(), None);
        let mut shard = self.lock(hash);
        let is_key = |stored: &K| *stored == new.key;
        let predecessor = shard.value().find(hash, scope, is_key).cloned();
        let was_in_flight = shard.state_mut().fence(hash, scope, is_key);
        let displaced = if is_live {
            aftermath = self.admit(storage, predecessor.as_deref(), &new, now);
            let displaced = shard.value_mut().put(predecessor.as_ref(), new.clone());
            evicted = self.remove_victim(&mut shard, hash, &mut aftermath);
            displaced
        } else {
            predecessor.as_ref().and_then(|predecessor| remove(storage, &mut shard, predecessor))
        };
        drop(shard);
        // First, as when a load is complete.
        storage.settle(aftermath, now);
        if let Some(evicted) = evicted {
            self.discard_evicted(storage, evicted, now);
        }
        if let Some(displaced) = &displaced {
            self.count_death(&displaced.meta, now);
        }
        for entry in [Some(new), predecessor, displaced] {
            discard_some(entry, counters);
        }
        was_in_flight
    }

    /// Removes the entry of a key, if it is dead.
    pub(crate) fn remove_if_dead(&self, storage: &Storage, wanted: &Wanted<impl Fn(&K) -> bool>, now: Nanos) {
        let Some(entry) = self.find_current(wanted) else { return };
        if self.is_live(storage, &entry.meta, now) {
            discard(entry, &self.query.counters);
        } else {
            self.remove_dead(storage, entry, now);
        }
    }

    /// Removes an entry that was found dead.
    pub(crate) fn remove_dead(&self, storage: &Storage, entry: Arc<Entry<K, V>>, now: Nanos) {
        let removed = remove(storage, &mut self.lock(entry.meta.hash), &entry);
        if removed.is_some() {
            self.count_death(&entry.meta, now);
        }
        discard_some(removed, &self.query.counters);
        discard(entry, &self.query.counters);
    }

    /// Removes the entries of a key, and lets no load of it that is in flight be stored. If several keys are wanted,
    /// those of one hash, all their entries go: there are others once in 2^64 times.
    pub(crate) fn forget(
        &self,
        storage: &Storage,
        wanted: &Wanted<impl Fn(&K) -> bool>,
        mut removed: impl FnMut(Arc<Entry<K, V>>),
    ) {
        let mut shard = self.lock(wanted.hash);
        shard.state_mut().fence(wanted.hash, wanted.scope, &wanted.is_key);
        while let Some(entry) = shard.value().find(wanted.hash, wanted.scope, &wanted.is_key).cloned() {
            drop(remove(storage, &mut shard, &entry));
            removed(entry);
        }
    }

    /// Removes an entry that the eviction has let go of, and counts why.
    pub(crate) fn dispose(&self, storage: &Storage, entry: Arc<Entry<K, V>>, now: Nanos) {
        let removed = self.lock(entry.meta.hash).value_mut().remove_at(entry.meta.hash, address(&entry));
        if let Some(removed) = removed {
            // Not the last reference to it.
            drop(entry);
            self.discard_evicted(storage, removed, now);
        } else {
            if self.is_live(storage, &entry.meta, now) {
                self.query.counters.count(Event::Eviction);
            }
            discard(entry, &self.query.counters);
        }
    }

    /// Drops an entry that was evicted and removed, and counts why.
    fn discard_evicted(&self, storage: &Storage, entry: Arc<Entry<K, V>>, now: Nanos) {
        if self.is_live(storage, &entry.meta, now) {
            self.query.counters.count(Event::Eviction);
        } else {
            self.count_death(&entry.meta, now);
        }
        discard(entry, &self.query.counters);
    }

    pub(crate) fn is_live(&self, storage: &Storage, meta: &Meta, now: Nanos) -> bool {
        now < meta.expires_at && storage.is_valid(&self.query, meta)
    }

    /// Counts an entry that is removed or replaced, if it has expired.
    fn count_death(&self, meta: &Meta, now: Nanos) {
        if now >= meta.expires_at {
            self.query.counters.count(Event::Expiration);
        }
    }

    /// Frees what memory the shards can give back.
    pub(crate) fn shrink(&self) {
        for place in 0..self.shards.len() {
            let mut shard = self.shards.lock(place);
            shard.value_mut().shrink();
            shard.state_mut().shrink();
        }
    }

    /// Counts the loads in flight, and their followers; `None` if a shard is locked.
    pub(crate) fn count_flights(&self) -> Option<(usize, usize)> {
        let (mut loads, mut waiting) = (0, 0);
        for place in 0..self.shards.len() {
            let (more, more_waiting) = self.shards.try_view(place, Flights::count)?;
            (loads, waiting) = (loads + more, waiting + more_waiting);
        }
        Some((loads, waiting))
    }

    /// Panics if the shards contradict themselves. Hands out their entries by their addresses, while nobody can change
    /// what there is: all shards are locked.
    pub(crate) fn check_shards(&self, with: WithEntries<'_>) {
        let shards: Vec<_> = (0..self.shards.len()).map(|place| self.shards.lock(place)).collect();
        let mut entries = Vec::new();
        for shard in &shards {
            shard.check_invariants();
            shard.value().check_invariants();
            shard.state().check_invariants();
            entries.extend(shard.value().iter().map(|entry| (&entry.meta, address(entry))));
        }
        with(&entries);
    }
}

impl<K, V> Store<K, V> {
    /// Ends a load that made no value, and hands out its followers' promise.
    pub(crate) fn fail(&self, hash: u64, load: LoadId) -> Option<Flight<K>> {
        self.lock(hash).state_mut().end(hash, load)
    }

    /// Leaves a load without an end: one of its followers takes over, if there is any.
    pub(crate) fn abandon(&self, hash: u64, load: LoadId) {
        let mut shard = self.lock(hash);
        let Some(flight) = shard.state_mut().get_mut(hash, load) else { return };
        match flight.leave() {
            Some(promise) => {
                drop(shard);
                promise.tell_one();
                Promise::discard(promise, &self.query.counters);
            }
            None => self.end_unused(shard, hash, load),
        }
    }

    /// A follower leaves before the end.
    pub(crate) fn leave(&self, hash: u64, load: LoadId, promise: Arc<Promise>) {
        let mut shard = self.lock(hash);
        // Without a leader, another of its followers is to take over.
        let (mut next, mut is_unused) = (None, false);
        if let Some(flight) = shard.state_mut().get_mut(hash, load) {
            flight.followers -= 1;
            if flight.is_leaderless() {
                is_unused = flight.followers == 0;
                next = flight.promise.clone().filter(|_| !is_unused);
            }
        }
        if is_unused {
            self.end_unused(shard, hash, load);
        } else {
            drop(shard);
        }
        if let Some(next) = next {
            next.tell_one();
            Promise::discard(next, &self.query.counters);
        }
        // Not under the lock: the load may have ended meanwhile, and this may be the last reference to its value.
        Promise::discard(promise, &self.query.counters);
    }

    /// Takes out a load that nobody waits for. Its key is dropped when the lock is released.
    fn end_unused(&self, mut shard: ShardWriter<'_, K, V>, hash: u64, load: LoadId) {
        let flight = shard.state_mut().end(hash, load);
        drop(shard);
        discard_value(&self.query.counters, flight);
    }

    fn lock(&self, hash: u64) -> ShardWriter<'_, K, V> {
        self.shards.lock(self.place(hash))
    }

    /// The shard of a hash.
    #[inline]
    fn place(&self, hash: u64) -> usize {
        // Bits of the hash that the shard's table does not use first.
        (hash >> 40) as usize & (self.shards.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::engine::settings::Settings;
    use crate::entry::options::EntryOptions;

    const HASH: u64 = 7;

    /// Loads of one key, all of them valid, that end in this order; instead of 0, what is stored is removed. Returns what
    /// is stored after each.
    fn stored_after(order: &[u32]) -> Vec<Option<u32>> {
        let engine = Arc::new(Engine::new(Settings::default()));
        let (query, instance) = (Arc::new(QueryState::anonymous()), TypeId::of::<()>());
        let store = engine.make_store::<u32, u32>(query, instance, |_, _, _| Ok(()));
        let now = engine.timeline().time.now();
        let begin = || {
            let candidate = engine.candidate(None, &store, HASH, EntryOptions::new()).with_key(7);
            match store.claim(&engine.storage, &mut Some(candidate), Caller { now, arrived: 0, may_wait: false }) {
                Claim::Lead(lead) => lead,
                Claim::Found(_) | Claim::Join { .. } => unreachable!("nothing is stored, and it must not wait"),
            }
        };
        let loads: Vec<_> = std::iter::repeat_with(begin).take(order.len()).collect();
        let wanted = Wanted { hash: HASH, scope: 0, is_key: |key: &u32| *key == 7 };
        let end = |&number: &u32| {
            if number == 0 {
                let mut removed = 0;
                store.forget(&engine.storage, &wanted, |_| removed += 1);
                assert_eq!(removed, 1, "there was something to remove");
                // Not what is in flight, which the removal has fenced.
                (1..=loads.len()).for_each(|load| store.unfence(HASH, loads[load - 1].context.id));
            } else {
                let Lead { context, .. } = &loads[number as usize - 1];
                let dependencies = context.end(&TagSet::default());
                let loaded = Loaded { copy: Some(number), dependencies, expires_at: context.expires_at, now };
                store.complete(&engine.storage, HASH, context.id, &number, loaded);
            }
            store.get(&engine.storage, &wanted, |entry| entry.value).ok()
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
        assert_eq!(stored_after(&[3, 0, 1, 2]), [Some(3), None, Some(1), Some(2)], "what has gone is in nobody's way");
        assert_eq!(stored_after(&[3, 0, 2, 1]), [Some(3), None, Some(2), Some(2)]);
    }
}
