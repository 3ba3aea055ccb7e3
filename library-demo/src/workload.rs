//! Workloads as data, for the replay and the load test.

mod policy;
mod step;
mod trace;

pub use policy::Policy;
pub use step::{Mutation, PAGE, Read, Step};
pub use trace::{listening, playlists, trace, visits};
