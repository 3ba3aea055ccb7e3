//! P15: an inner answer that expires, is an error, is not stored, is evicted, or is loaded by another caller.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use cache_core::{Cache, HasCache, ManualClock, cached_query, invalidates};

use super::mode::block_on;
use crate::support::{Latch, in_flight, until, until_in_flight};

#[derive(Clone, Debug)]
struct Shared;

#[derive(Debug)]
struct NotClone;

type Hook = Box<dyn FnOnce(&Repo) + Send>;

#[derive(HasCache, Default)]
struct Repo {
    row: AtomicU32,
    bodies: AtomicU32,
    fails: AtomicU32,
    /// Runs in the body of `hooked`, once.
    hook: std::sync::Mutex<Option<Hook>>,
    #[cache]
    cache: Cache,
}

impl Repo {
    fn with(cache: Cache) -> Self {
        Self { cache, ..Self::default() }
    }

    fn row(&self) -> u32 {
        self.row.load(Ordering::SeqCst)
    }

    fn set_hook(&self, hook: impl FnOnce(&Repo) + Send + 'static) {
        *self.hook.lock().unwrap() = Some(Box::new(hook));
    }

    fn run_hook(&self) {
        let hook = self.hook.lock().unwrap().take();
        if let Some(hook) = hook {
            hook(self);
        }
    }

    #[cached_query(ttl = "10s")]
    async fn short(&self) -> u32 {
        self.row()
    }

    #[cached_query(ttl = "1h")]
    async fn long(&self) -> u32 {
        self.bodies.fetch_add(1, Ordering::SeqCst);
        self.short().await
    }

    #[cached_query(ttl = "2h")]
    async fn longer(&self) -> u32 {
        self.long().await
    }

    #[cached_query(ttl = "1s")]
    async fn shorter_than_what_it_reads(&self) -> u32 {
        self.short().await
    }

    #[cached_query]
    async fn fails_with_clone(&self, id: u32) -> Result<u32, Shared> {
        if self.fails.load(Ordering::SeqCst) > 0 { Err(Shared) } else { Ok(id) }
    }

    #[cached_query]
    async fn fails_without_clone(&self, id: u32) -> Result<u32, NotClone> {
        if self.fails.load(Ordering::SeqCst) > 0 { Err(NotClone) } else { Ok(id) }
    }

    #[cached_query]
    async fn or_default(&self) -> (u32, u32) {
        self.bodies.fetch_add(1, Ordering::SeqCst);
        (self.fails_with_clone(1).await.unwrap_or(0), self.fails_without_clone(1).await.unwrap_or(0))
    }

    #[cached_query(cache_if = |_| false)]
    async fn never_stored(&self, id: u32) -> u32 {
        self.row() + id
    }

    #[cached_query(capacity = 0)]
    async fn without_capacity(&self, id: u32) -> u32 {
        self.row() + id
    }

    #[cached_query(capacity = 1)]
    async fn capacity_of_one(&self, id: u32) -> u32 {
        self.row() + id
    }

    #[cached_query(tags_from = |_| ["late"])]
    async fn hooked(&self, id: u32) -> u32 {
        let row = self.row() + id;
        self.run_hook();
        row
    }

    #[cached_query]
    async fn outer(&self, of: Inner) -> u32 {
        self.bodies.fetch_add(1, Ordering::SeqCst);
        match of {
            Inner::NeverStored => self.never_stored(1).await,
            Inner::WithoutCapacity => self.without_capacity(1).await,
            Inner::CapacityOfOne => self.capacity_of_one(1).await,
            Inner::Hooked => self.hooked(1).await,
        }
    }

    /// Reads, and then yields to the hook.
    #[cached_query]
    async fn slow(&self) -> u32 {
        self.bodies.fetch_add(1, Ordering::SeqCst);
        let read = self.short().await;
        self.run_hook();
        read
    }

    #[invalidates("fails_with_clone")]
    async fn repair_by_name(&self) {
        self.fails.store(0, Ordering::SeqCst);
    }

    #[invalidates(fails_without_clone(id))]
    async fn repair_by_key(&self, id: u32) {
        self.fails.store(0, Ordering::SeqCst);
    }

    #[invalidates(never_stored(id), without_capacity(id), capacity_of_one(id), hooked(id))]
    async fn write_by_key(&self, id: u32) {
        self.row.fetch_add(1, Ordering::SeqCst);
    }

    #[invalidates("never_stored", "without_capacity", "capacity_of_one", "hooked")]
    async fn write_by_name(&self) {
        self.row.fetch_add(1, Ordering::SeqCst);
    }

    #[invalidates("short")]
    async fn write_short(&self) {
        self.row.fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Inner {
    NeverStored,
    WithoutCapacity,
    CapacityOfOne,
    Hooked,
}

/// The inner one was loaded eight seconds ago, and expires in two. So does the outer one.
#[test]
fn p15_an_outer_query_expires_no_later_than_the_inner_one() {
    block_on(async {
        let clock = ManualClock::new();
        let repo = Repo::with(Cache::builder().clock(clock.clone()).build());
        repo.short().await;
        clock.advance(Duration::from_secs(8));
        assert_eq!((repo.longer().await, repo.long().await), (0, 0));
        repo.row.fetch_add(1, Ordering::SeqCst);
        for entry in repo.cache.entries() {
            assert_eq!(entry.expires_in, Duration::from_secs(2), "{entry:?}");
        }
        clock.advance(Duration::from_secs(2) - Duration::from_nanos(1));
        assert_eq!((repo.longer().await, repo.long().await), (0, 0), "not yet");
        clock.advance(Duration::from_nanos(1));
        assert_eq!((repo.longer().await, repo.long().await), (1, 1));
        assert_eq!(repo.bodies.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn p15_an_outer_query_that_loads_the_inner_one_expires_with_it() {
    block_on(async {
        let clock = ManualClock::new();
        let repo = Repo::with(Cache::builder().clock(clock.clone()).build());
        assert_eq!(repo.longer().await, 0);
        repo.row.fetch_add(1, Ordering::SeqCst);
        clock.advance(Duration::from_secs(10));
        assert_eq!(repo.longer().await, 1);
    });
}

#[test]
fn p15_an_outer_query_with_the_shorter_ttl_keeps_its_own() {
    block_on(async {
        let clock = ManualClock::new();
        let repo = Repo::with(Cache::builder().clock(clock.clone()).build());
        repo.shorter_than_what_it_reads().await;
        clock.advance(Duration::from_secs(1));
        let loads = repo.cache.stats().loads;
        repo.shorter_than_what_it_reads().await;
        assert_eq!(repo.cache.stats().loads, loads + 1, "the inner one is a hit");
    });
}

#[test]
fn p15_an_outer_query_that_reads_an_error_is_invalidated_with_it() {
    block_on(async {
        for by_name in [false, true] {
            let repo = Repo::default();
            repo.fails.store(1, Ordering::SeqCst);
            assert_eq!((repo.or_default().await, repo.or_default().await), ((0, 0), (0, 0)));
            assert_eq!(repo.bodies.load(Ordering::SeqCst), 1, "the default is a value like any other");
            repo.repair_by_key(2).await;
            assert_eq!(repo.or_default().await, (0, 0), "another key");
            if by_name {
                repo.repair_by_name().await;
            } else {
                repo.repair_by_key(1).await;
            }
            assert_eq!(repo.or_default().await, (1, 1), "by name: {by_name}");
        }
    });
}

#[test]
fn p15_an_outer_query_that_reads_an_unstored_value_is_invalidated_with_it() {
    block_on(async {
        for inner in [Inner::NeverStored, Inner::WithoutCapacity, Inner::CapacityOfOne, Inner::Hooked] {
            for by_name in [false, true] {
                let repo = Repo::default();
                assert_eq!((repo.outer(inner).await, repo.outer(inner).await), (1, 1));
                repo.capacity_of_one(2).await; // evicts the other
                if by_name {
                    repo.write_by_name().await;
                    repo.write_by_name().await;
                } else {
                    repo.write_by_key(2).await;
                    assert_eq!(repo.outer(inner).await, 1, "{inner:?}: another key");
                    repo.write_by_key(1).await;
                }
                assert_eq!(repo.outer(inner).await, 3, "{inner:?}, by name: {by_name}");
                assert_eq!(repo.bodies.load(Ordering::SeqCst), 2);
                repo.cache.check_invariants();
            }
        }
    });
}

/// The inner load is invalidated before it ends, and its value is refused. The outer value must be refused too.
#[test]
fn p15_an_outer_query_whose_inner_load_is_refused_is_not_stored() {
    block_on(async {
        let invalidates: [fn(&Repo); 4] = [
            |repo| repo.cache.invalidate_tags(["late"]),
            |repo| repo.cache.invalidate(["hooked"]),
            |repo| repo.cache.invalidate_all(),
            |repo| block_on(repo.write_by_key(1)),
        ];
        for (number, invalidate) in (0..).zip(invalidates) {
            let repo = Repo::default();
            repo.set_hook(move |repo| {
                repo.row.fetch_add(1, Ordering::SeqCst);
                invalidate(repo);
            });
            assert_eq!(
                repo.outer(Inner::Hooked).await,
                1,
                "a caller from before the invalidation may get the older value"
            );
            let now = repo.row() + 1;
            assert_eq!(repo.outer(Inner::Hooked).await, now, "number {number}");
            assert_eq!(repo.outer(Inner::Hooked).await, now);
            assert_eq!(repo.bodies.load(Ordering::SeqCst), 2);
        }
    });
}

#[test]
fn p15_an_outer_query_is_not_stored_if_its_reads_are_invalidated_before_it_ends() {
    block_on(async {
        let repo = Repo::default();
        repo.set_hook(|repo| block_on(repo.write_short()));
        assert_eq!(repo.slow().await, 0);
        assert_eq!((repo.slow().await, repo.slow().await), (1, 1));
        assert_eq!(repo.bodies.load(Ordering::SeqCst), 2);
        repo.cache.check_invariants();
    });
}

/// P1: a load in flight has read what has since been invalidated. A new caller may not wait for it.
#[test]
fn p1_no_caller_joins_an_outer_load_whose_reads_were_invalidated() {
    let repo = Repo::default();
    let (invalidated, done) = (Latch::new(), Latch::new());
    repo.set_hook({
        let (invalidated, done) = (invalidated.clone(), done.clone());
        move |repo| {
            block_on(repo.write_short());
            invalidated.open();
            done.pass();
        }
    });
    thread::scope(|scope| {
        let first = scope.spawn(|| block_on(repo.slow()));
        invalidated.pass();
        let second = scope.spawn(|| block_on(repo.slow()));
        // It waits for the first, or has loaded itself.
        until("the second caller waits or has loaded", || second.is_finished() || in_flight(&repo.cache, 1, 1));
        let joined = !second.is_finished();
        done.open();
        let second = second.join().expect("the thread does not panic");
        assert_eq!(second, 1, "it was called after the write had returned; joined: {joined}");
        assert_eq!(first.join().expect("the thread does not panic"), 0);
    });
    assert_eq!(block_on(repo.slow()), 1);
}

#[test]
fn p15_an_outer_query_that_waited_for_an_inner_load_is_invalidated_with_it() {
    for by_name in [false, true] {
        let repo = Repo::default();
        let (loading, go) = (Latch::new(), Latch::new());
        repo.set_hook({
            let (loading, go) = (loading.clone(), go.clone());
            move |_| {
                loading.open();
                go.pass();
            }
        });
        thread::scope(|scope| {
            scope.spawn(|| block_on(repo.hooked(1)));
            loading.pass();
            let outer = scope.spawn(|| block_on(repo.outer(Inner::Hooked)));
            until_in_flight(&repo.cache, 2, 1);
            go.open();
            assert_eq!(outer.join().expect("the thread does not panic"), 1);
        });
        if by_name {
            block_on(repo.write_by_name());
        } else {
            block_on(repo.write_by_key(2));
            block_on(repo.outer(Inner::Hooked));
            assert_eq!(repo.bodies.load(Ordering::SeqCst), 1, "another key");
            block_on(repo.write_by_key(1));
        }
        assert_eq!(block_on(repo.outer(Inner::Hooked)), repo.row() + 1, "by name: {by_name}");
    }
}
