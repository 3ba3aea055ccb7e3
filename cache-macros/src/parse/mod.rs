//! From tokens to what they say: the options of the attributes, and the annotated function.

pub(crate) mod duration;
pub(crate) mod function;
pub(crate) mod options;
pub(crate) mod targets;
pub(crate) mod tokens;
