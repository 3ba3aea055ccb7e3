//! `quick_cache`: "Basic usage" on <https://docs.rs/quick_cache>, and its `sync::Cache`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use quick_cache::sync::Cache;

use super::{AsyncHits, Hits, QUICK, loaded_async, missing, stored};
use crate::rounds::Batch;
use crate::workload::{ENTRIES, Key, ROOM, Sequence, TTL, Value, load};

fn filled<K: Key, V: Clone>(value: impl Fn(K) -> V) -> Cache<K::Owned, V> {
    let cache = Cache::new(ROOM);
    for key in K::all() {
        cache.insert(key.owned(), value(key));
    }
    cache
}

fn hits<K: Key>(keys: &Arc<Sequence<K>>) -> Batch {
    let cache = filled(|key: K| load(key.number()));
    stored(keys, move |key| cache.get(key.borrowed()))
}

/// A bare `get`: it has no TTL, no tags and no statistics.
pub const HITS: Hits = Hits { name: QUICK, pair: hits, id: hits, text: hits };

fn hits_ttl<K: Key>(keys: &Arc<Sequence<K>>) -> Batch {
    let cache = filled(|key: K| (load(key.number()), Instant::now()));
    stored(keys, move |key| cache.get(key.borrowed()).filter(|(_, born)| born.elapsed() < TTL).map(|(value, _)| value))
}

/// A TTL as its users write one.
pub const HITS_TTL: Hits =
    Hits { name: "quick_cache, TTL with Instant in the value", pair: hits_ttl, id: hits_ttl, text: hits_ttl };

#[expect(clippy::unused_async, reason = "it stands for a function that awaits what it loads")]
async fn get<K: Key>(cache: &Cache<K::Owned, Value>, key: K) -> Option<Value> {
    cache.get(key.borrowed())
}

fn async_hits<K: Key>(keys: &Arc<Sequence<K>>) -> Batch {
    let cache = filled(|key: K| load(key.number()));
    loaded_async(keys, async move |key| get(&cache, key).await)
}

/// The same `get` inside an `async fn`.
pub const ASYNC_HITS: AsyncHits = AsyncHits { name: QUICK, id: async_hits, text: async_hits };

/// `get_or_insert_with`: one load a key, however many ask.
pub fn misses_with_one_load() -> Batch {
    let cache: Cache<u64, Value> = Cache::new(ENTRIES);
    missing(move |id| match cache.get_or_insert_with(&id, || Ok::<_, Infallible>(load(id))) {
        Ok(value) => value,
    })
}

/// `get`, else `insert`: each caller that misses loads.
pub fn misses() -> Batch {
    let cache: Cache<u64, Value> = Cache::new(ENTRIES);
    missing(move |id| {
        cache.get(&id).unwrap_or_else(|| {
            let value = load(id);
            cache.insert(id, value.clone());
            value
        })
    })
}
