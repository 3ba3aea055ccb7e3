//! This cache, as its README shows it: methods of a repository, with statistics.

use std::sync::Arc;

use cache_core::{
    Audit, Cache, CacheBuilder, CacheMetrics, EntryOptions, HasCache, TaggedCache, TickingClock, cached_query,
};

use super::{
    AsyncHits, Hits, OURS, OURS_4_TAGS, OURS_ALL_ON, OURS_GET, OURS_OBSERVED, OURS_TICKING, hits_by_async_load,
    hits_by_get, hits_by_load, misses_when_full,
};
use crate::rounds::{BatchFn, Trial};
use crate::workload::{AMPLE_CAPACITY, ENTRIES, Key, Keys, Pair, Text, Value, load};

#[derive(HasCache)]
pub(crate) struct Repo {
    cache: Cache,
}

impl Repo {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { cache: Cache::builder().capacity(capacity).build() }
    }

    fn ticking(clock: &TickingClock) -> Self {
        Self { cache: Cache::builder().capacity(AMPLE_CAPACITY).clock(clock.clone()).build() }
    }

    #[cached_query(ttl = "5m", tags("t"))]
    pub(crate) fn page(&self, limit: u32, offset: u32) -> Value {
        load(u64::from(limit + offset))
    }

    #[cached_query(ttl = "5m", tags("t"))]
    pub(crate) fn by_id(&self, id: u64) -> Value {
        load(id)
    }

    #[cached_query(ttl = "5m", tags("t"))]
    pub(crate) fn by_name(&self, name: &str) -> Value {
        load(name.len() as u64)
    }

    /// By a number, with a value that is not reference-counted.
    #[cached_query(ttl = "5m", tags("t"))]
    pub(crate) fn number(&self, id: u64) -> u64 {
        id
    }

    #[cached_query(ttl = "5m", tags("t"))]
    pub(crate) async fn by_id_async(&self, id: u64) -> Value {
        load(id)
    }

    #[cached_query(ttl = "5m", tags("t"))]
    pub(crate) async fn by_name_async(&self, name: &str) -> Value {
        load(name.len() as u64)
    }

    /// By a pair, with one tag of all entries and three of some.
    #[cached_query(ttl = "5m", tags("t", "limit:{limit}", format!("album:{}", offset / 500), format!("artist:{}", offset / 5_000)))]
    pub(crate) fn tagged_page(&self, limit: u32, offset: u32) -> Value {
        load(u64::from(limit + offset))
    }

    #[cached_query(ttl = "5m", tags("t", format!("genre:{}", id % 20), format!("album:{}", id / 10), format!("artist:{}", id / 100)))]
    pub(crate) fn tagged_by_id(&self, id: u64) -> Value {
        load(id)
    }

    #[cached_query(ttl = "5m", tags("t", "all names", format!("album:{}", &name[..11]), format!("artist:{}", &name[..10])))]
    pub(crate) fn tagged_by_name(&self, name: &str) -> Value {
        load(name.len() as u64)
    }
}

pub(crate) const HITS: Hits = Hits {
    name: OURS,
    pair: |keys| {
        let repo = Repo::new(AMPLE_CAPACITY);
        hits_by_load(keys, move |(limit, offset)| repo.page(limit, offset))
    },
    id: |keys| {
        let repo = Repo::new(AMPLE_CAPACITY);
        hits_by_load(keys, move |id| repo.by_id(id))
    },
    text: |keys| {
        let repo = Repo::new(AMPLE_CAPACITY);
        hits_by_load(keys, move |name| repo.by_name(name))
    },
};

pub(crate) const GET_HITS: Hits = Hits { name: OURS_GET, pair: get_hits, id: get_hits, text: get_hits };

fn get_hits<K: Key>(keys: &Arc<Keys<K>>) -> BatchFn {
    let cache: TaggedCache<K::Owned, Value> = TaggedCache::builder().capacity(AMPLE_CAPACITY).build();
    for key in K::all() {
        cache.insert_with(key.owned(), load(key.number()), EntryOptions::new().tag("t"));
    }
    hits_by_get(keys, move |key| cache.get(key.borrowed()))
}

/// A method with one tag, with each kind of key and a running clock.
pub(crate) fn ticking_hits(clock: &TickingClock) -> [Trial; 3] {
    let [by_pair, by_id, by_name] = [0; 3].map(|_| Repo::ticking(clock));
    [
        Trial::new(
            OURS_TICKING,
            Pair::KIND,
            hits_by_load(&Keys::zipf(), move |(limit, offset)| by_pair.page(limit, offset)),
        ),
        Trial::new(OURS_TICKING, u64::KIND, hits_by_load(&Keys::zipf(), move |id| by_id.by_id(id))),
        Trial::new(OURS_TICKING, Text::KIND, hits_by_load(&Keys::zipf(), move |name| by_name.by_name(name))),
    ]
}

/// A method with one tag, by how much is told of it: nothing but the log of mutations, events to an observer, and findings of
/// an audit.
pub(crate) fn seen_hits() -> Vec<Trial> {
    type Build = fn(CacheBuilder) -> CacheBuilder;
    let observed = || Cache::builder().observer(CacheMetrics::new("bench"));
    let how: [(&str, Build); 3] = [
        (OURS, |_| Cache::builder()),
        (OURS_OBSERVED, |observed| observed),
        (OURS_ALL_ON, |observed| observed.audit(Audit::sample(0.01))),
    ];
    how.into_iter()
        .flat_map(|(contender, build)| {
            let repo = || Repo { cache: build(observed()).capacity(AMPLE_CAPACITY).build() };
            let [by_pair, by_id, by_name] = [repo(), repo(), repo()];
            [
                Trial::new(
                    contender,
                    Pair::KIND,
                    hits_by_load(&Keys::zipf(), move |(limit, offset)| by_pair.page(limit, offset)),
                ),
                Trial::new(contender, u64::KIND, hits_by_load(&Keys::zipf(), move |id| by_id.by_id(id))),
                Trial::new(contender, Text::KIND, hits_by_load(&Keys::zipf(), move |name| by_name.by_name(name))),
            ]
        })
        .collect()
}

pub(crate) const HITS_4_TAGS: Hits = Hits {
    name: OURS_4_TAGS,
    pair: |keys| {
        let repo = Repo::new(AMPLE_CAPACITY);
        hits_by_load(keys, move |(limit, offset)| repo.tagged_page(limit, offset))
    },
    id: |keys| {
        let repo = Repo::new(AMPLE_CAPACITY);
        hits_by_load(keys, move |id| repo.tagged_by_id(id))
    },
    text: |keys| {
        let repo = Repo::new(AMPLE_CAPACITY);
        hits_by_load(keys, move |name| repo.tagged_by_name(name))
    },
};

pub(crate) const ASYNC_HITS: AsyncHits = AsyncHits {
    name: OURS,
    id: |keys| {
        let repo = Repo::new(AMPLE_CAPACITY);
        hits_by_async_load(keys, async move |id| repo.by_id_async(id).await)
    },
    text: |keys| {
        let repo = Repo::new(AMPLE_CAPACITY);
        hits_by_async_load(keys, async move |name| repo.by_name_async(name).await)
    },
};

pub(crate) fn misses() -> BatchFn {
    let repo = Repo::new(ENTRIES);
    misses_when_full(move |id| repo.by_id(id))
}

/// Hits whose value is a number: threads share no reference count.
pub(crate) fn unshared(keys: &Arc<Keys<u64>>) -> BatchFn {
    let repo = Repo::new(AMPLE_CAPACITY);
    hits_by_load(keys, move |id| repo.number(id))
}
