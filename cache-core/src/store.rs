//! The entries of one query, or of one cache used by hand: shards behind locks.
//!
//! Hits take a shard's read lock, and no other. Whatever adds or removes entries takes the lock of the
//! cache's [`Room`] first and then the locks of shards, one at a time; a load begins under its shard's lock
//! alone. No code of the user's runs under a lock, but for `Eq` of keys, `Clone` of the value on a hit, and
//! `Debug` of keys in a listing: what has to be dropped is handed out from under the lock first. The last two
//! may use the cache again: see [`crate::reentry`].

use std::fmt;

use crate::any_store::Garbage;
use crate::capacity::Room;
use crate::clock::Nanos;
use crate::engine::Engine;
use crate::flight::Flight;
use crate::landing::{Duty, Landing};
use crate::policy::{Address, State};
use crate::query::QueryState;
use crate::reentry::{self, Inside};
use crate::scope::ScopeId;
use crate::shard::{Entry, Origin, Shard};
use crate::stats::{Event, processors};
use crate::striped::Striped;
use crate::sync::{Arc, MutexGuard, Ordering};
use crate::tag::Bearings;
use crate::version::Version;
use crate::waits::{LoadId, next_load};
use crate::writer::Writer;

/// Keys and values that can be stored.
pub(crate) trait Storable: Send + Sync + 'static {}
impl<T: Send + Sync + 'static> Storable for T {}

/// Writes out a key, for a listing.
pub(crate) type Describe<K> = fn(&K, &QueryState, &mut dyn fmt::Write) -> fmt::Result;

/// Threads that use different shards have nothing to do with each other, nor have those that hit the same one.
pub(crate) type LockedShard<K, V> = Striped<Shard<K, V>>;

pub(crate) struct Store<K, V> {
    /// The number of its first shard, counted through all stores of the cache.
    pub(crate) first_shard: u32,
    pub(crate) shards: Box<[LockedShard<K, V>]>,
    pub(crate) query: Arc<QueryState>,
    pub(crate) describe: Describe<K>,
}

/// What an operation took out. It is dropped where no lock is held.
pub(crate) struct Removed<K, V> {
    entry: Option<Entry<K, V>>,
    flight: Option<Flight<K, V>>,
    value: Option<V>,
    late: Bearings,
    /// What made room.
    evicted: Option<Entry<K, V>>,
    /// The same, of another store.
    evicted_elsewhere: Option<Garbage>,
}

impl<K, V> Default for Removed<K, V> {
    fn default() -> Self {
        Self {
            entry: None,
            flight: None,
            value: None,
            late: Bearings::default(),
            evicted: None,
            evicted_elsewhere: None,
        }
    }
}

/// What an entry is to be of, before there is a value: all that code of the user's has a part in.
pub(crate) struct Candidate<K> {
    pub(crate) key: K,
    pub(crate) hash: u64,
    pub(crate) scope: ScopeId,
    pub(crate) ttl: Nanos,
    pub(crate) bearings: Bearings,
}

impl<K> Candidate<K> {
    fn expires_at(&self, began: Nanos) -> Nanos {
        began.saturating_add(self.ttl)
    }

    fn into_flight<V>(self, origin: Origin, is_open: bool) -> Flight<K, V> {
        let expires_at = self.expires_at(origin.time);
        let Self { key, hash, scope, bearings, .. } = self;
        let (is_fenced, is_superseded, duty) = (false, false, None);
        let id = next_load();
        Flight { id, hash, scope, key, origin, expires_at, bearings, is_open, is_fenced, is_superseded, duty }
    }
}

impl Candidate<()> {
    /// The same, with its key.
    pub(crate) fn with_key<K>(self, key: K) -> Candidate<K> {
        let Self { key: (), hash, scope, ttl, bearings } = self;
        Candidate { key, hash, scope, ttl, bearings }
    }
}

/// What somebody is to do who asked for a key and missed.
pub(crate) enum Claim<V> {
    /// Look again: there is a value by now.
    Found,
    /// Wait for a load that is under way.
    Join(LoadId, Arc<Landing<V>>),
    /// Load.
    Lead(LoadId),
}

/// What became of a value that was loaded.
pub(crate) struct Completion<K, V> {
    /// Whether it was made from something that has been invalidated since.
    pub(crate) is_stale: bool,
    /// Whether those who waited may have it.
    pub(crate) may_share: bool,
    pub(crate) expires_at: Nanos,
    /// To those who waited.
    pub(crate) duty: Option<Duty<V>>,
    #[expect(dead_code, reason = "it is there to be dropped")]
    pub(crate) removed: Removed<K, V>,
}

/// The key that a caller looks for, borrowed.
pub(crate) struct Wanted<F> {
    pub(crate) hash: u64,
    pub(crate) scope: ScopeId,
    /// Whether a stored key is the one.
    pub(crate) is_key: F,
}

/// Why a key has no value that may be served.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absent {
    /// There is an entry, expired or invalidated.
    Dead,
    Missing,
}

impl<K: Storable, V: Storable> Store<K, V> {
    /// With so many shards, for so many entries.
    pub(crate) fn new(
        first_shard: u32,
        (shards, capacity): (usize, usize),
        query: Arc<QueryState>,
        describe: Describe<K>,
    ) -> Self {
        debug_assert!(shards.is_power_of_two());
        // Hashes spread them evenly, but for what chance does: three standard deviations.
        let mean = capacity / shards;
        let expected = mean + 3 * mean.isqrt();
        let shards = (0..shards).map(|_| Striped::new(Shard::new(expected), processors())).collect();
        Self { first_shard, shards, query, describe }
    }

    /// The value of a key, for a caller: a hit or a miss, and counted as such.
    #[inline]
    pub(crate) fn look_up(&self, engine: &Engine, wanted: &Wanted<impl Fn(&K) -> bool>, now: Nanos) -> Result<V, Absent>
    where
        V: Clone,
    {
        let found = self.get(engine, wanted, now);
        self.query.counters.count(if found.is_ok() { Event::Hit } else { Event::Miss });
        found
    }

    #[inline]
    pub(crate) fn get(&self, engine: &Engine, wanted: &Wanted<impl Fn(&K) -> bool>, now: Nanos) -> Result<V, Absent>
    where
        V: Clone,
    {
        let shard = reentry::read(self.shard(wanted.hash));
        let _inside = Inside::enter();
        let Some(index) = shard.find(wanted.hash, wanted.scope, &wanted.is_key) else {
            return Err(Absent::Missing);
        };
        let entry = shard.entry(index);
        if !self.is_live(engine, entry, now) {
            return Err(Absent::Dead);
        }
        entry.uses.count_hit();
        Ok(entry.value.clone())
    }

    /// Finds out what a caller is to do that missed, and if it is to load begins that: the candidate is taken
    /// then. One that must not wait is given a load of its own, for which nobody else waits.
    pub(crate) fn claim(
        &self,
        engine: &Engine,
        candidate: &mut Option<Candidate<K>>,
        now: Nanos,
        may_wait: bool,
    ) -> Claim<V>
    where
        K: Eq,
    {
        let wanted = candidate.as_ref().expect("it is taken when a load begins, and no other begins after");
        let (hash, scope, is_key) = (wanted.hash, wanted.scope, |key: &K| *key == wanted.key);
        let mut shard = self.shard(hash).write();
        if shard.find(hash, scope, is_key).is_some_and(|index| self.is_live(engine, shard.entry(index), now)) {
            return Claim::Found;
        }
        let is_current = |flight: &Flight<K, V>| now < flight.expires_at && !self.is_stale(engine, flight);
        let open = shard.flights.find_open(hash, scope, is_key, is_current);
        let is_open = open.is_none();
        if let (true, Some(flight)) = (may_wait, open) {
            return Claim::Join(flight.id, flight.landing());
        }
        let candidate = candidate.take().expect("it was there a moment ago");
        let flight = candidate.into_flight(engine.origin(now), is_open);
        let load = flight.id;
        shard.flights.begin(flight);
        Claim::Lead(load)
    }

    /// Ends a load, and stores its value if it is current; without one, the value is not to be stored. Of several
    /// loads of one key the last begun is kept. `late` is what it bears beside what was known when it began.
    pub(crate) fn complete(
        &self,
        engine: &Engine,
        (hash, load): (u64, LoadId),
        value: Option<V>,
        late: Bearings,
        now: Nanos,
    ) -> Completion<K, V>
    where
        K: Eq,
    {
        // Before the locks are taken: if comparing keys panics, it is dropped after they are released.
        let mut removed = Removed::default();
        let mut writer = self.writer(engine, engine.room.lock(), hash, now);
        let flight = writer.shard.flights.get(hash, load).expect("a load ends once");
        let predecessor = writer.shard.find(hash, flight.scope, |key| *key == flight.key);
        let needs_room = value.is_some() && predecessor.is_none() && writer.room.is_full(self.query.quota);
        let is_refused = |flight: &Flight<K, V>| self.is_stale(engine, flight) || !late.admit(flight.birth());
        if needs_room && now < flight.expires_at && !is_refused(flight) {
            // What is to go may be in any shard. Nothing comes in meanwhile: the room stays locked.
            let mut room = writer.leave_shard();
            self.make_room(engine, &mut room, now, &mut removed);
            writer = self.writer(engine, room, hash, now);
        }
        // From here on nothing panics: the load ends now, in one step with what becomes of its value.
        let mut flight = writer.shard.flights.end(hash, load).expect("a load ends once");
        // Who waits has asked what was known when the load began, but not what it brings.
        let may_share = late.admit(flight.birth());
        // Its key may have been invalidated while room was made.
        let is_stale = !may_share || self.is_stale(engine, &flight);
        let live = predecessor.filter(|&index| !writer.state(index).is_dead());
        let (expires_at, duty) = (flight.expires_at, flight.duty.take());
        let is_kept = now < expires_at && !is_stale && !(flight.is_superseded && live.is_some());
        match value {
            Some(value) if is_kept => {
                flight.bearings.join(late);
                writer.shard.flights.supersede(&flight);
                removed.entry = writer.put(predecessor, flight.into_entry(value));
            }
            value => {
                if live.is_none() {
                    removed.entry = predecessor.map(|index| writer.remove(index));
                }
                (removed.flight, removed.value, removed.late) = (Some(flight), value, late);
            }
        }
        Completion { is_stale, may_share, expires_at, duty, removed }
    }

    /// Whether what a load is made from has been invalidated since it began.
    fn is_stale(&self, engine: &Engine, flight: &Flight<K, V>) -> bool {
        flight.is_fenced || !self.admits(engine, flight.origin.birth, &flight.bearings)
    }

    /// Stores a value that is there already, in place of any that the key has, and of any that is on its way.
    pub(crate) fn insert(&self, engine: &Engine, candidate: Candidate<K>, value: V, now: Nanos) -> Removed<K, V>
    where
        K: Eq,
    {
        let mut removed = Removed::default();
        if reentry::is_inside() || engine.capacity_of(&self.query) == 0 {
            removed.value = Some(value);
            return removed;
        }
        let (hash, scope) = (candidate.hash, candidate.scope);
        let is_key = |key: &K| *key == candidate.key;
        let mut room = engine.room.lock();
        let is_live = now < candidate.expires_at(now);
        if is_live && room.is_full(self.query.quota) && self.shard(hash).read().find(hash, scope, is_key).is_none() {
            self.make_room(engine, &mut room, now, &mut removed);
        }
        let mut writer = self.writer(engine, room, hash, now);
        let predecessor = writer.shard.find(hash, scope, is_key);
        writer.shard.flights.fence(hash, scope, is_key, Version::MAX);
        if is_live {
            // As a load that ends where it begins, and that nobody can see.
            let entry = candidate.into_flight(engine.origin(now), false).into_entry(value);
            removed.entry = writer.put(predecessor, entry);
        } else {
            removed.entry = predecessor.map(|index| writer.remove(index));
            removed.value = Some(value);
        }
        removed
    }

    fn writer<'a>(&'a self, engine: &'a Engine, room: MutexGuard<'a, Room>, hash: u64, now: Nanos) -> Writer<'a, K, V> {
        Writer { store: self, engine, room, shard: self.shard(hash).write(), number: self.number_of_shard(hash), now }
    }

    /// Removes the entry whose turn it is, from whatever store it is in.
    fn make_room(&self, engine: &Engine, room: &mut Room, now: Nanos, removed: &mut Removed<K, V>) {
        match engine.evict(room, self.query.quota, now) {
            None => {}
            // The common case, one store for all, needs no box.
            Some((at, state)) if self.owns(at) => removed.evicted = Some(self.evict(room, at, state)),
            Some((at, state)) => removed.evicted_elsewhere = Some(engine.stores.at(at).evict_any(room, at, state)),
        }
    }

    /// Removes an entry of which the policies have let go.
    pub(crate) fn evict(&self, room: &mut Room, at: Address, state: State) -> Entry<K, V> {
        match state {
            State::Live { .. } => self.query.counters.count(Event::Eviction),
            dead => self.count_death(dead),
        }
        self.remove(&mut self.shard_at(at).write(), room, at)
    }

    /// Removes an entry of which the policies have let go from its shard, and frees slots if most are vacant.
    pub(crate) fn remove(&self, shard: &mut Shard<K, V>, room: &mut Room, at: Address) -> Entry<K, V> {
        let entry = shard.remove(at.index);
        if shard.is_sparse() {
            self.compact(shard, room);
        }
        entry
    }

    /// Removes the entry of a key, if it is dead.
    pub(crate) fn bury(&self, engine: &Engine, wanted: &Wanted<impl Fn(&K) -> bool>, now: Nanos) {
        if !reentry::is_inside() {
            drop(self.take(engine, wanted, now, State::is_dead));
        }
    }

    /// Forgets a key: removes its entry, and refuses what is on its way there. Returns whether there was an
    /// entry that was live.
    pub(crate) fn invalidate(
        &self,
        engine: &Engine,
        wanted: &Wanted<impl Fn(&K) -> bool>,
        version: Version,
        now: Nanos,
    ) -> bool {
        if reentry::is_inside() {
            // Without a lock all that can be forgotten is everything in the store.
            let was_live = self.is_stored(engine, wanted, now);
            self.query.cell.raise(version);
            return was_live;
        }
        {
            let mut shard = self.shard(wanted.hash).write();
            shard.flights.fence(wanted.hash, wanted.scope, &wanted.is_key, version);
            // What was on its way is refused from now on. So if there is nothing, there will be nothing.
            if shard.find(wanted.hash, wanted.scope, &wanted.is_key).is_none() {
                return false;
            }
        }
        let taken = self.take(engine, wanted, now, |_| true);
        taken.is_some_and(|(state, _)| !state.is_dead())
    }

    /// Removes the entry of a key if its state says so, and hands it out with its state. If several keys are wanted,
    /// those of one hash, their entries go with the first.
    fn take(
        &self,
        engine: &Engine,
        wanted: &Wanted<impl Fn(&K) -> bool>,
        now: Nanos,
        should_go: fn(State) -> bool,
    ) -> Option<(State, Entry<K, V>)> {
        // Before the locks are taken: if comparing keys panics, what was removed is dropped after they are released.
        let (mut taken, mut others) = (None, Vec::new());
        let mut writer = self.writer(engine, engine.room.lock(), wanted.hash, now);
        let index = writer.shard.find(wanted.hash, wanted.scope, &wanted.is_key)?;
        let state = writer.state(index);
        if should_go(state) {
            taken = Some((state, writer.remove(index)));
            // Under the same lock, so that nothing goes that is loaded later. There are others once in 2^64 times.
            while let Some(index) = writer.shard.find(wanted.hash, wanted.scope, &wanted.is_key) {
                others.push(writer.remove(index));
            }
        }
        drop(writer);
        taken
    }

    fn is_stored(&self, engine: &Engine, wanted: &Wanted<impl Fn(&K) -> bool>, now: Nanos) -> bool {
        let shard = reentry::read(self.shard(wanted.hash));
        let found = shard.find(wanted.hash, wanted.scope, &wanted.is_key);
        found.is_some_and(|index| self.is_live(engine, shard.entry(index), now))
    }

    /// Frees a shard's vacant slots.
    pub(crate) fn compact(&self, shard: &mut Shard<K, V>, room: &mut Room) {
        let quota = self.query.quota;
        let freed = shard.compact(|from, to| room.relocate(from, to, quota));
        room.remove_blocks(&freed, quota);
    }

    /// Counted through all stores.
    fn number_of_shard(&self, hash: u64) -> u32 {
        self.first_shard + u32::try_from(self.shard_index(hash)).expect("a store has few shards")
    }

    pub(crate) fn shard_at(&self, at: Address) -> &LockedShard<K, V> {
        &self.shards[(at.shard - self.first_shard) as usize]
    }

    fn owns(&self, at: Address) -> bool {
        at.shard.checked_sub(self.first_shard).is_some_and(|index| (index as usize) < self.shards.len())
    }

    /// Tells apart equal arguments of different queries, which the hash of a key does not.
    pub(crate) fn policy_hash(&self, hash: u64) -> u64 {
        /// Spreads small numbers over all bits: 2^64 divided by the golden ratio.
        const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
        hash ^ u64::from(self.first_shard).wrapping_mul(SPREAD)
    }

    pub(crate) fn state(&self, engine: &Engine, entry: &Entry<K, V>, now: Nanos) -> State {
        if now >= entry.expires_at.get() {
            State::Expired
        } else if self.is_current(engine, entry) {
            State::Live { uses: entry.uses.uses() }
        } else {
            State::Invalidated
        }
    }

    pub(crate) fn is_live(&self, engine: &Engine, entry: &Entry<K, V>, now: Nanos) -> bool {
        now < entry.expires_at.get() && self.is_current(engine, entry)
    }

    /// Whether the entry has not been invalidated. Asks its cells only if an invalidation has begun since it was last
    /// known to be current.
    #[inline]
    fn is_current(&self, engine: &Engine, entry: &Entry<K, V>) -> bool {
        let as_of = entry.current_as_of.load(Ordering::Relaxed);
        as_of == engine.versions.birth() || self.is_still_current(engine, entry, as_of)
    }

    fn is_still_current(&self, engine: &Engine, entry: &Entry<K, V>, as_of: Version) -> bool {
        // Before the cells are asked: see `VersionClock::settled`.
        let settled = engine.versions.settled();
        let admitted = self.admits(engine, as_of, &entry.bearings);
        if let (true, Some(version)) = (admitted, settled) {
            entry.current_as_of.store(version, Ordering::Relaxed);
        }
        admitted
    }

    fn admits(&self, engine: &Engine, birth: Version, bearings: &Bearings) -> bool {
        engine.floor.admits(birth) && self.query.cell.admits(birth) && bearings.admit(birth)
    }

    /// Counts an entry that is removed or replaced, if it has expired.
    pub(crate) fn count_death(&self, state: State) {
        if state == State::Expired {
            self.query.counters.count(Event::Expiration);
        }
    }
}

impl<K, V> Store<K, V> {
    /// Ends a load that made no value, and hands out what there was of it, if it had not ended before.
    pub(crate) fn abandon(&self, hash: u64, load: LoadId) -> Option<Flight<K, V>> {
        let mut flight = self.shard(hash).write().flights.end(hash, load)?;
        // Who waits is told at once: what follows is code of the user's, which may take its time or ask for more.
        drop(flight.duty.take());
        Some(flight)
    }

    fn shard(&self, hash: u64) -> &LockedShard<K, V> {
        &self.shards[self.shard_index(hash)]
    }

    /// From bits of the hash that the shard's table does not use first.
    #[inline]
    fn shard_index(&self, hash: u64) -> usize {
        (hash >> 40) as usize & (self.shards.len() - 1)
    }
}
