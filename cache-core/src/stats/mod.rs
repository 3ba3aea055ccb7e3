//! Statistics of a cache and its queries.

pub(crate) mod counters;

use std::fmt;

use crate::stats::counters::{Counters, Event};

/// Statistics of a whole cache, since it was built.
///
/// They are exact when no other thread uses the cache. `Display` formats a table:
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
    /// The most entries that there may be.
    pub capacity: usize,
    /// The sum of the weights of all entries, also of dead ones that are not removed yet; 0 without a `max_weight`.
    pub weight: u64,
    /// The most that the weights may sum up to; 0 if there is no limit.
    pub max_weight: u64,
    /// Calls answered from the cache.
    pub hits: u64,
    /// Calls that loaded, or waited for a load in flight. The sum of the next five.
    pub misses: u64,
    /// Misses of what was never loaded, whose last load stored nothing, or that left so long ago that the cache no longer
    /// knows why: see [`MissReason`](crate::events::MissReason::Cold).
    pub cold_misses: u64,
    /// Misses of what had expired, or was about to be refreshed.
    pub expired_misses: u64,
    /// Misses of what was invalidated, when it was stored or while it was loaded.
    pub invalidated_misses: u64,
    /// Misses of what was removed to make room for others.
    pub evicted_misses: u64,
    /// Calls through handles that take nothing from the cache: [bypass](crate::Cache::bypass),
    /// [refresh](crate::Cache::refresh), and those in a [transaction](crate::Cache::transaction).
    pub bypassed_misses: u64,
    /// Bodies run, whatever their outcome; of a list, one for each id. Direct inserts do not count.
    pub loads: u64,
    /// Loads that ended in `Err` or a panic, or whose future was dropped before it was ready.
    pub load_errors: u64,
    /// Loads whose value was not stored, because a dependency was invalidated or a value of the key was inserted
    /// meanwhile.
    pub discarded_loads: u64,
    /// Values stored: those of loads, and direct inserts.
    pub puts: u64,
    /// Live entries removed to make room for others.
    pub evictions: u64,
    /// The sum of their weights, modulo 2^64. Without a `max_weight` nothing is weighed, and each counts as 1.
    pub evicted_weight: u64,
    /// Values that were not stored because each is heavier than `max_weight`.
    pub too_heavy: u64,
    /// Expired entries removed or replaced by a call for their key, an insert of another entry, `purge`, or an
    /// invalidation of their key.
    pub expirations: u64,
    /// Targets of invalidations: each named key and tag, each query found, and each call for a scope or for all.
    pub invalidations: u64,
    /// Loads that began while a value was there that could still be served: before its expiry by `refresh_ahead`, or after
    /// it by `stale_while_revalidate` or `stale_if_error`.
    pub refreshes: u64,
    /// Calls answered by an expired value, because a load failed, took too long, or was left to another caller or to the
    /// background.
    pub stale_hits: u64,
    /// Hits whose body ran as well: see [`CacheBuilder::audit`](crate::CacheBuilder::audit).
    pub audited: u64,
    /// Findings of the audit: entries with a wrong answer.
    pub stale_found: u64,
    /// Panics in the `Drop` of keys and values, caught as they would reach an unrelated call.
    pub drop_panics: u64,
}

impl Stats {
    /// The share of hits among all calls, from 0 to 1; 0 without calls.
    pub fn hit_rate(&self) -> f64 {
        hit_rate(self.hits, self.misses)
    }

    pub(crate) fn add(&mut self, counters: &Counters) {
        self.hits += counters.sum(Event::Hit);
        self.cold_misses += counters.sum(Event::ColdMiss);
        self.expired_misses += counters.sum(Event::ExpiredMiss);
        self.invalidated_misses += counters.sum(Event::InvalidatedMiss);
        self.evicted_misses += counters.sum(Event::EvictedMiss);
        self.bypassed_misses += counters.sum(Event::BypassedMiss);
        // Each miss has one reason.
        self.misses = self.cold_misses
            + self.expired_misses
            + self.invalidated_misses
            + self.evicted_misses
            + self.bypassed_misses;
        self.loads += counters.sum(Event::Load);
        self.load_errors += counters.sum(Event::LoadError);
        self.discarded_loads += counters.sum(Event::DiscardedLoad);
        self.puts += counters.sum(Event::Put);
        self.evictions += counters.sum(Event::Eviction);
        self.evicted_weight = self.evicted_weight.wrapping_add(counters.sum(Event::EvictedWeight));
        self.too_heavy += counters.sum(Event::TooHeavy);
        self.expirations += counters.sum(Event::Expiration);
        self.invalidations += counters.sum(Event::Invalidation);
        self.refreshes += counters.sum(Event::Refresh);
        self.stale_hits += counters.sum(Event::StaleHit);
        self.audited += counters.sum(Event::Audited);
        self.stale_found += counters.sum(Event::StaleFound);
        self.drop_panics += counters.sum(Event::DropPanic);
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<16}{:>12} of {}", "entries", self.entries, self.capacity)?;
        if self.max_weight > 0 {
            writeln!(f, "{:<16}{:>12} of {}", "weight", self.weight, self.max_weight)?;
            writeln!(f, "{:<16}{:>12}", "evicted weight", self.evicted_weight)?;
        }
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
        // Only of queries with options for outages or weights, and of faulty types.
        let rare = [
            ("refreshes", self.refreshes),
            ("stale hits", self.stale_hits),
            ("too heavy", self.too_heavy),
            ("audited", self.audited),
            ("stale found", self.stale_found),
            ("drop panics", self.drop_panics),
        ];
        for (name, count) in rare {
            if count > 0 {
                write!(f, "\n{name:<16}{count:>12}")?;
            }
        }
        Ok(())
    }
}

/// Statistics of one query of one type, since the cache was built. [`Stats`] explains the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueryStats {
    /// The name for invalidation at run time.
    pub query: &'static str,
    /// The module of the query.
    pub module: &'static str,
    /// The type whose method the query is, by [`std::any::type_name`]; empty for a free function.
    pub owner: &'static str,
    /// Live entries.
    pub entries: usize,
    /// Calls answered from the cache.
    pub hits: u64,
    /// Calls that loaded or waited; the sum of the next five.
    pub misses: u64,
    /// Misses of what was never loaded, whose last load stored nothing, or that left so long ago that the cache no longer
    /// knows why: see [`MissReason`](crate::events::MissReason::Cold).
    pub cold_misses: u64,
    /// Misses of what had expired, or was about to be refreshed.
    pub expired_misses: u64,
    /// Misses of what was invalidated, when it was stored or while it was loaded.
    pub invalidated_misses: u64,
    /// Misses of what was removed to make room for others.
    pub evicted_misses: u64,
    /// Calls through handles that take nothing from the cache.
    pub bypassed_misses: u64,
    /// Bodies run.
    pub loads: u64,
    /// Loads that failed, panicked, or were dropped.
    pub load_errors: u64,
    /// Loads whose value was not stored.
    pub discarded_loads: u64,
    /// Values stored.
    pub puts: u64,
    /// Live entries removed to make room for others.
    pub evictions: u64,
    /// The sum of their weights; each counts as 1 without a `max_weight`.
    pub evicted_weight: u64,
    /// Values heavier than `max_weight`.
    pub too_heavy: u64,
    /// Expired entries removed or replaced, also by inserts of other queries.
    pub expirations: u64,
    /// Invalidations of this query by name, or of one of its keys.
    pub invalidations: u64,
    /// Loads that began while a value was there that could still be served.
    pub refreshes: u64,
    /// Calls answered by an expired value.
    pub stale_hits: u64,
    /// Hits whose body ran as well.
    pub audited: u64,
    /// Findings of the audit.
    pub stale_found: u64,
    /// Panics in the `Drop` of keys and values.
    pub drop_panics: u64,
}

impl QueryStats {
    /// The share of hits among all calls, from 0 to 1; 0 without calls.
    pub fn hit_rate(&self) -> f64 {
        hit_rate(self.hits, self.misses)
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn add(&mut self, other: &Self) {
        let Self {
            query: _,
            module: _,
            owner: _,
            entries,
            hits,
            misses,
            cold_misses,
            expired_misses,
            invalidated_misses,
            evicted_misses,
            bypassed_misses,
            loads,
            load_errors,
            discarded_loads,
            puts,
            evictions,
            evicted_weight,
            too_heavy,
            expirations,
            invalidations,
            refreshes,
            stale_hits,
            audited,
            stale_found,
            drop_panics,
        } = other;
        self.entries += entries;
        self.hits += hits;
        self.misses += misses;
        self.cold_misses += cold_misses;
        self.expired_misses += expired_misses;
        self.invalidated_misses += invalidated_misses;
        self.evicted_misses += evicted_misses;
        self.bypassed_misses += bypassed_misses;
        self.loads += loads;
        self.load_errors += load_errors;
        self.discarded_loads += discarded_loads;
        self.puts += puts;
        self.evictions += evictions;
        self.evicted_weight = self.evicted_weight.wrapping_add(*evicted_weight);
        self.too_heavy += too_heavy;
        self.expirations += expirations;
        self.invalidations += invalidations;
        self.refreshes += refreshes;
        self.stale_hits += stale_hits;
        self.audited += audited;
        self.stale_found += stale_found;
        self.drop_panics += drop_panics;
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
fn hit_rate(hits: u64, misses: u64) -> f64 {
    match hits + misses {
        0 => 0.0,
        calls => hits as f64 / calls as f64,
    }
}
