//! What the cache costs, beside its peers: the questions, each asked of everybody that can do the work.
#![forbid(unsafe_code)]

pub mod benchmarks;
pub mod contenders;
pub mod programs;
pub mod report;
pub mod results;
pub mod rounds;
pub mod workload;
