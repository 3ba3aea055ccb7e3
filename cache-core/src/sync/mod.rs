//! The primitives that threads meet at, named once so that a model checker can take their place.
//!
//! Built with `--cfg shuttle`, they are shuttle's, and the models in `tests/models` can run the cache
//! through any interleaving. What only counts, and orders nothing, takes its atomics from `std` instead: a
//! model has nothing to learn from them.

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
