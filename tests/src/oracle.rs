//! A stress test with an oracle: threads and tasks read and write numbered versions of keys, and check every answer.
//!
//! The *database* holds a number for each slot, that is, for each key in each place: the root or a scope. A writer
//! raises the number, invalidates, and after the invalidation has returned raises the slot's *floor* to the number that
//! it wrote. A reader reads the floor before its call. An answer below it is stale: its load began before an
//! invalidation that had returned before the call. Values also hold their slot and the time of their load, so that
//! foreign and expired values are found.
//!
//! Interleavings are random, and faults make them more varied: loads delay, call other keys, write, fail and panic;
//! user code that the cache calls (the clock, the `Clone` of a value, the [`AsRef`] of a tag) sometimes yields to other
//! threads.
//!
//! The bodies of outer queries call other queries, of the same cache and of others. No write names an outer query. Each
//! part of its answer is checked against the floor and the time to live of its slot.
//!
//! An error names the call or load that made it. An error without `Clone` goes only to the caller whose body made it;
//! others are shared only with callers that arrived before the load ended.
//!
//! The drop of a value or key in a cache sometimes panics, which must reach no caller, and the `Clone` of a value
//! sometimes uses a cache.
//!
//! Some queries serve values past their expiry, and their source fails for a while now and then. An expired answer is
//! right if its query allows it, and if it is no older than that; but the floor holds for it as for any other: an answer
//! that was invalidated is wrong at any age. If the call's own load failed, the floor is that of the end of its body. Lists are checked id by id.
//!
//! Tasks are sometimes cancelled. A mutation counts as invalidated when its future is dropped, if its body has begun.

mod background;
mod cancellation;
mod faults;
mod harness;
mod list;
mod load;
mod maintenance;
mod random;
mod report;
mod request;
mod scenario;
mod slot;
mod view;
mod worker;
mod write;

use std::panic::resume_unwind;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use futures_lite::future::block_on;
use tokio::runtime::{Builder, Runtime};

use crate::watchdog;

pub use report::Report;
pub use scenario::{SCENARIOS, Scenario};

use faults::inject_faults_on_this_thread;
use harness::Harness;
use report::Tally;
use request::QUERIES;
use worker::{Api, Worker};
use write::Mutations;

/// How long a run may exceed its budget before it counts as hanging.
const GRACE: Duration = Duration::from_secs(30);

/// When the workers of a run end.
#[derive(Clone, Copy, Debug)]
pub enum Budget {
    /// After this many operations each. Operations in the bodies of loads do not count.
    Operations(u64),
    /// After this time.
    Time(Duration),
}

/// The workers of a run.
#[derive(Clone, Copy, Debug)]
pub enum Workers {
    /// This many blocking threads.
    Threads(usize),
    /// Tasks on a runtime of this many threads, and other threads that use the same caches, blocking or not.
    Tasks(usize),
}

impl Workers {
    /// The number of threads.
    pub fn threads(self) -> usize {
        match self {
            Self::Threads(threads) => threads,
            Self::Tasks(threads) => threads.div_ceil(2),
        }
    }

    /// The number of tasks. There are more of them than run at a time, so that some wait for loads of suspended tasks.
    pub fn tasks(self) -> usize {
        match self {
            Self::Threads(_) => 0,
            Self::Tasks(threads) => threads * 4,
        }
    }

    fn runtime(self, scenario: &'static Scenario, harness: &Weak<Harness>, seed: u64) -> Option<Runtime> {
        let Self::Tasks(threads) = self else { return None };
        let (mut builder, harness) = (Builder::new_multi_thread(), harness.clone());
        builder.worker_threads(threads).enable_time().on_thread_start(move || {
            fastrand::seed(seed);
            inject_faults_on_this_thread(scenario, &harness);
        });
        Some(builder.build().expect("threads can be spawned"))
    }
}

/// Runs the workers on the caches of one scenario, and checks the caches at the end.
///
/// The seed decides what each worker does, but not how they interleave.
///
/// # Panics
///
/// If a cache panics, or its structure is broken. If a worker hangs, the process ends: see [`watchdog`].
pub fn run(scenario: &'static Scenario, seed: u64, workers: Workers, budget: Budget) -> Report {
    let mut seeds = fastrand::Rng::with_seed(seed);
    let mut runtime = None;
    let harness = Arc::new_cyclic(|harness| {
        runtime = workers.runtime(scenario, harness, seeds.u64(..));
        Harness::new(scenario, workers, runtime.as_ref())
    });
    let limit = match budget {
        Budget::Operations(_) => GRACE * 2,
        Budget::Time(time) => time + GRACE,
    };
    let watched = harness.clone();
    let _guard = watchdog::guard(limit, move || watched.describe());

    let tally = Tally::default();
    Mutations { cache: harness.cache(0) }.register_queries();
    tally.query_targets.add(QUERIES.len() as u64);

    let start = Instant::now();
    let api = if runtime.is_some() { Api::Either } else { Api::Blocking };
    thread::scope(|scope| {
        let run = |number| {
            let (worker, seed) = (Worker::new(&harness, number, api, seeds.u64(..)), seeds.u64(..));
            let weak = Arc::downgrade(&harness);
            scope.spawn(move || {
                fastrand::seed(seed);
                inject_faults_on_this_thread(scenario, &weak);
                block_on(worker.run(budget, start));
                worker.into_tally()
            })
        };
        let threads: Vec<_> = (0..workers.threads()).map(run).collect();
        let run = |number| {
            let worker = Worker::new(&harness, workers.threads() + number, Api::Async, seeds.u64(..));
            let work = async move {
                worker.run(budget, start).await;
                worker.into_tally()
            };
            runtime.as_ref().map(|runtime| (runtime, runtime.spawn(work)))
        };
        let tasks: Vec<_> = (0..workers.tasks()).filter_map(run).collect();
        for thread in threads {
            tally.add(&thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        for (runtime, task) in tasks {
            tally.add(&runtime.block_on(task).unwrap_or_else(|error| resume_unwind(error.into_panic())));
        }
    });
    harness.wait_for_background();
    harness.check_at_end(&tally)
}
