//! foyer in memory, with S3-FIFO, as "In-memory Cache" in its tutorial advises.
//!
//! A lookup returns a reference-counted handle, so that the value is not cloned.

use std::sync::Arc;

use foyer::{Cache, CacheBuilder, S3FifoConfig};

use super::{Hits, hits_by_get, misses_when_full};
use crate::rounds::BatchFn;
use crate::workload::{AMPLE_CAPACITY, ENTRIES, Key, Keys, Value, load};

fn cache<K: Key>(capacity: usize) -> Cache<K::Owned, Value> {
    CacheBuilder::new(capacity).with_eviction_config(S3FifoConfig::default()).build()
}

fn hits<K: Key>(keys: &Arc<Keys<K>>) -> BatchFn {
    let cache = cache::<K>(AMPLE_CAPACITY);
    for key in K::all() {
        cache.insert(key.owned(), load(key.number()));
    }
    hits_by_get(keys, move |key| cache.get(key.borrowed()))
}

/// `get`, which has no TTL.
pub(crate) const HITS: Hits = Hits { name: "foyer in memory, S3-FIFO", pair: hits, id: hits, text: hits };

pub(crate) fn misses() -> BatchFn {
    let cache = cache::<u64>(ENTRIES);
    misses_when_full(move |id| cache.get(&id).unwrap_or_else(|| cache.insert(id, load(id))))
}
