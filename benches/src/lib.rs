//! What the cache costs, beside its peers: the questions, each asked of everybody that can do the work.
#![forbid(unsafe_code)]

pub mod contenders;
pub mod figure;
pub mod programs;
pub mod questions;
pub mod report;
pub mod rounds;
pub mod traces;
pub mod workload;
