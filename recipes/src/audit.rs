//! A service's own integration tests find the mutations that name too little: they run with a cache that audits every
//! hit, and whose findings panic. `tests/audit.rs` has that cache, to copy, and shows what it finds.
//!
//! The tests need no new assertions. They only have to ask for something before a mutation and again after it, as pages
//! of a service do: what is still cached then is compared with the answer of the body.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cache_core::{Cache, HasCache, cached_query, invalidates};

/// What a shop has.
#[derive(HasCache)]
pub struct Shop {
    /// Think of a database.
    stocks: Mutex<BTreeMap<u32, u32>>,
    cache: Cache,
}

impl Shop {
    /// A shop with so many of some items. In a test, `cache` is one that audits.
    pub fn new(stocks: impl IntoIterator<Item = (u32, u32)>, cache: Cache) -> Self {
        Self { stocks: Mutex::new(stocks.into_iter().collect()), cache }
    }

    fn stocks(&self) -> MutexGuard<'_, BTreeMap<u32, u32>> {
        self.stocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there are of an item.
    #[cached_query(ttl = "5m")]
    pub fn stock(&self, item: u32) -> u32 {
        self.stocks().get(&item).copied().unwrap_or_default()
    }

    /// The items of which there are none.
    #[cached_query(ttl = "5m")]
    pub fn sold_out(&self) -> Vec<u32> {
        self.stocks().iter().filter(|(_, stock)| **stock == 0).map(|(item, _)| *item).collect()
    }

    /// Takes one of an item, if there is one.
    #[invalidates(stock(item), "sold_out")]
    pub fn take(&self, item: u32) -> bool {
        self.write_take(item)
    }

    /// Like [`take`](Self::take), with the mistake that an audit finds: the item may be sold out now.
    #[invalidates(stock(item))]
    pub fn take_carelessly(&self, item: u32) -> bool {
        self.write_take(item)
    }

    fn write_take(&self, item: u32) -> bool {
        match self.stocks().get_mut(&item) {
            Some(stock) if *stock > 0 => {
                *stock -= 1;
                true
            }
            _ => false,
        }
    }
}
