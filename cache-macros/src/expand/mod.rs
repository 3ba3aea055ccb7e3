//! Code generation.

pub(crate) mod each;
pub(crate) mod mutation;
pub(crate) mod query;

pub(crate) mod hidden_trait;
pub(crate) mod items;

mod body;
pub(crate) mod enclosing;
mod facts;
pub(crate) mod key;
mod mutation_facts;
mod options;
mod outcome;
pub(crate) mod skipped;
mod targets;
