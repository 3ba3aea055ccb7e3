//! What no cache can do without: one table, one hash, one clone.

use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use parking_lot::Mutex;

use super::{FLOOR, Hits, Strangers, stored};
use crate::rounds::{Batch, timed};
use crate::workload::{Key, Sequence, Value, load};

fn hits<K: Key>(keys: &Arc<Sequence<K>>) -> Batch {
    let table: HashMap<K::Owned, Value, RandomState> = K::all().map(|key| (key.owned(), load(key.number()))).collect();
    stored(keys, move |key| table.get(key.borrowed()).cloned())
}

/// Nobody writes to it: any number of threads may read it without a lock.
pub const HITS: Hits = Hits { name: FLOOR, pair: hits, id: hits, text: hits };

/// It evicts nothing, and is emptied before each batch. Its mutex is locked once a batch, by one thread.
pub fn misses() -> Batch {
    let table: Mutex<HashMap<u64, Value, RandomState>> = Mutex::default();
    let strangers = Strangers::default();
    Box::new(move |lap| {
        let mut table = table.lock();
        table.clear();
        timed(strangers.next(lap.calls), |id| match table.get(&id) {
            Some(value) => value.clone(),
            None => table.entry(id).insert(load(id)).get().clone(),
        })
    })
}
