//! What a library is asked and how it is changed, as data.

mod trace;

pub use crate::replay::{Mutation, PAGE, Read, Step};
pub use trace::{playlists, trace, visits};
