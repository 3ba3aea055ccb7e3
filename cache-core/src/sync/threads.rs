//! Numbers for threads: living threads have different ones, the lowest that are free.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Mutex;
use std::sync::PoisonError;

/// The thread has not asked for a number yet, or is ending.
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

/// Returns the number when the thread ends. The lock orders what this thread counted before what the next thread with
/// the number counts.
struct Lease(usize);

impl Drop for Lease {
    fn drop(&mut self) {
        NUMBER.set(UNKNOWN);
        numbers(|numbers| numbers.returned.push(Reverse(self.0)));
    }
}

thread_local! {
    // Apart from the lease: reading a thread-local with a destructor checks whether that has run.
    static NUMBER: Cell<usize> = const { Cell::new(UNKNOWN) };
    static LEASE: Lease = Lease(numbers(Numbers::take));
}

#[inline]
pub(crate) fn number() -> usize {
    NUMBER.get()
}

/// [`UNKNOWN`] only if the thread is ending.
#[cfg(not(shuttle))]
#[inline]
pub(crate) fn own_number() -> usize {
    if number() == UNKNOWN {
        lease();
    }
    number()
}

/// Returns false if this thread is ending.
#[cold]
pub(crate) fn lease() -> bool {
    LEASE.try_with(|lease| NUMBER.set(lease.0)).is_ok()
}
