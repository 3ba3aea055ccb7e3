//! Code of the user's that now and then gives way to another thread.
//!
//! The cache calls it at points of its own choosing, also under read locks and in the middle of an invalidation.
//! So the moments in which something could go wrong last long enough to be met.

use std::cell::{Cell, RefCell};
use std::panic::resume_unwind;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use cache_core::{Clock, ManualClock};

use super::world::World;

thread_local! {
    /// One of so many calls stumbles; with 0 none does.
    static ONE_IN: Cell<u32> = const { Cell::new(0) };
    /// One of so many drops of what a cache has panics; with 0 none does.
    static TRAPS: Cell<u32> = const { Cell::new(0) };
    /// Whose caches a `Clone` uses now and then.
    static WORLD: RefCell<Weak<World>> = const { RefCell::new(Weak::new()) };
    /// Whether code of the user's that a cache called is using one.
    static IS_USING: Cell<bool> = const { Cell::new(false) };
}

/// What a drop in a cache panics with. Nobody may hear of it.
pub(super) struct DropPanic;

/// Lets this thread stumble as often as the room says.
pub(super) fn stumble_in(world: &Weak<World>) {
    if let Some(world) = world.upgrade() {
        ONE_IN.set(world.room.stumble);
        TRAPS.set(world.room.traps);
        WORLD.replace(Arc::downgrade(&world));
    }
}

/// The drop of a value or of a key that a cache has.
pub(super) fn spring() {
    let one_in = TRAPS.get();
    if one_in > 0 && !thread::panicking() && fastrand::u32(..one_in) == 0 {
        // Not `panic!`: nobody wants to read of it.
        resume_unwind(Box::new(DropPanic));
    }
}

/// The `Clone` of a value uses a cache now and then, like any other code.
pub(super) fn in_clone() {
    let one_in = ONE_IN.get();
    if one_in == 0 || IS_USING.get() || fastrand::u32(..one_in * 4) != 0 {
        return;
    }
    if let Some(world) = WORLD.with_borrow(Weak::upgrade) {
        IS_USING.set(true);
        let _using = Using;
        world.use_in_clone();
    }
}

/// This thread uses a cache in a `Clone` for as long as the value lives.
struct Using;

impl Drop for Using {
    fn drop(&mut self) {
        IS_USING.set(false);
    }
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
