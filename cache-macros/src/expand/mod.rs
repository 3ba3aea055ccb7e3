//! The code that the attributes write.

pub(crate) mod items;
pub(crate) mod key;
pub(crate) mod mutation;
pub(crate) mod outcome;
