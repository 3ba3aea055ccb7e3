//! The caches whose hits are counted. Each loads what it misses.

use std::cell::RefCell;
use std::collections::HashSet;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cache_core::{Cache, HasCache, cached_query, invalidates};
use mini_moka::sync::ConcurrentCacheExt as _;

use super::traces::{TAGS, tag_of};

/// What the caches load: for each key, how often its tag was invalidated.
#[derive(Debug)]
pub(super) struct Source {
    versions: Vec<AtomicU64>,
    loads: AtomicU64,
}

impl Source {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { versions: (0..TAGS).map(|_| AtomicU64::new(0)).collect(), loads: AtomicU64::new(0) })
    }

    /// The loads so far.
    pub(super) fn loads(&self) -> u64 {
        self.loads.load(Ordering::Relaxed)
    }

    /// The current value of a key.
    pub(super) fn current(&self, key: u64) -> u64 {
        self.version(tag_of(key)).load(Ordering::Relaxed)
    }

    /// Changes the values of all keys with a tag.
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
    fn get(&self, key: u64) -> u64;
    fn invalidate(&self, tag: u64);
}

/// Builds a contender with a capacity.
pub(super) type Build = fn(usize, Arc<Source>) -> Box<dyn Contender>;

/// A peer, which differs from the others in these operations.
struct Peer<C> {
    cache: C,
    source: Arc<Source>,
    get: fn(&C, u64) -> Option<u64>,
    insert: fn(&C, u64, u64),
    invalidate: Invalidation<C>,
}

/// How a peer invalidates a tag.
enum Invalidation<C> {
    /// It searches its entries itself.
    Tag(fn(&C, u64)),
    /// An external index has the keys, for each tag those loaded since its last invalidation.
    Keys(fn(&C, u64), RefCell<Vec<HashSet<u64>>>),
}

impl<C> Invalidation<C> {
    fn keys(remove: fn(&C, u64)) -> Self {
        Self::Keys(remove, RefCell::new((0..TAGS).map(|_| HashSet::new()).collect()))
    }
}

impl<C> Contender for Peer<C> {
    fn get(&self, key: u64) -> u64 {
        if let Some(value) = (self.get)(&self.cache, key) {
            return value;
        }
        let value = self.source.load(key);
        (self.insert)(&self.cache, key, value);
        if let Invalidation::Keys(_, index) = &self.invalidate {
            index.borrow_mut()[usize::try_from(tag_of(key)).expect("few tags")].insert(key);
        }
        value
    }

    fn invalidate(&self, tag: u64) {
        match &self.invalidate {
            Invalidation::Tag(remove) => remove(&self.cache, tag),
            Invalidation::Keys(remove, index) => {
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
    fn by_key(&self, key: u64) -> u64 {
        self.source.load(key)
    }

    #[invalidates(tags("tag:{tag}"))]
    fn invalidate_tag(&self, tag: u64) {}
}

impl Contender for Ours {
    fn get(&self, key: u64) -> u64 {
        self.by_key(key)
    }

    fn invalidate(&self, tag: u64) {
        self.invalidate_tag(tag);
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
        invalidate: Invalidation::keys(|cache, key| cache.invalidate(&key)),
    })
}

pub(super) fn moka_predicates(capacity: usize, source: Arc<Source>) -> Box<dyn Contender> {
    let cache = moka::sync::Cache::builder().max_capacity(capacity as u64).support_invalidation_closures().build();
    Box::new(Peer {
        cache,
        source,
        get: |cache, key| cache.get(&key),
        insert: insert_in_moka,
        invalidate: Invalidation::Tag(|cache, tag| {
            let invalidated = cache.invalidate_entries_if(move |key, _| tag_of(*key) == tag);
            invalidated.expect("enabled in the builder");
            cache.run_pending_tasks();
        }),
    })
}

/// moka records hits, evicts and removes in its maintenance, which otherwise runs only at times.
fn insert_in_moka(cache: &moka::sync::Cache<u64, u64>, key: u64, value: u64) {
    cache.insert(key, value);
    cache.run_pending_tasks();
}

pub(super) fn quick_cache_keys(capacity: usize, source: Arc<Source>) -> Box<dyn Contender> {
    quick_cache(
        capacity,
        source,
        Invalidation::keys(|cache, key| {
            cache.remove(&key);
        }),
    )
}

pub(super) fn quick_cache_retain(capacity: usize, source: Arc<Source>) -> Box<dyn Contender> {
    quick_cache(capacity, source, Invalidation::Tag(|cache, tag| cache.retain(|&key, _| tag_of(key) != tag)))
}

type QuickCache = quick_cache::sync::Cache<u64, u64>;

fn quick_cache(capacity: usize, source: Arc<Source>, invalidate: Invalidation<QuickCache>) -> Box<dyn Contender> {
    let cache = QuickCache::new(capacity);
    Box::new(Peer {
        cache,
        source,
        get: |cache, key| cache.get(&key),
        insert: |cache, key, value| cache.insert(key, value),
        invalidate,
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
        invalidate: Invalidation::keys(|cache, key| cache.invalidate(&key)),
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
        invalidate: Invalidation::keys(|cache, key| {
            cache.remove(&key);
        }),
    })
}

pub(super) fn lru(capacity: usize, source: Arc<Source>) -> Box<dyn Contender> {
    let cache = RefCell::new(lru::LruCache::new(NonZero::new(capacity).expect("a positive capacity")));
    Box::new(Peer {
        cache,
        source,
        get: |cache, key| cache.borrow_mut().get(&key).copied(),
        insert: |cache, key, value| {
            cache.borrow_mut().put(key, value);
        },
        invalidate: Invalidation::keys(|cache, key| {
            cache.borrow_mut().pop(&key);
        }),
    })
}
