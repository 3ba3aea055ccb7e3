//! The result of a load in the background, for the caller that has begun it.

use std::future::poll_fn;

use crate::entry::discard_value;
use crate::flight::promise::Listening;
use crate::query::state::QueryState;
use crate::sync::unwind::catch;
use crate::sync::{Arc, AtomicUsize, Event, Mutex, Ordering};

/// One side of a hand-over of one result.
pub(crate) struct Sender<R>(Arc<Shared<R>>);

pub(crate) struct Receiver<R>(Arc<Shared<R>>);

struct Shared<R> {
    result: Mutex<Option<R>>,
    is_over: AtomicUsize,
    changed: Event,
    /// Counts a panic in the `Drop` of a result that nobody takes.
    query: Arc<QueryState>,
}

impl<R> Drop for Shared<R> {
    fn drop(&mut self) {
        let unused = self.result.lock().take();
        discard_value(&self.query.counters, unused);
    }
}

pub(crate) fn handoff<R>(query: Arc<QueryState>) -> (Sender<R>, Receiver<R>) {
    let shared = Shared { result: Mutex::new(None), is_over: AtomicUsize::new(0), changed: Event::new(), query };
    let shared = Arc::new(shared);
    (Sender(shared.clone()), Receiver(shared))
}

impl<R> Sender<R> {
    pub(crate) fn send(self, result: R) {
        *self.0.result.lock() = Some(result);
    }
}

impl<R> Drop for Sender<R> {
    fn drop(&mut self) {
        self.0.is_over.store(1, Ordering::Release);
        // A waker that panics concerns its own task only.
        let _ = catch(|| self.0.changed.notify(usize::MAX));
    }
}

impl<R> Receiver<R> {
    /// `None` if the sender was dropped without a result.
    pub(crate) async fn receive(&mut self) -> Option<R> {
        let mut listener = Listening::default();
        let shared = &self.0;
        poll_fn(|cx| listener.poll(&shared.changed, || shared.is_over.load(Ordering::Acquire) > 0, cx)).await;
        shared.result.lock().take()
    }
}
