//! A second level on Redis for caches of [`cache_core`], and a log of their invalidations.

#![forbid(unsafe_code)]

mod age;
mod builder;
mod error;
mod hub;
mod listener;
mod outbox;
mod reader;
mod scripts;
mod server_clock;
mod session;
mod settings;
mod thread;
mod tier;
mod value;

pub use builder::RedisTierBuilder;
pub use error::ConnectError;
#[doc(hidden)]
pub use listener::Listener;
pub use tier::RedisTier;
