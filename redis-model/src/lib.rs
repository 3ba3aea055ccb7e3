//! The protocol of several processes with one cache, as a model.

#![forbid(unsafe_code)]

mod faults;
mod mechanism;
mod network;
mod oracle;
mod process;
mod redis;
mod step;
mod trace;
mod walk;
mod words;
mod world;

pub use mechanism::{Mechanism, Mechanisms};
pub use oracle::Excused;
pub use walk::{Counts, Violation, walk};
