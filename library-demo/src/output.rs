//! What people read.

pub(crate) mod table;

pub use table::{Column, left, right, table};
