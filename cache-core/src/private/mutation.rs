//! The bodies of mutations, and what follows each of them.

use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use smallvec::SmallVec;

use crate::cache::Cache;
use crate::engine::invalidation::ScopedTarget;
use crate::load::outcome::Outcome;
use crate::private::Target;
use crate::sync::Arc;
use crate::sync::unwind::catch;

/// What a mutation that makes a `V` makes wrong: targets as a list, `(target, (target, ()))`.
pub trait Targets<V> {
    /// Resolves what depends on the value that the body made.
    fn resolve(&mut self, value: &V);
    /// Visits each of them.
    fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a Target));
}

impl<V> Targets<V> for () {
    fn resolve(&mut self, _: &V) {}
    fn each<'a>(&'a self, _: &mut dyn FnMut(&'a Target)) {}
}

impl<V, T: Targets<V>, Rest: Targets<V>> Targets<V> for (T, Rest) {
    fn resolve(&mut self, value: &V) {
        self.0.resolve(value);
        self.1.resolve(value);
    }

    fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a Target)) {
        self.0.each(visit);
        self.1.each(visit);
    }
}

/// Invalidates all targets of one write, in the cache of the write and in the global one: in each at one version.
fn invalidate<V>(cache: &Cache, targets: &impl Targets<V>) {
    let (mut own, mut others) = (SmallVec::<[ScopedTarget<'_>; 4]>::new(), SmallVec::<[ScopedTarget<'_>; 1]>::new());
    targets.each(&mut |target| {
        let of = if target.is_global { Cache::global() } else { cache };
        let resolved = target.resolve(of);
        // The global cache may be that of the write.
        if Arc::ptr_eq(of.engine(), cache.engine()) { own.push(resolved) } else { others.push(resolved) }
    });
    // A clock that panics keeps nothing in the other cache from being invalidated.
    let result = catch(|| cache.engine().invalidate(&own));
    if !others.is_empty() {
        Cache::global().engine().invalidate(&others);
    }
    result.unwrap_or_else(|panic| resume_unwind(panic));
}

/// What is to be forgotten, where, and when.
#[derive(Debug)]
pub struct Due<T> {
    cache: Cache,
    targets: T,
    /// Or however the body ends.
    only_on_ok: bool,
}

/// Targets that are due when the body has ended, also by a panic, or because its future was dropped.
pub fn when_ended<T>(cache: &Cache, targets: T) -> Due<T> {
    Due { cache: cache.clone(), targets, only_on_ok: false }
}

/// Targets that are due if the body returns `Ok`, or what is no `Result`.
pub fn when_ok<T>(cache: &Cache, targets: T) -> Due<T> {
    Due { only_on_ok: true, ..when_ended(cache, targets) }
}

/// Runs the body of a mutation, and invalidates when that is due.
pub fn invalidating<O: Outcome, T: Targets<O::Value>>(
    due: Due<T>,
    _outcome: O,
    body: impl FnOnce() -> O::Returned,
) -> O::Returned {
    let mut invalidation = Invalidation::<O, T>::new(due);
    let result = body();
    invalidation.conclude(&result);
    result
}

/// Like [`invalidating`], with a body that is a future.
pub fn invalidating_async<O: Outcome, T: Targets<O::Value>, F: Future<Output = O::Returned>>(
    due: Due<T>,
    _outcome: O,
    body: F,
) -> Invalidating<O, T, F> {
    Invalidating { body, invalidation: Box::new(Invalidation::new(due)) }
}

pin_project! {
    /// The body of a mutation that is a future.
    #[must_use = "it does nothing until it is polled"]
    pub struct Invalidating<O: Outcome, T: Targets<O::Value>, F> {
        // The first to be dropped: what the body held may still write.
        #[pin]
        body: F,
        // Boxed: futures hold it for as long as they wait, and there may be many targets.
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

/// Invalidates when it is dropped, if not before, so that nothing that ends the body can pass it by.
struct Invalidation<O: Outcome, T: Targets<O::Value>> {
    cache: Cache,
    targets: T,
    is_due: bool,
    outcome: PhantomData<fn() -> O>,
}

impl<O: Outcome, T: Targets<O::Value>> Invalidation<O, T> {
    fn new(Due { cache, targets, only_on_ok }: Due<T>) -> Self {
        Self { cache, targets, is_due: !only_on_ok, outcome: PhantomData }
    }

    /// Invalidates according to what the body returned.
    fn conclude(&mut self, result: &O::Returned) {
        self.is_due |= O::is_ok(result);
        if let Some(value) = O::value(result) {
            self.targets.resolve(value);
        }
        self.forget();
    }

    fn forget(&mut self) {
        if std::mem::take(&mut self.is_due) {
            invalidate(&self.cache, &self.targets);
        }
    }
}

impl<O: Outcome, T: Targets<O::Value>> Drop for Invalidation<O, T> {
    fn drop(&mut self) {
        self.forget();
    }
}
