//! `stale_if_error`, for functions that return a `Result`.

use crate::load::outcome::{Fallible, Outcome, SharedFallible};

/// How a function that may return an error is cached.
#[diagnostic::on_unimplemented(
    message = "`stale_if_error` needs a function that returns a `Result`",
    label = "without an `Err` there is nothing to answer with an expired value",
    note = "return a `Result`, or remove `stale_if_error`"
)]
pub trait HasErrors: Outcome {}

impl<T, E> HasErrors for Fallible<T, E> {}

impl<T, E: Clone + Send + Sync + 'static> HasErrors for SharedFallible<T, E> {}

/// Compiles for these functions alone.
#[inline]
pub fn needs_result<O: HasErrors>(_outcome: &O) {}
