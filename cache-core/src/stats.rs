//! Counters that threads do not contend for, and the figures made from them.

use std::cell::Cell;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
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
}

const EVENTS: usize = Event::Invalidation as usize + 1;

/// The counts of some threads: a cache line of their own.
#[derive(Default)]
#[repr(align(64))]
struct Stripe([AtomicU64; EVENTS]);

/// Counts events without threads waiting for each other's cache lines.
pub(crate) struct Counters {
    /// A power of two of them, and at least one for each processor.
    stripes: Box<[Stripe]>,
}

impl Counters {
    pub(crate) fn new() -> Self {
        let stripes = processors().next_power_of_two().min(64);
        Self { stripes: (0..stripes).map(|_| Stripe::default()).collect() }
    }

    pub(crate) fn count(&self, event: Event) {
        let stripe = &self.stripes[thread_number() & (self.stripes.len() - 1)];
        stripe.0[event as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn sum(&self, event: Event) -> u64 {
        self.stripes.iter().map(|stripe| stripe.0[event as usize].load(Ordering::Relaxed)).sum()
    }
}

/// How many processors there are. Asking the system takes longer than building the rest of a cache.
pub(crate) fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| available_parallelism().map_or(8, usize::from))
}

/// Threads are numbered as they come, so that the first few have stripes to themselves.
fn thread_number() -> usize {
    const UNKNOWN: usize = usize::MAX;
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<usize> = const { Cell::new(UNKNOWN) };
    }
    NUMBER.with(|number| {
        if number.get() == UNKNOWN {
            number.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        number.get()
    })
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
    /// Calls that were not: they loaded, or waited for the load of another.
    pub misses: u64,
    /// Bodies run to make a value, whatever came of them. What is inserted by hand is none.
    pub loads: u64,
    /// Loads that ended in `Err` or in a panic, or whose future was dropped half-done.
    pub load_errors: u64,
    /// Loads whose value was not stored, because what it was made from was invalidated meanwhile, or because
    /// the key was given a value by hand.
    pub discarded_loads: u64,
    /// Live entries that had to make room for others.
    pub evictions: u64,
    /// Entries that were found expired, and removed or replaced.
    pub expirations: u64,
    /// Targets of invalidations: each key and tag named, each query found, and each call for a scope or for all.
    pub invalidations: u64,
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
    /// Loads whose value was not stored, because it was invalidated meanwhile.
    pub discarded_loads: u64,
    /// Live entries that had to make room for others.
    pub evictions: u64,
    /// Entries that were found expired.
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
