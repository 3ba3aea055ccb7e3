//! Shared by the tests in `tests/` and the programs in `src/bin/`. The examples of the README are compiled and run here
//! too.
#![forbid(unsafe_code)]
// An example must compile without warnings.
#![doc(test(attr(deny(warnings))))]

pub mod oracle;
pub mod original_manager;
pub mod transactions;
pub mod watchdog;

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
