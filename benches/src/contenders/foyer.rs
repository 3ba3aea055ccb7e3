//! foyer in memory, as "In-memory Cache" in its tutorial advises, under S3-FIFO.
//!
//! What it gives is a handle that counts references, as an `Arc` does: no clone of the value is needed, nor made.

use std::sync::Arc;

use foyer::{Cache, CacheBuilder, S3FifoConfig};

use super::{Hits, missing, stored};
use crate::rounds::Batch;
use crate::workload::{ENTRIES, Key, ROOM, Sequence, Value, load};

fn cache<K: Key>(capacity: usize) -> Cache<K::Owned, Value> {
    CacheBuilder::new(capacity).with_eviction_config(S3FifoConfig::default()).build()
}

fn hits<K: Key>(keys: &Arc<Sequence<K>>) -> Batch {
    let cache = cache::<K>(ROOM);
    for key in K::all() {
        cache.insert(key.owned(), load(key.number()));
    }
    stored(keys, move |key| cache.get(key.borrowed()))
}

/// `get`, which has no TTL.
pub const HITS: Hits = Hits { name: "foyer in memory, S3-FIFO", pair: hits, id: hits, text: hits };

/// `get`, else `insert`.
pub fn misses() -> Batch {
    let cache = cache::<u64>(ENTRIES);
    missing(move |id| cache.get(&id).unwrap_or_else(|| cache.insert(id, load(id))))
}
