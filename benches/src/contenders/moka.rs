//! moka, `sync::Cache` and `future::Cache` as on <https://docs.rs/moka>, and mini-moka as on <https://docs.rs/mini-moka>:
//! a builder with `max_capacity` and `time_to_live`, `get` for what is there, and `get_with` for what may not be.

use std::sync::Arc;

use super::{AsyncHits, Hits, MOKA, loaded_async, missing, stored};
use crate::rounds::Batch;
use crate::workload::{ENTRIES, Key, ROOM, Sequence, TTL, Value, load};

fn hits<K: Key>(keys: &Arc<Sequence<K>>) -> Batch {
    let cache = moka::sync::Cache::builder().max_capacity(ROOM as u64).time_to_live(TTL).build();
    for key in K::all() {
        cache.insert(key.owned(), load(key.number()));
    }
    cache.run_pending_tasks();
    stored(keys, move |key| cache.get(key.borrowed()))
}

/// Of the synchronous one.
pub const HITS: Hits = Hits { name: MOKA, pair: hits, id: hits, text: hits };

fn async_hits<K: Key>(keys: &Arc<Sequence<K>>) -> Batch {
    let cache = moka::future::Cache::builder().max_capacity(ROOM as u64).time_to_live(TTL).build();
    loaded_async(keys, async move |key: K| cache.get_with_by_ref(key.borrowed(), async { load(key.number()) }).await)
}

/// Of the asynchronous one.
pub const ASYNC_HITS: AsyncHits = AsyncHits { name: "moka::future, TTL", id: async_hits, text: async_hits };

/// `get_with`: one load a key, however many ask.
pub fn misses() -> Batch {
    let cache = moka::sync::Cache::builder().max_capacity(ENTRIES as u64).time_to_live(TTL).build();
    missing(move |id| cache.get_with(id, || load(id)))
}

fn mini_hits<K: Key>(keys: &Arc<Sequence<K>>) -> Batch {
    let cache = mini_moka::sync::Cache::builder().max_capacity(ROOM as u64).time_to_live(TTL).build();
    for key in K::all() {
        cache.insert(key.owned(), load(key.number()));
    }
    // It asks for a key as it is stored: no `&str` for a `String`.
    stored(keys, move |key| cache.get(&key.owned()))
}

/// Of the small one.
pub const MINI_HITS: Hits = Hits { name: "mini-moka, TTL", pair: mini_hits, id: mini_hits, text: mini_hits };

/// `get`, else `insert`: it has no `get_with`.
pub fn mini_misses() -> Batch {
    let cache = mini_moka::sync::Cache::builder().max_capacity(ENTRIES as u64).time_to_live(TTL).build();
    missing(move |id| {
        cache.get(&id).unwrap_or_else(|| {
            let value: Value = load(id);
            cache.insert(id, value.clone());
            value
        })
    })
}
