//! Counters of events, without contention.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::available_parallelism;

use crossbeam_utils::CachePadded;

use crate::sync::threads;

#[derive(Clone, Copy)]
pub(crate) enum Event {
    Hit,
    ColdMiss,
    ExpiredMiss,
    InvalidatedMiss,
    EvictedMiss,
    BypassedMiss,
    Load,
    LoadError,
    DiscardedLoad,
    Put,
    Eviction,
    /// Added up, not counted.
    EvictedWeight,
    TooHeavy,
    Expiration,
    Invalidation,
    Refresh,
    StaleHit,
    Audited,
    StaleFound,
    DropPanic,
}

const EVENTS: usize = Event::DropPanic as usize + 1;

#[derive(Default)]
#[repr(align(64))]
struct Stripe([AtomicU64; EVENTS]);

pub(crate) struct Counters {
    /// Each is written only by the thread with its number: a plain store costs a fraction of an atomic addition.
    own: Box<[Stripe]>,
    /// For threads with higher numbers. Their count is a power of two.
    shared: Box<[Stripe]>,
    /// In one place: each invalidation of a query reads it, and must not read the lines that other threads' hits write to.
    in_flight: CachePadded<AtomicUsize>,
    /// If somebody wants to know of panics in `Drop`.
    tell_drop_panic: Option<TellPanic>,
}

/// Tells somebody the message of a panic.
pub(crate) type TellPanic = Box<dyn Fn(&str) + Send + Sync>;

impl Counters {
    pub(crate) fn new() -> Self {
        let shared = processors().next_power_of_two().min(64);
        let stripes = |number| (0..number).map(|_| Stripe::default()).collect();
        Self {
            own: stripes(2 * shared),
            shared: stripes(shared),
            in_flight: CachePadded::default(),
            tell_drop_panic: None,
        }
    }

    #[inline]
    pub(crate) fn count(&self, event: Event) {
        self.add(event, 1);
    }

    /// Counts an event several times. Counts wrap around: weights may be as large as their type allows.
    #[inline]
    pub(crate) fn add(&self, event: Event, times: u64) {
        let number = threads::number();
        match self.own.get(number) {
            Some(Stripe(counts)) => {
                let count = &counts[event as usize];
                count.store(count.load(Ordering::Relaxed).wrapping_add(times), Ordering::Relaxed);
            }
            None => self.add_shared(number, event, times),
        }
    }

    #[cold]
    fn add_shared(&self, number: usize, event: Event, times: u64) {
        if number == threads::UNKNOWN && threads::lease() {
            return self.add(event, times);
        }
        self.shared[number & (self.shared.len() - 1)].0[event as usize].fetch_add(times, Ordering::Relaxed);
    }

    /// `tell` is told of each panic in `Drop` from here on.
    pub(crate) fn tell_drop_panics(&mut self, tell: Option<TellPanic>) {
        self.tell_drop_panic = tell;
    }

    /// A `Drop` of a user's type has panicked. The caller holds no lock: this may run code of observers.
    #[cold]
    pub(crate) fn count_drop_panic(&self, message: &str) {
        self.count(Event::DropPanic);
        if let Some(tell) = &self.tell_drop_panic {
            tell(message);
        }
    }

    /// A load begins, whose [end](Self::end_load) is counted, too.
    pub(crate) fn begin_load(&self) {
        self.count(Event::Load);
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    /// Whatever its outcome.
    pub(crate) fn end_load(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn loads_in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(crate) fn sum(&self, event: Event) -> u64 {
        let stripes = self.own.iter().chain(&self.shared);
        let counts = stripes.map(|stripe| stripe.0[event as usize].load(Ordering::Relaxed));
        counts.fold(0, u64::wrapping_add)
    }
}

/// Asking the system takes longer than building the rest of a cache.
pub(crate) fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| available_parallelism().map_or(8, usize::from))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::sync::{Arc, Barrier};
    use std::thread;

    use super::*;

    #[test]
    fn events_of_threads_that_start_and_end_are_all_counted() {
        const EVENTS: u64 = 10_000;
        let counters = Counters::new();
        let threads = counters.own.len() * 2 + 3;
        for _ in 0..3 {
            thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| (0..EVENTS).for_each(|_| counters.count(Event::Hit)));
                }
            });
        }
        assert_eq!(counters.sum(Event::Hit), 3 * threads as u64 * EVENTS);
        assert_eq!(counters.sum(Event::ColdMiss), 0);
    }

    #[test]
    fn what_is_added_is_summed_up_and_wraps_around() {
        let counters = Counters::new();
        let threads = counters.own.len() + 3;
        // Some of them have stripes of their own, the others share theirs.
        let all_have_begun = Barrier::new(threads);
        thread::scope(|scope| {
            for weight in 0..threads {
                let (counters, all_have_begun) = (&counters, &all_have_begun);
                scope.spawn(move || {
                    counters.add(Event::EvictedWeight, weight as u64);
                    all_have_begun.wait();
                    counters.count(Event::EvictedWeight);
                });
            }
        });
        let sum = (threads * (threads - 1) / 2 + threads) as u64;
        assert_eq!((counters.sum(Event::EvictedWeight), counters.sum(Event::Eviction)), (sum, 0));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| counters.add(Event::EvictedWeight, u64::MAX));
            }
        });
        assert_eq!(counters.sum(Event::EvictedWeight), sum - 2);
    }

    #[test]
    fn the_number_of_a_thread_that_ended_is_reused() {
        let number = || thread::spawn(|| (threads::lease(), threads::number())).join().unwrap();
        let highest = (0..1_000).map(|_| number().1).max();
        assert!(highest < Some(500), "threads of other tests have numbers at the same time, but not this many");
    }

    #[test]
    fn a_thread_that_is_ending_still_counts() {
        struct CountsWhenDropped(Arc<Counters>);
        impl Drop for CountsWhenDropped {
            fn drop(&mut self) {
                self.0.count(Event::ColdMiss);
            }
        }
        thread_local! {
            static LAST: RefCell<Vec<CountsWhenDropped>> = const { RefCell::new(Vec::new()) };
        }
        let counters = Arc::new(Counters::new());
        for early in [true, false] {
            let counters = counters.clone();
            let leave = move || LAST.with_borrow_mut(|last| last.push(CountsWhenDropped(counters.clone())));
            let count = || Counters::new().count(Event::Hit);
            // Either thread-local may be dropped first.
            let run = move || {
                if early {
                    leave();
                    count();
                } else {
                    count();
                    leave();
                }
            };
            thread::spawn(run).join().unwrap();
        }
        assert_eq!(counters.sum(Event::ColdMiss), 2);
    }
}
