//! The bodies of mutations, and what follows each of them.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::cache::Cache;
use crate::outcome::Outcome;

/// What a mutation that makes a `V` makes wrong: targets as a list, `(target, (target, ()))`.
pub trait Targets<V> {
    /// Takes notice of what the body made.
    fn learn(&mut self, value: &V);
    /// Forgets them.
    fn forget(&self, cache: &Cache);
}

impl<V> Targets<V> for () {
    fn learn(&mut self, _: &V) {}
    fn forget(&self, _: &Cache) {}
}

impl<V, T: Targets<V>, Rest: Targets<V>> Targets<V> for (T, Rest) {
    fn learn(&mut self, value: &V) {
        self.0.learn(value);
        self.1.learn(value);
    }

    fn forget(&self, cache: &Cache) {
        self.0.forget(cache);
        self.1.forget(cache);
    }
}

/// Targets, and the cache in which they are.
pub fn named<T>(cache: &Cache, targets: T) -> (Cache, T) {
    (cache.clone(), targets)
}

/// Runs the body of a mutation and then invalidates, also if the body panics.
pub fn invalidating<O: Outcome, T: Targets<O::Value>>(
    named: (Cache, T),
    _outcome: O,
    body: impl FnOnce() -> O::Returned,
) -> O::Returned {
    let mut invalidation = Invalidation::<O, T>::new(named, When::Always);
    let result = body();
    invalidation.conclude(&result);
    result
}

/// Runs the body of a mutation and then invalidates, unless it returns an `Err` or panics.
pub fn invalidating_on_ok<O: Outcome, T: Targets<O::Value>>(
    named: (Cache, T),
    _outcome: O,
    body: impl FnOnce() -> O::Returned,
) -> O::Returned {
    let mut invalidation = Invalidation::<O, T>::new(named, When::Ok);
    let result = body();
    invalidation.conclude(&result);
    result
}

/// Like [`invalidating`], with a body that is a future: it invalidates also if that is dropped half-done.
pub fn invalidating_async<O: Outcome, T: Targets<O::Value>, F: Future<Output = O::Returned>>(
    named: (Cache, T),
    _outcome: O,
    body: F,
) -> Invalidating<O, T, F> {
    Invalidating { body, invalidation: Box::new(Invalidation::new(named, When::Always)) }
}

/// Like [`invalidating_on_ok`], with a body that is a future: it doesn't invalidate if that is dropped half-done.
pub fn invalidating_on_ok_async<O: Outcome, T: Targets<O::Value>, F: Future<Output = O::Returned>>(
    named: (Cache, T),
    _outcome: O,
    body: F,
) -> Invalidating<O, T, F> {
    Invalidating { body, invalidation: Box::new(Invalidation::new(named, When::Ok)) }
}

pin_project! {
    /// The body of a mutation that is a future.
    #[must_use = "it does nothing until it is polled"]
    pub struct Invalidating<O: Outcome, T: Targets<O::Value>, F> {
        // The first to be dropped: what the body held may still write.
        #[pin]
        body: F,
        // In a box: futures hold it for as long as they wait, and there may be many targets.
        invalidation: Box<Invalidation<O, T>>,
    }
}

impl<O: Outcome, T: Targets<O::Value>, F: Future<Output = O::Returned>> Future for Invalidating<O, T, F> {
    type Output = O::Returned;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<O::Returned> {
        let this = self.project();
        let result = ready!(this.body.poll(cx));
        this.invalidation.conclude(&result);
        Poll::Ready(result)
    }
}

impl<O: Outcome, T: Targets<O::Value>, F> fmt::Debug for Invalidating<O, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Invalidating")
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    Ok,
}

/// Invalidates when it is dropped, if not before, so that nothing that ends the body can pass it by.
struct Invalidation<O: Outcome, T: Targets<O::Value>> {
    cache: Cache,
    targets: T,
    is_due: bool,
    outcome: PhantomData<fn() -> O>,
}

impl<O: Outcome, T: Targets<O::Value>> Invalidation<O, T> {
    fn new((cache, targets): (Cache, T), when: When) -> Self {
        Self { cache, targets, is_due: when == When::Always, outcome: PhantomData }
    }

    /// Invalidates according to what the body returned.
    fn conclude(&mut self, result: &O::Returned) {
        self.is_due |= O::is_ok(result);
        if let Some(value) = O::value(result) {
            self.targets.learn(value);
        }
        self.forget();
    }

    fn forget(&mut self) {
        if std::mem::take(&mut self.is_due) {
            self.targets.forget(&self.cache);
        }
    }
}

impl<O: Outcome, T: Targets<O::Value>> Drop for Invalidation<O, T> {
    fn drop(&mut self) {
        self.forget();
    }
}
