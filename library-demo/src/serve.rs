//! The service under load: many visitors at once, of whom some hang up, and an oracle that knows which answers are stale.
//!
//! What each visitor does is that of the [replay](crate::replay)'s trace. There one visitor comes after the other; here a
//! new answer is loaded while others ask for it, change what it is made of, and go away.

mod cancel;
mod oracle;
mod report;
mod handler;
mod service;

pub use cancel::to_the_end;
pub use report::serve_load;
pub use service::{Budget, Load, Served, Service};
