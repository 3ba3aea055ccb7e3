//! says: without `self` the cache of this query is not known

use std::sync::LazyLock;

use cache_core::{Cache, cached_query, invalidates};

static CACHE: LazyLock<Cache> = LazyLock::new(Cache::new);

#[cached_query(cache = &CACHE)]
pub fn exchange_rate(day: u32) -> u32 {
    day
}

#[invalidates(exchange_rate(day))]
pub fn publish(day: u32) {}

fn main() {}
