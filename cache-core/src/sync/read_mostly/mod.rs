//! A value that many threads read and few write. Readers do not contend, and writers do not wait for slow readers.
//!
//! All readers of an ordinary lock write to it, which is most of the cost of a hit when two threads read the same keys.
//! And a slow reader, such as a slow `Clone`, holds up all writers.
//!
//! Here each value has a few *stripes*: each is a lock with a pointer to the value. A reader *pins* its thread's
//! stripe: it holds that lock for reading. Writers exclude each other by the *writers' lock*, and take all stripes that
//! are not pinned. If a writer gets all, it writes in place. Otherwise it leaves the old value in the pinned stripes,
//! marks them *stale*, and writes to a copy.
//!
//! No reader gets an old value: a stripe is marked stale before the write that it misses ends. Later readers find the
//! mark, and read the current value under the writers' lock. Once the stripe is free, such a reader, the next writer,
//! or the last reader that had it pinned brings it up to date.
//!
//! # Who waits for whom
//!
//! - Nobody waits for a pin: user code may run under it, and may read and write the same value.
//! - A reader waits for a writer that has its stripe. No user code runs meanwhile.
//! - A reader of a stale stripe waits for the writers' lock, under which `Eq` of keys runs.
//! - A writer retries a pinned stripe for about as long as a copy takes, and then copies: at most twice the time of the
//!   better choice ("ski rental"). New readers do not pin that stripe meanwhile.
//!
//! # What readers write to
//!
//! A reader writes only to the lock of its stripe. There are as many stripes as processors, rounded up to a power of
//! two, but at most [`MAX_STRIPES`]: writers take all of them. The number of a thread selects its stripe; living
//! threads have the lowest free numbers. So with no more threads than stripes, no two share one. Otherwise some share a
//! cache line, but never wait for each other.
//!
//! # How long old values live
//!
//! A stale stripe holds an old copy of the value, and all that it refers to, until its last pin ends: at most one copy
//! per stripe. Whoever brings the stripe up to date drops the copy, with no lock held: the last reader that had it
//! pinned; or, if a writer sets the mark just after that reader checked it, the next reader or writer.
//!
//! # Sources
//!
//! Stripes are those of Linux's "big-reader locks" and crossbeam's `ShardedLock`. The copy is that of RCU, without
//! `unsafe`: [`Arc::get_mut`] proves that nobody else has the value.

mod stripe;
mod writer;

use std::ops::Deref;

use crossbeam_utils::CachePadded;

pub(crate) use crate::sync::read_mostly::writer::{Replica, Writer};

use crate::sync::read_mostly::stripe::{MAX_STRIPES, Stripe};
use crate::sync::read_mostly::writer::Current;
use crate::sync::{Arc, RwLock, RwLockReadGuard, thread_number};

/// Values of type `T`, each with a state of type `S` for its writers.
///
/// What writers do is not inlined: it would be compiled in users' crates for each caller and type.
pub(crate) struct ReadMostly<T, S> {
    // Not boxed slices: shrinking a vector would be compiled for each type, too.
    current: Vec<RwLock<Current<T, S>>>,
    /// Adjacent for one value: a reader follows one pointer to its own.
    stripes: Vec<CachePadded<Stripe<T>>>,
    /// A power of two.
    stripes_per_value: usize,
}

impl<T: Replica, S> ReadMostly<T, S> {
    /// `threads` are expected to run at once.
    pub(crate) fn new(values: usize, mut make: impl FnMut() -> (T, S), threads: usize) -> Self {
        let stripes_per_value = threads.next_power_of_two().min(MAX_STRIPES);
        let mut current = Vec::with_capacity(values);
        let mut stripes = Vec::with_capacity(values * stripes_per_value);
        for _ in 0..values {
            let (value, state) = make();
            let value = Arc::new(value);
            for _ in 0..stripes_per_value {
                stripes.push(CachePadded::new(Stripe::new(value.clone())));
            }
            current.push(RwLock::new(Current { value, state }));
        }
        Self { current, stripes, stripes_per_value }
    }

    pub(crate) fn len(&self) -> usize {
        self.current.len()
    }

    /// `None` if this thread's stripe is stale: use [`ReadMostly::read_current`] then.
    #[inline]
    pub(crate) fn pin(&self, index: usize) -> Option<Pin<'_, T, S>> {
        let stripe = self.own_stripe(index);
        if stripe.is_stale() {
            return None;
        }
        Some(Pin { value: stripe.value.read(), unpinned: Unpinned { values: self, stripe, index } })
    }

    /// Under the writers' lock, held for reading. No user code but `Eq` may run in `read`.
    #[cold]
    #[inline(never)]
    pub(crate) fn read_current(&self, index: usize, read: &mut dyn FnMut(&T)) {
        let current = self.current[index].read();
        read(&current.value);
        let stripe = self.own_stripe(index);
        let old = stripe.is_stale().then(|| stripe.renew(&current.value));
        drop(current);
        drop(old);
    }

    #[inline(never)]
    pub(crate) fn lock(&self, index: usize) -> Writer<'_, T, S> {
        let stripes = &self.stripes[index * self.stripes_per_value..][..self.stripes_per_value];
        Writer::new(self.current[index].write(), stripes)
    }

    /// `None` if a thread has the writers' lock for writing, or waits for it.
    pub(crate) fn try_view<R>(&self, index: usize, view: impl FnOnce(&S) -> R) -> Option<R> {
        Some(view(&self.current[index].try_read()?.state))
    }

    /// The same for all reads of a thread: under a pin it must find its own pin.
    #[inline]
    fn own_stripe(&self, index: usize) -> &Stripe<T> {
        &self.stripes[index * self.stripes_per_value + (thread_number() & (self.stripes_per_value - 1))]
    }
}

pub(crate) struct Pin<'a, T: Replica, S> {
    // Dropped in this order: the stripe must be free before it can be brought up to date.
    value: RwLockReadGuard<'a, Option<Arc<T>>>,
    #[expect(dead_code, reason = "has an effect when dropped")]
    unpinned: Unpinned<'a, T, S>,
}

impl<T: Replica, S> Deref for Pin<'_, T, S> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.value.as_ref().expect("a writer puts the value back before it releases the stripe")
    }
}

struct Unpinned<'a, T: Replica, S> {
    values: &'a ReadMostly<T, S>,
    stripe: &'a Stripe<T>,
    index: usize,
}

impl<T: Replica, S> Drop for Unpinned<'_, T, S> {
    #[inline]
    fn drop(&mut self) {
        if self.stripe.is_stale() {
            self.values.read_current(self.index, &mut |_| ());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;
    use crate::stats::counters::{Counters, Event};

    /// Always written together.
    #[derive(Clone)]
    struct Pair {
        one: u64,
        other: u64,
        #[expect(dead_code, reason = "counts the copies of the pair")]
        copies: Arc<()>,
    }

    impl Replica for Pair {
        fn retries(&self) -> usize {
            8
        }
    }

    type Shared = ReadMostly<Pair, u64>;

    fn shared(threads: usize) -> (Shared, Arc<()>) {
        let copies = Arc::new(());
        (ReadMostly::new(1, || (Pair { one: 0, other: 0, copies: copies.clone() }, 0), threads), copies)
    }

    fn read(pair: &Shared) -> (u64, u64) {
        if let Some(pin) = pair.pin(0) {
            return (pin.one, pin.other);
        }
        let mut both = (0, 0);
        pair.read_current(0, &mut |pair| both = (pair.one, pair.other));
        both
    }

    fn write(pair: &Shared) {
        let mut writer = pair.lock(0);
        *writer.state_mut() += 1;
        let pair = writer.value_mut();
        pair.one += 1;
        pair.other += 1;
    }

    #[test]
    fn p13_nobody_waits_for_a_pin_or_reads_an_old_value() {
        let (pair, copies) = shared(4);
        let pin = pair.pin(0).expect("nobody has written");
        write(&pair);
        assert_eq!((pin.one, read(&pair)), (0, (1, 1)), "a pin still reads the old value");
        assert_eq!(Arc::strong_count(&copies), 1 + 2);
        write(&pair);
        assert_eq!((pin.one, read(&pair)), (0, (2, 2)));
        assert_eq!(Arc::strong_count(&copies), 1 + 2, "there is one old copy, however many writes");
        pair.lock(0).check_invariants();
        drop(pin);
        assert_eq!(Arc::strong_count(&copies), 1 + 1, "the last pin drops the old value");
        assert!(pair.pin(0).is_some_and(|pin| pin.one == 2));
        pair.lock(0).check_invariants();
    }

    #[test]
    fn p13_two_pins_of_one_stripe_keep_one_old_value() {
        let (pair, copies) = shared(1);
        let (pinned, over) = (Barrier::new(2), Barrier::new(2));
        thread::scope(|scope| {
            scope.spawn(|| {
                let pin = pair.pin(0).expect("nobody has written");
                pinned.wait();
                over.wait();
                assert_eq!(pin.one, 0);
            });
            pinned.wait();
            let pin = pair.pin(0).expect("nobody has written");
            write(&pair);
            drop(pin);
            assert_eq!((read(&pair), Arc::strong_count(&copies)), ((1, 1), 1 + 2));
            over.wait();
        });
        assert_eq!((read(&pair), Arc::strong_count(&copies)), ((1, 1), 1 + 1));
    }

    #[test]
    fn concurrent_readers_see_each_write_and_never_half_of_one() {
        const ROUNDS: u64 = 20_000;
        for threads in [1, 2, 3, 64] {
            let ((pair, copies), is_over) = (shared(threads), AtomicBool::new(false));
            thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| {
                        let mut last = 0;
                        while !is_over.load(Ordering::Relaxed) {
                            let (one, other) = read(&pair);
                            assert_eq!(one, other, "half of a write");
                            assert!(one >= last, "an older value was read after a newer one");
                            last = one;
                        }
                    });
                }
                let write = || {
                    let mut last = 0;
                    for _ in 0..ROUNDS {
                        write(&pair);
                        let (one, _) = read(&pair);
                        assert!(one > last, "a writer did not read its own write");
                        last = one;
                    }
                };
                let writers: Vec<_> = (0..2).map(|_| scope.spawn(write)).collect();
                for writer in writers {
                    writer.join().unwrap();
                }
                is_over.store(true, Ordering::Relaxed);
            });
            assert_eq!((read(&pair), *pair.lock(0).state()), ((2 * ROUNDS, 2 * ROUNDS), 2 * ROUNDS));
            write(&pair);
            pair.lock(0).check_invariants();
            assert_eq!(Arc::strong_count(&copies), 1 + 1);
        }
    }

    #[test]
    fn what_a_writer_wrote_before_it_panicked_is_readable() {
        let (pair, _) = shared(4);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let mut writer = pair.lock(0);
            writer.value_mut().one = 3;
            panic!("between two writes");
        }));
        assert!(panicked.is_err());
        assert_eq!(read(&pair), (3, 0));
        pair.lock(0).check_invariants();
    }

    #[test]
    fn a_writer_blocks_readers_only_once_it_writes() {
        let (pair, _) = shared(4);
        let mut writer = pair.lock(0);
        assert!(pair.pin(0).is_some_and(|pin| pin.one == writer.value().one));
        writer.value_mut();
        assert!(pair.stripes.iter().all(|stripe| stripe.value.try_write().is_none()));
        assert!(pair.try_view(0, |_| ()).is_none());
        drop(writer);
        assert!(pair.try_view(0, |_| ()).is_some());
    }

    #[test]
    fn p13_a_thread_always_has_the_same_stripe() {
        // A new thread: it takes its number here.
        thread::spawn(|| {
            let (pair, _) = shared(4);
            let first = std::ptr::from_ref(pair.own_stripe(0));
            Counters::new().count(Event::Hit);
            assert!(std::ptr::eq(first, pair.own_stripe(0)));
        })
        .join()
        .unwrap();
    }

    #[test]
    #[should_panic(expected = "a stripe is out of date")]
    fn the_check_notices_a_stripe_that_is_out_of_date() {
        let (pair, _) = shared(2);
        *pair.stripes[1].value.write() = None;
        pair.lock(0).check_invariants();
    }
}
