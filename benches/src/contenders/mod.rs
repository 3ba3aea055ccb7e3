//! Everybody who can do some of the work, each configured as its own documentation advises.

pub mod floor;
pub mod ours;
pub mod quick;

use std::sync::Arc;

use crate::rounds::{Batch, calls};
use crate::workload::{Key, Pair, Sequence, Text};

/// The name of the cache that this is all about.
pub const OURS: &str = "cache-core";
/// The same with four tags.
pub const OURS_4_TAGS: &str = "cache-core, 4 tags";
/// Nothing but a table.
pub const FLOOR: &str = "floor: hashbrown + foldhash";
/// The fastest cache without a TTL.
pub const QUICK: &str = "quick_cache, no TTL";

/// Hits by each kind of key: of an entrant whose entries are all there.
pub struct Hits {
    /// The row.
    pub name: &'static str,
    /// By [`Pair`].
    pub pair: fn(&Arc<Sequence<Pair>>) -> Batch,
    /// By `u64`.
    pub id: fn(&Arc<Sequence<u64>>) -> Batch,
    /// By [`Text`].
    pub text: fn(&Arc<Sequence<Text>>) -> Batch,
}

/// Everybody.
pub const HITS: [Hits; 4] = [ours::HITS, ours::HITS_4_TAGS, quick::HITS, floor::HITS];

/// Calls of something that loads what it has not: every key is there before any call is timed.
fn loaded<K: Key, R>(keys: &Arc<Sequence<K>>, call: impl Fn(K) -> R + Send + Sync + 'static) -> Batch {
    for key in K::all() {
        call(key);
    }
    calls(keys, call)
}

/// Calls of something that was filled by hand.
fn stored<K: Key, R>(keys: &Arc<Sequence<K>>, get: impl Fn(K) -> Option<R> + Send + Sync + 'static) -> Batch {
    assert!(K::all().all(|key| get(key).is_some()), "an entry is missing, and a hit is to be timed");
    calls(keys, get)
}
