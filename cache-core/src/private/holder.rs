//! Whether the result of a mutation is known to be `Send`.

use std::marker::PhantomData;

use crate::waiting::{Held, Unheld};

/// Method lookup on `(&&Results::<R>::new()).__cache_holder()` takes the first of these traits that applies.
#[derive(Debug)]
pub struct Results<R>(PhantomData<fn() -> R>);

impl<R> Results<R> {
    /// Of a type.
    #[expect(clippy::new_without_default, reason = "only expansions make one")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

/// Of results that are `Send`.
pub trait SendResults<R> {
    /// It holds one.
    fn __cache_holder(&self) -> Held<R>;
}

impl<R: Send> SendResults<R> for &Results<R> {
    fn __cache_holder(&self) -> Held<R> {
        Held::default()
    }
}

/// Of other results.
pub trait OtherResults<R> {
    /// It holds none.
    fn __cache_holder(&self) -> Unheld<R>;
}

impl<R> OtherResults<R> for Results<R> {
    fn __cache_holder(&self) -> Unheld<R> {
        Unheld::default()
    }
}
