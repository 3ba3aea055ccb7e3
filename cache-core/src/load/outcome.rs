//! Which part of a return value is cached.

use std::marker::PhantomData;
use std::mem::discriminant;

use crate::flight::promise::SharedError;
use crate::sync::Arc;

/// How a return type is cached.
pub trait Outcome {
    /// The return type.
    type Returned;
    /// The stored type.
    type Value;
    /// The return value of a hit.
    fn hit(value: Self::Value) -> Self::Returned;
    /// The value to store of a body's result.
    fn value(result: &Self::Returned) -> Option<&Self::Value>;
    /// The value, or else the result.
    ///
    /// # Errors
    ///
    /// The result, if nothing of it is to be stored.
    fn into_value(result: Self::Returned) -> Result<Self::Value, Self::Returned>;
    /// Whether the body succeeded.
    fn is_ok(result: &Self::Returned) -> bool;

    /// A copy of the error for the waiters. `None` if there is none, or if it cannot be shared.
    fn share_error(_result: &Self::Returned) -> Option<SharedError> {
        None
    }

    /// A waiter's result from a shared error. `None` if the error has another type, or cannot be shared.
    fn shared_error(_error: &SharedError) -> Option<Self::Returned> {
        None
    }
}

/// The whole return value.
#[derive(Debug)]
pub struct Plain<R>(PhantomData<fn() -> R>);

/// The whole return value is cached.
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
        // Method lookup does not recognise a `Result` behind a generic parameter. Its error must not be stored, so
        // neither is its value.
        (!is_result::<R>()).then_some(result)
    }

    fn into_value(result: R) -> Result<R, R> {
        if is_result::<R>() { Err(result) } else { Ok(result) }
    }

    fn is_ok(_: &R) -> bool {
        true
    }
}

fn is_result<R>() -> bool {
    std::any::type_name::<R>().starts_with("core::result::Result<")
}

/// Whether a value of any type is an `Err`. If that cannot be told of a `Result`, it counts as one.
pub(crate) fn is_err<R>(result: &R) -> bool {
    // The only way to see the variant behind a generic parameter. A test tells if a compiler writes it differently.
    is_result::<R>() && format!("{:?}", discriminant(result)) != "Discriminant(0)"
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

    fn into_value(result: Result<T, E>) -> Result<T, Result<T, E>> {
        result.map_err(Err)
    }

    fn is_ok(result: &Result<T, E>) -> bool {
        result.is_ok()
    }
}

/// The `Ok` of a `Result` whose `Err` can be shared with waiters.
#[derive(Debug)]
pub struct SharedFallible<T, E>(PhantomData<fn() -> Result<T, E>>);

impl<T, E: Clone + Send + Sync + 'static> Outcome for SharedFallible<T, E> {
    type Returned = Result<T, E>;
    type Value = T;

    fn hit(value: T) -> Result<T, E> {
        Fallible::hit(value)
    }

    fn value(result: &Result<T, E>) -> Option<&T> {
        Fallible::value(result)
    }

    fn into_value(result: Result<T, E>) -> Result<T, Result<T, E>> {
        Fallible::into_value(result)
    }

    fn is_ok(result: &Result<T, E>) -> bool {
        Fallible::is_ok(result)
    }

    fn share_error(result: &Result<T, E>) -> Option<SharedError> {
        let error = result.as_ref().err()?;
        Some(Arc::new(error.clone()))
    }

    fn shared_error(error: &SharedError) -> Option<Result<T, E>> {
        error.downcast_ref::<E>().cloned().map(Err)
    }
}

/// The whole value, also of a `Result`.
#[derive(Debug)]
pub struct Whole<V>(PhantomData<fn() -> V>);

impl<V> Whole<V> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<V> Outcome for Whole<V> {
    type Returned = V;
    type Value = V;

    fn hit(value: V) -> V {
        value
    }

    fn value(result: &V) -> Option<&V> {
        Some(result)
    }

    fn into_value(result: V) -> Result<V, V> {
        Ok(result)
    }

    fn is_ok(_: &V) -> bool {
        true
    }
}

/// Recognises a return type, also through aliases.
///
/// Method lookup tries methods that take `self` before `&self`, and inherent ones whose bounds hold before those of
/// traits.
#[derive(Debug)]
pub struct Returned<R>(PhantomData<fn() -> R>);

impl<R> Returned<R> {
    /// A return type to recognise.
    #[expect(clippy::new_without_default, reason = "expansions only")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

/// Method lookup ignores whether an error is `'static`, and the compiler then fails. Expansions do not try if they see
/// a lifetime or a generic parameter, but they cannot see those of the `impl`. `Unpin` excludes these: nearly every
/// error has it, but no generic parameter without a bound.
impl<T, E: Clone + Send + Sync + Unpin + 'static> Returned<Result<T, E>> {
    /// A `Result` whose error can be shared.
    pub const fn __cache_outcome(self) -> SharedFallible<T, E> {
        SharedFallible(PhantomData)
    }
}

impl<T, E> Returned<Result<T, E>> {
    /// A `Result`, whether its error can be shared or not.
    pub const fn __cache_outcome_unshared(&self) -> Fallible<T, E> {
        Fallible(PhantomData)
    }
}

/// A `Result` whose error cannot be shared, or is not known to be.
pub trait ReturnedFallible<T, E>: Sized {
    /// Its `Ok` is cached.
    fn __cache_outcome(self) -> Fallible<T, E> {
        Fallible(PhantomData)
    }
}

impl<T, E> ReturnedFallible<T, E> for Returned<Result<T, E>> {}

/// Any other type than a `Result`.
pub trait ReturnedPlain<R> {
    /// The whole value is cached.
    fn __cache_outcome(&self) -> Plain<R> {
        plain()
    }

    /// The whole value is cached.
    fn __cache_outcome_unshared(&self) -> Plain<R> {
        plain()
    }
}

impl<R> ReturnedPlain<R> for Returned<R> {}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::fmt::Debug;
    use std::io;
    use std::marker::PhantomPinned;
    use std::rc::Rc;

    use super::*;

    #[derive(Clone, PartialEq, Debug)]
    struct Failed(String);

    struct NotClone;

    type Aliased<T> = Result<T, Failed>;

    trait Kind: Outcome {
        const KIND: &'static str;
    }

    impl<R> Kind for Plain<R> {
        const KIND: &'static str = "plain";
    }

    impl<T, E> Kind for Fallible<T, E> {
        const KIND: &'static str = "fallible";
    }

    impl<T, E: Clone + Send + Sync + 'static> Kind for SharedFallible<T, E> {
        const KIND: &'static str = "shared";
    }

    const fn kind<K: Kind>(_: &K) -> &'static str {
        K::KIND
    }

    macro_rules! kind_of {
        ($($returned:ty),+ $(,)?) => {
            [$(kind(&Returned::<$returned>::new().__cache_outcome())),+]
        };
    }

    #[test]
    fn a_return_type_is_recognised_by_its_type() {
        let shared = kind_of![
            Result<u8, Failed>,
            Aliased<Rc<u8>>,
            Result<u8, &'static str>,
            Result<u8, Arc<dyn Error + Send + Sync>>,
            Result<u8, Arc<io::Error>>,
            Result<u8, fn(&str) -> &str>,
            Result<u8, ()>,
        ];
        assert_eq!(shared, ["shared"; 7]);
        let fallible = kind_of![
            Result<u8, NotClone>,
            io::Result<u8>,
            Result<u8, Box<dyn Error + Send + Sync>>,
            Result<u8, Rc<u8>>,
            Result<u8, std::cell::Cell<u8>>,
            Result<u8, PhantomPinned>,
        ];
        assert_eq!(fallible, ["fallible"; 6]);
        assert_eq!(kind_of![u8, (), Option<Result<u8, Failed>>, Box<Aliased<u8>>], ["plain"; 4]);
        let unshared = Returned::<Aliased<u8>>::new().__cache_outcome_unshared();
        assert_eq!(kind(&unshared), "fallible");
        assert_eq!(kind(&Returned::<u8>::new().__cache_outcome_unshared()), "plain");
    }

    /// It compiles: no bounds are required of them.
    #[test]
    fn generic_errors_are_not_shared() {
        trait Database {
            type Error;
        }

        struct Of<T>(T);

        impl Database for u8 {
            type Error = Failed;
        }

        impl<E: Clone + Send + Sync> Of<E> {
            fn kinds(&self) -> [&'static str; 2] {
                let _ = &self.0;
                kind_of![Result<u8, E>, Result<u8, Option<E>>]
            }
        }

        fn kinds<D: Database<Error: Clone + Send + Sync>>(_: &D) -> [&'static str; 1] {
            kind_of![Result<u8, D::Error>]
        }

        let text = String::new();
        assert_eq!(Of(text.as_str()).kinds(), ["fallible"; 2]);
        assert_eq!(kinds(&1_u8), ["fallible"]);
    }

    #[test]
    fn an_error_is_shared_and_a_value_is_not() {
        fn share<R: Outcome>(_: &R, result: &R::Returned) -> Option<SharedError> {
            R::share_error(result)
        }

        fn take<R: Outcome>(_: &R, error: &SharedError) -> Option<R::Returned> {
            R::shared_error(error)
        }

        let outcome = Returned::<Aliased<u8>>::new().__cache_outcome();
        let error = share(&outcome, &Err(Failed("a".into()))).expect("it can be shared");
        assert_eq!(take(&outcome, &error), Some(Err(Failed("a".into()))));
        assert_eq!(take(&outcome, &error), Some(Err(Failed("a".into()))), "the next waiter gets it too");
        assert!(share(&outcome, &Ok(1)).is_none());

        let of_another_type: SharedError = Arc::new("a");
        assert_eq!(take(&outcome, &of_another_type), None);

        let unshared = Returned::<Aliased<u8>>::new().__cache_outcome_unshared();
        assert!(share(&unshared, &Err(Failed("a".into()))).is_none());
        assert_eq!(take(&unshared, &error), None);
        assert!(share(&plain::<u8>(), &1).is_none());
    }

    /// The variant of a value of any type is told from how the compiler in use writes a discriminant.
    #[test]
    fn p17_an_err_is_recognised_behind_any_type() {
        assert!(is_err(&Err::<u8, _>(Failed("a".into()))) && is_err(&Err::<&u8, ()>(())));
        assert!(is_err(&io::Result::<()>::Err(io::ErrorKind::TimedOut.into())));
        assert!(is_err(&Err::<std::convert::Infallible, u8>(0)));
        assert!(!is_err(&Ok::<u8, Failed>(1)) && !is_err(&Ok::<&u8, ()>(&1)) && !is_err(&Ok::<(), io::Error>(())));
        assert!(!is_err(&Ok::<u8, std::convert::Infallible>(0)) && !is_err(&Ok::<Result<u8, u8>, u8>(Err(1))));
        assert!(!is_err(&None::<u8>) && !is_err(&()) && !is_err(&Box::new(Err::<u8, u8>(1))));
    }
}
