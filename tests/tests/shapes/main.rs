//! Every shape that an annotated function can have: what holds for one of them holds for all.
//!
//! The cases are written once, as asynchronous code, in the files of `asynchronous`. They are run as they are, and a
//! second time as synchronous code: `build.rs` writes that, the same text without `async` and `.await`. So a case
//! holds for both, or for none. In the files
//!
//! - annotated functions are `async fn`, and the bodies of queries begin with `pause().await`, so that each of them is
//!   suspended once;
//! - a test that awaits does so in `block_on(async { .. })`, and a closure, or a thread, in `run!(..)`;
//! - a trait that is used as `dyn Trait` has the attribute `#[async_trait]`.
//!
//! What only asynchronous code can do is in `async_traits.rs` here, and in the tests `futures` and `promises`.
#![forbid(unsafe_code)]

#[macro_use]
mod check;

mod async_traits;

mod asynchronous {
    /// What differs between the two by more than words.
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
    mod chosen_keys;
    mod constants;
    mod corners;
    mod forgetting;
    mod from_results;
    mod generics;
    mod in_flight;
    mod keys;
    mod more;
    mod peers;
    mod scopes;
    mod shadowing;
    mod tags;
    mod traits;
    mod traits_provided;
    mod wheres;
}

#[allow(
    unused_braces,
    clippy::unit_arg,
    clippy::redundant_closure_for_method_calls,
    reason = "where something was left out, what is around it is superfluous"
)]
mod synchronous {
    mod mode {
        /// What is awaited is there already.
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
