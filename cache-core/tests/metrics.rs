//! What `CacheMetrics` publishes, and what exporters make of it.
#![cfg(not(shuttle))]

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cache_core::{Cache, CacheBuilder, CacheMetrics, HasCache, ManualClock, cached_query, entry, invalidates};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit, with_local_recorder};
use metrics_exporter_prometheus::PrometheusBuilder;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

#[derive(HasCache)]
struct Library {
    clock: ManualClock,
    cache: Cache,
}

impl Library {
    fn new(metrics: &CacheMetrics) -> Self {
        Self::of(Cache::builder(), metrics)
    }

    fn of(builder: CacheBuilder, metrics: &CacheMetrics) -> Self {
        let clock = ManualClock::new();
        Self { cache: builder.clock(clock.clone()).observer(metrics.clone()).build(), clock }
    }

    /// Takes as many seconds as its argument says.
    #[cached_query(ttl = "5m", weight = String::len)]
    fn title(&self, seconds: u64) -> String {
        self.clock.advance(Duration::from_secs(seconds));
        format!("track {seconds}")
    }

    #[cached_query(ttl = "5m", stale_if_error = "1h")]
    fn fallible(&self, fails: bool) -> Result<u32, String> {
        let is_first = self.cache.stats().loads == 1;
        if is_first && !fails { Ok(1) } else { Err("no connection".into()) }
    }

    #[cached_query(ttl = "5m", cache_if = |_| false)]
    fn refused(&self) -> u32 {
        7
    }

    #[cached_query(ttl = "5m")]
    fn overtaken(&self) -> u32 {
        self.cache.invalidate(["overtaken"]);
        7
    }

    #[cached_query(ttl = "5m", each = ids)]
    fn rows(&self, ids: &[u32]) -> HashMap<u32, u32> {
        ids.iter().map(|id| (*id, *id)).collect()
    }

    #[cached_query(ttl = "5m")]
    async fn never(&self) -> u32 {
        std::future::pending().await
    }

    #[cached_query(ttl = "5m")]
    fn panics(&self) -> u32 {
        panic!("in the body")
    }

    #[cached_query(ttl = "5m")]
    fn faulty(&self, id: u32) -> Arc<PanicsInDrop> {
        let _ = id;
        Arc::new(PanicsInDrop)
    }

    #[invalidates(title(seconds))]
    fn rename(&self, seconds: u64) -> u64 {
        seconds
    }
}

struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        resume_unwind(Box::new("in `Drop`"));
    }
}

#[cached_query(ttl = "5m", cache = &library.cache, skip(library))]
fn free(library: &Library) -> u32 {
    2
}

impl Library {
    #[cached_query(ttl = "5m")]
    fn free(&self) -> u32 {
        let first = {
            #[cached_query(ttl = "5m", cache = &library.cache, skip(library))]
            fn free(library: &Library) -> u32 {
                3
            }
            free(self)
        };
        #[cached_query(ttl = "5m", cache = &library.cache, skip(library))]
        fn free(library: &Library) -> u32 {
            4
        }
        first + free(self) + free(self)
    }
}

mod elsewhere {
    use cache_core::cached_query;

    use super::Library;

    #[cached_query(ttl = "5m", cache = &library.cache, skip(library))]
    pub(crate) fn free(library: &Library) -> u32 {
        1
    }
}

/// By name and labels, as in `cache.gets cache=library query=title result=hit`, without module and owner.
struct Series(BTreeMap<String, Vec<DebugValue>>);

impl Series {
    fn of(recorder: &DebuggingRecorder) -> Self {
        let mut series = BTreeMap::<_, Vec<_>>::new();
        for (key, _, _, value) in recorder.snapshotter().snapshot().into_vec() {
            let labels = key.key().labels().filter(|label| !["module", "owner"].contains(&label.key()));
            let labels: Vec<_> = labels.map(|label| format!("{}={}", label.key(), label.value())).collect();
            let name = format!("{} {}", key.key().name(), labels.join(" "));
            series.entry(name).or_default().push(value);
        }
        Self(series)
    }

    fn value(&self, name: &str) -> &DebugValue {
        match self.0.get(name).map(Vec::as_slice) {
            Some([one]) => one,
            other => panic!("{name}: {other:?} of {:#?}", self.0.keys()),
        }
    }

    fn counter(&self, name: &str) -> u64 {
        if let DebugValue::Counter(value) = self.value(name) { *value } else { panic!("{name} is no counter") }
    }

    fn gauge(&self, name: &str) -> f64 {
        if let DebugValue::Gauge(value) = self.value(name) { value.0 } else { panic!("{name} is no gauge") }
    }

    fn histogram(&self, name: &str) -> Vec<f64> {
        let DebugValue::Histogram(values) = self.value(name) else { panic!("{name} is no histogram") };
        values.iter().map(|value| value.0).collect()
    }
}

/// What is published while the code runs.
fn published(code: impl FnOnce(&CacheMetrics)) -> Series {
    let recorder = DebuggingRecorder::new();
    with_local_recorder(&recorder, || code(&CacheMetrics::new("library")));
    Series::of(&recorder)
}

#[test]
fn gets_misses_puts_and_sizes_are_those_of_the_counters() {
    let series = published(|metrics| {
        let library = Library::of(Cache::builder().max_weight(1_000), metrics);
        for _ in 0..3 {
            library.title(0);
        }
        library.clock.advance(Duration::from_secs(301));
        library.title(0);
        library.rename(0);
        library.title(0);
        Library { cache: library.cache.bypass(), clock: library.clock.clone() }.title(0);
        entry!(library.title(1)).insert("put".into());
        library.cache.invalidate_tags(["artist:22", "artist:23"]);
        metrics.record(&library.cache);
        // Absolute: not twice as many.
        metrics.record(&library.cache.scope("tenant:1"));
    });
    let of = |name: &str, label: &str| series.counter(&format!("cache.{name} cache=library query=title{label}"));
    assert_eq!((of("gets", " result=hit"), of("gets", " result=miss")), (2, 4));
    let misses = ["cold", "expired", "invalidated", "evicted", "bypassed"];
    assert_eq!(misses.map(|reason| of("misses", &format!(" reason={reason}"))), [1, 1, 1, 0, 1]);
    assert_eq!((of("puts", ""), of("expirations", "")), (4, 1));
    assert_eq!(of("invalidations", ""), 2, "of the mutation, and of the insert");
    assert_eq!(series.counter("cache.invalidations cache=library query="), 2, "the tags");
    assert!((series.gauge("cache.size cache=library query=title") - 2.0).abs() < 1e-9);
    let whole =
        ["capacity", "weight", "weight.max"].map(|name| series.gauge(&format!("cache.{name} cache=library query=")));
    assert_eq!(whole.map(|value| value.to_string()), ["10000", "10", "1000"]);
}

#[test]
fn loads_are_measured_in_seconds_by_outcome() {
    let series = published(|metrics| {
        let library = Library::new(metrics);
        library.title(2);
        library.title(2);
        library.title(30);
        library.refused();
        library.overtaken();
        library.fallible(true).unwrap_err();
        catch_unwind(AssertUnwindSafe(|| library.panics())).unwrap_err();
        library.rows(&[1, 2, 3]);
        metrics.record(&library.cache);
    });
    let durations = |query: &str, outcome| {
        series.histogram(&format!("cache.load.duration cache=library query={query} outcome={outcome}"))
    };
    assert_eq!(durations("title", "stored"), [2.0, 30.0]);
    for (query, outcome) in
        [("refused", "refused"), ("overtaken", "discarded"), ("fallible", "failed"), ("panics", "panicked")]
    {
        assert_eq!(durations(query, outcome), [0.0], "{query}");
    }
    let loads =
        |query: &str, result| series.counter(&format!("cache.load cache=library query={query} result={result}"));
    assert_eq!((loads("title", "success"), loads("refused", "success"), loads("overtaken", "success")), (2, 1, 1));
    assert_eq!((loads("fallible", "failure"), loads("panics", "failure"), loads("rows", "success")), (1, 1, 3));
    assert_eq!(series.counter("cache.load.discarded cache=library query=overtaken"), 1);
    let puts = ["title", "refused", "overtaken", "fallible", "rows"];
    let puts = puts.map(|query| series.counter(&format!("cache.puts cache=library query={query}")));
    assert_eq!(puts, [2, 0, 0, 0, 3], "only what was stored");
}

#[test]
fn a_dropped_future_is_a_failure() {
    let series = published(|metrics| {
        let library = Library::new(metrics);
        let mut call = Box::pin(library.never());
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(call.as_mut().poll(&mut cx).is_pending());
        drop(call);
        metrics.record(&library.cache);
    });
    assert_eq!(series.counter("cache.load cache=library query=never result=failure"), 1);
    assert_eq!(series.histogram("cache.load.duration cache=library query=never outcome=dropped"), [0.0]);
    assert!(!series.0.keys().any(|name| name.starts_with("cache.weight")), "nothing limits the weight");
}

#[test]
fn evictions_stale_answers_and_heavy_values_are_counted() {
    let series = published(|metrics| {
        let library = Library::of(Cache::builder().capacity(1).max_weight(7), metrics);
        library.fallible(false).unwrap();
        library.clock.advance(Duration::from_secs(301));
        library.fallible(false).unwrap();
        library.title(1);
        library.title(10);
        library.rows(&[1, 2]);
        metrics.record(&library.cache);
        let stats = library.cache.stats();
        assert_eq!((stats.stale_hits, stats.refreshes, stats.too_heavy), (1, 1, 1));
    });
    let of = |name: &str, query: &str| series.counter(&format!("cache.{name} cache=library query={query}"));
    assert_eq!((of("stale.hits", "fallible"), of("refreshes", "fallible")), (1, 1));
    assert_eq!((of("too.heavy", "title"), of("puts", "title")), (1, 1));
    assert_eq!(of("evictions", "fallible") + of("evictions", "title") + of("evictions", "rows"), 3);
    assert_eq!(of("puts", "rows"), 2);
}

#[test]
fn the_weight_of_what_was_evicted_is_added_up() {
    // Nothing is weighed without a limit.
    for (max_weight, weights) in [(Some(20), 7 + 8), (None, 2)] {
        let series = published(|metrics| {
            let builder = Cache::builder().capacity(1);
            let builder = if let Some(most) = max_weight { builder.max_weight(most) } else { builder };
            let library = Library::of(builder, metrics);
            for seconds in [1, 10, 100] {
                library.title(seconds);
            }
            library.rename(100);
            metrics.record(&library.cache);
            assert_eq!((library.cache.stats().evictions, library.cache.stats().evicted_weight), (2, weights));
        });
        let of = |name: &str| series.counter(&format!("cache.{name} cache=library query=title"));
        assert_eq!((of("evictions"), of("eviction.weight")), (2, weights));
    }
}

#[test]
fn panics_in_drop_are_counted_also_without_the_observer() {
    let series = published(|metrics| {
        let library = Library { clock: ManualClock::new(), cache: Cache::new() };
        (1..=3).for_each(|id| drop(library.faulty(id)));
        assert!(entry!(library.faulty(1)).invalidate());
        library.cache.invalidate_all();
        library.cache.purge();
        library.title(7);
        metrics.record(&library.cache);
    });
    let of = |query: &str| series.counter(&format!("cache.drop.panics cache=library query={query}"));
    assert_eq!((of("faulty"), of("title")), (3, 0));
}

#[test]
fn two_caches_are_two_series_and_two_scopes_are_one() {
    let recorder = DebuggingRecorder::new();
    with_local_recorder(&recorder, || {
        let [one, two] = ["one", "two"].map(|name| {
            let metrics = CacheMetrics::new(name);
            (Library::new(&metrics), metrics)
        });
        one.0.title(0);
        for scope in ["tenant:1", "tenant:2"] {
            let scoped = Library { cache: two.0.cache.scope(scope), clock: two.0.clock.clone() };
            scoped.title(0);
            scoped.title(0);
        }
        for (library, metrics) in [one, two] {
            metrics.record(&library.cache.scope("tenant:1"));
        }
    });
    let series = Series::of(&recorder);
    let gets =
        |cache: &str, result: &str| series.counter(&format!("cache.gets cache={cache} query=title result={result}"));
    assert_eq!((gets("one", "hit"), gets("one", "miss")), (0, 1));
    assert_eq!((gets("two", "hit"), gets("two", "miss")), (2, 2));
    assert_eq!(series.histogram("cache.load.duration cache=one query=title outcome=stored").len(), 1);
    assert_eq!(series.histogram("cache.load.duration cache=two query=title outcome=stored").len(), 2);
    assert!((series.gauge("cache.size cache=two query=title") - 2.0).abs() < 1e-9);
}

/// The values of one metric, by the labels module and owner.
fn by_place(name: &str, code: impl FnOnce(&CacheMetrics)) -> BTreeMap<(String, String), u64> {
    let recorder = DebuggingRecorder::new();
    with_local_recorder(&recorder, || code(&CacheMetrics::new("library")));
    let mut values = BTreeMap::new();
    for (key, _, _, value) in recorder.snapshotter().snapshot().into_vec() {
        let label = |name| {
            let label = key.key().labels().find(|label| label.key() == name);
            label.unwrap_or_else(|| panic!("{} has no {name}", key.key())).value().to_owned()
        };
        if let DebugValue::Counter(value) = value
            && key.key().name() == name
            && label("query") == "free"
        {
            assert!(values.insert((label("module"), label("owner")), value).is_none());
        }
    }
    values
}

#[test]
fn queries_of_one_name_are_told_apart_by_module_and_owner_or_added_up() {
    let values = by_place("cache.puts", |metrics| {
        let library = Library::new(metrics);
        elsewhere::free(&library);
        free(&library);
        library.free();
        metrics.record(&library.cache);
    });
    let here = module_path!();
    let counts: Vec<_> = values.iter().map(|((module, owner), count)| (&**module, &**owner, *count)).collect();
    assert_eq!(counts.len(), 4, "{counts:?}");
    assert!(counts.contains(&(&format!("{here}::elsewhere"), "", 1)), "{counts:?}");
    assert!(counts.contains(&(here, std::any::type_name::<Library>(), 1)), "{counts:?}");
    let of_two = counts.iter().filter(|(.., count)| *count == 2).count();
    assert_eq!(of_two, 1, "the two functions in one method: {counts:?}");
}

#[test]
fn each_metric_is_described_and_has_the_labels_of_all() {
    let recorder = DebuggingRecorder::new();
    with_local_recorder(&recorder, || {
        let metrics = CacheMetrics::new("library");
        let library = Library::of(Cache::builder().max_weight(1_000), &metrics);
        library.title(7);
        metrics.record(&library.cache);
    });
    let all = recorder.snapshotter().snapshot().into_vec();
    let mut names = Vec::new();
    for (key, unit, text, _) in &all {
        let name = key.key().name();
        let is_duration = name == "cache.load.duration";
        assert_eq!(*unit, Some(if is_duration { Unit::Seconds } else { Unit::Count }), "{name}");
        assert!(text.as_ref().is_some_and(|text| !text.is_empty()), "{name}");
        let labels: Vec<_> = key.key().labels().map(|label| label.key().to_owned()).collect();
        let own = match name {
            "cache.gets" | "cache.load" => &["result"][..],
            "cache.misses" => &["reason"],
            "cache.load.duration" => &["outcome"],
            _ => &[],
        };
        assert_eq!(labels, [&["cache", "query", "module", "owner"], own].concat(), "{name}: nothing of a call");
        names.push(name);
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(
        names,
        [
            "cache.capacity",
            "cache.drop.panics",
            "cache.eviction.weight",
            "cache.evictions",
            "cache.expirations",
            "cache.gets",
            "cache.invalidations",
            "cache.load",
            "cache.load.discarded",
            "cache.load.duration",
            "cache.misses",
            "cache.puts",
            "cache.refreshes",
            "cache.size",
            "cache.stale.hits",
            "cache.too.heavy",
            "cache.weight",
            "cache.weight.max",
        ]
    );
}

/// Counts what is asked of it, and may panic.
#[derive(Default)]
struct Counting {
    asked: AtomicUsize,
    panics: bool,
}

impl Counting {
    fn ask(&self) {
        self.asked.fetch_add(1, Ordering::SeqCst);
        assert!(!self.panics, "in the recorder");
    }
}

impl Recorder for Counting {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
        self.ask();
    }

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
        self.ask();
    }

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
        self.ask();
    }

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        self.ask();
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        self.ask();
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        self.ask();
        Histogram::noop()
    }
}

#[test]
fn a_hit_asks_nothing_of_the_recorder() {
    let recorder = Counting::default();
    let library = Library::new(&CacheMetrics::new("library"));
    let asked_by = |calls: usize| {
        with_local_recorder(&recorder, || (0..calls).for_each(|_| drop(library.title(7))));
        recorder.asked.swap(0, Ordering::SeqCst)
    };
    assert_eq!(asked_by(1), 2, "a load: its duration, and a counter");
    assert_eq!(asked_by(10), 0);
}

#[test]
fn a_panic_of_the_recorder_reaches_no_caller() {
    let recorder = Counting { panics: true, ..Counting::default() };
    let library = Library::new(&CacheMetrics::new("library"));
    with_local_recorder(&recorder, || assert_eq!((library.title(7), library.title(7)).0, "track 7"));
    assert_eq!(recorder.asked.load(Ordering::SeqCst), 1);
    assert_eq!((library.cache.stats().loads, library.cache.stats().hits), (1, 1));
}

#[test]
fn the_exporter_for_prometheus_writes_valid_names_and_the_counts() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let text = with_local_recorder(&recorder, || {
        let metrics = CacheMetrics::new("my \"library\"");
        let library = Library::new(&metrics);
        for _ in 0..5 {
            library.title(2);
        }
        for _ in 0..3 {
            metrics.record(&library.cache);
            library.title(2);
        }
        metrics.record(&library.cache);
        recorder.handle().render()
    });
    let is_name = |name: &str| {
        let is_first = |first: char| first.is_ascii_alphabetic() || "_:".contains(first);
        name.starts_with(is_first) && name.chars().all(|char| is_first(char) || char.is_ascii_digit())
    };
    let mut samples = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(comment) = line.strip_prefix("# ") {
            let words: Vec<_> = comment.splitn(3, ' ').collect();
            assert!(["HELP", "TYPE"].contains(&words[0]) && is_name(words[1]) && !words[2].is_empty(), "{line}");
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap();
        assert!(is_name(name) && name.starts_with("cache_") && labels.ends_with('}'), "{line}");
        assert!(labels.starts_with(r#"cache="my \"library\"",query=""#), "{line}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
        let of = |label: &str| labels.contains(label);
        if of("query=\"title\"") {
            let results = ["hit", "miss", "success"].into_iter().filter(|result| of(&format!("result=\"{result}\"")));
            samples.insert(format!("{name} {}", results.collect::<String>()), value);
        }
    }
    let counts = ["cache_gets hit", "cache_gets miss", "cache_load success", "cache_puts ", "cache_size "];
    assert_eq!(counts.map(|name| samples[name]), ["7", "1", "1", "1", "1"], "{text}");
    let durations = ["cache_load_duration_count ", "cache_load_duration_sum "];
    assert_eq!(durations.map(|name| samples[name]), ["1", "2"], "{text}");
    for described in ["# TYPE cache_gets counter", "# TYPE cache_size gauge", "# HELP cache_load_duration "] {
        assert!(text.contains(described), "{described}: {text}");
    }
}
