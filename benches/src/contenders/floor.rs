//! The least that any cache does: one table, one hash, one clone.

use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use parking_lot::Mutex;

use super::{FLOOR, Hits, MissingKeys, hits_by_get};
use crate::rounds::{BatchFn, timed};
use crate::workload::{Key, Keys, Value, load};

fn hits<K: Key>(keys: &Arc<Keys<K>>) -> BatchFn {
    let table: HashMap<K::Owned, Value, RandomState> = K::all().map(|key| (key.owned(), load(key.number()))).collect();
    hits_by_get(keys, move |key| table.get(key.borrowed()).cloned())
}

/// Read-only: threads share it without a lock.
pub(crate) const HITS: Hits = Hits { name: FLOOR, pair: hits, id: hits, text: hits };

/// Cleared before each batch, because it evicts nothing. Its mutex is locked once per batch.
pub(crate) fn misses() -> BatchFn {
    let table: Mutex<HashMap<u64, Value, RandomState>> = Mutex::default();
    let missing_keys = MissingKeys::default();
    Box::new(move |batch| {
        let mut table = table.lock();
        table.clear();
        timed(missing_keys.next(batch.calls), |id| match table.get(&id) {
            Some(value) => value.clone(),
            None => table.entry(id).insert(load(id)).get().clone(),
        })
    })
}
