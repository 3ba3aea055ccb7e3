//! What only tasks have: they are suspended, dropped half-done, moved, and woken.
//!
//! Most tests poll by hand, so that each step is where they want it. No test sleeps.

mod cancellation;
mod chains;
mod circles;
mod composition;
mod half_done;
mod mutations;
mod outages;
mod runtimes;
mod sharing;
mod suspended;

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use cache_core::TaggedCache;
use cache_tests::watchdog::{self, Guard};
use futures_lite::future::yield_now;

type Numbers = TaggedCache<u32, u32>;

/// A future that is polled by hand.
struct Task<'a, T> {
    future: Pin<Box<dyn Future<Output = T> + Send + 'a>>,
    wakes: Arc<Wakes>,
}

/// Counts how often a task was woken since it was last polled.
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl<'a, T> Task<'a, T> {
    fn new(future: impl Future<Output = T> + Send + 'a) -> Self {
        // The first poll needs no waking.
        Self { future: Box::pin(future), wakes: Arc::new(Wakes(AtomicUsize::new(1))) }
    }

    /// One that has been polled once, and waits for something.
    fn begun(future: impl Future<Output = T> + Send + 'a) -> Self {
        let mut task = Self::new(future);
        assert!(task.poll().is_pending(), "it was to wait");
        task
    }

    fn poll(&mut self) -> Poll<T> {
        self.wakes.0.store(0, Ordering::SeqCst);
        let waker = Waker::from(self.wakes.clone());
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    /// The output of one that has no more to wait for.
    fn ready(mut self) -> T {
        match self.poll() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("it waits"),
        }
    }

    /// The output of one that was told that it has no more to wait for.
    fn woken(self) -> T {
        assert!(self.is_woken(), "nobody told it to go on");
        self.ready()
    }

    fn is_woken(&self) -> bool {
        self.wakes.0.load(Ordering::SeqCst) > 0
    }
}

/// Polls those that have been woken, or never polled, until all are over.
fn drive<T>(tasks: Vec<Task<'_, T>>) -> Vec<T> {
    let _watch = watch("nobody wakes those who are left");
    let mut tasks: Vec<_> = tasks.into_iter().map(Some).collect();
    let mut outputs = Vec::new();
    while tasks.iter().any(Option::is_some) {
        for slot in &mut tasks {
            let Some(task) = slot.as_mut().filter(|task| task.is_woken()) else { continue };
            if let Poll::Ready(output) = task.poll() {
                outputs.push(output);
                *slot = None;
            }
        }
        // It may be a thread that they wait for.
        thread::yield_now();
    }
    outputs
}

/// Polls a future once, from within another.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await
}

/// Waits so often, each time until the next poll.
async fn pause(times: u32) {
    for _ in 0..times {
        yield_now().await;
    }
}

/// Ends the test with what there is to see of the caches, if it hangs.
fn watch(state: impl fmt::Debug + Send + 'static) -> Guard {
    watchdog::guard(Duration::from_secs(60), move || format!("{state:?}"))
}

fn shows(cache: &impl fmt::Debug, loads: usize, waiting: usize) -> bool {
    format!("{cache:?}").contains(&format!("loads_under_way: Some({loads}), callers_waiting: Some({waiting})"))
}

/// Looks at loads that are under way, and at who waits for them.
fn assert_shows(cache: &impl fmt::Debug, loads: usize, waiting: usize) {
    assert!(shows(cache, loads, waiting), "not {loads} and {waiting}: {cache:?}");
}

/// The same, once threads or other runtimes have got so far.
fn until_shown(cache: &impl fmt::Debug, loads: usize, waiting: usize) {
    while !shows(cache, loads, waiting) {
        thread::yield_now();
    }
}

fn assert_nothing_is_left(cache: &Numbers) {
    assert_shows(cache, 0, 0);
    cache.check_invariants();
}
