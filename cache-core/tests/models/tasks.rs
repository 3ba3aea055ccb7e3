//! P4 and P5 for tasks, and for tasks beside threads. Some of the futures are dropped before they are ready.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;

use cache_core::EntryOptions;
use shuttle::future::{JoinHandle, block_on, spawn, yield_now};
use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;

use crate::support::{Numbers, cache, explore, is_idle, join_thread};

const KEY: u32 = 1;

/// Polls a future a few times, woken or not, and drops it if it is not ready then.
pub(crate) async fn poll_a_few_times<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..thread_rng().gen_range(1..=3) {
        if let Poll::Ready(output) = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
            return Some(output);
        }
        yield_now().await;
    }
    None
}

/// Spawns a task that may be aborted before it ends. The returned task ends with it.
pub(crate) fn spawn_and_abort<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> JoinHandle<()> {
    let task = spawn(future);
    spawn(async move {
        task.abort();
        drop(task.await);
    })
}

/// The output of a task that nobody aborts.
pub(crate) fn join<T>(task: JoinHandle<T>) -> T {
    block_on(task).expect("nobody aborts it")
}

/// A cache, and how many of its loads have begun and ended.
#[derive(Clone)]
struct Loads {
    cache: Numbers,
    begun: Arc<AtomicU32>,
    ended: Arc<AtomicU32>,
    tag: Arc<str>,
}

impl Loads {
    fn new() -> Self {
        Self { cache: cache(), begun: Arc::default(), ended: Arc::default(), tag: "tag".into() }
    }

    fn options(&self) -> EntryOptions {
        EntryOptions::new().tag(self.tag.clone())
    }

    /// As a task. It can be dropped at two points before it has a value.
    async fn get(self) -> u32 {
        let body = async || {
            self.begun.fetch_add(1, Ordering::Relaxed);
            yield_now().await;
            yield_now().await;
            self.ended.fetch_add(1, Ordering::Relaxed)
        };
        self.cache.entry(&KEY).with(|| self.options()).or_load_async(body).await
    }

    /// As a thread that blocks.
    fn get_blocking(self) -> u32 {
        let body = || {
            self.begun.fetch_add(1, Ordering::Relaxed);
            thread::yield_now();
            self.ended.fetch_add(1, Ordering::Relaxed)
        };
        self.cache.get_or_load_with(&KEY, || self.options(), body)
    }

    /// No caller loads or waits any more, and loads without a value count as failed.
    fn check(&self) {
        let [begun, ended] = [&self.begun, &self.ended].map(|count| u64::from(count.load(Ordering::Relaxed)));
        let stats = self.cache.stats();
        assert_eq!((stats.loads, stats.load_errors), (begun, begun - ended));
        assert!(is_idle(&self.cache));
        self.cache.check_invariants();
    }
}

/// Guards: in `Store::claim`, one lock for the search and the start; in `Promise::poll`, that a task checks again when it
/// has begun to listen.
#[test]
fn p4_concurrent_tasks_and_a_thread_load_once() {
    explore(|| {
        let loads = Loads::new();
        let tasks = [(); 2].map(|()| spawn(loads.clone().get()));
        let thread = loads.clone();
        let thread = thread::spawn(move || thread.get_blocking());
        let [one, two] = tasks.map(join);
        let three = join_thread(thread);
        assert_eq!([one, two, three], [0; 3], "each gets the value of the one load");
        let stats = loads.cache.stats();
        assert_eq!((stats.loads, stats.hits + stats.misses), (1, 3), "every call is a hit or a miss");
        loads.check();
    });
}

/// One task is dropped, while a task and a thread stay. It may be the leader or a follower, even one that has been woken.
fn drop_one(spawn_dropped: fn(Loads) -> JoinHandle<()>) {
    explore(move || {
        let loads = Loads::new();
        let dropped = spawn_dropped(loads.clone());
        let stays = spawn(loads.clone().get());
        let thread = loads.clone();
        let thread = thread::spawn(move || thread.get_blocking());
        let values = [join(stays), join_thread(thread)];
        assert_eq!(values, [0; 2], "exactly one of those that stay loads");
        join(dropped);
        assert_eq!((loads.cache.get(&KEY), loads.cache.len()), (Some(0), 1));
        loads.check();
    });
}

/// Guards: in `Load::drop`, that the load is abandoned; in `Store::abandon`, that a follower is woken; in `Promise::poll`,
/// that a task checks again when it has begun to listen.
#[test]
fn p5_a_dropped_future_against_callers_that_stay() {
    drop_one(|loads| spawn(async { _ = poll_a_few_times(loads.get()).await }));
}

/// Guards: the same.
#[test]
fn p5_an_aborted_task_against_callers_that_stay() {
    drop_one(|loads| spawn_and_abort(loads.get()));
}

/// Guards: in `Load::drop`, that the load is abandoned; in `Store::abandon` and `Store::leave`, that a load without
/// followers is removed, with all that it holds.
#[test]
fn p5_two_dropped_callers_leave_nothing() {
    explore(|| {
        let loads = Loads::new();
        let dropped = spawn(poll_a_few_times(loads.clone().get()));
        let aborted = spawn_and_abort(loads.clone().get());
        join(dropped);
        join(aborted);
        loads.check();
        loads.cache.invalidate_all();
        loads.cache.purge();
        assert_eq!(Arc::strong_count(&loads.tag), 1, "a dropped load left its tag");
        assert_eq!(join(spawn(loads.clone().get())), loads.ended.load(Ordering::Relaxed) - 1);
        loads.check();
    });
}
