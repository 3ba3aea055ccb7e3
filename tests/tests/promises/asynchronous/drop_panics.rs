//! What an observer is told of a `Drop` that panics: P11, it reaches no call; P13, it is told with no lock held.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use cache_core::events::DropPanicked;
use cache_core::{Cache, CacheBuilder, HasCache, Observer, cached_query, entry};

use super::mode::block_on;
use crate::support::finishes;

/// What its `Drop` panics with, and what its first `Clone` does.
#[derive(Default)]
struct Value(&'static str, Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Value {
    fn faulty() -> Self {
        Self("in a value", Mutex::default())
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        if let Some(run) = self.1.lock().unwrap().take() {
            run();
        }
        Self::default()
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        if !self.0.is_empty() {
            resume_unwind(Box::new(self.0));
        }
    }
}

/// Copies panic in `Drop`.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    is_copy: bool,
}

impl Clone for Key {
    fn clone(&self) -> Self {
        Self { is_copy: true }
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        if self.is_copy {
            resume_unwind(Box::new(format!("in {}", "a key")));
        }
    }
}

#[derive(Clone, HasCache)]
struct Repo {
    cache: Cache,
    bodies: Arc<AtomicUsize>,
}

impl Repo {
    fn new(builder: CacheBuilder) -> Self {
        Self { cache: builder.build(), bodies: Arc::default() }
    }

    /// With an observer that uses it.
    fn observed(capacity: usize) -> (Self, Faults) {
        let faults = Faults::default();
        let repo = Self::new(Cache::builder().capacity(capacity).observer(faults.clone()));
        *faults.repo.lock().unwrap() = Some(repo.clone());
        (repo, faults)
    }

    fn put(&self, id: u32, value: Value) {
        assert!(entry!(self.value(id)).insert(value));
    }

    #[cached_query]
    async fn value(&self, id: u32) -> Value {
        let _ = id;
        Value::default()
    }

    #[cached_query]
    async fn by_key(&self, key: &Key) -> bool {
        key.is_copy
    }

    #[cached_query]
    async fn plain(&self, id: u32) -> u32 {
        id
    }

    /// Drops what is invalid.
    #[cached_query]
    async fn purges(&self) -> u32 {
        self.bodies.fetch_add(1, SeqCst);
        self.cache.purge();
        7
    }
}

/// Writes down what it is told, and uses the cache.
#[derive(Clone, Default)]
struct Faults {
    told: Arc<Mutex<Vec<String>>>,
    repo: Arc<Mutex<Option<Repo>>>,
}

impl Faults {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.told.lock().unwrap())
    }
}

impl Observer for Faults {
    fn drop_panicked(&self, DropPanicked { query, module, owner, message, .. }: &DropPanicked<'_>) {
        assert_eq!((*module, *owner), (module_path!(), std::any::type_name::<Repo>()));
        let repo = self.repo.lock().unwrap().clone();
        if let Some(repo) = repo {
            repo.put(100, Value::default());
            entry!(repo.value(1)).invalidate();
            block_on(async { assert_eq!((repo.plain(1).await, repo.plain(100).await), (1, 100)) });
            repo.cache.invalidate(["value"]);
            repo.cache.purge();
            assert!(repo.cache.len() <= repo.cache.stats().capacity);
        }
        // Last: a panic before it would be caught, and not be noticed.
        self.told.lock().unwrap().push(format!("{query}: {message}"));
    }
}

/// A name, and an operation by which the entry of 1 leaves.
type Removal = (&'static str, fn(&Repo));

const REMOVALS: [Removal; 6] = [
    ("by its key", |repo| assert!(entry!(repo.value(1)).invalidate())),
    ("by another value", |repo| repo.put(1, Value::default())),
    ("by a load", |repo| {
        repo.cache.invalidate(["value"]);
        block_on(async { assert!(repo.value(1).await.0.is_empty()) });
    }),
    ("by the inserts of others, when it is dead", |repo| {
        repo.cache.invalidate_all();
        block_on(async {
            for id in 0..100 {
                assert_eq!(repo.plain(id).await, id);
            }
        });
    }),
    ("by an eviction", |repo| {
        block_on(async {
            // Only entries in use displace one that came while there was room.
            for id in (0..400).map(|call| call / 4) {
                assert_eq!(repo.plain(id).await, id);
            }
        });
    }),
    ("by a purge", |repo| {
        repo.cache.invalidate_all();
        repo.cache.purge();
    }),
];

#[test]
fn p13_an_observer_is_told_of_a_panic_in_drop_and_may_use_the_cache() {
    for (how, remove) in REMOVALS {
        finishes(how, move || {
            let (repo, faults) = Repo::observed(10);
            repo.put(1, Value::faulty());
            assert!(faults.take().is_empty());
            remove(&repo);
            assert_eq!(faults.take(), ["value: in a value"], "{how}");
            assert_eq!(repo.cache.stats().drop_panics, 1, "{how}");
            let drop_panics = |query| {
                let all = repo.cache.query_stats();
                all.iter().find(|stats| stats.query == query).map(|stats| stats.drop_panics)
            };
            assert_eq!((drop_panics("value"), drop_panics("plain")), (Some(1), Some(0)), "{how}");
            repo.cache.check_invariants();
            faults.repo.lock().unwrap().take();
        });
    }
}

#[test]
fn p11_an_observer_is_told_of_values_that_leave_with_their_cache() {
    let faults = Faults::default();
    let repo = Repo::new(Cache::builder().observer(faults.clone()));
    (1..=3).for_each(|id| repo.put(id, Value::faulty()));
    drop(repo);
    assert_eq!(faults.take(), ["value: in a value"; 3]);
}

#[test]
fn p11_an_observer_is_told_of_keys() {
    let (repo, faults) = Repo::observed(10);
    block_on(async { assert!(!repo.by_key(&Key { is_copy: false }).await) });
    assert_eq!(faults.take(), ["by_key: in a key"], "the copy that it was shown by");
    repo.cache.invalidate(["by_key"]);
    repo.cache.purge();
    assert_eq!(faults.take(), ["by_key: in a key"], "that of the entry");
    assert_eq!(repo.cache.stats().drop_panics, 2);
    faults.repo.lock().unwrap().take();
}

/// The value leaves in a `Clone` of another. It is dropped by the call that clones, after that.
#[test]
fn p13_an_observer_is_told_in_an_unrelated_hit_after_its_clone() {
    finishes("a hit", || {
        let (repo, faults) = Repo::observed(10);
        repo.put(1, Value::faulty());
        let (slow, told) = (Value::default(), faults.clone());
        let cloned_by = repo.clone();
        *slow.1.lock().unwrap() = Some(Box::new(move || {
            assert!(entry!(cloned_by.value(1)).invalidate());
            assert!(told.take().is_empty(), "it is still pinned");
        }));
        repo.put(2, slow);
        block_on(async { assert!(repo.value(2).await.0.is_empty()) });
        assert_eq!((faults.take(), repo.cache.stats().hits), (vec!["value: in a value".to_owned()], 1));
        repo.cache.check_invariants();
        faults.repo.lock().unwrap().take();
    });
}

#[test]
fn p13_an_observer_of_a_panic_in_drop_is_no_part_of_the_load_around_it() {
    let (repo, faults) = Repo::observed(10);
    repo.put(1, Value::faulty());
    repo.cache.invalidate(["value"]);
    block_on(async {
        assert_eq!((repo.purges().await, faults.take().len()), (7, 1));
        // The observer has read it.
        repo.cache.invalidate(["plain", "value"]);
        assert_eq!((repo.purges().await, repo.bodies.load(SeqCst)), (7, 1));
    });
    faults.repo.lock().unwrap().take();
}

#[test]
fn p11_an_observer_that_panics_when_it_is_told_of_a_panic_changes_nothing() {
    struct Panics;
    impl Observer for Panics {
        fn drop_panicked(&self, _: &DropPanicked<'_>) {
            resume_unwind(Box::new("in an observer"));
        }
    }
    for (how, remove) in REMOVALS {
        let faults = Faults::default();
        let repo = Repo::new(Cache::builder().capacity(10).observer(Panics).observer(Arc::new(faults.clone())));
        repo.put(1, Value::faulty());
        remove(&repo);
        assert_eq!((faults.take().len(), repo.cache.stats().drop_panics), (1, 1), "{how}");
        repo.cache.check_invariants();
    }
}
