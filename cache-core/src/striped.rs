//! A lock whose readers do not meet.
//!
//! Readers of an ordinary lock all write to it: that is most of what a hit costs when two threads have the same
//! favourites. Here there are a few locks, the *stripes*, each with a pointer to what they guard. A reader takes the
//! one of its thread; a writer takes all of them, and for as long as it writes has the only pointer. What readers write
//! to is their own, and a write costs as many locks as there are stripes.
//!
//! The idea is that of Linux's "big-reader locks" and of `ShardedLock` in crossbeam, here without `unsafe`: that
//! nobody else has the data is known to the compiler by [`Arc::get_mut`].

use std::ops::{Deref, DerefMut};

use crossbeam_utils::CachePadded;

use crate::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard, thread_number};

/// More would cost writers more than readers gain.
const MOST: usize = 4;

/// A read-write lock for what is read by many threads, and written seldom.
pub(crate) struct Striped<T> {
    /// A power of two of them.
    stripes: Box<[CachePadded<RwLock<Stripe<T>>>]>,
}

/// Empty only while somebody writes.
type Stripe<T> = Option<Arc<T>>;

impl<T> Striped<T> {
    /// With stripes for so many threads that run at once.
    pub(crate) fn new(value: T, threads: usize) -> Self {
        let (value, stripes) = (Arc::new(value), threads.next_power_of_two().min(MOST));
        let stripe = |_| CachePadded::new(RwLock::new(Some(value.clone())));
        Self { stripes: (0..stripes).map(stripe).collect() }
    }

    #[inline]
    pub(crate) fn read(&self) -> ReadGuard<'_, T> {
        ReadGuard(self.own().read())
    }

    /// `None` if somebody writes, or waits to.
    pub(crate) fn try_read(&self) -> Option<ReadGuard<'_, T>> {
        self.own().try_read().map(ReadGuard)
    }

    pub(crate) fn write(&self) -> WriteGuard<'_, T> {
        let mut stripes = [const { None }; MOST];
        let mut value = None;
        // All writers in the same order. Of the pointers, the last is kept.
        for (guard, stripe) in stripes.iter_mut().zip(&self.stripes) {
            value = guard.insert(stripe.write()).take();
        }
        WriteGuard { value, stripes }
    }

    /// The stripe of this thread: always the same, for who reads twice must not meet a writer that has one stripe and
    /// waits for the other.
    #[inline]
    fn own(&self) -> &RwLock<Stripe<T>> {
        &self.stripes[thread_number() & (self.stripes.len() - 1)]
    }
}

/// What is read.
pub(crate) struct ReadGuard<'a, T>(RwLockReadGuard<'a, Stripe<T>>);

impl<T> Deref for ReadGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.0.as_ref().expect("who writes gives it back")
    }
}

/// What is written, and read by nobody else meanwhile.
pub(crate) struct WriteGuard<'a, T> {
    value: Stripe<T>,
    stripes: [Option<RwLockWriteGuard<'a, Stripe<T>>>; MOST],
}

impl<T> Deref for WriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("it is given back when this is dropped")
    }
}

impl<T> DerefMut for WriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().and_then(Arc::get_mut).expect("all other pointers were taken, and nobody makes new ones")
    }
}

impl<T> Drop for WriteGuard<'_, T> {
    fn drop(&mut self) {
        for stripe in self.stripes.iter_mut().flatten() {
            (**stripe).clone_from(&self.value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;
    use crate::stats::{Counters, Event};

    #[test]
    fn what_is_written_is_read_by_all_and_nothing_in_between() {
        const ROUNDS: u64 = 20_000;
        for threads in [1, 2, 3, 64] {
            let (pair, is_over) = (Striped::new((0_u64, 0_u64), threads), AtomicBool::new(false));
            thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| {
                        while !is_over.load(Ordering::Relaxed) {
                            let (one, other) = *pair.read();
                            assert_eq!(one, other, "half of a write");
                        }
                    });
                }
                let writers: Vec<_> = (0..2)
                    .map(|_| {
                        scope.spawn(|| {
                            for _ in 0..ROUNDS {
                                let (one, other) = &mut *pair.write();
                                *one += 1;
                                *other += 1;
                            }
                        })
                    })
                    .collect();
                for writer in writers {
                    writer.join().unwrap();
                }
                is_over.store(true, Ordering::Relaxed);
            });
            assert_eq!(*pair.read(), (2 * ROUNDS, 2 * ROUNDS));
        }
    }

    #[test]
    fn a_writer_that_panics_gives_back_what_it_has_written() {
        let number = Striped::new(1, 4);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            *number.write() = 2;
            let mut number = number.write();
            *number = 3;
            panic!("in the middle of it");
        }));
        assert!(panicked.is_err());
        assert_eq!(*number.read(), 3);
    }

    #[test]
    fn p13_a_thread_keeps_to_its_stripe() {
        // One that has not been seen before.
        thread::spawn(|| {
            let number = Striped::new(1, 4);
            let first = std::ptr::from_ref(number.own());
            Counters::new().count(Event::Hit);
            assert!(std::ptr::eq(first, number.own()));
        })
        .join()
        .unwrap();
    }

    #[test]
    fn nobody_reads_while_somebody_writes() {
        let number = Striped::new(1, 4);
        let writing = number.write();
        assert!(number.stripes.iter().all(|stripe| stripe.try_read().is_none()));
        assert!(number.try_read().is_none());
        drop(writing);
        assert!(number.try_read().is_some());
    }
}
