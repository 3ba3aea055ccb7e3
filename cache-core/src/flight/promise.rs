//! Where the followers of a load wait, as blocked threads or as tasks.

use std::any::Any;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::entry::{AnyEntry, discard_value};
use crate::flight::context::Dependencies;
use crate::flight::id::LoadId;
use crate::stats::counters::Counters;
use crate::sync::unwind::catch;
use crate::sync::{Arc, AtomicUsize, Event, EventListener, Listener, OnceLock, Ordering};
use crate::version::Version;

/// An error that a failed load shares with its followers.
pub type SharedError = Arc<dyn Any + Send + Sync>;

pub(crate) enum End {
    Loaded {
        entry: Arc<dyn AnyEntry>,
        /// A version as of which the value was valid; `None` if it was refused.
        valid_as_of: Option<Version>,
        /// See [`crate::flight::context::Dependencies`].
        shareable_before: Version,
        /// See [`crate::flight::Flight`].
        order: LoadId,
    },
    /// `error` is `None` if it cannot be shared.
    Failed { error: Option<SharedError>, dependencies: Dependencies, is_fenced: bool, order: LoadId },
    /// It read what is not to be shared: each follower loads.
    Private,
    /// User code panicked while the load ended.
    Abandoned,
}

/// The end of a load, once known. Not generic: compiled once, for all queries.
pub(crate) struct Promise {
    end: OnceLock<End>,
    /// Whether a follower must take over: the leader has gone without an end. Written under the lock of the flight's
    /// shard.
    leaderless: AtomicUsize,
    changed: Event,
}

/// A task's registration for wake-ups. `ManuallyDrop`: its drop is compiled in this crate.
#[derive(Default)]
pub(crate) struct Listening(ManuallyDrop<Option<EventListener>>);

impl Listening {
    #[inline(never)]
    pub(crate) fn clear(&mut self) {
        *self.0 = None;
    }

    /// Ready when the condition is true. It becomes true before `changed` is notified.
    pub(crate) fn poll(
        &mut self,
        changed: &Event,
        mut is_true: impl FnMut() -> bool,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        while !is_true() {
            // The loop checks again after it has registered: it may have become true before that.
            let Some(waiting) = &mut *self.0 else {
                *self.0 = Some(changed.listen());
                continue;
            };
            let told = Pin::new(waiting).poll(cx);
            if told.is_pending() {
                return Poll::Pending;
            }
            self.clear();
        }
        Poll::Ready(())
    }
}

impl Drop for Listening {
    #[inline(never)]
    fn drop(&mut self) {
        self.clear();
    }
}

impl Promise {
    #[inline(never)]
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { end: OnceLock::new(), leaderless: AtomicUsize::new(0), changed: Event::new() })
    }

    #[inline(never)]
    pub(crate) fn end(&self) -> Option<&End> {
        self.end.get()
    }

    /// The last reference drops the shared value or error.
    pub(crate) fn discard(this: Arc<Self>, counters: &Counters) {
        match Arc::into_inner(this).and_then(|promise| promise.end.into_inner()) {
            Some(End::Loaded { entry, .. }) => entry.discard(counters),
            Some(End::Failed { error, .. }) => discard_value(counters, error),
            Some(End::Private | End::Abandoned) | None => {}
        }
    }

    pub(crate) fn is_leaderless(&self) -> bool {
        self.leaderless.load(Ordering::Acquire) > 0
    }

    /// Whether the load has ended or lost its leader.
    pub(crate) fn is_settled(&self) -> bool {
        self.end().is_some() || self.is_leaderless()
    }

    /// Until the load has ended or lost its leader.
    pub(crate) fn wait(&self) {
        while !self.is_settled() {
            let listener = self.changed.listen();
            // It may have ended before the listener was registered.
            if !self.is_settled() {
                listener.wait();
            }
        }
    }

    /// Like [`wait`](Self::wait), for a task.
    pub(crate) fn poll(&self, listener: &mut Listening, cx: &mut Context<'_>) -> Poll<()> {
        listener.poll(&self.changed, || self.is_settled(), cx)
    }

    /// If the leader has gone, the caller then [wakes a follower](Self::wake_one).
    pub(crate) fn set_leaderless(&self, leaderless: bool) {
        self.leaderless.store(leaderless.into(), Ordering::Release);
    }

    pub(crate) fn wake_one(&self) {
        self.changed.notify(1);
    }

    /// Only the first completion counts.
    fn complete(&self, end: End) {
        if self.end.set(end).is_ok() {
            self.changed.notify(usize::MAX);
        }
    }
}

/// At the latest on drop: nobody waits for ever.
pub(crate) struct Completer<'a> {
    /// Taken on completion.
    promise: Option<Arc<Promise>>,
    counters: &'a Counters,
}

impl<'a> Completer<'a> {
    pub(crate) fn new(promise: Arc<Promise>, counters: &'a Counters) -> Self {
        Self { promise: Some(promise), counters }
    }

    pub(crate) fn complete(mut self, end: End) {
        self.end(end);
    }

    fn end(&mut self, end: End) {
        if let Some(promise) = self.promise.take() {
            // A waker that panics concerns its own task only.
            let _ = catch(|| promise.complete(end));
            Promise::discard(promise, self.counters);
        }
    }
}

impl Drop for Completer<'_> {
    fn drop(&mut self) {
        self.end(End::Abandoned);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn p5_a_thread_is_told_of_the_end_however_that_comes() {
        let promise = Promise::new();
        std::thread::scope(|scope| {
            let follower = scope.spawn(|| promise.wait());
            drop(Completer::new(promise.clone(), &Counters::new()));
            follower.join().unwrap();
        });
        assert!(matches!(promise.end(), Some(End::Abandoned)));
    }

    #[test]
    fn p5_every_task_is_told_of_the_end_and_one_of_a_leader_that_has_gone() {
        let (promise, count) = (Promise::new(), Arc::new(Wakes::default()));
        let waker = Waker::from(count.clone());
        let mut cx = Context::from_waker(&waker);
        let mut listeners = <[Listening; 3]>::default();
        let mut poll_all = |promise: &Promise| {
            listeners.iter_mut().map(|listener| promise.poll(listener, &mut cx)).filter(Poll::is_pending).count()
        };
        assert_eq!(poll_all(&promise), 3);
        promise.set_leaderless(true);
        promise.wake_one();
        assert_eq!(count.0.load(Ordering::Relaxed), 1, "one takes over");
        promise.set_leaderless(false);
        assert_eq!(poll_all(&promise), 3, "the others wait for the new leader");
        promise.complete(End::Abandoned);
        assert_eq!(count.0.load(Ordering::Relaxed), 1 + 3);
        assert_eq!(poll_all(&promise), 0);
    }
}
