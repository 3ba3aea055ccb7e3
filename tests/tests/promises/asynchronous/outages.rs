//! P5: a load that fails ends every wait, and one that panics hands over to one waiter.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use cache_core::{Cache, HasCache, TaggedCache, cached_query};

use super::mode::block_on;
use crate::support::{Latch, until_in_flight};

const CALLERS: usize = 200;

/// Neither `Clone` nor `Sync`.
#[derive(Debug)]
struct NotClone(#[expect(dead_code, reason = "it makes the type not `Sync`")] std::cell::Cell<u32>);

#[derive(Clone, Debug, PartialEq)]
struct Shared(usize);

#[derive(HasCache, Default)]
struct Repo {
    bodies: AtomicUsize,
    running: Latch,
    #[cache]
    cache: Cache,
}

impl Repo {
    /// The first body lasts until all others wait for it. The others last until all of them run.
    fn body(&self) -> usize {
        let number = self.bodies.fetch_add(1, Ordering::SeqCst);
        if number == 0 {
            until_in_flight(&self.cache, 1, CALLERS - 1);
        } else {
            self.running.meet(CALLERS - 1);
        }
        number
    }

    #[cached_query]
    async fn not_clone(&self) -> Result<u32, NotClone> {
        self.body();
        Err(NotClone(0.into()))
    }

    #[cached_query]
    async fn only_the_first_fails(&self) -> Result<usize, NotClone> {
        match self.body() {
            0 => Err(NotClone(0.into())),
            number => Ok(number),
        }
    }

    #[cached_query]
    async fn shared(&self) -> Result<u32, Shared> {
        Err(Shared(self.body()))
    }
}

fn call_at_once<T: Send>(call: impl Fn() -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(&call)).collect();
        callers.into_iter().map(|caller| caller.join().expect("no body panics")).collect()
    })
}

#[test]
fn p5_waiters_of_a_load_that_fails_load_at_the_same_time() {
    let repo = Repo::default();
    assert!(call_at_once(|| block_on(repo.not_clone()).is_err()).into_iter().all(|failed| failed));
    assert_eq!(repo.bodies.load(Ordering::SeqCst), CALLERS);
    repo.cache.check_invariants();
}

#[test]
fn p5_waiters_of_a_direct_load_that_fails_load_at_the_same_time() {
    let (cache, bodies, running) = (TaggedCache::<u32, u32>::new(), AtomicUsize::new(0), Latch::new());
    let body = || {
        if bodies.fetch_add(1, Ordering::SeqCst) == 0 {
            until_in_flight(&cache, 1, CALLERS - 1);
        } else {
            running.meet(CALLERS - 1);
        }
        Err::<u32, _>(NotClone(0.into()))
    };
    let call = || block_on(cache.entry(&1).or_try_load_async(async || body())).is_err();
    assert!(call_at_once(call).into_iter().all(|failed| failed));
    assert_eq!((bodies.load(Ordering::SeqCst), cache.stats().load_errors), (CALLERS, 200));
    cache.check_invariants();
}

#[test]
fn p5_waiters_that_load_for_themselves_get_what_they_load() {
    let repo = Repo::default();
    let values = call_at_once(|| block_on(repo.only_the_first_fails()).ok());
    assert_eq!(values.iter().filter(|value| value.is_none()).count(), 1, "only the first body failed");
    assert_eq!(repo.bodies.load(Ordering::SeqCst), CALLERS);
    let stored = block_on(repo.only_the_first_fails()).ok();
    assert!(stored.is_some() && values.contains(&stored));
    assert_eq!(repo.bodies.load(Ordering::SeqCst), CALLERS, "it is stored");
    repo.cache.check_invariants();
}

#[test]
fn p5_an_error_that_can_be_cloned_is_shared() {
    let repo = Repo::default();
    assert_eq!(call_at_once(|| block_on(repo.shared())), vec![Err(Shared(0)); CALLERS]);
    assert_eq!((repo.bodies.load(Ordering::SeqCst), repo.cache.len()), (1, 0));
    repo.cache.check_invariants();
}

/// P7: it is shared with the waiters, and with no later caller.
#[test]
fn p5_a_shared_error_is_not_cached() {
    let repo = Repo::default();
    repo.bodies.store(1, Ordering::SeqCst);
    (1..CALLERS).for_each(|_| _ = repo.running.count_up());
    assert_eq!(block_on(repo.shared()), Err(Shared(1)));
    assert_eq!(block_on(repo.shared()), Err(Shared(2)));
}

/// Each body panics. The waiters lead one after another, and none is left behind.
#[test]
fn p5_a_load_that_panics_hands_over_to_one() {
    const IN_A_ROW: usize = 100;
    let (cache, bodies, at_once) = (TaggedCache::<u32, u32>::new(), AtomicUsize::new(0), AtomicUsize::new(0));
    let most = AtomicUsize::new(0);
    let body = || {
        most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let number = bodies.fetch_add(1, Ordering::SeqCst);
        until_in_flight(&cache, 1, IN_A_ROW - 1 - number);
        at_once.fetch_sub(1, Ordering::SeqCst);
        resume_unwind(Box::new("as the test wants it"))
    };
    thread::scope(|scope| {
        for _ in 0..IN_A_ROW {
            scope.spawn(|| {
                let call = || block_on(cache.get_or_load_async(&1, async || body()));
                assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
            });
        }
    });
    assert_eq!((bodies.into_inner(), most.into_inner()), (IN_A_ROW, 1));
    assert_eq!(block_on(cache.get_or_load_async(&1, async || 7)), 7);
    cache.check_invariants();
}
