//! P13: no lock is held while code of the user's runs, but for `Eq` of keys and `Clone` on a hit.
//!
//! The code here calls back into the cache that is calling it: under a lock it would wait for itself.

use std::sync::{Arc, OnceLock};

use cache_core::{EntryOptions, TaggedCache};

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
        cache.insert_with(key % 7, value(), EntryOptions::new().tag("tag")); // evicts, and replaces
    }
    cache.insert(1, value());
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
    let (handle, cache) = cache(3);
    let value = |writes| Value { cache: handle.clone(), writes };
    let nested = cache.get_or_load(&1, || {
        drop(value(true));
        cache.get_or_load(&1, || value(false))
    });
    assert!(!nested.writes);
    cache.check_invariants();
}

#[test]
fn p13_a_clone_on_a_hit_may_read_the_cache() {
    #[derive(Default)]
    struct Reader(Arc<OnceLock<TaggedCache<u32, Reader>>>);
    impl Clone for Reader {
        fn clone(&self) -> Self {
            if let Some(cache) = self.0.get() {
                assert!(cache.get(&2).is_none());
                assert_eq!(cache.len(), 1);
            }
            Self::default()
        }
    }
    let handle = Arc::new(OnceLock::new());
    let cache = TaggedCache::new();
    cache.insert(1, Reader(handle.clone()));
    assert!(handle.set(cache.clone()).is_ok());
    assert!(cache.get(&1).is_some());
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
