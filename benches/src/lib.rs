//! The benchmarks are in `benches/`; there is nothing to call here.
#![forbid(unsafe_code)]
