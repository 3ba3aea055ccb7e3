//! P5: errors that are shared through a `TaggedCache`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use cache_core::TaggedCache;
use futures_lite::future::block_on;

use crate::support::{Latch, until_in_flight};

const CALLERS: usize = 200;

#[derive(Clone, Debug, PartialEq)]
struct Shared(usize);

fn load_at_once<T: Send>(call: impl Fn() -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(&call)).collect();
        callers.into_iter().map(|caller| caller.join().expect("no body panics")).collect()
    })
}

#[test]
fn p5_a_direct_load_that_fails_shares_its_error() {
    let (cache, bodies) = (TaggedCache::<u32, u32>::new(), AtomicUsize::new(0));
    let body = || {
        let number = bodies.fetch_add(1, Ordering::SeqCst);
        until_in_flight(&cache, 1, CALLERS - 1);
        Err(Shared(number))
    };
    assert_eq!(load_at_once(|| cache.entry(&1).share_errors().or_try_load(body)), vec![Err(Shared(0)); CALLERS]);
    assert_eq!((bodies.load(Ordering::SeqCst), cache.len(), cache.stats().load_errors), (1, 0, 1));
    let later = cache.entry(&1).share_errors().or_try_load(|| Ok::<_, Shared>(5));
    assert_eq!((later, cache.get(&1)), (Ok(5), Some(5)), "it is not cached");
    cache.check_invariants();
}

#[test]
fn p5_a_direct_load_that_fails_in_a_task_shares_its_error() {
    let (cache, bodies) = (TaggedCache::<u32, u32>::new(), AtomicUsize::new(0));
    let body = async || {
        let number = bodies.fetch_add(1, Ordering::SeqCst);
        until_in_flight(&cache, 1, CALLERS - 1);
        Err(Shared(number))
    };
    let call = || block_on(cache.entry(&1).share_errors().or_try_load_async(body));
    assert_eq!(load_at_once(call), vec![Err(Shared(0)); CALLERS]);
    assert_eq!((bodies.load(Ordering::SeqCst), cache.len()), (1, 0));
    cache.check_invariants();
}

/// Some callers share the error; the others cannot, and load for themselves at the same time.
#[test]
fn p5_callers_with_and_without_a_shared_error_wait_for_the_same_load() {
    struct NotClone;
    let (cache, leading, others) = (TaggedCache::<u32, u32>::new(), Latch::new(), Latch::new());
    let lead = || {
        leading.open();
        until_in_flight(&cache, 1, 20);
        Err(Shared(0))
    };
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(cache.entry(&1).share_errors().or_try_load(lead), Err(Shared(0))));
        leading.pass();
        for _ in 0..10 {
            scope.spawn(|| {
                let body = || -> Result<u32, Shared> { unreachable!("it shares the error") };
                assert_eq!(cache.entry(&1).share_errors().or_try_load(body), Err(Shared(0)));
            });
            scope.spawn(|| {
                let body = || {
                    others.meet(10);
                    Err::<u32, _>(NotClone)
                };
                assert!(cache.entry(&1).or_try_load(body).is_err());
            });
        }
    });
    cache.check_invariants();
}
