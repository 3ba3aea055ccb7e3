//! What the library promises: each test bears the number of its promise.
#![forbid(unsafe_code)]

mod apart;
mod bounded;
mod constant_cost;
mod errors;
mod freshness;
mod locks;
mod mutations;
mod names;
mod no_unsafe;
mod stale_fill;
mod statistics;
