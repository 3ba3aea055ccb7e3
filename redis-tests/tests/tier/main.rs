//! The tier on Redis, without a cache: what it tells of the log, and what it stores. With real servers.

mod cache;
mod connect;
mod log;
mod proxy;
mod recorder;
mod values;
