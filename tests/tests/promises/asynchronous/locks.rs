//! P13: no lock is held while user code runs, except in `Eq` of keys.
//!
//! The user code here calls back into the cache that calls it: under a lock it would deadlock.

use std::sync::{Arc, OnceLock};

use cache_core::{EntryOptions, TaggedCache};

use super::mode::block_on;
use crate::support::{Latch, finishes};

type Handle = Arc<OnceLock<TaggedCache<u32, Value>>>;

/// Writes to its cache when it is cloned to be stored, and when it is dropped.
struct Value {
    cache: Handle,
    writes: bool,
}

impl Value {
    fn use_cache(&self) {
        if let (true, Some(cache)) = (self.writes, self.cache.get()) {
            cache.insert(1_000, Self { cache: self.cache.clone(), writes: false });
            cache.invalidate_key(&1_000);
            cache.invalidate_tags(["tag"]);
            cache.purge();
        }
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        Self { cache: self.cache.clone(), writes: self.writes }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.use_cache();
    }
}

fn cache(capacity: usize) -> (Handle, TaggedCache<u32, Value>) {
    let handle = Handle::default();
    let cache = TaggedCache::builder().capacity(capacity).build();
    assert!(handle.set(cache.clone()).is_ok());
    (handle, cache)
}

#[test]
fn p13_a_drop_may_write_to_the_cache() {
    let (handle, cache) = cache(3);
    let value = || Value { cache: handle.clone(), writes: true };
    for key in 0..20 {
        cache.insert_with(key % 7, value(), EntryOptions::new().tag("tag")); // evicts
    }
    cache.insert(1, value());
    cache.insert(1, value()); // replaces
    cache.invalidate_key(&1); // removes
    cache.insert(1, value());
    cache.invalidate_all();
    cache.purge(); // buries
    cache.insert(1, value());
    cache.invalidate_all();
    assert!(cache.get(&1).is_none()); // drops on sight
    cache.check_invariants();
}

#[test]
fn p13_a_body_may_use_the_cache() {
    block_on(async {
        let (handle, cache) = cache(3);
        let value = |writes| Value { cache: handle.clone(), writes };
        let nested = cache
            .get_or_load_async(&1, async || {
                drop(value(true));
                cache.get_or_load_async(&1, async || value(false)).await
            })
            .await;
        assert!(!nested.writes);
        cache.check_invariants();
    });
}

#[derive(Default)]
struct UsesCache(Arc<OnceLock<TaggedCache<u32, UsesCache>>>);

impl Clone for UsesCache {
    fn clone(&self) -> Self {
        if let Some(cache) = self.0.get() {
            let _ = cache.get(&2);
            cache.get_or_load(&3, Self::default);
            cache.insert(4, Self::default());
            assert!(!cache.is_empty());
            cache.invalidate_tags(["tag"]);
            cache.purge();
            let _ = cache.stats();
            cache.invalidate_key(&3);
        }
        Self::default()
    }
}

#[test]
fn p13_clones_that_use_the_cache_and_writers_do_not_wait_for_each_other() {
    finishes("clones that use the cache beside writers", || {
        let handle = Arc::new(OnceLock::new());
        let cache = TaggedCache::builder().capacity(16).build();
        cache.insert(1, UsesCache(handle.clone()));
        assert!(handle.set(cache.clone()).is_ok());
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..2_000).for_each(|_| assert!(cache.get(&1).is_some())));
                scope.spawn(|| {
                    for round in 0..2_000 {
                        cache.insert_with(2, UsesCache::default(), EntryOptions::new().tag("tag"));
                        if round % 100 == 0 {
                            cache.purge();
                        }
                    }
                });
            }
        });
        cache.check_invariants();
    });
}

/// A clone that does not end before a write.
struct Reading(Arc<(Latch, Latch)>);

impl Clone for Reading {
    fn clone(&self) -> Self {
        let (readers, written) = &*self.0;
        readers.count_up();
        written.pass();
        Self(self.0.clone())
    }
}

/// All entries are in one shard, and there is a reader at all times.
#[test]
fn p13_readers_do_not_starve_a_writer() {
    const READERS: usize = 8;
    let latches = Arc::<(Latch, Latch)>::default();
    let cache = TaggedCache::builder().capacity(2).build();
    cache.insert(1, Reading(latches.clone()));
    std::thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| assert!(cache.get(&1).is_some()));
        }
        latches.0.until(READERS);
        (0..10).for_each(|_| cache.insert(2, Reading(latches.clone())));
        latches.1.open();
    });
    assert_eq!(cache.stats().hits, READERS as u64);
    cache.check_invariants();
}

#[test]
fn p13_a_listing_may_use_the_cache() {
    block_on(async {
        use cache_core::{Cache, HasCache, cached_query};
        static CACHE: OnceLock<Cache> = OnceLock::new();

        #[derive(Clone, PartialEq, Eq, Hash)]
        struct Key;
        impl std::fmt::Debug for Key {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let cache = CACHE.get().expect("it is set");
                block_on(Repo { cache: cache.clone() }.by_key(&Key));
                block_on(Repo { cache: cache.clone() }.first_asked_here(3));
                cache.purge();
                write!(f, "{}", cache.len())
            }
        }

        #[derive(HasCache)]
        struct Repo {
            cache: Cache,
        }
        impl Repo {
            #[cached_query]
            async fn by_key(&self, key: &Key) -> u32 {
                let _ = key;
                0
            }
            #[cached_query]
            async fn first_asked_here(&self, n: u32) -> u32 {
                n
            }
        }

        let repo = Repo { cache: CACHE.get_or_init(Cache::new).clone() };
        repo.by_key(&Key).await;
        let entries = repo.cache.entries();
        let entry = entries.iter().find(|entry| entry.query == "by_key").expect("it is listed");
        assert_eq!(entry.arguments, "key = 2", "what the listing loads is stored");
        assert_eq!(repo.cache.len(), 2);
    });
}

#[test]
fn p13_a_key_whose_equality_panics_leaves_the_cache_usable() {
    use std::sync::atomic::{AtomicBool, Ordering};
    static PANICS: AtomicBool = AtomicBool::new(false);

    #[derive(Clone)]
    struct Key;
    impl PartialEq for Key {
        fn eq(&self, _: &Self) -> bool {
            assert!(!PANICS.load(Ordering::SeqCst), "in `eq`");
            true
        }
    }
    impl Eq for Key {}
    impl std::hash::Hash for Key {
        fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
    }

    let cache: TaggedCache<Key, u32> = TaggedCache::new();
    cache.insert(Key, 1);
    PANICS.store(true, Ordering::SeqCst);
    let calls: [fn(&TaggedCache<Key, u32>); 3] = [
        |cache| assert!(cache.get(&Key).is_some()),
        |cache| cache.insert(Key, 2),
        |cache| assert!(cache.invalidate_key(&Key)),
    ];
    for call in calls {
        assert!(std::panic::catch_unwind(|| call(&cache)).is_err());
        cache.check_invariants();
    }
    PANICS.store(false, Ordering::SeqCst);
    cache.insert(Key, 3);
    assert_eq!(cache.get(&Key), Some(3));
}
