//! P13: no lock is held while code of the user's runs, but for `Eq` of keys and `Clone` on a hit.
//!
//! The code here calls back into the cache that is calling it: under a lock it would wait for itself.

use std::sync::{Arc, OnceLock};

use cache_core::{EntryOptions, TaggedCache};

use super::mode::block_on;

type Handle = Arc<OnceLock<TaggedCache<u32, Value>>>;

/// Writes to its cache when it is cloned to be stored, and when it is dropped.
struct Value {
    cache: Handle,
    writes: bool,
}

impl Value {
    fn poke(&self) {
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
        self.poke();
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
fn p13_a_body_may_use_the_cache_as_it_likes() {
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

/// Does with the cache all there is to do, when it is cloned on a hit.
#[derive(Default)]
struct Meddler {
    cache: Arc<OnceLock<TaggedCache<u32, Meddler>>>,
    forgets: bool,
}

impl Clone for Meddler {
    fn clone(&self) -> Self {
        if let Some(cache) = self.cache.get() {
            let _ = cache.get(&2);
            cache.get_or_load(&3, Self::default);
            cache.insert(1, Self::default());
            assert!((1..=2).contains(&cache.len()));
            cache.invalidate_tags(["tag"]);
            cache.purge();
            let _ = cache.stats();
            if self.forgets {
                assert!(cache.invalidate_key(&1));
                assert!(!cache.invalidate_key(&1), "it is forgotten already");
            }
        }
        Self::default()
    }
}

/// A cache with a meddler at 1, and something dead at 2. All is in one shard, behind one lock.
fn meddlers(forgets: bool) -> TaggedCache<u32, Meddler> {
    let handle = Arc::new(OnceLock::new());
    let cache = TaggedCache::builder().capacity(2).build();
    cache.insert(2, Meddler::default());
    cache.invalidate_all();
    cache.insert(1, Meddler { cache: handle.clone(), forgets });
    assert!(handle.set(cache.clone()).is_ok());
    cache
}

#[test]
fn p13_a_clone_on_a_hit_may_use_the_cache_and_stores_nothing() {
    let cache = meddlers(false);
    assert!(cache.get(&1).is_some());
    assert_eq!(cache.len(), 1);
    assert!(cache.get(&1).is_some_and(|value| value.cache.get().is_none()));
    assert_eq!(cache.stats().hits, 2, "what it inserted did not take the place");
    cache.check_invariants();
}

#[test]
fn p13_a_clone_on_a_hit_may_forget_a_key_and_with_it_all_others() {
    let cache = meddlers(true);
    assert!(cache.get(&1).is_some());
    assert!(cache.is_empty() && cache.get(&1).is_none());
    cache.check_invariants();
}

#[test]
fn p13_clones_that_use_the_cache_and_writers_do_not_wait_for_each_other() {
    let cache = meddlers(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..2_000).for_each(|_| drop(cache.get(&1))));
            scope.spawn(|| {
                for round in 0..2_000 {
                    cache.insert(2, Meddler::default());
                    if round % 100 == 0 {
                        cache.purge();
                    }
                }
            });
        }
    });
    cache.check_invariants();
}

#[test]
fn p13_a_writer_gets_its_turn_while_others_read_without_pause() {
    use std::sync::atomic::{AtomicBool, Ordering};
    const READS: usize = 100_000;

    // Cloning it takes long enough for a reader to be there at all times.
    let cache: TaggedCache<u32, Vec<u8>> = TaggedCache::builder().capacity(2).build();
    cache.insert(1, vec![0; 16_384]);
    let written = AtomicBool::new(false);
    let reads = std::thread::scope(|scope| {
        let read =
            || (0..READS).take_while(|_| !written.load(Ordering::SeqCst)).inspect(|_| drop(cache.get(&1))).count();
        let readers: Vec<_> = (0..8).map(|_| scope.spawn(read)).collect();
        scope.spawn(|| {
            (0..10).for_each(|_| cache.insert(2, Vec::new()));
            written.store(true, Ordering::SeqCst);
        });
        readers.into_iter().map(|reader| reader.join().expect("it only reads")).max()
    });
    assert!(reads < Some(READS), "the writer had to wait until the readers had gone");
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
        assert_eq!(repo.cache.entries()[0].arguments, "key = 1");
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
