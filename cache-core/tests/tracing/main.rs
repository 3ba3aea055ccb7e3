//! What a subscriber of the `tracing` crate sees of a cache.
#![cfg(not(shuttle))]

mod events;
mod instrument;
mod loads;
mod parts;
mod recorder;
