//! Every shape that an annotated function can have must pass the same checks.
//!
//! The cases are written once, as async code, in the files of `asynchronous`. They run as they are, and a second time as
//! synchronous code, which `build.rs` generates by removing `async` and `.await`. In the files
//!
//! - annotated functions are `async fn`, and the bodies of queries begin with `pause().await`, so that each is suspended
//!   once;
//! - a test awaits in `block_on(async { .. })`, and a closure or a thread in `run!(..)`;
//! - a trait that is used as `dyn Trait` has the attribute `#[async_trait]`.
//!
//! What only async code can do is in `async_traits.rs` here, and in the tests `futures` and `promises`.
#![forbid(unsafe_code)]

#[macro_use]
mod check;

mod async_traits;

mod asynchronous {
    /// What differs between the two beyond `async` and `.await`.
    mod mode {
        pub(super) use futures_lite::future::{block_on, yield_now as pause};

        /// The value of an expression that may await.
        macro_rules! run {
            ($expression:expr) => {
                futures_lite::future::block_on(async { $expression })
            };
        }
        pub(super) use run;
    }

    mod bodies;
    mod by_macros;
    mod combinations;
    mod constants;
    mod corner_cases;
    mod from_results;
    mod generics;
    mod in_flight;
    mod key_options;
    mod keyed_targets;
    mod keys;
    mod peers;
    mod positions;
    mod scopes;
    mod shadowing;
    mod tags;
    mod traits;
    mod traits_provided;
}

#[allow(
    unused_braces,
    clippy::unit_arg,
    clippy::redundant_closure_for_method_calls,
    reason = "what remains around a removed `async` is superfluous"
)]
mod synchronous {
    mod mode {
        /// The value is already there.
        pub(super) fn block_on<T>(value: T) -> T {
            value
        }

        pub(super) const fn pause() {}

        macro_rules! run {
            ($expression:expr) => {
                $expression
            };
        }
        pub(super) use run;
    }

    include!(concat!(env!("OUT_DIR"), "/shapes.rs"));
}
