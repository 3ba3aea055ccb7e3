//! The caches whose hits are counted. Each loads what it misses.

use std::cell::RefCell;
use std::collections::HashSet;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cache_core::{Cache, HasCache, cached_query, invalidates};
use mini_moka::sync::ConcurrentCacheExt as _;

use super::traces::{TAGS, tag_of};

/// What is cached: of a key, how often its tag has been forgotten.
#[derive(Debug)]
pub(super) struct Source {
    versions: Vec<AtomicU64>,
    loads: AtomicU64,
}

impl Source {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { versions: (0..TAGS).map(|_| AtomicU64::new(0)).collect(), loads: AtomicU64::new(0) })
    }

    /// How often it was asked.
    pub(super) fn loads(&self) -> u64 {
        self.loads.load(Ordering::Relaxed)
    }

    /// What a cache should say of a key.
    pub(super) fn current(&self, key: u64) -> u64 {
        self.version(tag_of(key)).load(Ordering::Relaxed)
    }

    /// Makes all answers wrong that bear a tag.
    pub(super) fn change(&self, tag: u64) {
        self.version(tag).fetch_add(1, Ordering::Relaxed);
    }

    fn version(&self, tag: u64) -> &AtomicU64 {
        &self.versions[usize::try_from(tag).expect("few tags")]
    }

    fn load(&self, key: u64) -> u64 {
        self.loads.fetch_add(1, Ordering::Relaxed);
        self.current(key)
    }
}

/// A cache in front of a [`Source`].
pub(super) trait Contender {
    fn ask(&self, key: u64) -> u64;
    fn forget(&self, tag: u64);
}

/// Makes a contender with room for so many entries.
pub(super) type Make = fn(usize, Arc<Source>) -> Box<dyn Contender>;

/// A peer: what it does is the same for all but for these five.
struct Peer<C> {
    cache: C,
    source: Arc<Source>,
    get: fn(&C, u64) -> Option<u64>,
    insert: fn(&C, u64, u64),
    remove: Remove<C>,
}

/// How a peer forgets a tag.
enum Remove<C> {
    /// It looks for the keys itself.
    Tag(fn(&C, u64)),
    /// It is told the keys, of an index that is kept beside it: for each tag those that were loaded since it was forgotten last.
    Keys(fn(&C, u64), RefCell<Vec<HashSet<u64>>>),
}

impl<C> Remove<C> {
    fn keys(remove: fn(&C, u64)) -> Self {
        Self::Keys(remove, RefCell::new((0..TAGS).map(|_| HashSet::new()).collect()))
    }
}

impl<C> Contender for Peer<C> {
    fn ask(&self, key: u64) -> u64 {
        if let Some(value) = (self.get)(&self.cache, key) {
            return value;
        }
        let value = self.source.load(key);
        (self.insert)(&self.cache, key, value);
        if let Remove::Keys(_, index) = &self.remove {
            index.borrow_mut()[usize::try_from(tag_of(key)).expect("few tags")].insert(key);
        }
        value
    }

    fn forget(&self, tag: u64) {
        match &self.remove {
            Remove::Tag(remove) => remove(&self.cache, tag),
            Remove::Keys(remove, index) => {
                let keys = std::mem::take(&mut index.borrow_mut()[usize::try_from(tag).expect("few tags")]);
                for key in keys {
                    remove(&self.cache, key);
                }
            }
        }
    }
}

#[derive(HasCache)]
struct Ours {
    cache: Cache,
    source: Arc<Source>,
}

impl Ours {
    #[cached_query(ttl = "5m", tags(format!("tag:{}", tag_of(key))))]
    fn get(&self, key: u64) -> u64 {
        self.source.load(key)
    }

    #[invalidates(tags("tag:{tag}"))]
    fn forget_tag(&self, tag: u64) {}
}

impl Contender for Ours {
    fn ask(&self, key: u64) -> u64 {
        self.get(key)
    }

    fn forget(&self, tag: u64) {
        self.forget_tag(tag);
    }
}

pub(super) fn ours(capacity: usize, source: Arc<Source>) -> Box<dyn Contender> {
    Box::new(Ours { cache: Cache::builder().capacity(capacity).build(), source })
}

pub(super) fn moka_keys(capacity: usize, source: Arc<Source>) -> Box<dyn Contender> {
    let cache = moka::sync::Cache::new(capacity as u64);
    Box::new(Peer {
        cache,
        source,
        get: |cache, key| cache.get(&key),
        insert: insert_in_moka,
        remove: Remove::keys(|cache, key| cache.invalidate(&key)),
    })
}

pub(super) fn moka_predicates(capacity: usize, source: Arc<Source>) -> Box<dyn Contender> {
    let cache = moka::sync::Cache::builder().max_capacity(capacity as u64).support_invalidation_closures().build();
    Box::new(Peer {
        cache,
        source,
        get: |cache, key| cache.get(&key),
        insert: insert_in_moka,
        remove: Remove::Tag(|cache, tag| {
            let forgotten = cache.invalidate_entries_if(move |key, _| tag_of(*key) == tag);
            forgotten.expect("its builder allows it");
            cache.run_pending_tasks();
        }),
    })
}

/// It takes note of hits, evicts and removes in its maintenance, which is due at times unless it is asked for.
fn insert_in_moka(cache: &moka::sync::Cache<u64, u64>, key: u64, value: u64) {
    cache.insert(key, value);
    cache.run_pending_tasks();
}

pub(super) fn quick_cache_keys(capacity: usize, source: Arc<Source>) -> Box<dyn Contender> {
    quick_cache(
        capacity,
        source,
        Remove::keys(|cache, key| {
            cache.remove(&key);
        }),
    )
}

pub(super) fn quick_cache_retain(capacity: usize, source: Arc<Source>) -> Box<dyn Contender> {
    quick_cache(capacity, source, Remove::Tag(|cache, tag| cache.retain(|&key, _| tag_of(key) != tag)))
}

type QuickCache = quick_cache::sync::Cache<u64, u64>;

fn quick_cache(capacity: usize, source: Arc<Source>, remove: Remove<QuickCache>) -> Box<dyn Contender> {
    let cache = QuickCache::new(capacity);
    Box::new(Peer {
        cache,
        source,
        get: |cache, key| cache.get(&key),
        insert: |cache, key, value| cache.insert(key, value),
        remove,
    })
}

pub(super) fn mini_moka(capacity: usize, source: Arc<Source>) -> Box<dyn Contender> {
    let cache = mini_moka::sync::Cache::new(capacity as u64);
    Box::new(Peer {
        cache,
        source,
        get: |cache, key| cache.get(&key),
        insert: |cache, key, value| {
            cache.insert(key, value);
            cache.sync();
        },
        remove: Remove::keys(|cache, key| cache.invalidate(&key)),
    })
}

pub(super) fn foyer(capacity: usize, source: Arc<Source>) -> Box<dyn Contender> {
    let builder = foyer::CacheBuilder::new(capacity).with_eviction_config(foyer::S3FifoConfig::default());
    let cache: foyer::Cache<u64, u64> = builder.build();
    Box::new(Peer {
        cache,
        source,
        get: |cache, key| cache.get(&key).map(|entry| *entry.value()),
        insert: |cache, key, value| {
            cache.insert(key, value);
        },
        remove: Remove::keys(|cache, key| {
            cache.remove(&key);
        }),
    })
}

pub(super) fn lru(capacity: usize, source: Arc<Source>) -> Box<dyn Contender> {
    let cache = RefCell::new(lru::LruCache::new(NonZero::new(capacity).expect("room for something")));
    Box::new(Peer {
        cache,
        source,
        get: |cache, key| cache.borrow_mut().get(&key).copied(),
        insert: |cache, key, value| {
            cache.borrow_mut().put(key, value);
        },
        remove: Remove::keys(|cache, key| {
            cache.borrow_mut().pop(&key);
        }),
    })
}
