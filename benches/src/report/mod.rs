//! What is made of the answers.

pub mod markdown;
