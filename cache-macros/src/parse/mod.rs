//! Parsers for the options of the attributes and the annotated items.

pub(crate) mod options;
pub(crate) mod targets;

pub(crate) mod keywords;
pub(crate) mod list;
pub(crate) mod question;
pub(crate) mod share;

pub(crate) mod block;
pub(crate) mod function;

pub(crate) mod duration;
pub(crate) mod patterns;
pub(crate) mod tag_text;
pub(crate) mod tokens;
pub(crate) mod transactions;
pub(crate) mod types;
