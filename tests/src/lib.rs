//! The tests are in `tests/`. Here the examples of the README are compiled and run.
#![forbid(unsafe_code)]
// Who copies an example must not be greeted by warnings.
#![doc(test(attr(deny(warnings))))]

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
pub mod watchdog;
