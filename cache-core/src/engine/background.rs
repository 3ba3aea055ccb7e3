//! Loads in the background: the runtime that they run on, and their end with the cache.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use crate::flight::promise::Listening;
use crate::runtime::{Runtime, Task};
use crate::sync::unwind::catch;
use crate::sync::{Arc, AtomicUsize, Event, Ordering};

pub(crate) struct Background {
    runtime: Option<Arc<dyn Runtime>>,
    stop: Arc<Stop>,
    /// Public handles of the cache.
    handles: AtomicUsize,
    /// Whether it was reported that there is no runtime.
    is_reported: AtomicUsize,
}

/// Told when the last handle of the cache is dropped.
struct Stop {
    is_over: AtomicUsize,
    changed: Event,
}

impl Stop {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire) > 0
    }

    fn poll(&self, listener: &mut Listening, cx: &mut Context<'_>) -> Poll<()> {
        listener.poll(&self.changed, || self.is_over(), cx)
    }
}

impl Background {
    pub(crate) fn new(runtime: Option<Arc<dyn Runtime>>) -> Self {
        let stop = Arc::new(Stop { is_over: AtomicUsize::new(0), changed: Event::new() });
        Self { runtime, stop, handles: AtomicUsize::new(0), is_reported: AtomicUsize::new(0) }
    }

    pub(crate) fn has_runtime(&self) -> bool {
        self.runtime.is_some()
    }

    /// A query is to be loaded in the background, and is not.
    pub(crate) fn report_no_runtime(&self, query: &str) {
        if self.is_reported.swap(1, Ordering::Relaxed) == 0 {
            eprintln!(
                "note: `{query}` is `background`, but its cache has no runtime: a caller waits for each refresh. Give it one, as in `Cache::builder().runtime(TokioRuntime::current())`"
            );
        }
    }

    /// Runs a future until the cache is dropped. There must be a runtime.
    pub(crate) fn spawn(&self, load: impl Future<Output = ()> + Send + 'static) {
        let (load, stop, listener) = (Some(load), self.stop.clone(), Listening::default());
        self.runtime().spawn(Box::pin(UntilStop { load, stop, listener }));
    }

    /// Runs work, if the cache was not dropped before it begins.
    pub(crate) fn spawn_blocking(&self, load: impl FnOnce() + Send + 'static) {
        let stop = self.stop.clone();
        self.runtime().spawn_blocking(Box::new(move || {
            if !stop.is_over() {
                load();
            }
        }));
    }

    pub(crate) fn sleep(&self, duration: Duration) -> Option<Task> {
        Some(self.runtime.as_ref()?.sleep(duration))
    }

    fn runtime(&self) -> &Arc<dyn Runtime> {
        self.runtime.as_ref().expect("only a cache with a runtime loads in the background")
    }

    pub(crate) fn add_handle(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn remove_handle(&self) {
        if self.handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.stop.is_over.store(1, Ordering::Release);
            // A waker that panics concerns its own task only.
            let _ = catch(|| self.stop.changed.notify(usize::MAX));
        }
    }
}

pin_project! {
    /// A load that is dropped when its cache is.
    struct UntilStop<F> {
        #[pin]
        load: Option<F>,
        stop: Arc<Stop>,
        listener: Listening,
    }
}

impl<F: Future<Output = ()>> Future for UntilStop<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        if this.stop.poll(this.listener, cx).is_ready() {
            this.load.set(None);
            return Poll::Ready(());
        }
        match this.load.as_mut().as_pin_mut() {
            Some(load) => load.poll(cx),
            None => Poll::Ready(()),
        }
    }
}
