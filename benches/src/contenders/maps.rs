//! Concurrent tables that are no caches: no TTL, no bound, no statistics.
//!
//! dashmap as in <https://docs.rs/dashmap>, papaya as in <https://docs.rs/papaya> ("Usage": `pin` for each
//! operation), both with the hash function that ours has rather than their slower default.

use std::sync::Arc;

use dashmap::DashMap;
use foldhash::fast::RandomState;
use papaya::HashMap;

use super::{Hits, emptied, stored};
use crate::rounds::Batch;
use crate::workload::{Key, Sequence, Value, load};

fn dashmap_hits<K: Key>(keys: &Arc<Sequence<K>>) -> Batch {
    let map: DashMap<K::Owned, Value, RandomState> = K::all().map(|key| (key.owned(), load(key.number()))).collect();
    stored(keys, move |key| map.get(key.borrowed()).map(|value| value.clone()))
}

/// A table of locked shards.
pub const DASHMAP_HITS: Hits =
    Hits { name: "dashmap + foldhash", pair: dashmap_hits, id: dashmap_hits, text: dashmap_hits };

/// Get, else insert.
pub fn dashmap_misses() -> Batch {
    let map: Arc<DashMap<u64, Value, RandomState>> = Arc::default();
    let emptied_map = Arc::clone(&map);
    emptied(
        move || emptied_map.clear(),
        move |id| {
            if let Some(value) = map.get(&id) {
                return value.clone();
            }
            let value = load(id);
            map.insert(id, value.clone());
            value
        },
    )
}

fn papaya_hits<K: Key>(keys: &Arc<Sequence<K>>) -> Batch {
    let map: HashMap<K::Owned, Value, RandomState> = K::all().map(|key| (key.owned(), load(key.number()))).collect();
    stored(keys, move |key| map.pin().get(key.borrowed()).cloned())
}

/// A table whose readers take no lock.
pub const PAPAYA_HITS: Hits = Hits { name: "papaya + foldhash", pair: papaya_hits, id: papaya_hits, text: papaya_hits };

/// Get, else insert.
pub fn papaya_misses() -> Batch {
    let map: Arc<HashMap<u64, Value, RandomState>> = Arc::default();
    let emptied_map = Arc::clone(&map);
    emptied(move || emptied_map.pin().clear(), move |id| map.pin().get_or_insert_with(id, || load(id)).clone())
}
