//! Fault injection: user code that yields, panics, or uses a cache.
//!
//! The cache calls user code under read locks and in the middle of an invalidation. A yield there keeps race windows
//! open long enough to be hit.

use std::cell::{Cell, RefCell};
use std::panic::resume_unwind;
use std::sync::Weak;
use std::thread;
use std::time::Duration;

use cache_core::{Clock, ManualClock};

use super::harness::Harness;
use super::scenario::Scenario;

thread_local! {
    /// One of this many calls yields; 0: none.
    static YIELDS: Cell<u32> = const { Cell::new(0) };
    /// One of this many drops in a cache panics; 0: none.
    static DROP_PANICS: Cell<u32> = const { Cell::new(0) };
    /// The caches that a `Clone` uses.
    static HARNESS: RefCell<Weak<Harness>> = const { RefCell::new(Weak::new()) };
    /// Whether a `Clone` is using a cache on this thread.
    static IS_IN_CLONE: Cell<bool> = const { Cell::new(false) };
}

/// The payload of a panic in a drop. It must reach no caller.
pub(super) struct DropPanic;

/// Sets the rates of the scenario on this thread.
pub(super) fn inject_faults_on_this_thread(scenario: &Scenario, harness: &Weak<Harness>) {
    YIELDS.set(scenario.yields);
    DROP_PANICS.set(scenario.drop_panics);
    HARNESS.replace(harness.clone());
}

/// Called in the drop of a value or key in a cache.
pub(super) fn maybe_panic_in_drop() {
    let rate = DROP_PANICS.get();
    if rate > 0 && !thread::panicking() && fastrand::u32(..rate) == 0 {
        // Not `panic!`, which prints a message.
        resume_unwind(Box::new(DropPanic));
    }
}

/// Called in the `Clone` of a value: like any other code, it may use a cache.
pub(super) fn maybe_use_cache_in_clone() {
    let rate = YIELDS.get();
    if rate == 0 || IS_IN_CLONE.get() || fastrand::u32(..rate * 4) != 0 {
        return;
    }
    if let Some(harness) = HARNESS.with_borrow(Weak::upgrade) {
        IS_IN_CLONE.set(true);
        let _in_clone = InClone;
        harness.use_in_clone();
    }
}

/// Resets [`IS_IN_CLONE`], also after a panic.
struct InClone;

impl Drop for InClone {
    fn drop(&mut self) {
        IS_IN_CLONE.set(false);
    }
}

pub(super) fn maybe_yield() {
    let rate = YIELDS.get();
    if rate > 0 && fastrand::u32(..rate) == 0 {
        thread::yield_now();
    }
}

/// A tag or a name whose `as_ref` is slow, in the middle of an invalidation.
pub(super) struct Slow<T>(pub(super) T);

impl<T: AsRef<str>> AsRef<str> for Slow<T> {
    fn as_ref(&self) -> &str {
        // Long enough for other operations to begin and end meanwhile.
        if fastrand::u8(..) < 32 {
            thread::yield_now();
        }
        self.0.as_ref()
    }
}

/// A clock that is slow to read.
pub(super) struct SlowClock(pub(super) ManualClock);

impl Clock for SlowClock {
    fn now(&self) -> Duration {
        let now = self.0.now();
        maybe_yield();
        now
    }
}
