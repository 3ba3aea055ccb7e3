//! The tests are in `tests/`. Here the examples of the README are compiled and run.
#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
