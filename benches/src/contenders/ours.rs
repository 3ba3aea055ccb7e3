//! This cache, as its README shows it: methods of a repository, statistics on as they always are.

use std::sync::Arc;

use cache_core::{Cache, EntryOptions, HasCache, TaggedCache, TickingClock, cached_query};

use super::{AsyncHits, Hits, OURS, OURS_4_TAGS, OURS_GET, OURS_TICKING, loaded, loaded_async, missing, stored};
use crate::rounds::{Batch, Entrant};
use crate::workload::{ENTRIES, Key, Pair, ROOM, Sequence, Text, Value, load};

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

    fn ticking(clock: &TickingClock) -> Self {
        Self { cache: Cache::builder().capacity(ROOM).clock(clock.clone()).build() }
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

/// `TaggedCache::get`, of entries with one tag.
pub const GET_HITS: Hits = Hits { name: OURS_GET, pair: get_hits, id: get_hits, text: get_hits };

fn get_hits<K: Key>(keys: &Arc<Sequence<K>>) -> Batch {
    let cache: TaggedCache<K::Owned, Value> = TaggedCache::builder().capacity(ROOM).build();
    for key in K::all() {
        cache.insert_with(key.owned(), load(key.number()), EntryOptions::new().tag("t"));
    }
    stored(keys, move |key| cache.get(key.borrowed()))
}

/// A method with one tag, with each kind of key and a clock that the caller has started.
pub fn ticking_hits(clock: &TickingClock) -> [Entrant; 3] {
    let [by_pair, by_id, by_name] = [0; 3].map(|_| Repo::ticking(clock));
    [
        Entrant::new(
            OURS_TICKING,
            Pair::KIND,
            loaded(&Sequence::zipf(), move |(limit, offset)| by_pair.page(limit, offset)),
        ),
        Entrant::new(OURS_TICKING, u64::KIND, loaded(&Sequence::zipf(), move |id| by_id.by_id(id))),
        Entrant::new(OURS_TICKING, Text::KIND, loaded(&Sequence::zipf(), move |name| by_name.by_name(name))),
    ]
}

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
