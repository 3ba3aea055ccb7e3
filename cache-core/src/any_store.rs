//! Stores whose types are forgotten: what is done with all entries of a cache, and never on the path of a hit.

use std::any::Any;
use std::time::Duration;

use crate::capacity::Room;
use crate::clock::{FOREVER, Nanos};
use crate::engine::Engine;
use crate::inspect::EntryInfo;
use crate::policy::{Address, Sight, State};
use crate::query::QueryState;
use crate::queues::EntryId;
use crate::reentry::{self, Inside};
use crate::scope::ScopeId;
use crate::shard::Entry;
use crate::slots::Index;
use crate::store::{Describe, LockedShard, Storable, Store, Wanted};
use crate::sync::Arc;
use crate::version::Version;

/// What is to be dropped where no lock is held.
pub(crate) type Garbage = Box<dyn Any + Send>;

pub(crate) trait AnyStore: Any + Send + Sync {
    fn query(&self) -> &Arc<QueryState>;
    fn look(&self, engine: &Engine, at: Address, now: Nanos) -> Sight;
    /// See `Residents::search`.
    fn search(&self, engine: &Engine, first: Address, which: u32, now: Nanos) -> (Option<(Index, State)>, Nanos);
    fn spend(&self, at: Address, left: u32);
    /// Removes an entry of which the policies have let go.
    fn evict_any(&self, room: &mut Room, at: Address, state: State) -> Garbage;
    /// Counts the live entries, of one scope or of all.
    fn count_live(&self, engine: &Engine, now: Nanos, only: Option<ScopeId>) -> usize;
    /// Forgets every key with this hash, in one scope: see `Store::invalidate`.
    fn invalidate_hash(&self, engine: &Engine, hash: u64, scope: ScopeId, version: Version, now: Nanos);
    fn purge(&self, engine: &Engine, now: Nanos);
    fn list(&self, engine: &Engine, now: Nanos, only: Option<ScopeId>, list: &mut Vec<EntryInfo>);
    /// Counts the loads under way, and those who wait for one; `None` if a shard is locked.
    fn count_flights(&self) -> Option<(usize, usize)>;
    /// Panics if a shard is broken. Returns the addresses of all entries, with their ids.
    fn check_invariants(&self) -> Vec<(Address, EntryId)>;
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

    fn search(&self, engine: &Engine, first: Address, which: u32, now: Nanos) -> (Option<(Index, State)>, Nanos) {
        let shard = reentry::read(self.shard_at(first));
        let (mut left, mut earliest) = (which, FOREVER);
        while left != 0 {
            let offset = left.trailing_zeros();
            left &= left - 1;
            let entry = shard.entry(first.index + offset);
            let state = self.state(engine, entry, now);
            if state.is_dead() {
                return (Some((offset, state)), earliest);
            }
            earliest = earliest.min(entry.expires_at.get());
        }
        (None, earliest)
    }

    fn spend(&self, at: Address, left: u32) {
        reentry::read(self.shard_at(at)).entry(at.index).uses.spend(left);
    }

    fn evict_any(&self, room: &mut Room, at: Address, state: State) -> Garbage {
        Box::new(self.evict(room, at, state))
    }

    fn count_live(&self, engine: &Engine, now: Nanos, only: Option<ScopeId>) -> usize {
        let count = |shard: &LockedShard<K, V>| {
            let shard = reentry::read(shard);
            shard.entries_from(0).filter(|(_, entry)| self.is_listed(engine, entry, now, only)).count()
        };
        self.shards.iter().map(count).sum()
    }

    fn invalidate_hash(&self, engine: &Engine, hash: u64, scope: ScopeId, version: Version, now: Nanos) {
        self.invalidate(engine, &Wanted { hash, scope, is_key: |_: &K| true }, version, now);
    }

    fn purge(&self, engine: &Engine, now: Nanos) {
        for shard in &self.shards {
            let mut garbage = Vec::new();
            {
                let mut room = engine.room.lock();
                let mut shard = shard.write();
                let dead = shard.entries_from(0).filter_map(|(index, entry)| {
                    let state = self.state(engine, entry, now);
                    state.is_dead().then_some((index, state))
                });
                for (index, state) in dead.collect::<Vec<_>>() {
                    self.count_death(state);
                    room.forget(shard.id(index), self.query.quota);
                    garbage.push(shard.remove(index));
                }
                self.compact(&mut shard, &mut room);
            }
            drop(garbage);
        }
    }

    fn list(&self, engine: &Engine, now: Nanos, only: Option<ScopeId>, list: &mut Vec<EntryInfo>) {
        self.list_with(engine, now, only, self.describe, list);
    }

    fn count_flights(&self) -> Option<(usize, usize)> {
        self.shards.iter().try_fold((0, 0), |(loads, waiting), shard| {
            let (more, more_waiting) = shard.try_read()?.flights.count();
            Some((loads + more, waiting + more_waiting))
        })
    }

    fn check_invariants(&self) -> Vec<(Address, EntryId)> {
        let mut all = Vec::new();
        for (number, shard) in (self.first_shard..).zip(&self.shards) {
            let shard = reentry::read(shard);
            shard.check_invariants();
            all.extend(shard.entries_from(0).map(|(index, _)| (Address { shard: number, index }, shard.id(index))));
        }
        all
    }
}

impl<K: Storable, V: Storable> Store<K, V> {
    /// Lists the live entries, with their keys written out by `describe`.
    pub(crate) fn list_with(
        &self,
        engine: &Engine,
        now: Nanos,
        only: Option<ScopeId>,
        describe: Describe<K>,
        list: &mut Vec<EntryInfo>,
    ) {
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
                        list.push(self.info(entry, now, describe));
                    }
                }
                match seen {
                    Some(index) => next = index + 1,
                    None => break,
                }
            }
        }
    }

    fn is_listed(&self, engine: &Engine, entry: &Entry<K, V>, now: Nanos, only: Option<ScopeId>) -> bool {
        only.is_none_or(|scope| scope == entry.scope) && self.is_live(engine, entry, now)
    }

    fn info(&self, entry: &Entry<K, V>, now: Nanos, describe: Describe<K>) -> EntryInfo {
        // It may have come since the clock was read.
        let now = now.max(entry.began);
        let mut arguments = String::new();
        // A `String` takes all that is written. A key whose `Debug` fails is shown as far as it got.
        let _ = describe(&entry.key, &self.query, &mut arguments);
        EntryInfo {
            query: self.query.name,
            module: self.query.module,
            owner: self.query.owner,
            arguments,
            scope: entry.bearings.scope().map(|scope| scope.name.clone()),
            tags: entry.bearings.tags().cloned().collect(),
            age: Duration::from_nanos(now - entry.began),
            expires_in: Duration::from_nanos(entry.expires_at.get().saturating_sub(now)),
            hits: entry.uses.hits(),
        }
    }
}
