//! The audit finds what a table of mutations lacks, and nothing else: shown on the demo's manager, its real data and its
//! workload.
#![forbid(unsafe_code)]

mod findings;
mod global;
mod library;
mod original;
mod races;
mod replay;
mod seeds;
mod two_databases;
mod unnamed;
