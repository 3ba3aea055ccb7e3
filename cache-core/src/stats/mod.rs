//! The figures of a cache, and of its queries.

pub(crate) mod counters;

use std::fmt;

use crate::stats::counters::{Counters, Event};

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
}

#[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
fn hit_rate(hits: u64, misses: u64) -> f64 {
    match hits + misses {
        0 => 0.0,
        calls => hits as f64 / calls as f64,
    }
}
