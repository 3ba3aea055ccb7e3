//! What is written for people.

pub(crate) mod table;
