//! cachelito and cachelito-async, as their READMEs say: global scope, a limit, a TTL, and tags to invalidate by.
//!
//! By default it evicts the least recently used, which its README says takes a hit O(n): FIFO is there too.

use cachelito::invalidate_by_tag;

use super::{AsyncHits, Hits, loaded, loaded_async, missing};
use crate::rounds::Batch;

#[allow(unused_qualifications, clippy::pedantic, reason = "what the attribute writes")]
mod functions {
    use cachelito::cache;
    use cachelito_async::cache_async;

    use crate::workload::{Value, load};

    #[cache(scope = "global", limit = 20_000, policy = "fifo", ttl = 300, tags = ["fifo page"])]
    pub(super) fn fifo_page(limit: u32, offset: u32) -> Value {
        load(u64::from(limit + offset))
    }

    #[cache(scope = "global", limit = 20_000, policy = "fifo", ttl = 300, tags = ["fifo id"])]
    pub(super) fn fifo_id(id: u64) -> Value {
        load(id)
    }

    #[cache(scope = "global", limit = 20_000, policy = "fifo", ttl = 300, tags = ["fifo name"])]
    pub(super) fn fifo_name(name: &str) -> Value {
        load(name.len() as u64)
    }

    #[cache(scope = "global", limit = 20_000, policy = "lru", ttl = 300, tags = ["lru page"])]
    pub(super) fn lru_page(limit: u32, offset: u32) -> Value {
        load(u64::from(limit + offset))
    }

    #[cache(scope = "global", limit = 20_000, policy = "lru", ttl = 300, tags = ["lru id"])]
    pub(super) fn lru_id(id: u64) -> Value {
        load(id)
    }

    #[cache(scope = "global", limit = 20_000, policy = "lru", ttl = 300, tags = ["lru name"])]
    pub(super) fn lru_name(name: &str) -> Value {
        load(name.len() as u64)
    }

    #[cache(scope = "global", limit = 10_000, policy = "fifo", ttl = 300, tags = ["few"])]
    pub(super) fn fifo_few(id: u64) -> Value {
        load(id)
    }

    #[cache(scope = "global", limit = 10_000, policy = "lru", ttl = 300, tags = ["few"])]
    pub(super) fn lru_few(id: u64) -> Value {
        load(id)
    }

    #[cache_async(limit = 20_000, policy = "fifo", ttl = 300, tags = ["async id"])]
    pub(super) async fn async_id(id: u64) -> Value {
        load(id)
    }

    #[cache_async(limit = 20_000, policy = "fifo", ttl = 300, tags = ["async name"])]
    pub(super) async fn async_name(name: &str) -> Value {
        load(name.len() as u64)
    }
}

/// First in, first out.
pub const FIFO_HITS: Hits = Hits {
    name: "cachelito, fifo + TTL + tags",
    pair: |keys| {
        invalidate_by_tag("fifo page");
        loaded(keys, |(limit, offset)| functions::fifo_page(limit, offset))
    },
    id: |keys| {
        invalidate_by_tag("fifo id");
        loaded(keys, functions::fifo_id)
    },
    text: |keys| {
        invalidate_by_tag("fifo name");
        loaded(keys, functions::fifo_name)
    },
};

/// Least recently used.
pub const LRU_HITS: Hits = Hits {
    name: "cachelito, lru + TTL + tags",
    pair: |keys| {
        invalidate_by_tag("lru page");
        loaded(keys, |(limit, offset)| functions::lru_page(limit, offset))
    },
    id: |keys| {
        invalidate_by_tag("lru id");
        loaded(keys, functions::lru_id)
    },
    text: |keys| {
        invalidate_by_tag("lru name");
        loaded(keys, functions::lru_name)
    },
};

/// First in, first out.
pub const ASYNC_HITS: AsyncHits = AsyncHits {
    name: "cachelito-async, fifo + TTL + tags",
    id: |keys| loaded_async(keys, async |id| functions::async_id(id).await),
    text: |keys| loaded_async(keys, async |name| functions::async_name(name).await),
};

/// First in, first out.
pub fn fifo_misses() -> Batch {
    invalidate_by_tag("few");
    missing(functions::fifo_few)
}

/// Least recently used.
pub fn lru_misses() -> Batch {
    invalidate_by_tag("few");
    missing(functions::lru_few)
}
