//! Numbers for threads, the lowest that are free: those that live at the same time have different ones.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Mutex;
use std::sync::PoisonError;

/// What a thread has as a number that has none: it has not asked for one, or it is ending.
pub(crate) const UNKNOWN: usize = usize::MAX;

struct Numbers {
    taken: usize,
    returned: BinaryHeap<Reverse<usize>>,
}

static NUMBERS: Mutex<Numbers> = Mutex::new(Numbers { taken: 0, returned: BinaryHeap::new() });

impl Numbers {
    fn take(&mut self) -> usize {
        self.returned.pop().map_or_else(
            || {
                self.taken += 1;
                self.taken - 1
            },
            |Reverse(number)| number,
        )
    }
}

fn numbers<R>(with: impl FnOnce(&mut Numbers) -> R) -> R {
    with(&mut NUMBERS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Returns this thread's number when the thread ends. The lock orders what it counted before what the next
/// one with the number counts.
struct Lease(usize);

impl Drop for Lease {
    fn drop(&mut self) {
        NUMBER.set(UNKNOWN);
        numbers(|numbers| numbers.returned.push(Reverse(self.0)));
    }
}

thread_local! {
    // Apart from the lease: what has no destructor is read without a check whether it has run.
    static NUMBER: Cell<usize> = const { Cell::new(UNKNOWN) };
    static LEASE: Lease = Lease(numbers(Numbers::take));
}

#[inline]
pub(crate) fn number() -> usize {
    NUMBER.get()
}

/// A number that a thread keeps for as long as it may hold a lock: it is taken here, if it has none.
#[cfg(not(shuttle))]
#[inline]
pub(crate) fn own_number() -> usize {
    if number() == UNKNOWN {
        lease();
    }
    number()
}

/// Gives this thread a number. Not if it is ending, and has returned its number.
#[cold]
pub(crate) fn lease() -> bool {
    LEASE.try_with(|lease| NUMBER.set(lease.0)).is_ok()
}
