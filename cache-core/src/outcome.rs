//! What is cached of what a function returns.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;

/// An error of a load, for those who waited for it.
pub type SharedError = Arc<dyn Any + Send + Sync>;

/// What is cached of a return type.
pub trait Outcome {
    /// The return type.
    type Returned;
    /// What is stored.
    type Value;
    /// The answer to a hit.
    fn hit(value: Self::Value) -> Self::Returned;
    /// What there is to store of a body's result.
    fn value(result: &Self::Returned) -> Option<&Self::Value>;
    /// Whether the body succeeded.
    fn is_ok(result: &Self::Returned) -> bool;

    /// A copy of the error in a result, where its type can be shared.
    fn share_error(_result: &Self::Returned) -> Option<SharedError> {
        None
    }

    /// The result that a shared error makes; `None` if it is an error of another type.
    fn shared_error(_error: &SharedError) -> Option<Self::Returned> {
        None
    }
}

/// All of an `R`.
#[derive(Debug)]
pub struct Plain<R>(PhantomData<fn() -> R>);

/// All of whatever a body returns.
pub fn plain<R>() -> Plain<R> {
    Plain(PhantomData)
}

impl<R> Outcome for Plain<R> {
    type Returned = R;
    type Value = R;

    fn hit(value: R) -> R {
        value
    }

    fn value(result: &R) -> Option<&R> {
        // Method lookup does not see that a generic parameter stands for a `Result`. An error must not be
        // stored even so, and then neither is the value.
        let is_result = std::any::type_name::<R>().starts_with("core::result::Result<");
        (!is_result).then_some(result)
    }

    fn is_ok(_: &R) -> bool {
        true
    }
}

/// The `Ok` of a `Result`.
#[derive(Debug)]
pub struct Fallible<T, E>(PhantomData<fn() -> Result<T, E>>);

impl<T, E> Outcome for Fallible<T, E> {
    type Returned = Result<T, E>;
    type Value = T;

    fn hit(value: T) -> Result<T, E> {
        Ok(value)
    }

    fn value(result: &Result<T, E>) -> Option<&T> {
        result.as_ref().ok()
    }

    fn is_ok(result: &Result<T, E>) -> bool {
        result.is_ok()
    }
}

/// All of a `V`, whatever it is.
pub(crate) struct Whole<V>(PhantomData<fn() -> V>);

impl<V> Outcome for Whole<V> {
    type Returned = V;
    type Value = V;

    fn hit(value: V) -> V {
        value
    }

    fn value(result: &V) -> Option<&V> {
        Some(result)
    }

    fn is_ok(_: &V) -> bool {
        true
    }
}

/// Tells a `Result` from other return types by its type, and so through aliases.
///
/// Method lookup decides: an inherent method that applies is preferred to one of a trait.
#[derive(Debug)]
pub struct Returned<R>(PhantomData<fn() -> R>);

impl<R> Returned<R> {
    /// A return type of which it isn't known yet what it is.
    #[expect(clippy::new_without_default, reason = "expansions only")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T, E> Returned<Result<T, E>> {
    /// A `Result`.
    pub const fn __cache_outcome(&self) -> Fallible<T, E> {
        Fallible(PhantomData)
    }
}

/// Any other type than a `Result`.
pub trait ReturnedPlain<R> {
    /// All of it is cached.
    fn __cache_outcome(&self) -> Plain<R> {
        plain()
    }
}

impl<R> ReturnedPlain<R> for Returned<R> {}
