//! Figures of the second level and the log.

use std::fmt;
use std::time::Duration;

use crate::sync::{AtomicU64, Ordering};

/// What a cache with a [tier](crate::SharedTier) has done with it: see [`Cache::shared_stats`](crate::Cache::shared_stats).
///
/// Numbers are totals since the cache was built, unless they say otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedStats {
    /// Misses that the second level has answered: no body ran.
    pub hits: u64,
    /// Misses for which the second level had nothing.
    pub misses: u64,
    /// Values of the second level that may be outdated: they were not used.
    pub refused: u64,
    /// Values of the second level that could not be decoded: they were removed.
    pub undecodable: u64,
    /// Reads that failed or took too long.
    pub failed_gets: u64,
    /// Values that were stored in the second level.
    pub puts: u64,
    /// Values that were too large for it.
    pub too_large: u64,
    /// Values that could not be stored, as they could not be encoded, or the second level did not answer in time.
    pub failed_puts: u64,
    /// Invalidations that were published.
    pub published: u64,
    /// Invalidations that are not published yet: now.
    pub unpublished: usize,
    /// Mutations that were refused, as they could not be announced.
    pub refused_mutations: u64,
    /// Records that were heard and have taken effect, its own among them.
    pub heard: u64,
    /// How often records were lost, and so everything was forgotten.
    pub gaps: u64,
    /// How often a new epoch has begun, and so everything was forgotten.
    pub epochs: u64,
    /// Whether memory answers: all has been heard until lately.
    pub is_live: bool,
    /// How long ago all was known to have been heard; `None` before the first time.
    pub lag: Option<Duration>,
}

impl fmt::Display for SharedStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hits, misses, refused, undecodable, failed_gets, puts, too_large, failed_puts, .. } = self;
        let Self { published, unpublished, refused_mutations, heard, gaps, epochs, is_live, lag, .. } = self;
        let lag = lag.map_or_else(|| "never proved".to_owned(), |lag| format!("proved {lag:.0?} ago"));
        let state = if *is_live { "live" } else { "not live: memory answers nothing" };
        writeln!(
            f,
            "second level: {hits} hits, {misses} misses, {refused} refused, {undecodable} undecodable, {failed_gets} failed"
        )?;
        writeln!(f, "stored there: {puts}, {too_large} too large, {failed_puts} failed")?;
        writeln!(
            f,
            "log: {published} published, {unpublished} not yet, {refused_mutations} mutations refused, {heard} heard"
        )?;
        write!(f, "lease: {state}, {lag}, {gaps} gaps, {epochs} new epochs")
    }
}

macro_rules! counters {
    ($of:ident: $($name:ident),*) => {
        #[derive(Default)]
        pub(crate) struct $of {
            $(pub(crate) $name: Counter,)*
        }

        impl $of {
            pub(crate) fn read(&self, stats: &mut SharedStats) {
                $(stats.$name = self.$name.0.load(Ordering::Acquire);)*
            }
        }
    };
}

counters!(SecondLevelCounters: hits, misses, refused, undecodable, failed_gets, puts, too_large, failed_puts);
counters!(LogCounters: published, refused_mutations, heard, gaps, epochs);

#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn count(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}
