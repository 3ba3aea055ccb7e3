//! What happens to several caches when their server, or the way to it, fails.
//!
//! Each [`Process`] is a cache with a tier of its own, behind a proxy of its own. The database is an array of counters. The
//! tests cannot set the clock of the machine or of a server: they wait for what has to become true.

#![forbid(unsafe_code)]

mod lost;
mod process;
mod releases;
mod server;
mod way;
