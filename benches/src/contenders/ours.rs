//! This cache, as its README shows it: methods of a repository, statistics on as they always are.

use std::sync::Arc;

use cache_core::{Cache, HasCache, cached_query};

use super::{AsyncHits, Hits, OURS, OURS_4_TAGS, loaded, loaded_async, missing};
use crate::rounds::Batch;
use crate::workload::{ENTRIES, ROOM, Sequence, Value, load};

/// Methods of a type that has a cache.
#[derive(HasCache)]
pub struct Repo {
    cache: Cache,
}

impl Repo {
    /// With room for so many entries.
    pub fn new(capacity: usize) -> Self {
        Self { cache: Cache::builder().capacity(capacity).build() }
    }

    /// By a pair.
    #[cached_query(ttl = "5m", tags("t"))]
    pub fn page(&self, limit: u32, offset: u32) -> Value {
        load(u64::from(limit + offset))
    }

    /// By a number.
    #[cached_query(ttl = "5m", tags("t"))]
    pub fn by_id(&self, id: u64) -> Value {
        load(id)
    }

    /// By a text.
    #[cached_query(ttl = "5m", tags("t"))]
    pub fn by_name(&self, name: &str) -> Value {
        load(name.len() as u64)
    }

    /// By a number, and not shared.
    #[cached_query(ttl = "5m", tags("t"))]
    pub fn number(&self, id: u64) -> u64 {
        id
    }

    /// By a number, asynchronously.
    #[cached_query(ttl = "5m", tags("t"))]
    pub async fn by_id_async(&self, id: u64) -> Value {
        load(id)
    }

    /// By a text, asynchronously.
    #[cached_query(ttl = "5m", tags("t"))]
    pub async fn by_name_async(&self, name: &str) -> Value {
        load(name.len() as u64)
    }

    /// By a pair, under one tag of all entries and three of some.
    #[cached_query(ttl = "5m", tags("t", "limit:{limit}", format!("album:{}", offset / 500), format!("artist:{}", offset / 5_000)))]
    pub fn tagged_page(&self, limit: u32, offset: u32) -> Value {
        load(u64::from(limit + offset))
    }

    /// By a number, under one tag of all entries and three of some.
    #[cached_query(ttl = "5m", tags("t", format!("genre:{}", id % 20), format!("album:{}", id / 10), format!("artist:{}", id / 100)))]
    pub fn tagged_by_id(&self, id: u64) -> Value {
        load(id)
    }

    /// By a text, under one tag of all entries and three of some.
    #[cached_query(ttl = "5m", tags("t", "all names", format!("album:{}", &name[..11]), format!("artist:{}", &name[..10])))]
    pub fn tagged_by_name(&self, name: &str) -> Value {
        load(name.len() as u64)
    }
}

/// A method with one tag.
pub const HITS: Hits = Hits {
    name: OURS,
    pair: |keys| {
        let repo = Repo::new(ROOM);
        loaded(keys, move |(limit, offset)| repo.page(limit, offset))
    },
    id: |keys| {
        let repo = Repo::new(ROOM);
        loaded(keys, move |id| repo.by_id(id))
    },
    text: |keys| {
        let repo = Repo::new(ROOM);
        loaded(keys, move |name| repo.by_name(name))
    },
};

/// A method with four.
pub const HITS_4_TAGS: Hits = Hits {
    name: OURS_4_TAGS,
    pair: |keys| {
        let repo = Repo::new(ROOM);
        loaded(keys, move |(limit, offset)| repo.tagged_page(limit, offset))
    },
    id: |keys| {
        let repo = Repo::new(ROOM);
        loaded(keys, move |id| repo.tagged_by_id(id))
    },
    text: |keys| {
        let repo = Repo::new(ROOM);
        loaded(keys, move |name| repo.tagged_by_name(name))
    },
};

/// Asynchronous methods with one tag.
pub const ASYNC_HITS: AsyncHits = AsyncHits {
    name: OURS,
    id: |keys| {
        let repo = Repo::new(ROOM);
        loaded_async(keys, async move |id| repo.by_id_async(id).await)
    },
    text: |keys| {
        let repo = Repo::new(ROOM);
        loaded_async(keys, async move |name| repo.by_name_async(name).await)
    },
};

/// A method of a repository that is full.
pub fn misses() -> Batch {
    let repo = Repo::new(ENTRIES);
    missing(move |id| repo.by_id(id))
}

/// Hits whose value is a number: nothing that all threads write to.
pub fn unshared(keys: &Arc<Sequence<u64>>) -> Batch {
    let repo = Repo::new(ROOM);
    loaded(keys, move |id| repo.number(id))
}
