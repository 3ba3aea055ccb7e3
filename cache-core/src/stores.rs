//! The stores of one cache, whatever their types.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::any_store::AnyStore;
use crate::clock::Nanos;
use crate::engine::Engine;
use crate::policy::{Address, Residents, Sight, State};
use crate::slots::Index;
use crate::sweep::Moment;
use crate::sync::{Arc, OnceLock};
use crate::table::Table;

/// They are added, never removed, and found without a lock: also by code that runs under one.
pub(crate) struct Stores {
    by_number: Table<OnceLock<Arc<dyn AnyStore>>>,
    /// The number of the last one, from 1. It may not be in the table yet.
    last: AtomicU32,
    shards_per_store: u32,
}

impl Stores {
    pub(crate) fn new(shards_per_store: u32) -> Self {
        Self { by_number: Table::new(), last: AtomicU32::new(0), shards_per_store }
    }

    /// Adds a store, which `make` makes with so many shards, the first of them with the number it is given.
    pub(crate) fn push<S: AnyStore>(&self, make: impl FnOnce(u32, usize) -> S) -> Arc<S> {
        let number = self.last.fetch_add(1, Ordering::AcqRel) + 1;
        let store = Arc::new(make(number * self.shards_per_store, self.shards_per_store as usize));
        let added = self.by_number.get(number).set(store.clone());
        debug_assert!(added.is_ok(), "a number is taken once");
        store
    }

    /// All that are in the table.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<dyn AnyStore>> {
        (1..=self.last.load(Ordering::Acquire)).filter_map(|number| self.by_number.get(number).get())
    }

    /// The store that has an entry.
    pub(crate) fn at(&self, at: Address) -> &dyn AnyStore {
        let store = self.by_number.get(at.shard / self.shards_per_store).get();
        &**store.expect("an entry is in a store that was added")
    }
}

/// The entries of all stores, as the policy sees them at one moment.
pub(crate) struct View<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) now: Nanos,
}

impl Residents for View<'_> {
    fn moment(&self) -> Moment {
        Moment { now: self.now, completed: self.engine.versions.completed() }
    }

    fn look(&self, at: Address) -> Sight {
        self.engine.stores.at(at).look(self.engine, at, self.now)
    }

    fn search(&self, first: Address, which: u32) -> (Option<(Index, State)>, Nanos) {
        self.engine.stores.at(first).search(self.engine, first, which, self.now)
    }

    fn spend(&self, at: Address, left: u32) {
        self.engine.stores.at(at).spend(at, left);
    }
}
