//! What the tests of `cache-redis` need: servers that they start and stop, networks that fail when they are
//! told to, and waiting until all is well again.

mod proxy;
mod server;
mod wait;

pub use proxy::{Direction, Proxy};
pub use server::Server;
pub use wait::{recover, shared_stats, until};
