//! Synchronization primitives, and data structures built from them. Nothing here knows of caches.
//!
//! With `--cfg shuttle`, the primitives are those of the model checker shuttle: the models in `tests/models` run the
//! cache through many interleavings. Statistics order nothing, and always use `std`'s atomics.

pub(crate) mod append_map;
pub(crate) mod read_mostly;
pub(crate) mod table;
pub(crate) mod threads;
pub(crate) mod unwind;

#[cfg(shuttle)]
mod model;
#[cfg(not(shuttle))]
mod real;

pub(crate) use std::sync::{Arc, Weak};

#[cfg(shuttle)]
pub(crate) use model::*;
#[cfg(not(shuttle))]
pub(crate) use real::*;
