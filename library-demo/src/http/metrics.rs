//! Metrics for Prometheus.

use std::{sync::Arc, time::Duration};

use axum::http::{HeaderName, header::CONTENT_TYPE};
use cache_core::{Cache, CacheMetrics, Observer, events::Loaded};
use metrics::{counter, describe_counter, with_local_recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use tokio::time::interval;

use super::Shared;

/// The metrics of one service: with a global recorder there could be one in a process. Clones are of the same.
#[derive(Clone)]
pub(super) struct Metrics {
    recorder: Arc<PrometheusRecorder>,
    cache: CacheMetrics,
}

/// Of loads, in seconds.
const BUCKETS: [f64; 10] = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0];

impl Default for Metrics {
    fn default() -> Self {
        let builder = PrometheusBuilder::new().with_recommended_naming(true);
        let recorder = builder.set_buckets(&BUCKETS).expect("there are some").build_recorder();
        with_local_recorder(&recorder, || {
            describe_counter!("library.database.queries", "Statements sent to the database");
        });
        Self { recorder: Arc::new(recorder), cache: CacheMetrics::new("library") }
    }
}

impl Metrics {
    /// The figures of now, as text.
    fn render(&self, cache: &Cache, database_queries: u64) -> String {
        with_local_recorder(&*self.recorder, || {
            self.cache.record(cache);
            counter!("library.database.queries").absolute(database_queries);
        });
        self.recorder.handle().render()
    }

    /// Sums up what was measured, for ever: else measurements would pile up until somebody asks for them.
    pub(super) async fn keep_up(&self) {
        let mut ticks = interval(Duration::from_secs(5));
        loop {
            ticks.tick().await;
            self.recorder.handle().run_upkeep();
        }
    }
}

impl Observer for Metrics {
    fn loaded(&self, event: &Loaded<'_>) {
        with_local_recorder(&*self.recorder, || self.cache.loaded(event));
    }
}

pub(super) async fn metrics(app: Shared) -> ([(HeaderName, &'static str); 1], String) {
    let text = app.metrics.render(app.cache(), app.database_queries());
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}
