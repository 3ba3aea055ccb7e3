//! The promises of the library: each test name begins with the number of its promise, as `cache-core/ARCHITECTURE.md`
//! lists them.
#![forbid(unsafe_code)]

/// Written once, and run as `synchronous` too: see `build.rs`.
mod asynchronous {
    /// What differs between the two.
    mod mode {
        pub(super) use futures_lite::future::block_on;

        /// A boxed future, which may call the function that awaits it.
        pub(super) fn boxed<'a, T>(
            future: impl Future<Output = T> + 'a,
        ) -> std::pin::Pin<Box<dyn Future<Output = T> + 'a>> {
            Box::pin(future)
        }

        /// The output of a future that is ready at once. Unlike `block_on` it uses no thread-local state, so that it
        /// works while a thread ends.
        pub(super) fn ready<T>(future: impl Future<Output = T>) -> T {
            match std::pin::pin!(future).poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
                std::task::Poll::Ready(output) => output,
                std::task::Poll::Pending => panic!("it is pending"),
            }
        }
    }

    mod apart;
    mod audits;
    mod bounded;
    mod composition;
    mod composition_direct;
    mod composition_ends;
    mod composition_shapes;
    mod constant_cost;
    mod dead_values;
    mod deadlocks;
    mod drop_panics;
    mod entries;
    mod errors;
    mod freed;
    mod freshness;
    mod handles;
    mod in_transaction;
    mod large_numbers;
    mod lifetimes;
    mod lists;
    mod locks;

    mod mutations;
    mod names;
    mod observers;
    mod one_event;
    mod one_load;
    mod outages;
    mod panics;
    mod pinned;
    mod puts;
    mod reasons;
    mod reentrant;
    mod refused;
    mod slow_clone;
    mod stale;
    mod stale_fill;
    mod statistics;
    mod targets;
    mod transactions;
    mod weights;
    mod writes_that_panic;
}

/// The same without `async` and `.await`.
#[allow(unused_braces, reason = "there was an `async` in front of them")]
#[allow(clippy::unit_arg, reason = "it was a future")]
#[allow(clippy::redundant_closure, reason = "it was an `async` closure")]
mod synchronous {
    mod mode {
        /// The value is already there.
        pub(super) fn block_on<T>(value: T) -> T {
            value
        }

        pub(super) use block_on as boxed;
        pub(super) use block_on as ready;
    }

    include!(concat!(env!("OUT_DIR"), "/promises.rs"));
}

mod background;
mod contexts;
mod no_unsafe;
mod pinned_receivers;
mod shared_errors;
mod soak;
mod support;
mod tasks;
mod two_caches;
