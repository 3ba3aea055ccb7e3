//! Panics in user code.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// A panic of user code must not stop what is in progress.
pub(crate) fn catch<R>(code: impl FnOnce() -> R) -> std::thread::Result<R> {
    catch_unwind(AssertUnwindSafe(code))
}
