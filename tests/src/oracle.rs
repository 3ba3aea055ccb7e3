//! An oracle under stress: threads read and write numbered versions of keys, and know of each answer whether it
//! may be given.
//!
//! The *database* is a number for each slot, which is a key in a place: in the root or in a scope. A writer
//! raises the number, invalidates in one of many ways, and only when the invalidation has returned raises the
//! slot's *floor* to the number that it wrote. A reader notes the floor before it asks. An answer below it was
//! made by a load that began before an invalidation which had returned before the question, and that is what must
//! never be. Values tell also of which slot they are and when they were made, so that what is another's or expired
//! is found too.
//!
//! What threads do to each other is left to chance, which is helped: loads dawdle, ask for other keys, write, fail
//! and panic, and wherever the cache calls code of the user's (the clock, the `Clone` of a value, the
//! [`AsRef`] of a tag) that code now and then gives way to another thread.

mod load;
mod report;
mod request;
mod room;
mod slot;
mod stumble;
mod upkeep;
mod world;
mod write;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::watchdog;

pub use report::Report;
pub use room::{ROOMS, Room};

use report::Tally;
use request::Worker;
use world::World;

/// How long a run may take beyond its budget before it counts as hanging.
const GRACE: Duration = Duration::from_secs(30);

/// When each thread of a run ends.
#[derive(Clone, Copy, Debug)]
pub enum Budget {
    /// After so many operations. What a body does in the middle of a load is not counted.
    Operations(u64),
    /// After so much time.
    Time(Duration),
}

/// Runs so many threads on the caches of one room, and examines these when all have ended.
///
/// The seed decides what each thread does, but not how they meet.
///
/// # Panics
///
/// If a cache does, or its structure is found broken. If a thread hangs, the process ends: see [`watchdog`].
pub fn run(room: &'static Room, seed: u64, threads: usize, budget: Budget) -> Report {
    let world = Arc::new(World::new(room, threads));
    let limit = match budget {
        Budget::Operations(_) => GRACE * 2,
        Budget::Time(time) => time + GRACE,
    };
    let watched = world.clone();
    let _guard = watchdog::guard(limit, move || watched.describe());

    let mut seeds = fastrand::Rng::with_seed(seed);
    let start = Instant::now();
    let tally = Tally::default();
    thread::scope(|scope| {
        let run = |number| {
            let (world, seed) = (&world, seeds.u64(..));
            scope.spawn(move || {
                fastrand::seed(seed);
                let worker = Worker::new(world, number);
                worker.run(budget, start);
                worker.into_tally()
            })
        };
        let workers: Vec<_> = (0..threads).map(run).collect();
        for worker in workers {
            match worker.join() {
                Ok(own) => tally.add(&own),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    world.examine(&tally)
}
