//! `cached`, as its README and the page of its `macros` say: `ttl_secs`, `max_size` where it is to be bounded,
//! `#[concurrent_cached]` where threads share it, and for `&str` a key by `convert`.

use cached::{Cached, ConcurrentCached};

use super::{AsyncHits, CACHED, Hits, loaded, loaded_async, missing};
use crate::rounds::Batch;

/// Functions under one attribute, for each kind of key.
macro_rules! functions {
    ($module:ident, $attribute:ident($($option:tt)*)) => {
        #[allow(unused_qualifications, clippy::pedantic, reason = "what the attribute writes")]
        mod $module {
            use cached::macros::$attribute;

            use crate::workload::{Value, load};

            #[$attribute(name = "PAGES", $($option)*)]
            pub(super) fn page(limit: u32, offset: u32) -> Value {
                load(u64::from(limit + offset))
            }

            #[$attribute(name = "IDS", $($option)*)]
            pub(super) fn by_id(id: u64) -> Value {
                load(id)
            }

            #[$attribute(name = "NAMES", key = "String", convert = { String::from(name) }, $($option)*)]
            pub(super) fn by_name(name: &str) -> Value {
                load(name.len() as u64)
            }
        }
    };
    ($module:ident, async $attribute:ident($($option:tt)*)) => {
        #[allow(unused_qualifications, clippy::pedantic, reason = "what the attribute writes")]
        mod $module {
            use cached::macros::$attribute;

            use crate::workload::{Value, load};

            #[$attribute(name = "IDS", $($option)*)]
            pub(super) async fn by_id(id: u64) -> Value {
                load(id)
            }

            #[$attribute(name = "NAMES", key = "String", convert = { String::from(name) }, $($option)*)]
            pub(super) async fn by_name(name: &str) -> Value {
                load(name.len() as u64)
            }
        }
    };
}

functions!(ttl, cached(ttl_secs = 300));
functions!(lru_ttl, cached(max_size = 20_000, ttl_secs = 300));
functions!(concurrent, concurrent_cached(ttl_secs = 300));
functions!(concurrent_lru, concurrent_cached(max_size = 20_000, ttl_secs = 300));
functions!(ttl_async, async cached(ttl_secs = 300));
functions!(lru_ttl_async, async cached(max_size = 20_000, ttl_secs = 300));
functions!(concurrent_async, async concurrent_cached(ttl_secs = 300));

/// Hits of such functions, which are empty at first: their caches are statics, and what is in them may be old.
macro_rules! hits {
    ($name:expr, $module:ident, |$cache:ident| $clear:expr) => {
        Hits {
            name: $name,
            pair: |keys| {
                let $cache = &$module::PAGES;
                $clear;
                loaded(keys, |(limit, offset)| $module::page(limit, offset))
            },
            id: |keys| {
                let $cache = &$module::IDS;
                $clear;
                loaded(keys, $module::by_id)
            },
            text: |keys| {
                let $cache = &$module::NAMES;
                $clear;
                loaded(keys, $module::by_name)
            },
        }
    };
}

/// Unbounded, under a lock.
pub const TTL_HITS: Hits = hits!(CACHED[0], ttl, |cache| cache.write().cache_clear());
/// Bounded, under a lock.
pub const LRU_TTL_HITS: Hits = hits!(CACHED[1], lru_ttl, |cache| cache.write().cache_clear());
/// Unbounded, in shards.
pub const CONCURRENT_HITS: Hits = hits!(CACHED[2], concurrent, |cache| cache.cache_clear());
/// Bounded, in shards.
pub const CONCURRENT_LRU_HITS: Hits = hits!(CACHED[3], concurrent_lru, |cache| cache.cache_clear());

macro_rules! async_hits {
    ($name:expr, $module:ident) => {
        AsyncHits {
            name: $name,
            id: |keys| loaded_async(keys, async |id| $module::by_id(id).await),
            text: |keys| loaded_async(keys, async |name| $module::by_name(name).await),
        }
    };
}

/// Unbounded, under a lock.
pub const TTL_ASYNC_HITS: AsyncHits = async_hits!(CACHED[0], ttl_async);
/// Bounded, under a lock.
pub const LRU_TTL_ASYNC_HITS: AsyncHits = async_hits!(CACHED[1], lru_ttl_async);
/// Unbounded, in shards.
pub const CONCURRENT_ASYNC_HITS: AsyncHits = async_hits!(CACHED[2], concurrent_async);

#[allow(unused_qualifications, clippy::pedantic, reason = "what the attribute writes")]
mod few {
    use cached::macros::{cached, concurrent_cached};

    use crate::workload::{Value, load};

    #[cached(name = "LOCKED", max_size = 10_000, ttl_secs = 300)]
    pub(super) fn locked(id: u64) -> Value {
        load(id)
    }

    #[concurrent_cached(name = "SHARDED", max_size = 10_000, ttl_secs = 300)]
    pub(super) fn sharded(id: u64) -> Value {
        load(id)
    }
}

/// Bounded, under a lock.
pub fn lru_ttl_misses() -> Batch {
    few::LOCKED.write().cache_clear();
    missing(few::locked)
}

/// Bounded, in shards.
pub fn concurrent_lru_misses() -> Batch {
    few::SHARDED.cache_clear();
    missing(few::sharded)
}
