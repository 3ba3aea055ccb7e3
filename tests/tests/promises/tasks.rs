//! What only tasks have: they are suspended, cancelled, moved, and woken.
//!
//! Most tests poll directly, to control each step. No test sleeps.

mod aged;
mod cancellation;
mod chains;
mod composition;
mod cycles;
mod drops;
mod mutations;
mod outages;
mod runtimes;
mod sharing;
mod suspended;
mod told;

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use cache_core::TaggedCache;
use cache_tests::watchdog::{self, Guard};
use futures_lite::future::yield_now;

use crate::support::{in_flight, until_in_flight};

type Numbers = TaggedCache<u32, u32>;

/// A future that the test polls.
struct Task<'a, T> {
    future: Pin<Box<dyn Future<Output = T> + Send + 'a>>,
    wakes: Arc<Wakes>,
}

/// Counts the wakes since the last poll.
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl<'a, T> Task<'a, T> {
    fn new(future: impl Future<Output = T> + Send + 'a) -> Self {
        // The first poll needs no wake.
        Self { future: Box::pin(future), wakes: Arc::new(Wakes(AtomicUsize::new(1))) }
    }

    /// One that has been polled once, and is pending.
    fn begun(future: impl Future<Output = T> + Send + 'a) -> Self {
        let mut task = Self::new(future);
        assert!(task.poll().is_pending(), "it should be pending");
        task
    }

    fn poll(&mut self) -> Poll<T> {
        self.wakes.0.store(0, Ordering::SeqCst);
        let waker = Waker::from(self.wakes.clone());
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    /// Its output. It must be ready.
    fn ready(mut self) -> T {
        match self.poll() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("it is pending"),
        }
    }

    /// Its output. It must have been woken, and be ready.
    fn woken(self) -> T {
        assert!(self.is_woken(), "it was not woken");
        self.ready()
    }

    fn is_woken(&self) -> bool {
        self.wakes.0.load(Ordering::SeqCst) > 0
    }
}

fn drive<T>(tasks: Vec<Task<'_, T>>) -> Vec<T> {
    let _watch = watch("the remaining tasks are never woken");
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
        // They may wait for a thread.
        thread::yield_now();
    }
    outputs
}

async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await
}

async fn pause(times: u32) {
    for _ in 0..times {
        yield_now().await;
    }
}

/// Waits for the flag without a wake.
async fn until_set(flag: &AtomicBool) {
    poll_fn(|_| if flag.load(Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending }).await;
}

/// Ends the process if the test hangs, and prints the state.
fn watch(state: impl fmt::Debug + Send + 'static) -> Guard {
    watchdog::guard(Duration::from_secs(60), move || format!("{state:?}"))
}

fn assert_in_flight(cache: &impl fmt::Debug, loads: usize, waiting: usize) {
    assert!(in_flight(cache, loads, waiting), "not {loads} loads and {waiting} waiters: {cache:?}");
}

fn assert_idle(cache: &Numbers) {
    assert_in_flight(cache, 0, 0);
    cache.check_invariants();
}
