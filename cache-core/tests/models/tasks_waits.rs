//! P6 for tasks: bodies that need each other's keys, some of which go before they are ready.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use shuttle::future::{spawn, yield_now};
use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;

use crate::tasks::{join, poll_a_few_times, spawn_and_abort};
use crate::{Numbers, cache, explore};

/// Loads a key with a body that needs another's.
async fn load(cache: Numbers, own: u32, other: u32) -> u32 {
    let body = async || {
        yield_now().await;
        assert_eq!(cache.get_or_load_async(&other, async || other).await, other);
        own
    };
    cache.get_or_load_async(&own, body).await
}

/// The same, on a thread that blocks.
fn load_blocking(cache: &Numbers, own: u32, other: u32) -> u32 {
    let body = || {
        assert_eq!(cache.get_or_load(&other, || other), other);
        own
    };
    cache.get_or_load(&own, body)
}

fn check(cache: &Numbers) {
    assert!(format!("{cache:?}").contains("loads_under_way: Some(0), callers_waiting: Some(0)"));
    cache.check_invariants();
}

/// Guards: in `Wait::begin`, that a wait which would close a circle does not begin, and one lock for that and the search
/// for the circle; in `Load::within`, that the body is polled as a part of its load.
#[test]
fn p6_tasks_whose_bodies_need_each_others_keys() {
    explore(|| {
        let cache = cache();
        let tasks = [(1, 2), (2, 1), (1, 2)].map(|(own, other)| spawn(load(cache.clone(), own, other)));
        assert_eq!(tasks.map(join), [1, 2, 1]);
        check(&cache);
    });
}

/// Guards: the same.
#[test]
fn p6_a_task_and_a_thread_whose_bodies_need_each_others_keys() {
    explore(|| {
        let cache = cache();
        let task = spawn(load(cache.clone(), 1, 2));
        let blocking = cache.clone();
        let thread = thread::spawn(move || load_blocking(&blocking, 2, 1));
        assert_eq!((join(task), thread.join().expect("what a model asserts holds")), (1, 2));
        check(&cache);
    });
}

/// Guards: the same, and those of P5.
#[test]
fn p6_a_circle_of_which_one_goes() {
    explore(|| {
        let cache = cache();
        let dropped = spawn(poll_a_few_times(load(cache.clone(), 1, 2)));
        let aborted = spawn_and_abort(load(cache.clone(), 3, 1));
        let stays = spawn(load(cache.clone(), 2, 3));
        let blocking = cache.clone();
        let thread = thread::spawn(move || load_blocking(&blocking, 3, 2));
        assert_eq!((join(stays), thread.join().expect("what a model asserts holds")), (2, 3));
        join(dropped);
        join(aborted);
        check(&cache);
    });
}

/// Of two bodies that need each other's keys, one waits for a while only. A later caller for the key of that one
/// may wait for it.
///
/// Guards: `Wait::drop`.
#[test]
fn p6_a_wait_that_is_dropped_is_in_nobodys_way() {
    explore(|| {
        let (cache, waits_no_more) = (cache(), Arc::new(AtomicBool::new(false)));
        let impatient = {
            let (cache, waits_no_more) = (cache.clone(), waits_no_more.clone());
            spawn(async move {
                let body = async || {
                    poll_a_few_times(cache.get_or_load_async(&2, async || 2)).await;
                    waits_no_more.store(true, Ordering::Relaxed);
                    yield_now().await;
                    1
                };
                cache.get_or_load_async(&1, body).await
            })
        };
        let other = {
            let cache = cache.clone();
            spawn(async move {
                let body = async || {
                    for _ in 0..thread_rng().gen_range(0..=6) {
                        yield_now().await;
                    }
                    let waits_no_more = waits_no_more.load(Ordering::Relaxed);
                    let one = async || {
                        assert!(!waits_no_more, "nobody waits, and still it is taken for a circle");
                        1
                    };
                    cache.get_or_load_async(&1, one).await + 1
                };
                cache.get_or_load_async(&2, body).await
            })
        };
        assert_eq!((join(impatient), join(other)), (1, 2));
        check(&cache);
    });
}
