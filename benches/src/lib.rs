//! What the cache costs, compared with its peers: [`benchmarks`] run contenders, and a [`report`] shows the [`results`].
#![forbid(unsafe_code)]

pub mod benchmarks;
mod contenders;
pub mod report;
pub mod results;

pub mod programs;
pub mod progress;
pub mod rounds;
mod workload;
