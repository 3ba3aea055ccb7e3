//! Panics in user code.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs user code whose panic must not stop what is in progress.
pub(crate) fn catch<R>(code: impl FnOnce() -> R) -> std::thread::Result<R> {
    catch_unwind(AssertUnwindSafe(code))
}
