//! Panics of user code.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs user code that may panic, in the middle of an invalidation.
pub(crate) fn catch<R>(code: impl FnOnce() -> R) -> std::thread::Result<R> {
    catch_unwind(AssertUnwindSafe(code))
}
