//! From a miss to a value: a caller follows a load in flight, or leads one.

pub(crate) mod aged;
pub(crate) mod attach;
pub(crate) mod attempt;
pub(crate) mod audit;
mod background;
pub(crate) mod batch;
pub(crate) mod call;
pub(crate) mod context;
mod handoff;
pub(crate) mod judge;
pub(crate) mod leader;
pub(crate) mod miss;
pub(crate) mod outcome;
#[cfg(feature = "shared")]
mod second_level;
#[cfg(not(feature = "shared"))]
#[path = "second_level/absent.rs"]
mod second_level;
