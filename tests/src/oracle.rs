//! An oracle under stress: threads and tasks read and write numbered versions of keys, and know of each answer whether
//! it may be given.
//!
//! The *database* is a number for each slot, which is a key in a place: in the root or in a scope. A writer
//! raises the number, invalidates in one of many ways, and only when the invalidation has returned raises the
//! slot's *floor* to the number that it wrote. A reader notes the floor before it asks. An answer below it was
//! made by a load that began before an invalidation which had returned before the question, and that is what must
//! never be. Values tell also of which slot they are and when they were made, so that what is another's or expired
//! is found too.
//!
//! What they do to each other is left to chance, which is helped: loads dawdle, ask for other keys, write, fail
//! and panic, and wherever the cache calls code of the user's (the clock, the `Clone` of a value, the
//! [`AsRef`] of a tag) that code now and then gives way to another thread.
//!
//! Outer queries answer with what their bodies got from other queries, of the same cache and of others, and no write
//! names them. Of each part of such an answer a reader knows the same: the floor of its slot, and its time to live.
//!
//! An error tells which call or load made it: one that is no `Clone` goes only to the caller whose body made it, and
//! others share an error only of a load that had not ended when they asked.
//!
//! The drop of a value or of a key that a cache has panics now and then, which nobody may hear of, and the `Clone` of a
//! value now and then uses a cache itself.
//!
//! What tasks do is also dropped half-done. A mutation counts as made known when its future is gone, if its body had
//! begun.

mod dice;
mod fate;
mod load;
mod report;
mod request;
mod room;
mod slot;
mod stumble;
mod upkeep;
mod view;
mod worker;
mod world;
mod write;

use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use futures_lite::future::block_on;
use tokio::runtime::{Builder, Runtime};

use crate::watchdog;

pub use report::Report;
pub use room::{ROOMS, Room};

use report::Tally;
use request::QUERIES;
use stumble::stumble_in;
use worker::{Api, Worker};
use world::World;
use write::Mutations;

/// How long a run may take beyond its budget before it counts as hanging.
const GRACE: Duration = Duration::from_secs(30);

/// When each worker of a run ends.
#[derive(Clone, Copy, Debug)]
pub enum Budget {
    /// After so many operations. What a body does in the middle of a load is not counted.
    Operations(u64),
    /// After so much time.
    Time(Duration),
}

/// Who works in a run.
#[derive(Clone, Copy, Debug)]
pub enum Crew {
    /// So many threads, which block.
    Threads(usize),
    /// Tasks on a runtime of so many threads, and other threads that use the same caches, by blocking and otherwise.
    Tasks(usize),
}

impl Crew {
    /// How many threads ask and write.
    pub fn threads(self) -> usize {
        match self {
            Self::Threads(threads) => threads,
            Self::Tasks(threads) => threads.div_ceil(2),
        }
    }

    /// How many tasks do. More than run at a time: what one of them has begun, others wait for.
    pub fn tasks(self) -> usize {
        match self {
            Self::Threads(_) => 0,
            Self::Tasks(threads) => threads * 4,
        }
    }

    /// Where its tasks run.
    fn runtime(self, world: &Arc<World>, seed: u64) -> Option<Runtime> {
        let Self::Tasks(threads) = self else { return None };
        let (mut builder, world) = (Builder::new_multi_thread(), Arc::downgrade(world));
        builder.worker_threads(threads).enable_time().on_thread_start(move || {
            fastrand::seed(seed);
            stumble_in(&world);
        });
        Some(builder.build().expect("the system has threads"))
    }
}

/// Runs a crew on the caches of one room, and examines these when all have ended.
///
/// The seed decides what each worker does, but not how they meet.
///
/// # Panics
///
/// If a cache does, or its structure is found broken. If a worker hangs, the process ends: see [`watchdog`].
pub fn run(room: &'static Room, seed: u64, crew: Crew, budget: Budget) -> Report {
    let world = Arc::new(World::new(room, crew.threads(), crew.tasks()));
    let limit = match budget {
        Budget::Operations(_) => GRACE * 2,
        Budget::Time(time) => time + GRACE,
    };
    let watched = world.clone();
    let _guard = watchdog::guard(limit, move || watched.describe());

    let tally = Tally::default();
    Mutations { cache: world.cache(0) }.introduce_queries();
    tally.query_targets.add(QUERIES.len() as u64);

    let mut seeds = fastrand::Rng::with_seed(seed);
    let runtime = crew.runtime(&world, seeds.u64(..));
    let start = Instant::now();
    let api = if runtime.is_some() { Api::Either } else { Api::Blocking };
    thread::scope(|scope| {
        let run = |number| {
            let (worker, seed) = (Worker::new(&world, number, api, seeds.u64(..)), seeds.u64(..));
            let here = Arc::downgrade(&world);
            scope.spawn(move || {
                fastrand::seed(seed);
                stumble_in(&here);
                block_on(worker.run(budget, start));
                worker.into_tally()
            })
        };
        let threads: Vec<_> = (0..crew.threads()).map(run).collect();
        let run = |number| {
            let worker = Worker::new(&world, crew.threads() + number, Api::Async, seeds.u64(..));
            let work = async move {
                worker.run(budget, start).await;
                worker.into_tally()
            };
            runtime.as_ref().map(|runtime| (runtime, runtime.spawn(work)))
        };
        let tasks: Vec<_> = (0..crew.tasks()).filter_map(run).collect();
        for thread in threads {
            tally.add(&thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        for (runtime, task) in tasks {
            tally.add(&runtime.block_on(task).unwrap_or_else(|error| resume_unwind(error.into_panic())));
        }
    });
    world.examine(&tally)
}
