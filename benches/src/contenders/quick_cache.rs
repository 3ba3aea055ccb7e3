//! `quick_cache`, as "Basic usage" on <https://docs.rs/quick_cache> advises, with its `sync::Cache`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use quick_cache::sync::Cache;

use super::{AsyncHits, Hits, QUICK, hits_by_async_load, hits_by_get, misses_when_full};
use crate::rounds::BatchFn;
use crate::workload::{AMPLE_CAPACITY, ENTRIES, Key, Keys, TTL, Value, load};

fn filled<K: Key, V: Clone>(value: impl Fn(K) -> V) -> Cache<K::Owned, V> {
    let cache = Cache::new(AMPLE_CAPACITY);
    for key in K::all() {
        cache.insert(key.owned(), value(key));
    }
    cache
}

fn hits<K: Key>(keys: &Arc<Keys<K>>) -> BatchFn {
    let cache = filled(|key: K| load(key.number()));
    hits_by_get(keys, move |key| cache.get(key.borrowed()))
}

/// A plain `get`: no TTL, no tags, no statistics.
pub(crate) const HITS: Hits = Hits { name: QUICK, pair: hits, id: hits, text: hits };

fn hits_ttl<K: Key>(keys: &Arc<Keys<K>>) -> BatchFn {
    let cache = filled(|key: K| (load(key.number()), Instant::now()));
    hits_by_get(keys, move |key| {
        cache.get(key.borrowed()).filter(|(_, inserted)| inserted.elapsed() < TTL).map(|(value, _)| value)
    })
}

/// With a TTL, as its users add one.
pub(crate) const HITS_TTL: Hits =
    Hits { name: "quick_cache, TTL with Instant in the value", pair: hits_ttl, id: hits_ttl, text: hits_ttl };

#[expect(clippy::unused_async, reason = "an asynchronous caller")]
async fn get<K: Key>(cache: &Cache<K::Owned, Value>, key: K) -> Option<Value> {
    cache.get(key.borrowed())
}

fn async_hits<K: Key>(keys: &Arc<Keys<K>>) -> BatchFn {
    let cache = filled(|key: K| load(key.number()));
    hits_by_async_load(keys, async move |key| get(&cache, key).await)
}

pub(crate) const ASYNC_HITS: AsyncHits = AsyncHits { name: QUICK, id: async_hits, text: async_hits };

/// `get_or_insert_with`: one load per missed key.
pub(crate) fn misses_with_single_flight() -> BatchFn {
    let cache: Cache<u64, Value> = Cache::new(ENTRIES);
    misses_when_full(move |id| match cache.get_or_insert_with(&id, || Ok::<_, Infallible>(load(id))) {
        Ok(value) => value,
    })
}

/// `get`, then `insert`: every caller that misses loads.
pub(crate) fn misses() -> BatchFn {
    let cache: Cache<u64, Value> = Cache::new(ENTRIES);
    misses_when_full(move |id| {
        cache.get(&id).unwrap_or_else(|| {
            let value = load(id);
            cache.insert(id, value.clone());
            value
        })
    })
}
