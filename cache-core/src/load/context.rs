//! The public handle of a running load.

use std::fmt;
use std::pin::Pin;
use std::task::{Context as Polling, Poll};

use pin_project_lite::pin_project;

use crate::flight::context::{Context, Running, with_current};
use crate::sync::Arc;

/// The load that the running code belongs to, for bodies that use other threads or tasks.
///
/// A load's entry is invalidated with what its body read from other cached queries. The cache cannot see that a spawned
/// thread or task belongs to the body. So take the context in the body, and run the spawned part within it:
///
/// ```
/// use std::thread;
/// use cache_core::{LoadContext, TaggedCache};
///
/// let prices: TaggedCache<u32, u32> = TaggedCache::new();
/// let totals: TaggedCache<&str, u32> = TaggedCache::new();
/// let total = || {
///     totals.get_or_load(&"basket", || {
///         let context = LoadContext::current();
///         thread::scope(|scope| {
///             let part = scope.spawn(|| context.within(|| prices.get_or_load(&7, || 100)));
///             part.join().unwrap()
///         })
///     })
/// };
/// total();
/// prices.invalidate_key(&7);
/// assert_eq!(totals.get(&"basket"), None);
/// ```
///
/// Reads after the end of the load have no effect on it. Within the context, a call that would wait for the load itself
/// loads instead.
#[derive(Clone, Default)]
pub struct LoadContext(Vec<Arc<Context>>);

impl LoadContext {
    /// The context of the innermost load that the calling code belongs to, with its enclosing loads. Outside of loads,
    /// it has no effect.
    #[must_use]
    pub fn current() -> Self {
        Self(with_current(<[_]>::to_vec).unwrap_or_default())
    }

    pub(crate) fn of(contexts: Vec<Arc<Context>>) -> Self {
        Self(contexts)
    }

    /// Runs a part of the load's work, on any thread.
    pub fn within<R>(&self, part: impl FnOnce() -> R) -> R {
        // The enclosing loads, too: a wait for one of them would never end.
        let _running: Vec<_> = self.0.iter().map(Running::enter).collect();
        part()
    }

    /// A future that belongs to the load whenever it is polled, and while it is dropped.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use cache_core::{LoadContext, TaggedCache};
    ///
    /// let (prices, totals) = (TaggedCache::<u32, u32>::new(), TaggedCache::<&str, u32>::new());
    /// let total = async || {
    ///     let part = async { prices.get_or_load_async(&7, async || 100).await };
    ///     LoadContext::current().instrument(part).await // or spawned, on any runtime
    /// };
    /// totals.get_or_load_async(&"basket", total).await;
    /// prices.invalidate_key(&7);
    /// assert_eq!(totals.get(&"basket"), None);
    /// # });
    /// ```
    pub fn instrument<F: Future>(self, future: F) -> Instrumented<F> {
        Instrumented { context: self, future: Some(future) }
    }
}

impl fmt::Debug for LoadContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|context| context.id)).finish()
    }
}

// Like the cache itself: a panic in user code breaks nothing.
impl std::panic::UnwindSafe for LoadContext {}
impl std::panic::RefUnwindSafe for LoadContext {}

pin_project! {
    /// A future that belongs to a load: see [`LoadContext::instrument`].
    #[derive(Debug)]
    #[must_use = "it does nothing until it is polled"]
    pub struct Instrumented<F> {
        context: LoadContext,
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for Instrumented<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            this.context.within(|| this.future.set(None));
        }
    }
}

impl<F: Future> Future for Instrumented<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Polling<'_>) -> Poll<F::Output> {
        let this = self.project();
        let future = this.future.as_pin_mut().expect("it is there until it is dropped");
        this.context.within(|| future.poll(cx))
    }
}
