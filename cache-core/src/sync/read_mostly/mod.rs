//! A value that is read without waiting for readers or for their slow code, and written without waiting for readers.
//!
//! Readers of an ordinary lock all write to it: that is most of what a hit costs when two threads read the same keys.
//! And a reader that takes long, as a slow `Clone` of a value does, holds up all writers. Here each value has a few
//! *stripes*: each is a lock with a pointer to the value. A reader *pins* the stripe of its thread: it takes that lock
//! for reading, for as long as it needs. Writers exclude each other by a lock of their own. A writer takes those
//! stripes that nobody has pinned. If it gets all of them, it writes in place. If a stripe stays pinned, the writer
//! leaves it with the value as it was, marks it *stale*, and writes to a copy.
//!
//! Why nobody reads what is out of date: a stripe is marked stale before the write that it misses is over. So a reader
//! that begins after that write finds the mark, and reads the current value instead, under the writers' lock. It brings
//! the stripe up to date if it can, and so do the next writer and the last reader that had it pinned.
//!
//! Nobody waits for a pin: code of the user's may run under one, and may read and write the same value. A reader waits
//! for a writer, who runs no code of the user's while it has stripes. (A reader whose stripe is stale waits for the
//! writers' lock, under which `Eq` of keys runs.) A writer gives a pin as much time as a copy would take, and then
//! makes the copy: that takes at most twice the time of the better choice, and it need not know how long the pin lasts
//! ("ski rental"). New readers of that stripe keep off meanwhile.
//!
//! # What readers write to
//!
//! A reader writes to the lock of its stripe, and to nothing else here. There is a stripe for each processor, rounded
//! up to a power of two, but no more than [`MOST`]. The stripe of a thread follows from its number, and threads that
//! live at the same time have different numbers, the lowest that are free. So of a program with no more threads than
//! stripes each thread has a stripe to itself, in cache lines to itself. In a program with more threads, two whose
//! numbers are equal modulo the number of stripes share one: they never wait for each other, but each fetches the cache
//! line that the other has written. More stripes would spare readers that, at the expense of writers, which take all of
//! them.
//!
//! # What is kept for how long
//!
//! A stale stripe holds a former copy of the value, and with it whatever that refers to, until its last pin ends: at
//! most one former copy for each stripe. Whoever brings the stripe up to date drops it, when all locks are released.
//! That is the last reader that had it pinned. Should that one miss the mark, which a writer sets at that moment, it is
//! the next reader of the stripe or the next writer.
//!
//! What a writer does is not inlined: it would be compiled again in each function that writes, for each type of keys and
//! values, in the user's crate.
//!
//! Stripes are those of Linux's "big-reader locks" and of `ShardedLock` in crossbeam, and the copy is that of RCU, here
//! without `unsafe`: [`Arc::get_mut`] proves that nobody else has the value.

use std::ops::Deref;

use crossbeam_utils::CachePadded;

use crate::sync::{Arc, AtomicUsize, Ordering, RwLock, RwLockReadGuard, RwLockWriteGuard, thread_number};

/// The most stripes of a value. More would cost writers more than readers gain.
const MOST: usize = 8;

/// A value of which a copy can be made.
pub(crate) trait Replica: Clone {
    /// How many times a writer looks whether a pin has gone, before it makes a copy: about as long as that takes.
    fn patience(&self) -> usize;
}

/// Values that readers pin, each beside what only its writers use.
pub(crate) struct ReadMostly<T, S> {
    // These are vectors and not boxes, which would take more to compile for each type: code that shrinks a vector.
    current: Vec<RwLock<Current<T, S>>>,
    /// Those of each value are one after the other, so that a reader follows one pointer to its own.
    stripes: Vec<CachePadded<Stripe<T>>>,
    /// How many each value has, a power of two.
    threads: usize,
}

struct Current<T, S> {
    value: Arc<T>,
    state: S,
}

struct Stripe<T> {
    /// Empty only while somebody writes.
    value: RwLock<Option<Arc<T>>>,
    /// Whether a writer waits for the stripe, or could not wait.
    is_stale: AtomicUsize,
}

impl<T> Stripe<T> {
    fn new(value: Arc<T>) -> Self {
        Self { value: RwLock::new(Some(value)), is_stale: AtomicUsize::new(0) }
    }

    #[inline]
    fn is_stale(&self) -> bool {
        self.is_stale.load(Ordering::Acquire) > 0
    }

    fn set_stale(&self, is_stale: bool) {
        self.is_stale.store(is_stale.into(), Ordering::Release);
    }

    /// Takes the stripe, if it is not pinned any more after so many looks.
    fn take(&self, patience: &mut usize) -> Option<RwLockWriteGuard<'_, Option<Arc<T>>>> {
        if let Some(taken) = self.value.try_write() {
            return Some(taken);
        }
        // From here on nobody else pins it.
        self.set_stale(true);
        while *patience > 0 {
            *patience -= 1;
            std::hint::spin_loop();
            if let Some(taken) = self.value.try_write() {
                return Some(taken);
            }
        }
        None
    }

    /// Brings a stripe up to date, if it is not pinned. Returns what it had.
    #[inline(never)]
    fn renew(&self, current: &Arc<T>) -> Option<Arc<T>> {
        let mut value = self.value.try_write()?;
        let old = value.replace(current.clone());
        self.set_stale(false);
        old
    }
}

impl<T: Replica, S> ReadMostly<T, S> {
    /// So many values, with stripes for so many threads that run at once.
    pub(crate) fn new(values: usize, mut make: impl FnMut() -> (T, S), threads: usize) -> Self {
        let threads = threads.next_power_of_two().min(MOST);
        let (mut current, mut stripes) = (Vec::with_capacity(values), Vec::with_capacity(values * threads));
        for _ in 0..values {
            let (value, state) = make();
            let value = Arc::new(value);
            for _ in 0..threads {
                stripes.push(CachePadded::new(Stripe::new(value.clone())));
            }
            current.push(RwLock::new(Current { value, state }));
        }
        Self { current, stripes, threads }
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.current.len()
    }

    /// Pins a value. `None` if this thread's stripe is stale: see [`ReadMostly::read_current`].
    #[inline]
    pub(crate) fn pin(&self, place: usize) -> Option<Pin<'_, T, S>> {
        let stripe = self.own(place);
        if stripe.is_stale() {
            return None;
        }
        Some(Pin { value: stripe.value.read(), unpinned: Unpinned { of: self, stripe, place } })
    }

    /// Reads a value under its writers' lock: nothing of the user's may run in `read`.
    #[cold]
    #[inline(never)]
    pub(crate) fn read_current(&self, place: usize, read: &mut dyn FnMut(&T)) {
        let current = self.current[place].read();
        read(&current.value);
        let stripe = self.own(place);
        let old = stripe.is_stale().then(|| stripe.renew(&current.value));
        drop(current);
        drop(old);
    }

    /// Takes the writers' lock of a value.
    #[inline(never)]
    pub(crate) fn lock(&self, place: usize) -> Writer<'_, T, S> {
        Writer {
            current: self.current[place].write(),
            stripes: &self.stripes[place * self.threads..][..self.threads],
            taken: [const { None }; MOST],
            is_writing: false,
            old: Vec::new(),
        }
    }

    /// What only writers use; `None` if somebody has the writers' lock, or waits for it.
    pub(crate) fn try_look<R>(&self, place: usize, look: impl FnOnce(&S) -> R) -> Option<R> {
        Some(look(&self.current[place].try_read()?.state))
    }

    /// The stripe of this thread: always the same, so that a thread that reads while it reads finds its own pin.
    #[inline]
    fn own(&self, place: usize) -> &Stripe<T> {
        &self.stripes[place * self.threads + (thread_number() & (self.threads - 1))]
    }
}

/// A pinned stripe, through which the value is read for as long as it takes.
pub(crate) struct Pin<'a, T: Replica, S> {
    // Dropped in this order: the stripe is free when it is brought up to date.
    value: RwLockReadGuard<'a, Option<Arc<T>>>,
    #[expect(dead_code, reason = "it is there to be dropped")]
    unpinned: Unpinned<'a, T, S>,
}

impl<T: Replica, S> Deref for Pin<'_, T, S> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.value.as_ref().expect("a writer gives it back")
    }
}

/// Dropped after a pin.
struct Unpinned<'a, T: Replica, S> {
    of: &'a ReadMostly<T, S>,
    stripe: &'a Stripe<T>,
    place: usize,
}

impl<T: Replica, S> Drop for Unpinned<'_, T, S> {
    #[inline]
    fn drop(&mut self) {
        if self.stripe.is_stale() {
            self.of.read_current(self.place, &mut |_| ());
        }
    }
}

/// The writers' lock of a value.
pub(crate) struct Writer<'a, T: Replica, S> {
    current: RwLockWriteGuard<'a, Current<T, S>>,
    stripes: &'a [CachePadded<Stripe<T>>],
    /// Those of the stripes that it has, once it writes to the value.
    taken: [Option<RwLockWriteGuard<'a, Option<Arc<T>>>>; MOST],
    is_writing: bool,
    /// Former values, to be dropped when all locks are released.
    old: Vec<Arc<T>>,
}

impl<T: Replica, S> Writer<'_, T, S> {
    pub(crate) fn value(&self) -> &T {
        &self.current.value
    }

    pub(crate) fn state(&self) -> &S {
        &self.current.state
    }

    pub(crate) fn state_mut(&mut self) -> &mut S {
        &mut self.current.state
    }

    /// The value, to be written. Nothing of the user's may run from here on.
    pub(crate) fn value_mut(&mut self) -> &mut T {
        if !self.is_writing {
            self.is_writing = true;
            self.take_stripes();
        }
        Arc::get_mut(&mut self.current.value).expect("all other pointers were taken, and nobody makes new ones")
    }

    #[inline(never)]
    fn take_stripes(&mut self) {
        let mut patience = if cfg!(shuttle) { 0 } else { self.current.value.patience() };
        for (stripe, place) in self.stripes.iter().zip(&mut self.taken) {
            let Some(mut taken) = stripe.take(&mut patience) else { continue };
            if let Some(value) = taken.take()
                && !Arc::ptr_eq(&value, &self.current.value)
            {
                self.old.push(value);
            }
            *place = Some(taken);
        }
        if Arc::get_mut(&mut self.current.value).is_none() {
            self.copy();
        }
    }

    #[cold]
    fn copy(&mut self) {
        let copy = Arc::new(T::clone(&self.current.value));
        self.old.push(std::mem::replace(&mut self.current.value, copy));
    }

    /// Panics if a stripe has something else than the current value, and is not marked so. Before anything is written.
    pub(crate) fn check_invariants(&self) {
        for stripe in self.stripes {
            let value = stripe.value.read();
            let is_current = value.as_ref().is_some_and(|value| Arc::ptr_eq(value, &self.current.value));
            assert!(is_current || stripe.is_stale(), "a stripe is out of date");
        }
    }
}

impl<T: Replica, S> Drop for Writer<'_, T, S> {
    #[inline(never)]
    fn drop(&mut self) {
        if self.is_writing {
            for (stripe, taken) in self.stripes.iter().zip(&mut self.taken) {
                let Some(mut taken) = taken.take() else { continue };
                *taken = Some(self.current.value.clone());
                stripe.set_stale(false);
            }
            // Those that were pinned may not be any more.
            for stripe in self.stripes.iter().filter(|stripe| stripe.is_stale()) {
                if let Some(old) = stripe.renew(&self.current.value) {
                    self.old.push(old);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Barrier;
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use super::*;
    use crate::stats::counters::{Counters, Event};

    /// Two numbers that are written together, and something that tells when all copies of them are dropped.
    #[derive(Clone)]
    struct Pair(u64, u64, #[expect(dead_code, reason = "it is there to be counted")] Arc<()>);

    impl Replica for Pair {
        fn patience(&self) -> usize {
            8
        }
    }

    type Shared = ReadMostly<Pair, u64>;

    fn shared(threads: usize) -> (Shared, Arc<()>) {
        let copies = Arc::new(());
        (ReadMostly::new(1, || (Pair(0, 0, copies.clone()), 0), threads), copies)
    }

    fn read(pair: &Shared) -> (u64, u64) {
        if let Some(pin) = pair.pin(0) {
            return (pin.0, pin.1);
        }
        let mut both = (0, 0);
        pair.read_current(0, &mut |pair| both = (pair.0, pair.1));
        both
    }

    fn write(pair: &Shared) {
        let mut writer = pair.lock(0);
        *writer.state_mut() += 1;
        let Pair(one, other, _) = writer.value_mut();
        *one += 1;
        *other += 1;
    }

    /// Writes once while this thread has the value pinned.
    #[test]
    fn p13_nobody_waits_for_a_pin_and_nobody_reads_what_is_out_of_date() {
        let (pair, copies) = shared(4);
        let pin = pair.pin(0).expect("nobody has written");
        write(&pair);
        assert_eq!((pin.0, read(&pair)), (0, (1, 1)), "a pin still reads the former value");
        assert_eq!(Arc::strong_count(&copies), 1 + 2);
        write(&pair);
        assert_eq!((pin.0, read(&pair)), (0, (2, 2)));
        assert_eq!(Arc::strong_count(&copies), 1 + 2, "there is one copy, however often it is written");
        pair.lock(0).check_invariants();
        drop(pin);
        assert_eq!(Arc::strong_count(&copies), 1 + 1, "the last pin takes the former value with it");
        assert!(pair.pin(0).is_some_and(|pin| pin.0 == 2));
        pair.lock(0).check_invariants();
    }

    /// As with [`Pair`] when it is dropped, so with what entries have of the user's.
    #[test]
    fn p13_two_pins_of_one_stripe_keep_one_former_value() {
        let (pair, copies) = shared(1);
        let (pinned, over) = (Barrier::new(2), Barrier::new(2));
        thread::scope(|scope| {
            scope.spawn(|| {
                let pin = pair.pin(0).expect("nobody has written");
                pinned.wait();
                over.wait();
                assert_eq!(pin.0, 0);
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
    fn what_is_written_is_read_by_all_and_nothing_in_between() {
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
                            assert!(one >= last, "a write that was read before is gone");
                            last = one;
                        }
                    });
                }
                let write = || {
                    let mut last = 0;
                    for _ in 0..ROUNDS {
                        write(&pair);
                        let (one, _) = read(&pair);
                        assert!(one > last, "a writer reads its own write");
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
    fn a_writer_that_panics_gives_back_what_it_has_written() {
        let (pair, _) = shared(4);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let mut writer = pair.lock(0);
            writer.value_mut().0 = 3;
            panic!("in the middle of it");
        }));
        assert!(panicked.is_err());
        assert_eq!(read(&pair), (3, 0));
        pair.lock(0).check_invariants();
    }

    #[test]
    fn who_writes_nothing_keeps_nobody_from_reading() {
        let (pair, _) = shared(4);
        let mut writer = pair.lock(0);
        assert!(pair.pin(0).is_some_and(|pin| pin.0 == writer.value().0));
        writer.value_mut();
        assert!(pair.stripes.iter().all(|stripe| stripe.value.try_write().is_none()));
        assert!(pair.try_look(0, |_| ()).is_none());
        drop(writer);
        assert!(pair.try_look(0, |_| ()).is_some());
    }

    #[test]
    fn p13_a_thread_keeps_to_its_stripe() {
        // One that has not been seen before.
        thread::spawn(|| {
            let (pair, _) = shared(4);
            let first = std::ptr::from_ref(pair.own(0));
            Counters::new().count(Event::Hit);
            assert!(std::ptr::eq(first, pair.own(0)));
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
