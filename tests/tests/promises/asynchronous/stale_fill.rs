//! P1: once an invalidation has returned, no call that starts later gets a value whose load began before.
//!
//! In each test the invalidation comes during a load: the load's own body calls it, which is the interleaving that
//! matters, without threads and without chance.

use std::sync::atomic::{AtomicU32, Ordering};

use cache_core::{Cache, EntryOptions, HasCache, TaggedCache, cached_query, invalidates};

use super::mode::block_on;

#[derive(HasCache)]
struct Repo {
    version: AtomicU32,
    #[cache]
    cache: Cache,
    root: Cache,
}

impl Repo {
    fn new(cache: Cache) -> Self {
        Self { version: AtomicU32::new(0), root: cache.clone(), cache }
    }

    fn in_scope(root: Cache) -> Self {
        Self { version: AtomicU32::new(0), cache: root.scope("tenant:1"), root }
    }

    #[cached_query(ttl = "5m")]
    async fn read(&self, during: &During) -> u32 {
        let read = self.version.load(Ordering::SeqCst);
        (during.0)(self);
        read
    }

    #[cached_query(ttl = "5m")]
    async fn bystander(&self) -> u32 {
        self.version.load(Ordering::SeqCst)
    }

    #[invalidates("read")]
    async fn write(&self) {
        self.version.fetch_add(1, Ordering::SeqCst);
    }

    #[invalidates(all)]
    async fn write_and_invalidate_all(&self) {
        self.version.fetch_add(1, Ordering::SeqCst);
    }

    /// Writes in the middle of the first load, and reads again.
    fn read_after_write_during_load(&self, during: fn(&Repo)) -> (u32, u32) {
        static INTRUDER: std::sync::Mutex<Option<fn(&Repo)>> = std::sync::Mutex::new(None);
        static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *INTRUDER.lock().unwrap() = Some(during);
        let intrude_once = |repo: &Repo| {
            let during = INTRUDER.lock().unwrap().take();
            if let Some(during) = during {
                during(repo);
            }
        };
        let read = || block_on(self.read(&During(intrude_once)));
        (read(), read())
    }
}

/// An argument that is always the same key.
#[derive(Clone)]
struct During(fn(&Repo));

impl PartialEq for During {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl Eq for During {}
impl std::hash::Hash for During {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

fn assert_not_stale(repo: &Repo, during: fn(&Repo)) {
    let (first, second) = repo.read_after_write_during_load(during);
    assert_eq!(first, 0, "an invalidated load still answers its own caller");
    assert_eq!(second, 1, "a stale value was served after the write");
    assert_eq!(repo.cache.stats().discarded_loads, 1);
    repo.cache.check_invariants();
}

#[test]
fn p1_an_annotated_write_during_a_load() {
    assert_not_stale(&Repo::new(Cache::new()), |repo| block_on(repo.write()));
}

#[test]
fn p1_an_annotated_write_of_everything_during_a_load() {
    assert_not_stale(&Repo::new(Cache::new()), |repo| block_on(repo.write_and_invalidate_all()));
}

#[test]
fn p1_an_invalidation_by_name_during_a_load() {
    assert_not_stale(&Repo::new(Cache::new()), |repo| {
        repo.version.fetch_add(1, Ordering::SeqCst);
        repo.cache.invalidate(["read"]);
    });
}

#[test]
fn p1_an_annotated_write_during_a_load_in_a_scope() {
    assert_not_stale(&Repo::in_scope(Cache::new()), |repo| block_on(repo.write()));
}

#[test]
fn p1_an_invalidation_of_the_scope_during_a_load() {
    assert_not_stale(&Repo::in_scope(Cache::new()), |repo| {
        repo.version.fetch_add(1, Ordering::SeqCst);
        repo.cache.invalidate_all();
    });
}

#[test]
fn p1_an_invalidation_through_the_root_during_a_load_in_a_scope() {
    assert_not_stale(&Repo::in_scope(Cache::new()), |repo| {
        repo.version.fetch_add(1, Ordering::SeqCst);
        repo.root.invalidate(["read"]);
    });
    assert_not_stale(&Repo::in_scope(Cache::new()), |repo| {
        repo.version.fetch_add(1, Ordering::SeqCst);
        repo.root.invalidate_all();
    });
}

#[test]
fn p1_a_load_without_an_invalidation_is_stored() {
    block_on(async {
        let repo = Repo::new(Cache::new());
        let (first, second) = repo.read_after_write_during_load(|repo| {
            repo.version.fetch_add(1, Ordering::SeqCst);
            repo.cache.invalidate(["bystander", "rea", "readd"]);
            repo.cache.scope("another").invalidate(["read"]);
            repo.cache.scope("another").invalidate_all();
        });
        assert_eq!((first, second), (0, 0));
        assert_eq!(repo.cache.stats().discarded_loads, 0);
        assert_eq!(repo.bystander().await, 1);
    });
}

fn direct(options: fn() -> EntryOptions, invalidate: impl Fn(&TaggedCache<u32, &'static str>)) -> &'static str {
    let cache = TaggedCache::new();
    let first = block_on(cache.entry(&1).with(options).or_load_async(async || {
        invalidate(&cache);
        "before"
    }));
    assert_eq!(first, "before");
    cache.check_invariants();
    block_on(cache.entry(&1).with(options).or_load_async(async || "after"))
}

#[test]
fn p1_a_tag_during_a_load() {
    let options = || EntryOptions::new().tags(["other", "mine"]);
    assert_eq!(direct(options, |cache| cache.invalidate_tags(["mine"])), "after");
    assert_eq!(direct(options, |cache| cache.invalidate_tags(["min", "mine "])), "before");
}

#[test]
fn p1_a_key_during_a_load() {
    assert_eq!(direct(EntryOptions::new, |cache| assert!(!cache.invalidate_key(&1))), "after");
}

#[test]
fn p1_everything_during_a_load() {
    assert_eq!(direct(EntryOptions::new, TaggedCache::invalidate_all), "after");
}

/// In the same tick of the clock, so that times do not tell which is newer.
#[test]
fn p1_an_older_load_does_not_replace_a_newer_value() {
    block_on(async {
        let cache: TaggedCache<u32, &str> = TaggedCache::builder().clock(cache_core::ManualClock::new()).build();
        let first = cache
            .get_or_load_async(&1, async || {
                cache.insert(1, "newer");
                "older"
            })
            .await;
        assert_eq!((first, cache.get(&1)), ("older", Some("newer")));
        cache.insert(1, "newest");
        assert_eq!(cache.get(&1), Some("newest"));
    });
}

/// Writers raise a number and invalidate the readers' entry; readers read the number before their call. A lower answer
/// is stale.
#[test]
fn p1_threads_never_get_a_stale_value_after_a_write_has_returned() {
    const KEYS: usize = 3;
    const ROUNDS: usize = 3_000;
    let numbers: [AtomicU32; KEYS] = Default::default();
    let floors: [AtomicU32; KEYS] = Default::default();
    // So small that entries are evicted too.
    let cache: TaggedCache<usize, u32> = TaggedCache::builder().capacity(2).build();
    let options = |key| move || EntryOptions::new().tag("all").tag(format!("key:{key}"));
    std::thread::scope(|scope| {
        for reader in 0..2 {
            let (numbers, floors, cache) = (&numbers, &floors, &cache);
            scope.spawn(move || {
                for round in 0..ROUNDS * 4 {
                    let key = (round + reader) % KEYS;
                    let floor = floors[key].load(Ordering::SeqCst);
                    let read = block_on(cache.entry(&key).with(options(key)).or_load_async(async || {
                        let number = numbers[key].load(Ordering::SeqCst);
                        std::thread::yield_now();
                        number
                    }));
                    assert!(read >= floor, "{read} was served after {floor} had been written");
                }
            });
        }
        for writer in 0..2 {
            let (numbers, floors, cache) = (&numbers, &floors, &cache);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let key = (round + writer) % KEYS;
                    let number = numbers[key].fetch_add(1, Ordering::SeqCst) + 1;
                    match round % 4 {
                        0 => cache.invalidate_tags([format!("key:{key}")]),
                        1 => {
                            cache.invalidate_key(&key);
                        }
                        2 => cache.invalidate_tags(["all"]),
                        _ => cache.invalidate_all(),
                    }
                    floors[key].fetch_max(number, Ordering::SeqCst);
                }
            });
        }
    });
    cache.check_invariants();
}
