//! What the tests of `cache-redis` need: servers that they start and stop, and networks that fail when they are told to.

mod proxy;
mod server;

pub use proxy::{Direction, Proxy};
pub use server::Server;
