//! Tables, and progress on stderr.

mod progress;
mod table;

pub use progress::Progress;
pub use table::{Column, left, right, table};
pub(crate) use table::{percent, seconds, short, write_table};
