//! The bodies of mutations, and what follows each of them.

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::cache::Cache;
use crate::engine::{Engine, ScopeRef, ScopedTarget, Target};
use crate::outcome::Outcome;
use crate::sync::Arc;

/// What a mutation that makes a `V` makes wrong: targets as a list, `(target, (target, ()))`.
pub trait Targets<V> {
    /// Resolves what depends on the value that the body made.
    fn resolve(&mut self, value: &V);
    /// Adds them to what is to be invalidated.
    fn collect(&self, cache: &Cache, into: &mut Pending);
}

impl<V> Targets<V> for () {
    fn resolve(&mut self, _: &V) {}
    fn collect(&self, _: &Cache, _: &mut Pending) {}
}

impl<V, T: Targets<V>, Rest: Targets<V>> Targets<V> for (T, Rest) {
    fn resolve(&mut self, value: &V) {
        self.0.resolve(value);
        self.1.resolve(value);
    }

    fn collect(&self, cache: &Cache, into: &mut Pending) {
        self.0.collect(cache, into);
        self.1.collect(cache, into);
    }
}

/// All that one write invalidates: at one version of each cache.
#[derive(Default)]
pub struct Pending(Vec<(Arc<Engine>, Vec<ScopedTarget>)>);

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending").field("caches", &self.0.len()).finish_non_exhaustive()
    }
}

impl Pending {
    pub(crate) fn add(&mut self, engine: &Arc<Engine>, target: ScopedTarget) {
        match self.0.iter_mut().find(|(of, _)| Arc::ptr_eq(of, engine)) {
            Some((_, targets)) => targets.push(target),
            None => self.0.push((engine.clone(), vec![target])),
        }
    }

    pub(crate) fn invalidate(self) {
        for (engine, targets) in self.0 {
            engine.invalidate(&targets);
        }
    }
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
            let mut pending = Pending::default();
            self.targets.collect(&self.cache, &mut pending);
            pending.invalidate();
        }
    }
}

impl<O: Outcome, T: Targets<O::Value>> Drop for Invalidation<O, T> {
    fn drop(&mut self) {
        self.forget();
    }
}

/// Runs user code that may panic, in the middle of an invalidation.
pub(crate) fn catch<R>(code: impl FnOnce() -> R) -> std::thread::Result<R> {
    catch_unwind(AssertUnwindSafe(code))
}

/// Resolves each of these names, given by user code, and invalidates what they name at one version. If that code panics,
/// the others are invalidated all the same, and the panic goes on.
pub(crate) fn invalidate_each<T: AsRef<str>>(
    engine: &Engine,
    names: impl IntoIterator<Item = T>,
    mut resolve: impl FnMut(&str, &mut Vec<ScopedTarget>),
) {
    let (mut targets, mut panicked) = (Vec::new(), None);
    let listed = catch(|| {
        for name in names {
            let resolved = catch(|| {
                let name = name;
                resolve(name.as_ref(), &mut targets);
            });
            if let Err(panic) = resolved {
                panicked.get_or_insert(panic);
            }
        }
    });
    engine.invalidate(&targets);
    if let Some(panic) = listed.err().or(panicked) {
        resume_unwind(panic);
    }
}

/// Invalidates tags.
pub(crate) fn invalidate_tags<T: AsRef<str>>(engine: &Engine, scope: ScopeRef<'_>, tags: impl IntoIterator<Item = T>) {
    invalidate_each(engine, tags, |tag, targets| {
        targets.push(ScopedTarget { scope: scope.cloned(), target: Target::Tag(tag.into()) });
    });
}
