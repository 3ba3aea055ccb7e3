//! Code of the user's that now and then gives way to another thread.
//!
//! The cache calls it at points of its own choosing, also under read locks and in the middle of an invalidation.
//! So the moments in which something could go wrong last long enough to be met.

use std::cell::Cell;
use std::thread;
use std::time::Duration;

use cache_core::{Clock, ManualClock};

thread_local! {
    /// One of so many calls stumbles; with 0 none does.
    static ONE_IN: Cell<u32> = const { Cell::new(0) };
}

/// Lets this thread stumble once in so many calls.
pub(super) fn stumble_once_in(calls: u32) {
    ONE_IN.set(calls);
}

pub(super) fn stumble() {
    let one_in = ONE_IN.get();
    if one_in > 0 && fastrand::u32(..one_in) == 0 {
        thread::yield_now();
    }
}

/// A tag or a name that is slow to tell what it is, when an invalidation has begun already.
pub(super) struct Slow<T>(pub(super) T);

impl<T: AsRef<str>> AsRef<str> for Slow<T> {
    fn as_ref(&self) -> &str {
        // An invalidation takes long enough for others to begin and to end meanwhile.
        if fastrand::u8(..) < 32 {
            thread::yield_now();
        }
        self.0.as_ref()
    }
}

/// A clock that is slow to be read.
pub(super) struct SlowClock(pub(super) ManualClock);

impl Clock for SlowClock {
    fn now(&self) -> Duration {
        let now = self.0.now();
        stumble();
        now
    }
}
