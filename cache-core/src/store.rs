//! The entries of one query, or of one cache used by hand: shards behind locks.
//!
//! Hits take a shard's read lock, and no other. Whatever adds or removes entries takes the lock of the
//! cache's [`Policy`] first and then the locks of shards, one at a time. No code of the user's runs under a
//! lock, but for `Eq` of keys, `Clone` of the value on a hit, and `Debug` of keys in a listing: what has to
//! be dropped is handed out from under the lock first. The last two may use the cache again: see
//! [`crate::reentry`].

use std::any::Any;
use std::fmt;
use std::time::Duration;

use crossbeam_utils::CachePadded;

use crate::clock::Nanos;
use crate::engine::Engine;
use crate::inspect::EntryInfo;
use crate::policy::{Address, Policy, Sight, State};
use crate::query::QueryState;
use crate::reentry::{self, Inside};
use crate::scope::ScopeId;
use crate::shard::{Entry, Shard};
use crate::stats::Event;
use crate::stores::View;
use crate::sync::{Arc, Ordering, RwLock};
use crate::version::Version;

/// Keys and values that can be stored.
pub(crate) trait Storable: Send + Sync + 'static {}
impl<T: Send + Sync + 'static> Storable for T {}

/// Writes out a key, for a listing.
pub(crate) type Describe<K> = fn(&K, &QueryState, &mut dyn fmt::Write) -> fmt::Result;

/// What is to be dropped where no lock is held.
type Garbage = Box<dyn Any + Send>;

/// In cache lines of its own: threads that use different shards have nothing to do with each other.
type LockedShard<K, V> = CachePadded<RwLock<Shard<K, V>>>;

pub(crate) struct Store<K, V> {
    /// The number of its first shard, counted through all stores of the cache.
    first_shard: u32,
    shards: Box<[LockedShard<K, V>]>,
    pub(crate) query: Arc<QueryState>,
    describe: Describe<K>,
}

/// What had to go for an entry, or the entry itself if it could not be stored.
enum Displaced<K, V> {
    Nothing,
    Own(Entry<K, V>),
    Other(#[expect(dead_code, reason = "it is there to be dropped")] Garbage),
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
    pub(crate) fn new(first_shard: u32, shards: usize, query: Arc<QueryState>, describe: Describe<K>) -> Self {
        debug_assert!(shards.is_power_of_two());
        let shards = (0..shards).map(|_| CachePadded::new(RwLock::new(Shard::new()))).collect();
        Self { first_shard, shards, query, describe }
    }

    /// The value of a key, for a caller: a hit or a miss, and counted as such.
    pub(crate) fn look_up(&self, engine: &Engine, wanted: &Wanted<impl Fn(&K) -> bool>, now: Nanos) -> Result<V, Absent>
    where
        V: Clone,
    {
        let found = self.get(engine, wanted, now);
        self.query.counters.count(if found.is_ok() { Event::Hit } else { Event::Miss });
        found
    }

    fn get(&self, engine: &Engine, wanted: &Wanted<impl Fn(&K) -> bool>, now: Nanos) -> Result<V, Absent>
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
        entry.count_hit();
        Ok(entry.value.clone())
    }

    /// Stores an entry if it is current, and returns whether it was. Of several loads of one key the last
    /// begun is kept.
    pub(crate) fn insert(&self, engine: &Engine, entry: Entry<K, V>, now: Nanos) -> bool
    where
        K: Eq,
    {
        if reentry::is_inside() {
            return true;
        }
        let (is_current, garbage) = self.place(engine, entry, now);
        drop(garbage);
        is_current
    }

    fn place(&self, engine: &Engine, mut entry: Entry<K, V>, now: Nanos) -> (bool, Displaced<K, V>)
    where
        K: Eq,
    {
        let mut policy = engine.policy.lock();
        let mut shard = self.shard(entry.hash).write();
        let birth = entry.origin.birth;
        if !shard.admits(birth) || !self.admits(engine, &entry) {
            return (false, Displaced::Own(entry));
        }
        if let Some(index) = shard.find(entry.hash, entry.scope, |key| *key == entry.key) {
            let old = shard.entry_mut(index);
            if old.origin.order > entry.origin.order && self.is_live(engine, old, now) {
                return (true, Displaced::Own(entry));
            }
            self.count_death(self.state(engine, old, now));
            // It is still the same thing that is wanted: it keeps its place, and the credit for its uses.
            entry.node = old.node;
            entry.spent = 0_u32.wrapping_sub(old.uses()).into();
            return (true, Displaced::Own(std::mem::replace(old, entry)));
        }
        let mut displaced = Displaced::Nothing;
        if policy.is_full() {
            drop(shard);
            displaced = self.make_room(engine, &mut policy, now);
            shard = self.shard(entry.hash).write();
        }
        let hash = entry.hash;
        let index = shard.insert(entry);
        shard.entry_mut(index).node = policy.admit(self.policy_hash(hash), self.address(hash, index));
        (true, displaced)
    }

    /// Removes the entry whose turn it is, from whatever store it is in.
    fn make_room(&self, engine: &Engine, policy: &mut Policy, now: Nanos) -> Displaced<K, V> {
        match policy.evict(&View { engine, now }) {
            None => Displaced::Nothing,
            // The common case, one store for all, needs no box.
            Some((at, state)) if self.owns(at) => Displaced::Own(self.evict(policy, at, state)),
            Some((at, state)) => Displaced::Other(engine.stores.at(at).evict_any(policy, at, state)),
        }
    }

    /// Removes an entry of which the policy has let go.
    fn evict(&self, policy: &mut Policy, at: Address, state: State) -> Entry<K, V> {
        match state {
            State::Live { .. } => self.query.counters.count(Event::Eviction),
            dead => self.count_death(dead),
        }
        Self::remove(&mut self.shard_at(at).write(), policy, at)
    }

    /// Removes an entry of which the policy has let go from its shard, and frees slots if most are vacant.
    fn remove(shard: &mut Shard<K, V>, policy: &mut Policy, at: Address) -> Entry<K, V> {
        let entry = shard.remove(at.index);
        if shard.is_sparse() {
            Self::compact(shard, policy, at.shard);
        }
        entry
    }

    /// Removes the entry of a key, if it is dead.
    pub(crate) fn bury(&self, engine: &Engine, wanted: &Wanted<impl Fn(&K) -> bool>, now: Nanos) {
        if reentry::is_inside() {
            return;
        }
        drop(self.take(engine, wanted, now, State::is_dead));
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
            let was_live = self.peek(engine, wanted, now).is_some_and(|state| !state.is_dead());
            self.query.cell.raise(version);
            return was_live;
        }
        self.shard(wanted.hash).write().raise_fence(version);
        let taken = self.take(engine, wanted, now, |_| true);
        taken.is_some_and(|(state, _)| !state.is_dead())
    }

    fn peek(&self, engine: &Engine, wanted: &Wanted<impl Fn(&K) -> bool>, now: Nanos) -> Option<State> {
        let shard = reentry::read(self.shard(wanted.hash));
        let index = shard.find(wanted.hash, wanted.scope, &wanted.is_key)?;
        Some(self.state(engine, shard.entry(index), now))
    }

    /// Removes the entry of a key if its state says so, and hands it out with its state.
    fn take(
        &self,
        engine: &Engine,
        wanted: &Wanted<impl Fn(&K) -> bool>,
        now: Nanos,
        should_go: fn(State) -> bool,
    ) -> Option<(State, Entry<K, V>)> {
        let mut policy = engine.policy.lock();
        let mut shard = self.shard(wanted.hash).write();
        let index = shard.find(wanted.hash, wanted.scope, &wanted.is_key)?;
        let entry = shard.entry(index);
        let state = self.state(engine, entry, now);
        if !should_go(state) {
            return None;
        }
        self.count_death(state);
        policy.forget(entry.node);
        Some((state, Self::remove(&mut shard, &mut policy, self.address(wanted.hash, index))))
    }

    /// Frees a shard's vacant slots.
    fn compact(shard: &mut Shard<K, V>, policy: &mut Policy, number: u32) {
        shard.compact(|node, index| policy.relocate(node, Address { shard: number, index }));
    }

    fn shard(&self, hash: u64) -> &RwLock<Shard<K, V>> {
        &self.shards[self.shard_index(hash) as usize]
    }

    /// From bits of the hash that the shard's table does not use first.
    #[expect(clippy::cast_possible_truncation, reason = "only a few low bits are wanted")]
    fn shard_index(&self, hash: u64) -> u32 {
        (hash >> 40) as u32 & (self.shards.len() as u32 - 1)
    }

    fn address(&self, hash: u64, index: u32) -> Address {
        Address { shard: self.first_shard + self.shard_index(hash), index }
    }

    fn shard_at(&self, at: Address) -> &RwLock<Shard<K, V>> {
        &self.shards[(at.shard - self.first_shard) as usize]
    }

    fn owns(&self, at: Address) -> bool {
        at.shard.checked_sub(self.first_shard).is_some_and(|index| (index as usize) < self.shards.len())
    }

    /// Tells apart equal arguments of different queries, which the hash of a key does not.
    fn policy_hash(&self, hash: u64) -> u64 {
        /// Spreads small numbers over all bits: 2^64 divided by the golden ratio.
        const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
        hash ^ u64::from(self.first_shard).wrapping_mul(SPREAD)
    }

    fn state(&self, engine: &Engine, entry: &Entry<K, V>, now: Nanos) -> State {
        if now >= entry.expires_at {
            State::Expired
        } else if self.is_current(engine, entry) {
            State::Live { uses: entry.uses() }
        } else {
            State::Invalidated
        }
    }

    fn is_live(&self, engine: &Engine, entry: &Entry<K, V>, now: Nanos) -> bool {
        now < entry.expires_at && self.is_current(engine, entry)
    }

    /// Whether the entry has not been invalidated. Asks its cells only if some invalidation has completed
    /// since they were last asked.
    fn is_current(&self, engine: &Engine, entry: &Entry<K, V>) -> bool {
        // Before the cells are asked: see `VersionClock::completed`.
        let completed = engine.versions.completed();
        if entry.verified.load(Ordering::Relaxed) == completed {
            return true;
        }
        let admitted = self.admits(engine, entry);
        if admitted {
            entry.verified.store(completed, Ordering::Relaxed);
        }
        admitted
    }

    fn admits(&self, engine: &Engine, entry: &Entry<K, V>) -> bool {
        let birth = entry.origin.birth;
        engine.floor.admits(birth) && self.query.cell.admits(birth) && entry.bearings.admit(birth)
    }

    /// Counts an entry that is removed or replaced, if it has expired.
    fn count_death(&self, state: State) {
        if state == State::Expired {
            self.query.counters.count(Event::Expiration);
        }
    }

    fn is_listed(&self, engine: &Engine, entry: &Entry<K, V>, now: Nanos, only: Option<ScopeId>) -> bool {
        only.is_none_or(|scope| scope == entry.scope) && self.is_live(engine, entry, now)
    }

    fn info(&self, entry: &Entry<K, V>, now: Nanos) -> EntryInfo {
        let mut arguments = String::new();
        // A `String` takes all that is written. A key whose `Debug` fails is shown as far as it got.
        let _ = (self.describe)(&entry.key, &self.query, &mut arguments);
        EntryInfo {
            query: self.query.name,
            module: self.query.module,
            owner: self.query.owner,
            arguments,
            scope: entry.bearings.scope().map(|scope| scope.name.clone()),
            tags: entry.bearings.tags().cloned().collect(),
            age: Duration::from_nanos(now.saturating_sub(entry.origin.time)),
            expires_in: Duration::from_nanos(entry.expires_at.saturating_sub(now)),
            hits: entry.hits.load(Ordering::Relaxed).into(),
        }
    }
}

/// A store whose types are forgotten: for work on all stores of a cache, which is never on the path of a hit.
pub(crate) trait AnyStore: Any + Send + Sync {
    fn query(&self) -> &Arc<QueryState>;
    fn look(&self, engine: &Engine, at: Address, now: Nanos) -> Sight;
    fn spend(&self, at: Address, left: u32);
    /// Removes an entry of which the policy has let go.
    fn evict_any(&self, policy: &mut Policy, at: Address, state: State) -> Garbage;
    /// Counts the live entries, of one scope or of all.
    fn count_live(&self, engine: &Engine, now: Nanos, only: Option<ScopeId>) -> usize;
    fn purge(&self, engine: &Engine, now: Nanos);
    fn list(&self, engine: &Engine, now: Nanos, only: Option<ScopeId>, list: &mut Vec<EntryInfo>);
    /// Panics if a shard is broken. Returns the addresses of all entries, with their nodes.
    fn check_invariants(&self) -> Vec<(Address, u32)>;
}

impl<K: Storable, V: Storable> AnyStore for Store<K, V> {
    fn query(&self) -> &Arc<QueryState> {
        &self.query
    }

    fn look(&self, engine: &Engine, at: Address, now: Nanos) -> Sight {
        let shard = reentry::read(self.shard_at(at));
        let entry = shard.entry(at.index);
        Sight { hash: self.policy_hash(entry.hash), state: self.state(engine, entry, now) }
    }

    fn spend(&self, at: Address, left: u32) {
        reentry::read(self.shard_at(at)).entry(at.index).spend_uses(left);
    }

    fn evict_any(&self, policy: &mut Policy, at: Address, state: State) -> Garbage {
        Box::new(self.evict(policy, at, state))
    }

    fn count_live(&self, engine: &Engine, now: Nanos, only: Option<ScopeId>) -> usize {
        let count = |shard: &LockedShard<K, V>| {
            let shard = reentry::read(shard);
            shard.entries_from(0).filter(|(_, entry)| self.is_listed(engine, entry, now, only)).count()
        };
        self.shards.iter().map(count).sum()
    }

    fn purge(&self, engine: &Engine, now: Nanos) {
        for (number, shard) in (self.first_shard..).zip(&self.shards) {
            let mut garbage = Vec::new();
            {
                let mut policy = engine.policy.lock();
                let mut shard = shard.write();
                let dead = shard.entries_from(0).filter_map(|(index, entry)| {
                    let state = self.state(engine, entry, now);
                    state.is_dead().then_some((index, state))
                });
                for (index, state) in dead.collect::<Vec<_>>() {
                    self.count_death(state);
                    let entry = shard.remove(index);
                    policy.forget(entry.node);
                    garbage.push(entry);
                }
                Self::compact(&mut shard, &mut policy, number);
            }
            drop(garbage);
        }
    }

    fn list(&self, engine: &Engine, now: Nanos, only: Option<ScopeId>, list: &mut Vec<EntryInfo>) {
        /// Writers wait for no longer than it takes to write out so many.
        const AT_ONCE: usize = 64;
        for shard in &self.shards {
            let mut next = 0;
            loop {
                let shard = reentry::read(shard);
                let _inside = Inside::enter();
                let mut seen = None;
                for (index, entry) in shard.entries_from(next).take(AT_ONCE) {
                    seen = Some(index);
                    if self.is_listed(engine, entry, now, only) {
                        list.push(self.info(entry, now));
                    }
                }
                match seen {
                    Some(index) => next = index + 1,
                    None => break,
                }
            }
        }
    }

    fn check_invariants(&self) -> Vec<(Address, u32)> {
        let mut all = Vec::new();
        for (number, shard) in (self.first_shard..).zip(&self.shards) {
            let shard = reentry::read(shard);
            shard.check_invariants();
            all.extend(shard.entries_from(0).map(|(index, entry)| (Address { shard: number, index }, entry.node)));
        }
        all
    }
}
