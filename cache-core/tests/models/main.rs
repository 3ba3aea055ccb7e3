//! The cache under many interleavings of a few threads or tasks.
//!
//! Shuttle runs each model over and over, and switches between its threads wherever they meet: at locks, and at the
//! atomics of the version clock, the tags and the entries. A failure prints a schedule that repeats it. Each model names the mechanisms that it guards: it fails if one of them is taken out.
//!
//! ```text
//! RUSTFLAGS='--cfg shuttle' cargo test --profile models -p cache-core --test models --target-dir target/shuttle
//! ```
//!
//! `MODEL_ITERATIONS` sets how many schedules of each kind are tried.

#![cfg(shuttle)]

mod capacity;
mod composition;
mod fill;
mod flights;
mod keyed;
mod outages;
mod pins;
mod tags;
mod tasks;
mod tasks_fill;
mod tasks_waits;

use std::sync::Arc;

use cache_core::TaggedCache;
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::sync::atomic::{AtomicU32, Ordering};
use shuttle::{Config, Runner, thread};

/// Runs a model under many schedules: some that switch at random, and some that switch seldom, at places
/// chosen to find what takes a few switches to go wrong.
fn explore(model: impl Fn() + Send + Sync + 'static) {
    explore_switching(2, 1, model);
}

/// The same, for what takes so many switches to go wrong, and so `times` as many schedules.
fn explore_switching(switches: usize, times: usize, model: impl Fn() + Send + Sync + 'static) {
    let iterations = std::env::var("MODEL_ITERATIONS").map_or(10_000, |n| n.parse().expect("a number of schedules"));
    let model = Arc::new(model);
    let random = model.clone();
    runner(RandomScheduler::new(iterations)).run(move || random());
    runner(PctScheduler::new(switches + 1, iterations * times)).run(move || model());
}

/// With stacks on which a cache can be made: what is in place in it is large where each primitive is shuttle's.
fn runner<S: Scheduler + 'static>(scheduler: S) -> Runner<S> {
    let mut config = Config::new();
    config.stack_size = 0x2_0000;
    Runner::new(scheduler, config)
}

/// What the loads read and the writers write. A load that begins after a write has returned reads it.
#[derive(Default)]
struct Database(AtomicU32);

impl Database {
    fn read(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }

    fn write(&self, number: u32) {
        self.0.store(number, Ordering::SeqCst);
    }
}

type Numbers = TaggedCache<u32, u32>;

/// So small that all its entries share a shard, and so a lock.
fn cache() -> Numbers {
    TaggedCache::builder().capacity(8).build()
}

/// Runs each of these on a thread of its own, and waits for all.
fn concurrently<const N: usize>(threads: [Box<dyn FnOnce() + Send>; N]) {
    let threads = threads.map(thread::spawn);
    for thread in threads {
        thread.join().expect("what a model asserts holds");
    }
}
