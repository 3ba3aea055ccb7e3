//! Counters that threads do not contend for, and the figures made from them.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::available_parallelism;

use crate::query::QueryState;

/// What is counted, for each query.
#[derive(Clone, Copy)]
pub(crate) enum Event {
    Hit,
    Miss,
    Load,
    LoadError,
    DiscardedLoad,
    Eviction,
    Expiration,
    Invalidation,
    DropPanic,
}

const EVENTS: usize = Event::DropPanic as usize + 1;

/// Counts in a cache line of their own.
#[derive(Default)]
#[repr(align(64))]
struct Stripe([AtomicU64; EVENTS]);

/// Counts events without threads waiting for each other's cache lines.
pub(crate) struct Counters {
    /// Each is written by the one thread that has its number: a plain store will do, at a fraction of what an atomic
    /// addition costs.
    own: Box<[Stripe]>,
    /// A power of two of them, for the threads with higher numbers.
    shared: Box<[Stripe]>,
}

impl Counters {
    pub(crate) fn new() -> Self {
        let shared = processors().next_power_of_two().min(64);
        let stripes = |number| (0..number).map(|_| Stripe::default()).collect();
        Self { own: stripes(2 * shared), shared: stripes(shared) }
    }

    #[inline]
    pub(crate) fn count(&self, event: Event) {
        let number = threads::number();
        match self.own.get(number) {
            Some(Stripe(counts)) => {
                let count = &counts[event as usize];
                count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            }
            None => self.count_shared(number, event),
        }
    }

    #[cold]
    fn count_shared(&self, number: usize, event: Event) {
        if number == threads::UNKNOWN && threads::lease() {
            return self.count(event);
        }
        self.shared[number & (self.shared.len() - 1)].0[event as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn sum(&self, event: Event) -> u64 {
        let stripes = self.own.iter().chain(&self.shared);
        stripes.map(|stripe| stripe.0[event as usize].load(Ordering::Relaxed)).sum()
    }
}

/// How many processors there are. Asking the system takes longer than building the rest of a cache.
pub(crate) fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| available_parallelism().map_or(8, usize::from))
}

/// Numbers for threads, the lowest that are free: those that live at the same time have different ones.
pub(crate) mod threads {
    use std::cell::Cell;
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;
    use std::sync::Mutex;
    use std::sync::PoisonError;

    /// What a thread has as a number that has none: it has not asked for one, or it is ending.
    pub(super) const UNKNOWN: usize = usize::MAX;

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
    pub(super) fn number() -> usize {
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
    pub(super) fn lease() -> bool {
        LEASE.try_with(|lease| NUMBER.set(lease.0)).is_ok()
    }
}

/// The figures of a whole cache, since it was built.
///
/// They are exact when no other thread is using the cache. Printed, they are a table:
///
/// ```
/// let cache = cache_core::TaggedCache::<u32, u32>::new();
/// cache.get(&1);
/// assert!(cache.stats().to_string().contains("hit rate"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Live entries: neither expired nor invalidated.
    pub entries: usize,
    /// The most entries there can be.
    pub capacity: usize,
    /// Calls answered from the cache.
    pub hits: u64,
    /// Calls that were not: they loaded, or waited for a load in flight.
    pub misses: u64,
    /// Bodies run to make a value, whatever came of them. Values that are inserted directly don't count.
    pub loads: u64,
    /// Loads that ended in `Err` or in a panic, or whose future was dropped half-done.
    pub load_errors: u64,
    /// Loads whose value was not stored, because something that it depends on was invalidated meanwhile, or because
    /// a value of the key was inserted directly.
    pub discarded_loads: u64,
    /// Live entries that had to make room for others.
    pub evictions: u64,
    /// Entries that had expired when they were removed or replaced: by a call for their key, by the insert of another, by
    /// `purge`, or by an invalidation of their key.
    pub expirations: u64,
    /// Targets of invalidations: each key and tag named, each query found, and each call for a scope or for all.
    pub invalidations: u64,
    /// Keys and values whose `Drop` panicked when the cache dropped them. Such a panic goes no further: it would reach a
    /// call that has nothing to do with the value.
    pub drop_panics: u64,
}

impl Stats {
    /// The part of all calls that were hits, from 0 to 1; 0 if there was no call.
    pub fn hit_rate(&self) -> f64 {
        hit_rate(self.hits, self.misses)
    }

    pub(crate) fn add(&mut self, counters: &Counters) {
        self.hits += counters.sum(Event::Hit);
        self.misses += counters.sum(Event::Miss);
        self.loads += counters.sum(Event::Load);
        self.load_errors += counters.sum(Event::LoadError);
        self.discarded_loads += counters.sum(Event::DiscardedLoad);
        self.evictions += counters.sum(Event::Eviction);
        self.expirations += counters.sum(Event::Expiration);
        self.invalidations += counters.sum(Event::Invalidation);
        self.drop_panics += counters.sum(Event::DropPanic);
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<16}{:>12} of {}", "entries", self.entries, self.capacity)?;
        writeln!(f, "{:<16}{:>12.1} %", "hit rate", self.hit_rate() * 100.0)?;
        let counts = [
            ("hits", self.hits),
            ("misses", self.misses),
            ("loads", self.loads),
            ("load errors", self.load_errors),
            ("discarded loads", self.discarded_loads),
            ("evictions", self.evictions),
            ("expirations", self.expirations),
            ("invalidations", self.invalidations),
        ];
        for (at, (name, count)) in counts.iter().enumerate() {
            let end = if at + 1 < counts.len() { "\n" } else { "" };
            write!(f, "{name:<16}{count:>12}{end}")?;
        }
        // Something is wrong with a type of the user's, which is seldom.
        if self.drop_panics > 0 {
            write!(f, "\n{:<16}{:>12}", "drop panics", self.drop_panics)?;
        }
        Ok(())
    }
}

/// The figures of one query of one type, since the cache was built. See [`Stats`] for what each means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueryStats {
    /// The name by which the query is invalidated at run time.
    pub query: &'static str,
    /// The module that the query is in.
    pub module: &'static str,
    /// The type that it is a method of, as [`std::any::type_name`] writes it; empty for a free function.
    pub owner: &'static str,
    /// Live entries.
    pub entries: usize,
    /// Calls answered from the cache.
    pub hits: u64,
    /// Calls that were not.
    pub misses: u64,
    /// Bodies run to make a value.
    pub loads: u64,
    /// Loads that ended in `Err` or in a panic, or whose future was dropped half-done.
    pub load_errors: u64,
    /// Loads whose value was not stored, because something that it depends on was invalidated meanwhile.
    pub discarded_loads: u64,
    /// Live entries that had to make room for others.
    pub evictions: u64,
    /// Entries that had expired when they were removed or replaced, also by inserts of other queries.
    pub expirations: u64,
    /// Invalidations of this query by its name, or of one of its keys.
    pub invalidations: u64,
}

impl QueryStats {
    /// The part of all calls that were hits, from 0 to 1; 0 if there was no call.
    pub fn hit_rate(&self) -> f64 {
        hit_rate(self.hits, self.misses)
    }

    pub(crate) fn new(query: &QueryState, entries: usize) -> Self {
        let mut sum = Stats::default();
        sum.add(&query.counters);
        Self {
            query: query.name,
            module: query.module,
            owner: query.owner,
            entries,
            hits: sum.hits,
            misses: sum.misses,
            loads: sum.loads,
            load_errors: sum.load_errors,
            discarded_loads: sum.discarded_loads,
            evictions: sum.evictions,
            expirations: sum.expirations,
            invalidations: sum.invalidations,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
fn hit_rate(hits: u64, misses: u64) -> f64 {
    match hits + misses {
        0 => 0.0,
        calls => hits as f64 / calls as f64,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn each_event_is_counted_whatever_threads_come_and_go() {
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
        assert_eq!(counters.sum(Event::Miss), 0);
    }

    #[test]
    fn a_thread_leaves_its_number_to_another() {
        let number = || thread::spawn(|| (threads::lease(), threads::number())).join().unwrap();
        let highest = (0..1_000).map(|_| number().1).max();
        assert!(highest < Some(500), "other tests have some at the same time, but not so many");
    }

    #[test]
    fn a_thread_that_is_ending_still_counts() {
        struct CountsWhenDropped(Arc<Counters>);
        impl Drop for CountsWhenDropped {
            fn drop(&mut self) {
                self.0.count(Event::Miss);
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
            // Whichever of the two is dropped first.
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
        assert_eq!(counters.sum(Event::Miss), 2);
    }
}
