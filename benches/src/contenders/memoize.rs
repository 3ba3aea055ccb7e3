//! memoize, as its README says: `SharedCache` for one cache of all threads, `TimeToLive`, and `Capacity` for a function
//! with an unbounded number of inputs. Arguments are owned.

use std::time::Duration;

use super::{Hits, loaded, missing};
use crate::rounds::Batch;
use crate::workload::{Value, load};

#[allow(unused_qualifications, clippy::pedantic, reason = "what the attribute writes")]
mod functions {
    use memoize::memoize;

    use super::{Duration, Value, load};

    #[memoize(SharedCache, TimeToLive: Duration::from_secs(300))]
    pub(super) fn page(limit: u32, offset: u32) -> Value {
        load(u64::from(limit + offset))
    }

    #[memoize(SharedCache, TimeToLive: Duration::from_secs(300))]
    pub(super) fn by_id(id: u64) -> Value {
        load(id)
    }

    #[memoize(SharedCache, TimeToLive: Duration::from_secs(300))]
    pub(super) fn by_name(name: String) -> Value {
        load(name.len() as u64)
    }

    #[memoize(SharedCache, Capacity: 10_000, TimeToLive: Duration::from_secs(300))]
    pub(super) fn few(id: u64) -> Value {
        load(id)
    }
}

/// Unbounded, under a mutex.
pub const HITS: Hits = Hits {
    name: "memoize, SharedCache, TTL",
    pair: |keys| {
        functions::memoized_flush_page();
        loaded(keys, |(limit, offset)| functions::page(limit, offset))
    },
    id: |keys| {
        functions::memoized_flush_by_id();
        loaded(keys, functions::by_id)
    },
    text: |keys| {
        functions::memoized_flush_by_name();
        loaded(keys, |name| functions::by_name(name.to_owned()))
    },
};

/// Least recently used.
pub fn misses() -> Batch {
    functions::memoized_flush_few();
    missing(functions::few)
}
