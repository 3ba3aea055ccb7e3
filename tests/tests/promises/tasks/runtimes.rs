//! P5 on executors: tasks that are aborted, or dropped with their runtime, hand over to others.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{Numbers, assert_idle, assert_in_flight, until_in_flight, watch};

fn multi_thread() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

fn stuck(cache: &Numbers, runtime: &Runtime) -> JoinHandle<u32> {
    let cache = cache.clone();
    runtime.spawn(async move { cache.get_or_load_async(&1, async || pending().await).await })
}

fn loads(cache: &Numbers, value: u32, runtime: &Runtime) -> JoinHandle<u32> {
    let cache = cache.clone();
    runtime.spawn(async move { cache.get_or_load_async(&1, async || value).await })
}

/// Tasks of a runtime load and wait, as do a task of another runtime and a thread. Then the first runtime ends.
fn shut_down(end: fn(Runtime)) {
    let cache = Numbers::new();
    let _watch = watch(cache.clone());
    let (goes, stays) = (multi_thread(), multi_thread());
    let leader = stuck(&cache, &goes);
    until_in_flight(&cache, 1, 0);
    let gone: Vec<_> = (0..5).map(|_| stuck(&cache, &goes)).collect();
    let waiter = loads(&cache, 2, &stays);
    thread::scope(|scope| {
        let thread = scope.spawn(|| cache.get_or_load(&1, || 2));
        until_in_flight(&cache, 1, 7);
        assert!(!leader.is_finished() && !gone.iter().any(JoinHandle::is_finished));
        end(goes);
        assert_eq!((stays.block_on(waiter).unwrap(), thread.join().unwrap()), (2, 2));
    });
    assert_eq!(stays.block_on(loads(&cache, 3, &stays)).unwrap(), 2);
    until_in_flight(&cache, 0, 0);
    assert_idle(&cache);
    for task in gone {
        match stays.block_on(task) {
            // It got the value before it was dropped.
            Ok(value) => assert_eq!(value, 2),
            Err(error) => assert!(error.is_cancelled()),
        }
    }
}

#[test]
fn p5_a_runtime_that_is_dropped_leaves_the_cache_to_others() {
    for _ in 0..20 {
        shut_down(drop);
    }
}

/// Its tasks are dropped when its threads notice the shutdown.
#[test]
fn p5_a_runtime_that_is_shut_down_in_the_background_leaves_the_cache_to_others() {
    for _ in 0..20 {
        shut_down(Runtime::shutdown_background);
    }
}

#[test]
fn p5_a_dropped_runtime_of_one_thread_drops_its_loads() {
    let cache = Numbers::new();
    let runtime = Builder::new_current_thread().build().unwrap();
    let tasks: Vec<_> = (0..3).map(|_| stuck(&cache, &runtime)).collect();
    runtime.block_on(tokio::task::yield_now());
    assert_in_flight(&cache, 1, 2);
    drop(runtime);
    assert!(tasks.iter().all(JoinHandle::is_finished));
    assert_eq!((cache.stats().loads, cache.stats().entries), (cache.stats().load_errors, 0));
    assert_idle(&cache);
    let other = Builder::new_current_thread().build().unwrap();
    assert_eq!(other.block_on(cache.get_or_load_async(&1, async || 5)), 5);
}

/// The paused clock moves only when all tasks wait.
#[tokio::test(start_paused = true)]
async fn p5_a_timeout_of_a_leader_hands_over_and_a_waiter_may_time_out_too() {
    let cache = Numbers::new();
    let second = Duration::from_secs(1);
    let stuck = |seconds| timeout(second * seconds, cache.get_or_load_async(&1, async || pending().await));
    let patient = async {
        let load = async || {
            tokio::time::sleep(second * 3).await;
            7
        };
        timeout(second * 6, cache.get_or_load_async(&1, load)).await
    };
    // The first leads for two seconds, the second waits for one, and the third leads from second two on.
    let (first, second, third) = tokio::join!(stuck(2), stuck(1), patient);
    assert!(first.is_err() && second.is_err());
    assert_eq!(third, Ok(7));
    assert_eq!((cache.stats().loads, cache.stats().load_errors), (2, 1));
    assert_idle(&cache);
}

#[test]
fn p5_a_panic_reaches_only_the_task_that_loads() {
    const TASKS: u64 = 32;
    let runtime = multi_thread();
    let (cache, bodies) = (Numbers::new(), Arc::new(AtomicU32::new(0)));
    let _watch = watch(cache.clone());
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (cache, bodies) = (cache.clone(), bodies.clone());
            runtime.spawn(async move {
                let load = async || {
                    while cache.stats().misses < TASKS {
                        tokio::task::yield_now().await;
                    }
                    let body = bodies.fetch_add(1, Ordering::SeqCst);
                    if body < 5 {
                        std::panic::resume_unwind(Box::new(body));
                    }
                    body
                };
                cache.get_or_load_async(&1, load).await
            })
        })
        .collect();
    let mut panics = Vec::new();
    for task in tasks {
        match runtime.block_on(task) {
            Ok(value) => assert_eq!(value, 5),
            Err(error) => panics.push(*error.into_panic().downcast::<u32>().unwrap()),
        }
    }
    panics.sort_unstable();
    assert_eq!(panics, [0, 1, 2, 3, 4], "each has its own panic");
    assert_eq!((cache.stats().loads, cache.stats().load_errors), (6, 5));
    assert_idle(&cache);
}

/// Leaders and waiters are aborted one after another, at any point, while others arrive.
#[test]
fn p5_tasks_that_are_aborted_at_any_time_leave_nothing_behind() {
    const ROUNDS: u32 = 200;
    let runtime = multi_thread();
    let cache = Numbers::new();
    let _watch = watch(cache.clone());
    for round in 0..ROUNDS {
        let before = cache.stats().loads;
        let aborted: Vec<_> = (0..6).map(|_| stuck(&cache, &runtime)).collect();
        while cache.stats().loads == before {
            thread::yield_now();
        }
        let left: Vec<_> = (0..2).map(|_| loads(&cache, round, &runtime)).collect();
        aborted.iter().for_each(JoinHandle::abort);
        for task in left {
            assert_eq!(runtime.block_on(task).unwrap(), round);
        }
        for task in aborted {
            match runtime.block_on(task) {
                // It got the value before it was aborted.
                Ok(value) => assert_eq!(value, round),
                Err(error) => assert!(error.is_cancelled()),
            }
        }
        assert_eq!(cache.get(&1), Some(round));
        assert_idle(&cache);
        cache.invalidate_all();
    }
    let stats = cache.stats();
    assert_eq!((stats.loads - stats.load_errors, stats.discarded_loads), (ROUNDS.into(), 0));
    assert!(stats.load_errors >= ROUNDS.into(), "in each round a leader is aborted");
}
