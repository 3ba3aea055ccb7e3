//! What no cache can do without: one table that nobody writes to, one hash, one clone.

use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::{FLOOR, Hits, stored};
use crate::rounds::Batch;
use crate::workload::{Key, Sequence, Value, load};

fn hits<K: Key>(keys: &Arc<Sequence<K>>) -> Batch {
    let table: HashMap<K::Owned, Value, RandomState> = K::all().map(|key| (key.owned(), load(key.number()))).collect();
    stored(keys, move |key| table.get(key.borrowed()).cloned())
}

/// One table, with any number of threads: it is only read.
pub const HITS: Hits = Hits { name: FLOOR, pair: hits, id: hits, text: hits };
