//! What the library promises: each test bears the number of its promise.
#![forbid(unsafe_code)]

/// Written once, and run twice: see `build.rs`.
mod asynchronous {
    /// What differs between the two.
    mod mode {
        pub(super) use futures_lite::future::block_on;

        /// A future whose own type is not part of that of what awaits it: so it may call itself.
        pub(super) fn boxed<'a, T>(
            future: impl Future<Output = T> + 'a,
        ) -> std::pin::Pin<Box<dyn Future<Output = T> + 'a>> {
            Box::pin(future)
        }

        /// The output of a future that is ready at once. Unlike the above it asks for nothing of the thread, which may
        /// be about to end.
        pub(super) fn ready<T>(future: impl Future<Output = T>) -> T {
            match std::pin::pin!(future).poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
                std::task::Poll::Ready(output) => output,
                std::task::Poll::Pending => panic!("it waits"),
            }
        }
    }

    mod apart;
    mod bounded;
    mod composition;
    mod composition_direct;
    mod composition_ends;
    mod composition_shapes;
    mod constant_cost;
    mod dead_values;
    mod deadlocks;
    mod errors;
    mod freed;
    mod freshness;
    mod locks;
    mod many;
    mod mutations;
    mod names;
    mod one_event;
    mod one_load;
    mod outages;
    mod panics;
    mod pinned;
    mod reentrant;
    mod refused;
    mod slow_clone;
    mod stale_fill;
    mod statistics;
    mod writes_that_panic;
}

/// The same without `async` and `.await`.
#[allow(unused_braces, reason = "there was an `async` in front of them")]
#[allow(clippy::unit_arg, reason = "it was a future")]
#[allow(clippy::redundant_closure, reason = "it was an `async` closure")]
mod synchronous {
    mod mode {
        /// What is awaited is there already.
        pub(super) fn block_on<T>(value: T) -> T {
            value
        }

        pub(super) use block_on as boxed;
        pub(super) use block_on as ready;
    }

    include!(concat!(env!("OUT_DIR"), "/promises.rs"));
}

mod new_names;
mod new_receivers;
mod no_unsafe;
mod shared_errors;
mod soak;
mod support;
mod tasks;
