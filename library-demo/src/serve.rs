//! The load test: concurrent clients, some of whose requests are cancelled, and an oracle that finds stale answers.
//!
//! Each client makes visits of the replay's trace, while others change what it reads.

mod answer;
mod cancel;
mod handler;
mod oracle;
mod report;
mod service;

pub use cancel::run_to_completion;
pub use report::serve_load;
pub use service::{Budget, Load, Served, Service};
