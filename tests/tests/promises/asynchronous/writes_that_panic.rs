//! P11: user code that panics in a write does not keep other targets from being invalidated, and leaves nothing behind.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use cache_core::{Cache, Clock, EntryOptions, HasCache, ManualClock, TaggedCache, cached_query, invalidates};

use super::mode::block_on;

/// Armed by a test, which has its own.
#[derive(Clone, Default)]
struct Fuse(Arc<AtomicBool>, Arc<AtomicUsize>);

impl Fuse {
    fn arm(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn disarm(&self) {
        self.0.store(false, Ordering::SeqCst);
    }

    fn maybe_panic(&self) {
        if self.0.load(Ordering::SeqCst) && !std::thread::panicking() {
            self.1.fetch_add(1, Ordering::SeqCst);
            resume_unwind(Box::new("as the test wants it"));
        }
    }

    fn panicked(&self) -> usize {
        self.1.load(Ordering::SeqCst)
    }
}

/// Panics when it is dropped, if its fuse is armed. Only values in the cache have one.
struct Value(Option<Fuse>);

impl Clone for Value {
    fn clone(&self) -> Self {
        Self(None)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        if let Some(fuse) = &self.0 {
            fuse.maybe_panic();
        }
    }
}

#[derive(Clone)]
struct Key(u32, Fuse);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.1.maybe_panic();
        self.0 == other.0
    }
}
impl Eq for Key {}
impl std::hash::Hash for Key {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

struct Fused(ManualClock, Fuse);

impl Clock for Fused {
    fn now(&self) -> Duration {
        self.1.maybe_panic();
        self.0.now()
    }
}

#[derive(HasCache, Default)]
struct Repo {
    in_drop: Fuse,
    in_eq: Fuse,
    #[cache]
    cache: Cache,
}

impl Repo {
    #[cached_query(tags("one:{id}"))]
    async fn get(&self, id: u32) -> Arc<Value> {
        let _ = id;
        Arc::new(Value(Some(self.in_drop.clone())))
    }

    #[cached_query]
    async fn by_key(&self, key: &Key) -> u32 {
        key.0
    }

    #[cached_query]
    async fn list(&self) -> u32 {
        1
    }

    #[cached_query(tags("tagged"))]
    async fn tagged(&self, id: u32) -> u32 {
        id
    }

    #[cached_query]
    async fn spared(&self) -> u32 {
        1
    }

    #[invalidates(get(1), get(2), "list", tags("tagged"))]
    async fn keys_first(&self) {}

    #[invalidates(tags("tagged"), "list", get(2), get(1))]
    async fn keys_last(&self) {}

    #[invalidates("get", "list", tags("tagged"))]
    async fn names(&self) {}

    #[invalidates(|ids| get(ids.0), get(2), "list", tags("tagged"))]
    async fn by_result(&self) -> (u32,) {
        (1,)
    }

    #[invalidates(by_key(key), "list", tags("tagged"), get(1), get(2))]
    async fn key_that_panics(&self, key: &Key) {}

    async fn cached_all(cache: Cache) -> Self {
        let repo = Self { cache, ..Self::default() };
        repo.get(1).await;
        repo.get(2).await;
        repo.by_key(&Key(1, repo.in_eq.clone())).await;
        repo.list().await;
        repo.tagged(1).await;
        repo.spared().await;
        repo
    }

    fn cached(&self) -> Vec<String> {
        let entries = self.cache.entries().into_iter();
        let mut cached: Vec<_> = entries.map(|entry| format!("{}({})", entry.query, entry.arguments)).collect();
        cached.sort_unstable();
        cached
    }

    async fn assert_works(&self) {
        self.in_drop.disarm();
        self.in_eq.disarm();
        self.cache.check_invariants();
        self.cache.purge();
        self.cache.invalidate_all();
        let loads = self.cache.stats().loads;
        for _ in 0..2 {
            self.get(1).await;
            self.list().await;
            assert_eq!(self.by_key(&Key(1, self.in_eq.clone())).await, 1);
        }
        assert_eq!((self.cache.stats().loads, self.cache.len()), (loads + 3, 3));
        self.cache.check_invariants();
    }
}

type Direct = TaggedCache<u32, Value>;
type Call = (&'static str, fn(&Direct));

/// A write, and the entries that it leaves.
type Write = (fn(&Repo), &'static [&'static str]);

const SPARED: [&str; 2] = ["by_key(key = _)", "spared()"];

/// The values that panic are dropped in the write, or later: no caller sees the panic.
#[test]
fn p11_a_drop_that_panics_prevents_no_invalidation_of_an_attribute() {
    let writes: [fn(&Repo); 4] = [
        |repo| block_on(repo.keys_first()),
        |repo| block_on(repo.keys_last()),
        |repo| block_on(repo.names()),
        |repo| _ = block_on(repo.by_result()),
    ];
    for (number, write) in (0..).zip(writes) {
        let repo = block_on(Repo::cached_all(Cache::new()));
        repo.in_drop.arm();
        let panicked = catch_unwind(AssertUnwindSafe(|| write(&repo))).is_err();
        assert_eq!(repo.cached(), SPARED, "number {number}: all targets are invalidated; panicked: {panicked}");
        assert!(!panicked, "number {number}: a panic in the `Drop` of a value must not reach the writer");
        let panicked = catch_unwind(AssertUnwindSafe(|| repo.cache.purge())).is_err();
        assert_eq!((panicked, repo.in_drop.panicked()), (false, 2), "number {number}: both values were dropped");
        block_on(repo.assert_works());
    }
}

#[test]
fn p11_a_drop_that_panics_reaches_no_caller_of_a_direct_cache() {
    let clock = ManualClock::new();
    let calls: [Call; 6] = [
        ("invalidate_key", |cache| assert!(cache.invalidate_key(&1))),
        ("insert", |cache| cache.insert(1, Value(None))),
        ("purge", |cache| {
            cache.invalidate_tags(["a", "b"]);
            cache.purge();
        }),
        ("get", |cache| {
            cache.invalidate_all();
            assert!(cache.get(&1).is_none());
            cache.purge();
        }),
        ("get_or_load", |cache| {
            cache.invalidate_all();
            assert!(block_on(cache.get_or_load_async(&1, async || Value(None))).0.is_none());
        }),
        ("evictions", |cache| (10..100).for_each(|key| cache.insert(key, Value(None)))),
    ];
    for (name, call) in calls {
        let cache: TaggedCache<u32, Value> = TaggedCache::builder().capacity(4).clock(clock.clone()).build();
        let fuse = Fuse::default();
        cache.insert_with(1, Value(Some(fuse.clone())), EntryOptions::new().tag("a"));
        cache.insert_with(2, Value(Some(fuse.clone())), EntryOptions::new().tag("b"));
        fuse.arm();
        assert!(
            catch_unwind(AssertUnwindSafe(|| call(&cache))).is_ok(),
            "{name}: a panic in the `Drop` of a value must not reach the caller"
        );
        cache.check_invariants();
        cache.invalidate_all();
        assert!(catch_unwind(AssertUnwindSafe(|| cache.purge())).is_ok(), "{name}");
        assert_eq!((fuse.panicked(), cache.len()), (2, 0), "{name}: both values were dropped");
        cache.insert(1, Value(None));
        assert!(cache.get(&1).is_some());
        cache.check_invariants();
    }
}

struct Name(&'static str, bool);

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        if self.1 {
            resume_unwind(Box::new("as the test wants it"));
        }
        self.0
    }
}

/// Two names, and one that panics before, between or after them.
fn with_one_that_panics(at: usize, names: [&'static str; 2]) -> Vec<Name> {
    let mut names: Vec<_> = names.into_iter().map(|name| Name(name, false)).collect();
    names.insert(at, Name("panics", true));
    names
}

#[test]
fn p11_a_name_that_panics_prevents_no_other_invalidation() {
    for at in 0..=2 {
        let repo = block_on(Repo::cached_all(Cache::new()));
        let names = with_one_that_panics(at, ["get", "list"]);
        assert!(
            catch_unwind(AssertUnwindSafe(|| repo.cache.invalidate(names))).is_err(),
            "the panic reaches the caller"
        );
        assert_eq!(repo.cached(), ["by_key(key = _)", "spared()", "tagged(id = 1)"], "at {at}");
        block_on(repo.assert_works());

        let repo = block_on(Repo::cached_all(Cache::new()));
        let tags = with_one_that_panics(at, ["one:1", "tagged"]);
        assert!(catch_unwind(AssertUnwindSafe(|| repo.cache.invalidate_tags(tags))).is_err());
        assert_eq!(repo.cached(), ["by_key(key = _)", "get(id = 2)", "list()", "spared()"], "at {at}");
        block_on(repo.assert_works());
    }
}

#[test]
fn p11_a_tag_that_panics_prevents_no_other_invalidation_in_a_direct_cache() {
    for at in 0..=2 {
        let cache = TaggedCache::<u32, u32>::new();
        for (key, tag) in [(1, "a"), (2, "b"), (3, "c")] {
            cache.insert_with(key, key, EntryOptions::new().tag(tag));
            cache.scope("s").insert_with(key, key, EntryOptions::new().tag(tag));
        }
        let tags = with_one_that_panics(at, ["a", "b"]);
        assert!(catch_unwind(AssertUnwindSafe(|| cache.invalidate_tags(tags))).is_err());
        for cache in [&cache, &cache.scope("s")] {
            assert_eq!((cache.get(&1), cache.get(&2), cache.get(&3)), (None, None, Some(3)), "at {at}");
        }
        cache.check_invariants();
        cache.insert_with(1, 4, EntryOptions::new().tag("a"));
        assert_eq!(cache.get(&1), Some(4));
        cache.invalidate_tags(["a"]);
        assert_eq!(cache.get(&1), None);
    }
}

/// What it yields before the panic is invalidated.
#[test]
fn p11_an_iterator_that_panics_prevents_no_invalidation_of_what_it_yielded() {
    let repo = block_on(Repo::cached_all(Cache::new()));
    let mut names = ["get", "list"].into_iter();
    let names = std::iter::from_fn(|| Some(names.next().unwrap_or_else(|| resume_unwind(Box::new("at its end")))));
    assert!(catch_unwind(AssertUnwindSafe(|| repo.cache.invalidate(names))).is_err());
    assert_eq!(repo.cached(), ["by_key(key = _)", "spared()", "tagged(id = 1)"]);
    let mut tags = ["tagged"].into_iter();
    let tags = std::iter::from_fn(|| Some(tags.next().unwrap_or_else(|| resume_unwind(Box::new("at its end")))));
    assert!(catch_unwind(AssertUnwindSafe(|| repo.cache.invalidate_tags(tags))).is_err());
    assert_eq!(repo.cached(), ["by_key(key = _)", "spared()"]);
    block_on(repo.assert_works());
}

#[test]
fn p11_a_clock_that_panics_prevents_no_invalidation() {
    let writes: [Write; 6] = [
        (|repo| block_on(repo.keys_first()), &SPARED),
        (|repo| block_on(repo.keys_last()), &SPARED),
        (|repo| _ = block_on(repo.by_result()), &SPARED),
        (|repo| repo.cache.invalidate(["get", "list", "tagged"]), &SPARED),
        (|repo| repo.cache.invalidate_tags(["one:1", "one:2", "tagged"]), &["by_key(key = _)", "list()", "spared()"]),
        (|repo| repo.cache.invalidate_all(), &[]),
    ];
    for (number, (write, left)) in (0..).zip(writes) {
        let fuse = Fuse::default();
        let cache = Cache::builder().clock(Fused(ManualClock::new(), fuse.clone())).build();
        let repo = block_on(Repo::cached_all(cache));
        fuse.arm();
        // Whether the clock is read, and so whether it panics, is not specified.
        let _ = catch_unwind(AssertUnwindSafe(|| write(&repo)));
        fuse.disarm();
        assert_eq!(repo.cached(), left, "number {number}");
        block_on(repo.assert_works());
    }
}

/// Whether keys are compared, and so whether it panics, is not specified.
#[test]
fn p11_an_eq_that_panics_prevents_no_other_invalidation() {
    let repo = block_on(Repo::cached_all(Cache::new()));
    let key = Key(1, repo.in_eq.clone());
    repo.in_eq.arm();
    let _ = catch_unwind(AssertUnwindSafe(|| block_on(repo.key_that_panics(&key))));
    repo.in_eq.disarm();
    let mut left = repo.cached();
    left.retain(|entry| !entry.starts_with("by_key"));
    assert_eq!(left, ["spared()"]);
    block_on(repo.key_that_panics(&key));
    assert_eq!(repo.cached(), ["spared()"]);
    block_on(repo.assert_works());
}

#[test]
fn p11_an_eq_that_panics_leaves_a_direct_cache_usable() {
    let (cache, fuse) = (TaggedCache::<Key, u32>::new(), Fuse::default());
    let key = || Key(1, fuse.clone());
    cache.insert(key(), 1);
    fuse.arm();
    let _ = catch_unwind(AssertUnwindSafe(|| cache.invalidate_key(&key())));
    cache.check_invariants();
    fuse.disarm();
    cache.invalidate_key(&key());
    assert_eq!(cache.get(&key()), None);
    cache.insert(key(), 2);
    assert_eq!((cache.get(&key()), cache.len()), (Some(2), 1));
    cache.check_invariants();
}
