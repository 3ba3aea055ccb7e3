//! The load test: concurrent clients, some of whose requests are cancelled, and an oracle that finds stale answers.
//!
//! Each client makes visits of the replay's trace, while others change what it reads. [`serve_outage`] has a database that
//! fails for a while, and judges which answers a cache has by then. [`serve_load_over_http`] has that of another process.

mod answer;
mod cancel;
mod handler;
mod judge;
mod oracle;
mod outage;
mod remote;
mod report;
mod sample;
mod service;
mod watch;

pub use cancel::run_to_completion;
pub use outage::{OutageLoad, serve_outage};
pub use remote::serve_load_over_http;
pub use report::serve_load;
pub use service::{Budget, Load, Served, Service};
pub use watch::{Latency, OutageReport, Watch};
