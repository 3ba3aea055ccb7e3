//! The figures of a cache for the exporters of the `metrics` facade.

use ::metrics::{Label, SharedString, Unit, counter, describe_counter, describe_gauge, describe_histogram};
use ::metrics::{gauge, histogram};

use crate::cache::Cache;
use crate::observer::Observer;
use crate::observer::events::{Call, LoadOutcome, Loaded};
use crate::stats::QueryStats;
use crate::stats::counters::Event;

/// Publishes the figures of a cache through the facade [`metrics`](https://docs.rs/metrics), under the names that
/// Micrometer gives them. With the feature `metrics`.
///
/// [`record`](Self::record) publishes the counters of the cache: call it before each scrape. So a hit costs nothing. As an
/// [`Observer`] it measures the loads, as they happen. The figures go to the recorder of the calling thread, or else to the
/// global one; without one, nowhere.
///
/// # Metrics
///
/// Each has the labels `cache`, the name given here, and `query`, `module` and `owner`, as in
/// [`QueryStats`](crate::QueryStats); `owner` is empty for a free function. There are as many as the program has queries:
/// neither arguments nor scopes are labels. A series covers all scopes.
///
/// | metric | | |
/// |---|---|---|
/// | `cache.gets` | counter | calls; `result` is `hit` or `miss` |
/// | `cache.puts` | counter | values stored, of loads and of direct inserts |
/// | `cache.evictions` | counter | live entries removed to make room for others |
/// | `cache.eviction.weight` | counter | the sum of their weights; without a [`max_weight`](crate::CacheBuilder::max_weight) each counts as 1 |
/// | `cache.size` | gauge | live entries |
/// | `cache.load.duration` | histogram | of loads, in seconds; `outcome` is that of [`LoadOutcome::as_str`] |
/// | `cache.load` | counter | loads that have ended; `result` is `success` or `failure` |
///
/// Others are of this crate:
///
/// | metric | | |
/// |---|---|---|
/// | `cache.misses` | counter | misses; `reason` is `cold`, `expired`, `invalidated`, `evicted` or `bypassed` |
/// | `cache.load.discarded` | counter | loads whose value was not stored: something was invalidated meanwhile |
/// | `cache.invalidations` | counter | targets of invalidations; those of tags and of everything without a query |
/// | `cache.expirations` | counter | expired entries removed or replaced |
/// | `cache.refreshes` | counter | loads that began while a value was there that could still be served |
/// | `cache.stale.hits` | counter | calls answered by an expired value, whether they count as hit or miss |
/// | `cache.too.heavy` | counter | values heavier than all that may be stored |
/// | `cache.drop.panics` | counter | panics in the `Drop` of keys and values, which reach no call |
/// | `cache.capacity` | gauge | the most entries; without a query, as the next two |
/// | `cache.weight` | gauge | the weight of all entries, of a cache with [`max_weight`](crate::CacheBuilder::max_weight) |
/// | `cache.weight.max` | gauge | the most that they may weigh |
///
/// `cache.load.duration` and `cache.load` are those of an observer: they begin when it is added to the cache.
///
/// ```
/// use cache_core::{Cache, CacheMetrics, HasCache, cached_query};
/// use metrics_util::debugging::{DebugValue, DebuggingRecorder};
///
/// #[derive(HasCache)]
/// struct Library {
///     cache: Cache,
/// }
///
/// impl Library {
///     #[cached_query(ttl = "5m")]
///     fn title(&self, id: u32) -> String {
///         format!("track {id}")
///     }
/// }
///
/// let recorder = DebuggingRecorder::new(); // or that of an exporter
/// metrics::with_local_recorder(&recorder, || {
///     let metrics = CacheMetrics::new("library");
///     let library = Library { cache: Cache::builder().observer(metrics.clone()).build() };
///     library.title(7);
///     library.title(7);
///     metrics.record(&library.cache); // before each scrape
/// });
///
/// let all = recorder.snapshotter().snapshot().into_vec();
/// let is_hits = |key: &metrics::Key| {
///     key.name() == "cache.gets" && key.labels().any(|label| (label.key(), label.value()) == ("result", "hit"))
/// };
/// let (_, _, _, hits) = all.iter().find(|(key, ..)| is_hits(key.key())).unwrap();
/// assert_eq!(*hits, DebugValue::Counter(1));
/// ```
#[derive(Clone, Debug)]
pub struct CacheMetrics {
    cache: SharedString,
}

impl CacheMetrics {
    /// `cache` is the label that tells its series from those of other caches: each needs another.
    pub fn new(cache: impl Into<String>) -> Self {
        Self { cache: SharedString::from_shared(cache.into().into()) }
    }

    /// Publishes the figures of all queries of a cache, in all scopes, also through a scoped handle.
    ///
    /// It costs what [`Cache::query_stats`] costs: it looks at every entry.
    pub fn record(&self, cache: &Cache) {
        describe();
        let engine = cache.engine();
        for stats in by_labels(cache.query_stats()) {
            self.record_query(&stats);
        }
        let (weight, max_weight) = engine.storage.eviction.weight();
        let whole = || self.labels("", "", "");
        counter!("cache.invalidations", whole()).absolute(engine.own_counters().sum(Event::Invalidation));
        gauge!("cache.capacity", whole()).set(as_gauge(engine.capacity() as u64));
        if engine.storage.limits_weight() {
            gauge!("cache.weight", whole()).set(as_gauge(weight));
            gauge!("cache.weight.max", whole()).set(as_gauge(max_weight));
        }
    }

    fn record_query(&self, stats: &QueryStats) {
        let labels = || self.labels(stats.query, stats.module, stats.owner);
        for (result, count) in [("hit", stats.hits), ("miss", stats.misses)] {
            counter!("cache.gets", and(labels(), "result", result)).absolute(count);
        }
        let reasons = [
            ("cold", stats.cold_misses),
            ("expired", stats.expired_misses),
            ("invalidated", stats.invalidated_misses),
            ("evicted", stats.evicted_misses),
            ("bypassed", stats.bypassed_misses),
        ];
        for (reason, count) in reasons {
            counter!("cache.misses", and(labels(), "reason", reason)).absolute(count);
        }
        counter!("cache.puts", labels()).absolute(stats.puts);
        counter!("cache.evictions", labels()).absolute(stats.evictions);
        counter!("cache.eviction.weight", labels()).absolute(stats.evicted_weight);
        counter!("cache.load.discarded", labels()).absolute(stats.discarded_loads);
        counter!("cache.invalidations", labels()).absolute(stats.invalidations);
        counter!("cache.expirations", labels()).absolute(stats.expirations);
        counter!("cache.refreshes", labels()).absolute(stats.refreshes);
        counter!("cache.stale.hits", labels()).absolute(stats.stale_hits);
        counter!("cache.too.heavy", labels()).absolute(stats.too_heavy);
        counter!("cache.drop.panics", labels()).absolute(stats.drop_panics);
        gauge!("cache.size", labels()).set(as_gauge(stats.entries as u64));
    }

    /// All series have all of them: some backends refuse a metric whose labels change.
    fn labels(&self, query: &'static str, module: &'static str, owner: &'static str) -> Vec<Label> {
        vec![
            Label::new("cache", self.cache.clone()),
            Label::from_static_parts("query", query),
            Label::from_static_parts("module", module),
            Label::from_static_parts("owner", owner),
        ]
    }
}

impl Observer for CacheMetrics {
    fn loaded(&self, &Loaded { call: Call { query, module, owner, .. }, duration, outcome, .. }: &Loaded<'_>) {
        let labels = || self.labels(query, module, owner);
        let result = match outcome {
            LoadOutcome::Stored | LoadOutcome::Refused | LoadOutcome::Discarded => "success",
            LoadOutcome::Failed | LoadOutcome::Panicked | LoadOutcome::Dropped => "failure",
            // Nothing was loaded.
            LoadOutcome::Taken => return,
        };
        histogram!("cache.load.duration", and(labels(), "outcome", outcome.as_str())).record(duration);
        counter!("cache.load", and(labels(), "result", result)).increment(1);
    }
}

fn and(mut labels: Vec<Label>, name: &'static str, value: &'static str) -> Vec<Label> {
    labels.push(Label::from_static_parts(name, value));
    labels
}

/// Functions in two blocks of one function have the same name, module and owner: their figures are added up, as one of two
/// counters with the same labels would overwrite the other. `all` is sorted by the labels.
fn by_labels(all: Vec<QueryStats>) -> Vec<QueryStats> {
    let mut sums: Vec<QueryStats> = Vec::with_capacity(all.len());
    for stats in all {
        match sums.last_mut() {
            Some(sum) if (sum.query, sum.module, sum.owner) == (stats.query, stats.module, stats.owner) => {
                sum.add(&stats);
            }
            _ => sums.push(stats),
        }
    }
    sums
}

#[expect(clippy::cast_precision_loss, reason = "a gauge needs no more than 52 bits")]
fn as_gauge(value: u64) -> f64 {
    value as f64
}

/// At each scrape: the recorder may have been installed after the last.
fn describe() {
    let counters = [
        ("cache.gets", "Calls of cached queries, by result"),
        ("cache.misses", "Calls that were not answered from the cache, by reason"),
        ("cache.puts", "Values stored, of loads and of direct inserts"),
        ("cache.evictions", "Live entries removed to make room for others"),
        ("cache.eviction.weight", "The weight of live entries removed to make room for others"),
        ("cache.load", "Loads that have ended, by result"),
        ("cache.load.discarded", "Loads whose value was not stored, as something was invalidated meanwhile"),
        ("cache.invalidations", "Targets of invalidations"),
        ("cache.expirations", "Expired entries removed or replaced"),
        ("cache.refreshes", "Loads that began while a value was there that could still be served"),
        ("cache.stale.hits", "Calls answered by an expired value"),
        ("cache.too.heavy", "Values heavier than all that may be stored"),
        ("cache.drop.panics", "Panics in the drop of keys and values, which reach no call"),
    ];
    for (name, text) in counters {
        describe_counter!(name, Unit::Count, text);
    }
    let gauges = [
        ("cache.size", "Live entries"),
        ("cache.capacity", "The most entries that there may be"),
        ("cache.weight", "The weight of all entries"),
        ("cache.weight.max", "The most that the weights of all entries may sum up to"),
    ];
    for (name, text) in gauges {
        describe_gauge!(name, Unit::Count, text);
    }
    describe_histogram!("cache.load.duration", Unit::Seconds, "The time that loads take, by outcome");
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::time::Duration;

    use ::metrics::with_local_recorder;
    use metrics_util::debugging::DebuggingRecorder;

    use super::*;
    use crate::query::state::QueryState;

    #[test]
    fn a_value_of_the_second_level_is_no_load() {
        let series_of = |outcome| {
            let (query, recorder) = (QueryState::anonymous(), DebuggingRecorder::new());
            let call = Call::new(&query, None, &|_| Ok(()));
            let loaded = Loaded { call, duration: Duration::ZERO, outcome, shared_by: 0 };
            with_local_recorder(&recorder, || CacheMetrics::new("library").loaded(&loaded));
            recorder.snapshotter().snapshot().into_vec().len()
        };
        assert_eq!((series_of(LoadOutcome::Taken), series_of(LoadOutcome::Stored)), (0, 2));
    }
}
