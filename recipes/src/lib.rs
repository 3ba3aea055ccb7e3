//! How a unit of work uses the cache with other libraries than those of the demo, and how tests audit the cache: one file
//! each, to copy.
#![forbid(unsafe_code)]

pub mod audit;
pub mod diesel;
pub mod sea_orm;

// Its feature `bundled` builds the `SQLite` that diesel uses.
use rusqlite as _;
