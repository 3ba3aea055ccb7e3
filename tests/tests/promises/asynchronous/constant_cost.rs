//! P3: the cost of an invalidation does not depend on the number of entries. `benches` measures the cost; these tests
//! show the reason: it touches no entry.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cache_core::{EntryOptions, TaggedCache};

const ENTRIES: usize = 5_000;

/// Counts comparisons of its key and drops of its value.
#[derive(Default)]
struct Touches {
    compared: AtomicUsize,
    dropped: AtomicUsize,
}

#[derive(Clone)]
struct Key(usize, Arc<Touches>);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.1.compared.fetch_add(1, Ordering::Relaxed);
        self.0 == other.0
    }
}
impl Eq for Key {}
impl std::hash::Hash for Key {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.1.compared.fetch_add(1, Ordering::Relaxed);
        self.0.hash(state);
    }
}

#[derive(Clone)]
struct Value(#[expect(dead_code, reason = "only its drop matters")] Arc<Dropped>);
struct Dropped(Arc<Touches>);
impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

fn assert_touches_nothing(invalidate: impl Fn(&TaggedCache<Key, Value>)) {
    let touches = Arc::new(Touches::default());
    let cache = TaggedCache::new();
    for number in 0..ENTRIES {
        let options = EntryOptions::new().tag("all").tag(format!("one:{number}"));
        cache.insert_with(Key(number, touches.clone()), Value(Arc::new(Dropped(touches.clone()))), options);
    }
    assert_eq!(cache.len(), ENTRIES);
    touches.compared.store(0, Ordering::Relaxed);

    invalidate(&cache);
    assert_eq!(touches.compared.load(Ordering::Relaxed), 0, "keys were hashed or compared");
    assert_eq!(touches.dropped.load(Ordering::Relaxed), 0, "values were dropped");
    assert_eq!(cache.len(), 0, "everything was invalidated");
    cache.purge();
    assert_eq!(touches.dropped.load(Ordering::Relaxed), ENTRIES);
    cache.check_invariants();
}

#[test]
fn p3_a_tag_is_invalidated_without_touching_its_entries() {
    assert_touches_nothing(|cache| cache.invalidate_tags(["all"]));
}

#[test]
fn p3_everything_is_invalidated_without_touching_entries() {
    assert_touches_nothing(TaggedCache::invalidate_all);
}

mod query {
    use super::super::mode::block_on;
    use super::*;
    use cache_core::{Cache, HasCache, cached_query, invalidates};

    #[derive(HasCache)]
    struct Repo {
        touches: Arc<Touches>,
        cache: Cache,
    }

    impl Repo {
        #[cached_query]
        async fn get(&self, number: u32) -> Value {
            let _ = number;
            Value(Arc::new(Dropped(self.touches.clone())))
        }

        #[invalidates("get")]
        async fn change(&self) {}
    }

    async fn assert_touches_nothing(cache: Cache, invalidate: impl AsyncFn(&Repo)) {
        let repo = Repo { touches: Arc::default(), cache };
        for number in 0..5_000 {
            repo.get(number).await;
        }
        invalidate(&repo).await;
        assert_eq!(repo.touches.dropped.load(Ordering::Relaxed), 0, "values were dropped");
        assert_eq!(repo.cache.len(), 0, "everything was invalidated");
    }

    #[test]
    fn p3_a_query_is_invalidated_without_touching_its_entries() {
        block_on(async {
            assert_touches_nothing(Cache::new(), Repo::change).await;
            assert_touches_nothing(Cache::new(), async |repo: &Repo| repo.cache.invalidate(["get"])).await;
        });
    }

    #[test]
    fn p3_a_scope_is_invalidated_without_touching_its_entries() {
        block_on(async {
            assert_touches_nothing(Cache::new().scope("a"), Repo::change).await;
            assert_touches_nothing(Cache::new().scope("a"), async |repo: &Repo| repo.cache.invalidate(["get"])).await;
            assert_touches_nothing(Cache::new().scope("a"), async |repo: &Repo| repo.cache.invalidate_all()).await;
        });
    }

    #[derive(HasCache)]
    struct Scoped {
        touches: Arc<Touches>,
        #[cache]
        cache: Cache,
    }

    impl Scoped {
        #[cached_query]
        async fn by_key(&self, key: &Key) -> Value {
            let _ = key;
            Value(Arc::new(Dropped(self.touches.clone())))
        }

        #[invalidates(by_key(key))]
        async fn write(&self, key: &Key) {}
    }

    /// Touched keys and values, if the key is in this many scopes.
    async fn touched(scopes: usize) -> (usize, usize) {
        let (touches, root) = (Arc::<Touches>::default(), Cache::builder().capacity(10_000).build());
        let key = Key(1, touches.clone());
        for scope in 0..scopes {
            let cache = root.scope(&format!("tenant:{scope}"));
            Scoped { touches: touches.clone(), cache }.by_key(&key).await;
        }
        assert_eq!(root.len(), scopes);
        touches.compared.store(0, Ordering::Relaxed);
        Scoped { touches: touches.clone(), cache: root.clone() }.write(&key).await;
        let counts = (touches.compared.load(Ordering::Relaxed), touches.dropped.load(Ordering::Relaxed));
        assert_eq!(root.len(), 0, "in every scope");
        root.purge();
        assert_eq!(touches.dropped.load(Ordering::Relaxed), scopes);
        root.check_invariants();
        counts
    }

    #[test]
    fn p3_a_key_through_the_root_handle_touches_as_little_in_many_scopes_as_in_few() {
        block_on(async {
            assert_eq!(touched(10).await, touched(2_000).await, "keys compared, and values dropped");
        });
    }
}
