//! The primitives of ordinary builds.

use std::borrow::Borrow;
use std::hash::Hash;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

pub(crate) use event_listener::{Event, EventListener, Listener};
pub(crate) use parking_lot::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
pub(crate) use std::sync::OnceLock;
pub(crate) use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
pub(crate) use std::thread_local;

pub(crate) use crate::sync::threads::own_number as thread_number;

/// A concurrent map in parts, each with a lock. The methods' closures run under it.
pub(crate) struct Map<K, V>(DashMap<K, V, foldhash::fast::RandomState>);

impl<K: Eq + Hash, V> Map<K, V> {
    /// `parts` must be a power of two that is greater than 1.
    pub(crate) fn new(parts: usize) -> Self {
        Self(DashMap::with_hasher_and_shard_amount(foldhash::fast::RandomState::default(), parts))
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn view<Q, R>(&self, key: &Q, view: impl FnOnce(&V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.0.get(key).map(|value| view(&value))
    }

    pub(crate) fn with<R>(&self, key: K, make: impl FnOnce(&K) -> V, with: impl FnOnce(&mut V) -> R) -> R {
        match self.0.entry(key) {
            Entry::Occupied(mut entry) => with(entry.get_mut()),
            Entry::Vacant(entry) => {
                let value = make(entry.key());
                with(&mut entry.insert(value))
            }
        }
    }

    pub(crate) fn for_each(&self, mut visit: impl FnMut(&V)) {
        self.0.iter().for_each(|value| visit(&value));
    }

    pub(crate) fn remove_if<Q>(&self, key: &Q, condition: impl FnOnce(&V) -> bool)
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        // Dropped after the lock.
        let _removed = self.0.remove_if(key, |_, value| condition(value));
    }
}
