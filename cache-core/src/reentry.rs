//! Knows when code of the user's that runs under a read lock calls back into a cache.
//!
//! On a hit the value is cloned under its shard's read lock, and a listing writes out keys under it. If that
//! code uses a cache again, on the same thread, it must not wait for a lock: a writer that waits for this
//! thread would never get it. So inside, read locks are taken past waiting writers, what was loaded is not
//! stored, and what would have to be removed is left or forgotten without a lock.

use std::cell::Cell;

use crate::striped::{ReadGuard, Striped};
use crate::sync::thread_local;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Whether this thread holds a read lock of a cache.
pub(crate) fn is_inside() -> bool {
    DEPTH.with(Cell::get) > 0
}

/// Takes a read lock: in its turn, or if this thread is inside past the writers that wait.
///
/// To overtake them always would let readers of one hot entry keep a writer out for ever.
#[inline]
pub(crate) fn read<T>(lock: &Striped<T>) -> ReadGuard<'_, T> {
    if is_inside() { lock.read_recursive() } else { lock.read() }
}

/// This thread is inside for as long as the value lives.
pub(crate) struct Inside(());

impl Inside {
    #[inline]
    pub(crate) fn enter() -> Self {
        DEPTH.with(|depth| depth.set(depth.get() + 1));
        Self(())
    }
}

impl Drop for Inside {
    #[inline]
    fn drop(&mut self) {
        DEPTH.with(|depth| depth.set(depth.get() - 1));
    }
}
