//! Tests of whole expansions.

mod snapshots;
mod spans;
