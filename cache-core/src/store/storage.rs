//! The stores of one cache, whatever their types.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::store::erased::AnyStore;
use crate::sync::table::Table;
use crate::sync::{Arc, OnceLock};

/// They are added, never removed, and found without a lock: also by code that runs under one.
pub(crate) struct Stores {
    by_number: Table<OnceLock<Arc<dyn AnyStore>>>,
    /// The number of the last one, from 1. It may not be in the table yet.
    last: AtomicU32,
    pub(crate) shards_per_store: usize,
}

impl Stores {
    pub(crate) fn new(shards_per_store: usize) -> Self {
        Self { by_number: Table::new(), last: AtomicU32::new(0), shards_per_store }
    }

    /// The number of a store that is about to be added.
    pub(crate) fn next_number(&self) -> u32 {
        self.last.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Adds a store that has a number.
    pub(crate) fn add(&self, number: u32, store: Arc<dyn AnyStore>) {
        let added = self.by_number.get(number).set(store);
        debug_assert!(added.is_ok(), "a number is taken once");
    }

    /// All that are in the table.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<dyn AnyStore>> {
        (1..=self.last.load(Ordering::Acquire)).filter_map(|number| self.by_number.get(number).get())
    }

    /// The store that has an entry.
    pub(crate) fn of_number(&self, number: u32) -> &Arc<dyn AnyStore> {
        self.by_number.get(number).get().expect("an entry is in a store that was added")
    }
}
