//! What people read: tables, and progress on stderr.

mod progress;
pub(crate) mod table;

pub use progress::Progress;
pub use table::{Column, left, right, table};
