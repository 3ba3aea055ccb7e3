//! Where the result of a mutation waits until its invalidation is acknowledged by a tier.
//!
//! A future that holds a result is `Send` only if the result is. So a task holds one that is known to be; for another, its
//! thread waits, no longer than the tier allows.

#[cfg(feature = "shared")]
use std::marker::PhantomData;

/// Where a result waits.
pub trait Holder<R> {
    /// # Errors
    ///
    /// The result, if it cannot be held.
    fn put(&mut self, result: R) -> Result<(), R>;
    /// What was put.
    fn take(&mut self) -> Option<R>;
}

/// For results that are not known to be `Send`.
#[derive(Debug)]
pub struct Unheld;

impl<R> Holder<R> for Unheld {
    fn put(&mut self, result: R) -> Result<(), R> {
        Err(result)
    }

    fn take(&mut self) -> Option<R> {
        None
    }
}

/// For results that are `Send`.
#[cfg(feature = "shared")]
#[derive(Debug)]
pub struct Held<R>(Option<Box<R>>);

#[cfg(feature = "shared")]
impl<R> Holder<R> for Held<R> {
    fn put(&mut self, result: R) -> Result<(), R> {
        // Boxed: results may be large, and futures hold this.
        self.0 = Some(Box::new(result));
        Ok(())
    }

    fn take(&mut self) -> Option<R> {
        self.0.take().map(|result| *result)
    }
}

/// Method lookup on `(&&Results::<R>::new()).__cache_holder()` takes the first of these traits that applies.
#[cfg(feature = "shared")]
#[derive(Debug)]
pub struct Results<R>(PhantomData<fn() -> R>);

#[cfg(feature = "shared")]
impl<R> Results<R> {
    /// Of a type.
    #[expect(clippy::new_without_default, reason = "only expansions make one")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

/// Of results that are `Send`.
#[cfg(feature = "shared")]
pub trait SendResults<R> {
    /// It holds one.
    fn __cache_holder(&self) -> Held<R>;
}

#[cfg(feature = "shared")]
impl<R: Send> SendResults<R> for &Results<R> {
    fn __cache_holder(&self) -> Held<R> {
        Held(None)
    }
}

/// Of other results.
#[cfg(feature = "shared")]
pub trait OtherResults {
    /// It holds none.
    fn __cache_holder(&self) -> Unheld;
}

#[cfg(feature = "shared")]
impl<R> OtherResults for Results<R> {
    fn __cache_holder(&self) -> Unheld {
        Unheld
    }
}
