//! `quick_cache`: <https://docs.rs/quick_cache>, "Basic usage" and `sync::Cache`.

use std::sync::Arc;

use quick_cache::sync::Cache;

use super::{Hits, QUICK, stored};
use crate::rounds::Batch;
use crate::workload::{Key, ROOM, Sequence, Value, load};

fn hits<K: Key>(keys: &Arc<Sequence<K>>) -> Batch {
    let cache: Cache<K::Owned, Value> = Cache::new(ROOM);
    for key in K::all() {
        cache.insert(key.owned(), load(key.number()));
    }
    stored(keys, move |key| cache.get(key.borrowed()))
}

/// A bare `get`: it has no TTL, no tags and no statistics.
pub const HITS: Hits = Hits { name: QUICK, pair: hits, id: hits, text: hits };
