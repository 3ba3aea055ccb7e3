//! How a unit of work uses the cache with other libraries than those of the demo: one file each, to copy.
#![forbid(unsafe_code)]

pub mod diesel;
pub mod sea_orm;

// Its feature `bundled` builds the `SQLite` that diesel uses.
use rusqlite as _;
