//! The load test: many clients at once, some of whose requests are cancelled, and an oracle that finds stale answers.
//!
//! Each client makes visits of the replay's trace. Here answers are loaded while other clients read them, change what
//! they show, and are cancelled.

mod answer;
mod cancel;
mod handler;
mod oracle;
mod report;
mod service;

pub use cancel::run_to_completion;
pub use report::serve_load;
pub use service::{Budget, Load, Served, Service};
