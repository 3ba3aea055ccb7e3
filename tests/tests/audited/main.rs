//! The audit finds what a table of mutations lacks, and nothing else: shown on the demo's manager, its real data and its
//! workload.
#![forbid(unsafe_code)]

mod findings;
mod global;
mod library;
mod lists;
mod original;
mod races;
mod replay;
mod seeds;
mod short_logs;
mod two_databases;
mod unnamed;
