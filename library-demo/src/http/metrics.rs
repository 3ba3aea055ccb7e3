//! Metrics for Prometheus, named as Micrometer names those of caches.

use axum::http::{HeaderName, header::CONTENT_TYPE};
use cache_core::Cache;
use metrics::{counter, describe_counter, describe_gauge, gauge, with_local_recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

use super::Shared;

/// The metrics of one cache.
pub(super) struct Metrics {
    /// Not a global one: there is one for each service in a process.
    recorder: PrometheusRecorder,
}

impl Default for Metrics {
    fn default() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        with_local_recorder(&recorder, || {
            describe_counter!("cache_gets_total", "Calls, by their result: hit or miss");
            describe_counter!("cache_puts_total", "Values that were loaded and stored");
            describe_counter!("cache_loads_total", "Bodies run");
            describe_counter!("cache_load_errors_total", "Bodies that failed");
            describe_counter!("cache_evictions_total", "Live entries that were removed for others");
            describe_counter!("cache_invalidations_total", "Targets of invalidations");
            describe_gauge!("cache_size", "Live entries");
            describe_gauge!("cache_capacity", "The most entries that there may be");
            describe_counter!("library_database_queries_total", "Statements sent to the database");
        });
        Self { recorder }
    }
}

impl Metrics {
    /// Copies the counters of the cache, and writes all of them down.
    fn render(&self, cache: &Cache, database_queries: u64) -> String {
        with_local_recorder(&self.recorder, || record(cache, database_queries));
        self.recorder.handle().render()
    }
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
fn record(cache: &Cache, database_queries: u64) {
    for query in cache.query_stats() {
        let name = query.query;
        counter!("cache_gets_total", "query" => name, "result" => "hit").absolute(query.hits);
        counter!("cache_gets_total", "query" => name, "result" => "miss").absolute(query.misses);
        let unstored = query.load_errors + query.discarded_loads + query.too_heavy;
        counter!("cache_puts_total", "query" => name).absolute(query.loads.saturating_sub(unstored));
        counter!("cache_loads_total", "query" => name).absolute(query.loads);
        counter!("cache_load_errors_total", "query" => name).absolute(query.load_errors);
        counter!("cache_evictions_total", "query" => name).absolute(query.evictions);
        counter!("cache_invalidations_total", "query" => name).absolute(query.invalidations);
        gauge!("cache_size", "query" => name).set(query.entries as f64);
    }
    gauge!("cache_capacity").set(cache.stats().capacity as f64);
    counter!("library_database_queries_total").absolute(database_queries);
}

pub(super) async fn metrics(app: Shared) -> ([(HeaderName, &'static str); 1], String) {
    let text = app.metrics.render(app.cache(), app.database_queries());
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}
