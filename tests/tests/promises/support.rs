//! Shared by several modules: latches and threads that fail a test instead of hanging it.
//!
//! The limits only decide when a test that hangs fails. No test passes because of them.

use std::fmt;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Generous: the machine may be busy.
const LIMIT: Duration = Duration::from_secs(60);

/// A counter that threads raise and wait for. A wait that exceeds the limit panics, and so do all later ones: a test
/// with hundreds of threads reports one failure.
#[derive(Clone, Default)]
pub(crate) struct Latch(Arc<(Mutex<Count>, Condvar)>);

#[derive(Default)]
struct Count {
    reached: usize,
    given_up: bool,
}

impl Latch {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Count> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count_up(&self) -> usize {
        let mut count = self.lock();
        count.reached += 1;
        self.0.1.notify_all();
        count.reached
    }

    pub(crate) fn until(&self, number: usize) {
        let waits = |count: &mut Count| count.reached < number && !count.given_up;
        let waited = self.0.1.wait_timeout_while(self.lock(), LIMIT, waits);
        let mut count = waited.unwrap_or_else(PoisonError::into_inner).0;
        if count.reached < number {
            let (reached, first) = (count.reached, !std::mem::replace(&mut count.given_up, true));
            self.0.1.notify_all();
            drop(count);
            assert!(!first, "only {reached} of {number} arrived");
            // Reported already.
            std::panic::resume_unwind(Box::new("the latch has failed before"));
        }
    }

    /// Raises the count, and waits until it is `number`.
    pub(crate) fn meet(&self, number: usize) {
        self.count_up();
        self.until(number);
    }

    /// Opens a latch that is used as a gate.
    pub(crate) fn open(&self) {
        self.count_up();
    }

    /// Waits until the gate is open.
    pub(crate) fn pass(&self) {
        self.until(1);
    }
}

pub(crate) fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LIMIT, "timed out: {what}");
        thread::yield_now();
    }
}

/// Whether the cache has this many loads in flight, and this many callers waiting for them.
pub(crate) fn in_flight(cache: &impl fmt::Debug, loads: usize, waiting: usize) -> bool {
    format!("{cache:?}").contains(&format!("loads_in_flight: Some({loads}), callers_waiting: Some({waiting})"))
}

pub(crate) fn until_in_flight(cache: &impl fmt::Debug, loads: usize, waiting: usize) {
    until(&format!("{loads} loads and {waiting} waiters"), || in_flight(cache, loads, waiting));
}

/// Shorter than the limit of a latch: what a hanging step waits for must not proceed in the meantime.
const LIMIT_OF_STEPS: Duration = Duration::from_secs(LIMIT.as_secs() / 2);

pub(crate) type Step = (&'static str, Box<dyn FnOnce() + Send>);

pub(crate) fn step(name: &'static str, run: impl FnOnce() + Send + 'static) -> Step {
    (name, Box::new(run))
}

/// Runs each step on its own thread, and returns the names of those that hang. A step that panics has ended; its name
/// is returned with the message.
pub(crate) fn unfinished(steps: Vec<Step>) -> Vec<String> {
    let (sender, ended) = mpsc::channel();
    let mut open: Vec<_> = steps.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut panicked = Vec::new();
    for (name, run) in steps {
        let sender = sender.clone();
        thread::spawn(move || {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
            let _ = sender.send((name, result.is_err()));
        });
    }
    drop(sender);
    let deadline = Instant::now() + LIMIT_OF_STEPS;
    while !open.is_empty() {
        match ended.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok((name, panics)) => {
                open.retain(|open| open != name);
                if panics {
                    panicked.push(format!("{name} (panicked)"));
                }
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    open.extend(panicked);
    open
}

/// The result of `run`. Fails if it hangs.
pub(crate) fn finishes<R: Send + 'static>(what: &str, run: impl FnOnce() -> R + Send + 'static) -> R {
    let (sender, ended) = mpsc::channel();
    let thread = thread::spawn(move || {
        let result = run();
        let _ = sender.send(());
        result
    });
    // Its sender is dropped if it panics: the panic is propagated below.
    let hangs = ended.recv_timeout(LIMIT_OF_STEPS) == Err(RecvTimeoutError::Timeout);
    assert!(!hangs, "it hangs: {what}");
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
