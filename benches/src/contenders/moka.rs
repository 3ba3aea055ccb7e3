//! moka, `sync::Cache` and `future::Cache` as on <https://docs.rs/moka>, and mini-moka as on <https://docs.rs/mini-moka>:
//! a builder with `max_capacity` and `time_to_live`, `get` for hits, and `get_with` for misses.

use std::sync::Arc;

use super::{AsyncHits, Hits, MOKA, hits_by_async_load, hits_by_get, misses_when_full};
use crate::rounds::BatchFn;
use crate::workload::{AMPLE_CAPACITY, ENTRIES, Key, Keys, TTL, Value, load};

fn hits<K: Key>(keys: &Arc<Keys<K>>) -> BatchFn {
    let cache = moka::sync::Cache::builder().max_capacity(AMPLE_CAPACITY as u64).time_to_live(TTL).build();
    for key in K::all() {
        cache.insert(key.owned(), load(key.number()));
    }
    cache.run_pending_tasks();
    hits_by_get(keys, move |key| cache.get(key.borrowed()))
}

pub(crate) const HITS: Hits = Hits { name: MOKA, pair: hits, id: hits, text: hits };

fn async_hits<K: Key>(keys: &Arc<Keys<K>>) -> BatchFn {
    let cache = moka::future::Cache::builder().max_capacity(AMPLE_CAPACITY as u64).time_to_live(TTL).build();
    hits_by_async_load(keys, async move |key: K| {
        cache.get_with_by_ref(key.borrowed(), async { load(key.number()) }).await
    })
}

pub(crate) const ASYNC_HITS: AsyncHits = AsyncHits { name: "moka::future, TTL", id: async_hits, text: async_hits };

/// `get_with`: one load per missed key.
pub(crate) fn misses() -> BatchFn {
    let cache = moka::sync::Cache::builder().max_capacity(ENTRIES as u64).time_to_live(TTL).build();
    misses_when_full(move |id| cache.get_with(id, || load(id)))
}

fn mini_hits<K: Key>(keys: &Arc<Keys<K>>) -> BatchFn {
    let cache = mini_moka::sync::Cache::builder().max_capacity(AMPLE_CAPACITY as u64).time_to_live(TTL).build();
    for key in K::all() {
        cache.insert(key.owned(), load(key.number()));
    }
    // It looks up by the stored type only: no `&str` for a `String`.
    hits_by_get(keys, move |key| cache.get(&key.owned()))
}

pub(crate) const MINI_HITS: Hits = Hits { name: "mini-moka, TTL", pair: mini_hits, id: mini_hits, text: mini_hits };

/// `get`, then `insert`: it has no `get_with`.
pub(crate) fn mini_misses() -> BatchFn {
    let cache = mini_moka::sync::Cache::builder().max_capacity(ENTRIES as u64).time_to_live(TTL).build();
    misses_when_full(move |id| {
        cache.get(&id).unwrap_or_else(|| {
            let value: Value = load(id);
            cache.insert(id, value.clone());
            value
        })
    })
}
