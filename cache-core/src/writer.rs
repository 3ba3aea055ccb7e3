//! What puts entries into a shard and takes them out, under the two locks that this takes.

use crate::capacity::Room;
use crate::clock::Nanos;
use crate::engine::Engine;
use crate::policy::{Address, State};
use crate::shard::{Entry, Shard};
use crate::slots::Index;
use crate::store::{Storable, Store};
use crate::striped::WriteGuard;
use crate::sync::MutexGuard;
use crate::uses::Uses;

/// The room and one shard, locked. Entries are handed out, to be dropped when it is gone.
pub(crate) struct Writer<'a, K, V> {
    pub(crate) store: &'a Store<K, V>,
    pub(crate) engine: &'a Engine,
    pub(crate) room: MutexGuard<'a, Room>,
    pub(crate) shard: WriteGuard<'a, Shard<K, V>>,
    /// Of the shard, counted through all stores.
    pub(crate) number: u32,
    pub(crate) now: Nanos,
}

impl<'a, K: Storable, V: Storable> Writer<'a, K, V> {
    /// Unlocks the shard, and keeps the room.
    pub(crate) fn leave_shard(self) -> MutexGuard<'a, Room> {
        self.room
    }

    pub(crate) fn state(&self, index: Index) -> State {
        self.store.state(self.engine, self.shard.entry(index), self.now)
    }

    /// Puts an entry where its predecessor is, or in the room that there must be. Returns what it displaces.
    pub(crate) fn put(&mut self, predecessor: Option<Index>, mut entry: Entry<K, V>) -> Option<Entry<K, V>> {
        let Some(index) = predecessor else {
            let (hash, expires_at) = (self.store.policy_hash(entry.hash), entry.expires_at.get());
            let (shard, quota) = (self.number, self.store.query.quota);
            let room = &mut self.room;
            let index = self.shard.insert(entry, |index| room.add_block(Address { shard, index }, quota));
            room.admit(hash, self.shard.id(index), expires_at, quota);
            return None;
        };
        self.store.count_death(self.state(index));
        let old = self.shard.entry_mut(index);
        // It is still the same thing that is wanted: it keeps its place, and the credit for its uses.
        self.room.replaced(entry.expires_at.get(), self.store.query.quota);
        entry.uses = Uses::new(old.uses.uses());
        Some(std::mem::replace(old, entry))
    }

    pub(crate) fn remove(&mut self, index: Index) -> Entry<K, V> {
        self.store.count_death(self.state(index));
        self.room.forget(self.shard.id(index), self.store.query.quota);
        self.store.remove(&mut self.shard, &mut self.room, Address { shard: self.number, index })
    }
}
