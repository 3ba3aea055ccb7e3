//! The loads that are under way in one shard. No locks in here.
//!
//! Of the loads of one key, one is *open*: whoever asks for the key waits for it. It is no longer joined
//! once something that it bears has been invalidated, and the next caller begins another. A load that
//! could not be waited for is closed from its start. Open or not, each is listed here for as long as it
//! runs, so that an invalidation of its key reaches it.

use hashbrown::HashTable;

use crate::clock::Nanos;
use crate::landing::{Duty, Landing};
use crate::scope::ScopeId;
use crate::shard::Origin;
use crate::sync::Arc;
use crate::tag::Bearings;
use crate::version::Version;
use crate::waits::LoadId;

/// A load that has begun.
pub(crate) struct Flight<K, V> {
    pub(crate) hash: u64,
    pub(crate) scope: ScopeId,
    pub(crate) key: K,
    pub(crate) origin: Origin,
    pub(crate) expires_at: Nanos,
    pub(crate) bearings: Bearings,
    /// Whether others may wait for it.
    pub(crate) is_open: bool,
    /// Whether its key was invalidated after it began.
    pub(crate) is_fenced: bool,
    /// Of those who wait, if there are any.
    pub(crate) duty: Option<Duty<V>>,
}

impl<K, V> Flight<K, V> {
    pub(crate) fn id(&self) -> LoadId {
        self.origin.load
    }

    pub(crate) fn landing(&mut self) -> Arc<Landing<V>> {
        self.duty.get_or_insert_with(Duty::new).landing()
    }

    fn is_of(&self, hash: u64, scope: ScopeId, is_key: impl Fn(&K) -> bool) -> bool {
        self.hash == hash && self.scope == scope && is_key(&self.key)
    }
}

pub(crate) struct Flights<K, V>(HashTable<Flight<K, V>>);

impl<K, V> Flights<K, V> {
    pub(crate) fn new() -> Self {
        Self(HashTable::new())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The load of a key that may be waited for, as far as `is_current` knows.
    pub(crate) fn find_open(
        &mut self,
        hash: u64,
        scope: ScopeId,
        is_key: impl Fn(&K) -> bool,
        is_current: impl Fn(&Flight<K, V>) -> bool,
    ) -> Option<&mut Flight<K, V>> {
        self.0.find_mut(hash, |flight| {
            flight.is_open && flight.hash == hash && is_current(flight) && flight.is_of(hash, scope, &is_key)
        })
    }

    pub(crate) fn begin(&mut self, flight: Flight<K, V>) {
        self.0.insert_unique(flight.hash, flight, |flight| flight.hash);
    }

    pub(crate) fn get(&self, hash: u64, id: LoadId) -> Option<&Flight<K, V>> {
        self.0.find(hash, |flight| flight.id() == id)
    }

    pub(crate) fn end(&mut self, hash: u64, id: LoadId) -> Option<Flight<K, V>> {
        let found = self.0.find_entry(hash, |flight| flight.id() == id).ok()?;
        Some(found.remove().0)
    }

    /// Lets no load of a key that was born before `version` be stored, or waited for by anyone new.
    pub(crate) fn fence(&mut self, hash: u64, scope: ScopeId, is_key: impl Fn(&K) -> bool, version: Version) {
        for flight in self.0.iter_hash_mut(hash) {
            if flight.origin.birth < version && flight.is_of(hash, scope, &is_key) {
                flight.is_fenced = true;
            }
        }
    }

    /// Panics if a load can't be found.
    pub(crate) fn check_invariants(&self) {
        for flight in &self.0 {
            assert!(self.get(flight.hash, flight.id()).is_some(), "load {} is not where it belongs", flight.id());
        }
    }
}
