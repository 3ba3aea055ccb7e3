//! What the tests of `cache-redis` need: servers that they start, and stop.

mod server;

pub use server::Server;
