//! The cache under many interleavings of a few threads or tasks.
//!
//! Shuttle runs each model repeatedly and switches between its threads at locks and at the atomics of the version clock,
//! the tags and the entries. A failure prints the schedule that repeats it. `Guards` names the mechanisms of a model: it
//! fails if one of them is removed.
//!
//! ```text
//! RUSTFLAGS='--cfg shuttle' cargo test --profile models -p cache-core --features shared --test models --target-dir target/shuttle
//! ```
//!
//! `MODEL_ITERATIONS` sets the number of schedules of each kind.

#![cfg(shuttle)]

mod support;
#[cfg(feature = "shared")]
#[path = "../processes/tier.rs"]
#[expect(dead_code, reason = "the tests of processes need more of it")]
mod tier;

mod capacity;
mod composition;
mod fill;
mod flights;
mod keyed;
mod outages;
mod pins;
mod puts;
mod seeing;
#[cfg(feature = "shared")]
mod shared;
mod stale;
mod tags;
mod tasks;
mod tasks_fill;
mod tasks_waits;
mod transactions;
