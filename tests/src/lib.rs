//! What the tests in `tests/` and the programs in `src/bin/` share. The examples of the README are compiled and
//! run here too.
#![forbid(unsafe_code)]
// Who copies an example must not be greeted by warnings.
#![doc(test(attr(deny(warnings))))]

pub mod oracle;
pub mod watchdog;

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
