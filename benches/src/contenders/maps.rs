//! Concurrent maps: no TTL, no capacity, no statistics.
//!
//! dashmap as in <https://docs.rs/dashmap>, papaya as in <https://docs.rs/papaya> ("Usage": `pin` for each
//! operation), both with this cache's hash function instead of their slower default.

use std::sync::Arc;

use dashmap::DashMap;
use foldhash::fast::RandomState;
use papaya::HashMap;

use super::{Hits, hits_by_get, misses_unbounded};
use crate::rounds::BatchFn;
use crate::workload::{Key, Keys, Value, load};

fn dashmap_hits<K: Key>(keys: &Arc<Keys<K>>) -> BatchFn {
    let map: DashMap<K::Owned, Value, RandomState> = K::all().map(|key| (key.owned(), load(key.number()))).collect();
    hits_by_get(keys, move |key| map.get(key.borrowed()).map(|value| value.clone()))
}

pub(crate) const DASHMAP_HITS: Hits =
    Hits { name: "dashmap + foldhash", pair: dashmap_hits, id: dashmap_hits, text: dashmap_hits };

pub(crate) fn dashmap_misses() -> BatchFn {
    let map: Arc<DashMap<u64, Value, RandomState>> = Arc::default();
    let cleared = Arc::clone(&map);
    misses_unbounded(
        move || cleared.clear(),
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

fn papaya_hits<K: Key>(keys: &Arc<Keys<K>>) -> BatchFn {
    let map: HashMap<K::Owned, Value, RandomState> = K::all().map(|key| (key.owned(), load(key.number()))).collect();
    hits_by_get(keys, move |key| map.pin().get(key.borrowed()).cloned())
}

pub(crate) const PAPAYA_HITS: Hits =
    Hits { name: "papaya + foldhash", pair: papaya_hits, id: papaya_hits, text: papaya_hits };

pub(crate) fn papaya_misses() -> BatchFn {
    let map: Arc<HashMap<u64, Value, RandomState>> = Arc::default();
    let cleared = Arc::clone(&map);
    misses_unbounded(move || cleared.pin().clear(), move |id| map.pin().get_or_insert_with(id, || load(id)).clone())
}
