//! What the library promises: each test bears the number of its promise.
#![forbid(unsafe_code)]

mod apart;
mod bounded;
mod constant_cost;
mod deadlocks;
mod errors;
mod freed;
mod freshness;
mod locks;
mod mutations;
mod names;
mod no_unsafe;
mod one_load;
mod panics;
mod soak;
mod stale_fill;
mod statistics;
