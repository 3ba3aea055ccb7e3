//! What the models share: schedules, a database, caches, and threads.

use std::fmt::Debug;
use std::sync::Arc;

use cache_core::{Cache, TaggedCache};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::sync::atomic::{AtomicU32, Ordering};
use shuttle::{Config, Runner, thread};

/// Runs a model under random schedules, and under schedules with two switches.
pub(crate) fn explore(model: impl Fn() + Send + Sync + 'static) {
    explore_switching(2, 1, model);
}

/// The same with more switches, and `times` as many schedules of this kind: a bug that needs more switches is rarer.
pub(crate) fn explore_switching(switches: usize, times: usize, model: impl Fn() + Send + Sync + 'static) {
    let iterations = std::env::var("MODEL_ITERATIONS").map_or(10_000, |n| n.parse().expect("a number of schedules"));
    let model = Arc::new(model);
    let random = model.clone();
    runner(RandomScheduler::new(iterations)).run(move || random());
    runner(PctScheduler::new(switches + 1, iterations * times)).run(move || model());
}

/// With larger stacks: shuttle's primitives make a cache large.
fn runner<S: Scheduler + 'static>(scheduler: S) -> Runner<S> {
    let mut config = Config::new();
    config.stack_size = 0x2_0000;
    Runner::new(scheduler, config)
}

/// The data behind a cache. A load that begins after a write has returned reads what was written.
#[derive(Clone, Default)]
pub(crate) struct Database(Arc<AtomicU32>);

impl Database {
    pub(crate) fn read(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn write(&self, number: u32) {
        self.0.store(number, Ordering::SeqCst);
    }
}

pub(crate) type Numbers = TaggedCache<u32, u32>;

/// So small that all its entries share a shard, and its lock.
pub(crate) fn cache() -> Numbers {
    TaggedCache::builder().capacity(8).build()
}

/// As small, for annotated queries.
pub(crate) fn query_cache() -> Cache {
    Cache::builder().capacity(8).build()
}

/// Whether no load is in flight and no caller waits.
pub(crate) fn is_idle(cache: &impl Debug) -> bool {
    format!("{cache:?}").contains("loads_in_flight: Some(0), callers_waiting: Some(0)")
}

pub(crate) type Thread = Box<dyn FnOnce() + Send>;

/// Runs each on its own thread, and waits for all.
pub(crate) fn concurrently<const N: usize>(threads: [Thread; N]) {
    run_all(threads);
}

/// Runs the same on several threads.
pub(crate) fn on_threads(count: usize, run: impl FnOnce() + Clone + Send + 'static) {
    run_all((0..count).map(|_| Box::new(run.clone()) as Thread));
}

fn run_all(threads: impl IntoIterator<Item = Thread>) {
    let threads: Vec<_> = threads.into_iter().map(thread::spawn).collect();
    threads.into_iter().for_each(join_thread);
}

pub(crate) fn join_thread<T>(thread: thread::JoinHandle<T>) -> T {
    thread.join().expect("no thread of a model panics")
}

/// Readers, and other threads, against a writer. `write` changes the number from 0 to 1 and invalidates what depends on it:
/// what is read afterwards is 1.
pub(crate) fn read_against_write<S: Clone + Send + 'static>(
    state: &S,
    readers: usize,
    others: impl IntoIterator<Item = Thread>,
    read: impl Fn(&S) -> u32 + Copy + Send + 'static,
    write: impl FnOnce(&S) + Send + 'static,
) {
    let reader = || {
        let state = state.clone();
        Box::new(move || assert!(read(&state) <= 1)) as Thread
    };
    let writer = {
        let state = state.clone();
        move || {
            write(&state);
            assert_eq!(read(&state), 1, "a stale value was served after the write");
        }
    };
    let readers = (0..readers).map(|_| reader());
    run_all(readers.chain(others).chain([Box::new(writer) as Thread]));
    assert_eq!(read(state), 1, "a stale value stayed in the cache");
}
