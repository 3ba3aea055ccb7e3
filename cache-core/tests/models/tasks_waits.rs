//! P6 for tasks: bodies that read each other's keys, some of which are dropped before they are ready.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use shuttle::future::{spawn, yield_now};
use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;

use crate::support::{Numbers, cache, explore, is_idle, join_thread};
use crate::tasks::{join, poll_a_few_times, spawn_and_abort};

/// Loads a key with a body that reads another.
async fn load(cache: Numbers, own: u32, other: u32) -> u32 {
    let body = async || {
        yield_now().await;
        assert_eq!(cache.get_or_load_async(&other, async || other).await, other);
        own
    };
    cache.get_or_load_async(&own, body).await
}

/// The same, blocking.
fn load_blocking(cache: &Numbers, own: u32, other: u32) -> u32 {
    let body = || {
        assert_eq!(cache.get_or_load(&other, || other), other);
        own
    };
    cache.get_or_load(&own, body)
}

fn check(cache: &Numbers) {
    assert!(is_idle(cache));
    cache.check_invariants();
}

/// Guards: in `Wait::begin`, that a wait which would close a cycle does not begin, and one lock for that and the search
/// for the cycle; in `Load::within`, that the body is polled as a part of its load.
#[test]
fn p6_tasks_whose_bodies_read_each_others_keys() {
    explore(|| {
        let cache = cache();
        let tasks = [(1, 2), (2, 1), (1, 2)].map(|(own, other)| spawn(load(cache.clone(), own, other)));
        assert_eq!(tasks.map(join), [1, 2, 1]);
        check(&cache);
    });
}

/// Guards: the same.
#[test]
fn p6_a_task_and_a_thread_whose_bodies_read_each_others_keys() {
    explore(|| {
        let cache = cache();
        let task = spawn(load(cache.clone(), 1, 2));
        let blocking = cache.clone();
        let thread = thread::spawn(move || load_blocking(&blocking, 2, 1));
        assert_eq!((join(task), join_thread(thread)), (1, 2));
        check(&cache);
    });
}

/// Guards: the same, and those of P5 in `tasks`.
#[test]
fn p6_a_cycle_of_which_one_call_is_dropped() {
    explore(|| {
        let cache = cache();
        let dropped = spawn(poll_a_few_times(load(cache.clone(), 1, 2)));
        let aborted = spawn_and_abort(load(cache.clone(), 3, 1));
        let stays = spawn(load(cache.clone(), 2, 3));
        let blocking = cache.clone();
        let thread = thread::spawn(move || load_blocking(&blocking, 3, 2));
        assert_eq!((join(stays), join_thread(thread)), (2, 3));
        join(dropped);
        join(aborted);
        check(&cache);
    });
}

/// Of two bodies that read each other's keys, one drops its wait for the other. Callers of its key may then wait for it.
///
/// Guards: `Wait::drop`.
#[test]
fn p6_a_dropped_wait_closes_no_cycle() {
    explore(|| {
        let (cache, wait_is_dropped) = (cache(), Arc::new(AtomicBool::new(false)));
        let drops = {
            let (cache, wait_is_dropped) = (cache.clone(), wait_is_dropped.clone());
            spawn(async move {
                let body = async || {
                    poll_a_few_times(cache.get_or_load_async(&2, async || 2)).await;
                    wait_is_dropped.store(true, Ordering::Relaxed);
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
                    let wait_is_dropped = wait_is_dropped.load(Ordering::Relaxed);
                    let one = async || {
                        assert!(!wait_is_dropped, "a wait that was dropped closed a cycle");
                        1
                    };
                    cache.get_or_load_async(&1, one).await + 1
                };
                cache.get_or_load_async(&2, body).await
            })
        };
        assert_eq!((join(drops), join(other)), (1, 2));
        check(&cache);
    });
}
