//! What a mutation with `on_unreachable = "fail"` returns if its invalidation cannot be published.

use crate::PublishError;

/// What such a function returns.
#[diagnostic::on_unimplemented(
    message = "`on_unreachable = \"fail\"` needs a function that returns a `Result`",
    label = "there is no `Err` to return, as the body does not run",
    note = "return a `Result`, or remove `on_unreachable`: the write happens then, and is published as soon as it can be"
)]
pub trait Refusing {
    /// An error.
    fn refused(error: PublishError) -> Self;
}

/// An error that says why.
#[diagnostic::on_unimplemented(
    message = "`on_unreachable = \"fail\"` makes the error of the function from a `PublishError`, and `{Self}` cannot be",
    label = "the body does not run if this cannot be published",
    note = "implement `From<cache_core::PublishError>` for `{Self}`, as by `#[from]` of thiserror",
    note = "or remove `on_unreachable`: the write happens then, and is published as soon as it can be"
)]
pub trait FromPublishError: From<PublishError> {}

#[diagnostic::do_not_recommend]
impl<E: From<PublishError>> FromPublishError for E {}

impl<T, E: FromPublishError> Refusing for Result<T, E> {
    fn refused(error: PublishError) -> Self {
        Err(error.into())
    }
}

/// The result of a body that does not run.
pub fn refused<R: Refusing>(error: PublishError) -> R {
    R::refused(error)
}
