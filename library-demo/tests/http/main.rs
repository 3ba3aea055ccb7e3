//! The library as a service: over a socket, by an HTTP client.

#![forbid(unsafe_code)]

mod api;
mod cache;
mod client;
mod errors;
mod load;
mod process;
mod prometheus;
