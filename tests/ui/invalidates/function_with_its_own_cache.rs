//! says: without `self` the cache of this query is not known

use cache_core::{Cache, cached_query, invalidates};

static CACHE: std::sync::LazyLock<Cache> = std::sync::LazyLock::new(Cache::new);

#[cached_query(cache = &CACHE)]
pub fn exchange_rate(day: u32) -> u32 {
    day
}

#[invalidates("exchange_rate")]
pub fn publish() {}

fn main() {}
