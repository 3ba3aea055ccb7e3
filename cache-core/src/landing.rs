//! Where callers wait for a load that another has begun, by blocking or as tasks. Nothing here knows why they wait.

use std::pin::Pin;
use std::task::{Context, Poll};

use crate::clock::Nanos;
use crate::sync::{Arc, Event, EventListener, Listener, OnceLock};

/// How a load ended, for those who waited.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End<V> {
    /// With a value, which they may have until it expires.
    Shared { value: V, expires_at: Nanos },
    /// With a value that is not for them: they have to ask again, and not wait for ever.
    Refused,
    /// Without a value: they have to ask again.
    Failed,
}

pub(crate) struct Landing<V> {
    /// Whoever waited clones the value in it without a lock.
    end: OnceLock<End<V>>,
    changed: Event,
}

impl<V> Landing<V> {
    /// How the load ended, if it has.
    pub(crate) fn end(&self) -> Option<&End<V>> {
        self.end.get()
    }

    /// Blocks this thread until the load has ended.
    pub(crate) fn wait(&self) {
        while self.end().is_none() {
            let listener = self.changed.listen();
            // It may have ended before there was anybody to be told.
            if self.end().is_none() {
                listener.wait();
            }
        }
    }

    /// Has a task woken when the load has ended. The listener is the task's own, and has a place among those who
    /// are told until it is dropped.
    pub(crate) fn poll(&self, listener: &mut Option<EventListener>, cx: &mut Context<'_>) -> Poll<()> {
        while self.end().is_none() {
            match listener {
                // Looks at the end once more before it waits, like the above.
                None => *listener = Some(self.changed.listen()),
                Some(waiting) => {
                    let told = Pin::new(waiting).poll(cx);
                    if told.is_pending() {
                        return Poll::Pending;
                    }
                    *listener = None;
                }
            }
        }
        Poll::Ready(())
    }

    /// The first end is the end.
    fn land(&self, end: End<V>) {
        if self.end.set(end).is_ok() {
            self.changed.notify(usize::MAX);
        }
    }
}

/// The duty to tell those who wait how a load ended. Whatever becomes of the load, nobody waits for ever:
/// dropped, this ends it without a value.
pub(crate) struct Duty<V>(Arc<Landing<V>>);

impl<V> Duty<V> {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Landing { end: OnceLock::new(), changed: Event::new() }))
    }

    /// Where to wait.
    pub(crate) fn landing(&self) -> Arc<Landing<V>> {
        self.0.clone()
    }

    /// How many wait, or are about to.
    pub(crate) fn waiting(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }

    /// Ends the load with a value for all.
    pub(crate) fn share(self, value: V, expires_at: Nanos) {
        self.0.land(End::Shared { value, expires_at });
    }

    pub(crate) fn refuse(self) {
        self.0.land(End::Refused);
    }
}

impl<V> Drop for Duty<V> {
    fn drop(&mut self) {
        self.0.land(End::Failed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    use super::*;

    type Way = fn(Duty<u32>);

    const ENDS: [(Way, End<u32>); 3] = [
        (|duty| duty.share(1, 7), End::Shared { value: 1, expires_at: 7 }),
        (Duty::refuse, End::Refused),
        (drop, End::Failed),
    ];

    #[test]
    fn p5_however_a_load_ends_the_threads_that_wait_are_told() {
        for (end, expected) in ENDS {
            let duty = Duty::new();
            let landing = duty.landing();
            std::thread::scope(|scope| {
                let waiter = scope.spawn(|| landing.wait());
                end(duty);
                waiter.join().unwrap();
            });
            assert_eq!(landing.end(), Some(&expected));
        }
    }

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn p5_however_a_load_ends_the_tasks_that_wait_are_woken() {
        for (end, expected) in ENDS {
            let (duty, count) = (Duty::new(), Arc::new(Wakes::default()));
            let waker = Waker::from(count.clone());
            let (landing, mut listener, mut gone) = (duty.landing(), None, None);
            let mut cx = Context::from_waker(&waker);
            for listener in [&mut listener, &mut gone] {
                assert!(landing.poll(listener, &mut cx).is_pending());
                assert!(landing.poll(listener, &mut cx).is_pending());
            }
            drop(gone);
            end(duty);
            assert_eq!(count.0.load(Ordering::Relaxed), 1, "a task that has gone is not woken, and the other is");
            assert!(landing.poll(&mut listener, &mut cx).is_ready());
            assert!(landing.poll(&mut None, &mut cx).is_ready(), "who comes late does not wait");
            assert_eq!(landing.end(), Some(&expected));
        }
    }
}
