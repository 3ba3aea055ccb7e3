//! Panics in user code.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// A panic of user code must not stop what is in progress.
pub(crate) fn catch<R>(code: impl FnOnce() -> R) -> std::thread::Result<R> {
    catch_unwind(AssertUnwindSafe(code))
}

/// Runs code whose panic goes no further. Returns whether there was none.
pub(crate) fn contain(code: impl FnOnce()) -> bool {
    let result = catch(code);
    let is_over = result.is_ok();
    // The panic hook has reported it. Its `Drop` might panic, too.
    std::mem::forget(result);
    is_over
}
