//! The span of a load: when it begins, whose child it is, when it is entered, how it ends.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use cache_core::{Cache, HasCache, TaggedCache, cached_query};
use futures_lite::future::{block_on, yield_now};
use tracing::{Level, info, info_span};
use tracing_subscriber::filter::LevelFilter;

use crate::recorder::{seen, seen_at, seen_of_second};

#[derive(HasCache)]
struct Library {
    cache: Cache,
}

#[cached_query(ttl = "5m")]
fn free(number: u32) -> u32 {
    number
}

impl Library {
    fn new() -> Self {
        Self { cache: Cache::new() }
    }

    #[cached_query(ttl = "5m")]
    fn title(&self, id: u32) -> String {
        info!("in the body");
        format!("track {id}")
    }

    #[cached_query(ttl = "5m")]
    async fn title_async(&self, id: u32) -> String {
        info!("first poll");
        yield_now().await;
        info!("second poll");
        format!("track {id}")
    }

    #[cached_query(ttl = "5m", cache_if = |title| !title.is_empty())]
    fn outer(&self, id: u32) -> String {
        self.title(id);
        info!("in the outer body");
        String::new()
    }

    #[cached_query(ttl = "5m")]
    async fn never(&self) -> u32 {
        pending().await
    }

    #[cached_query(ttl = "5m")]
    fn failing(&self, panics: bool) -> Result<u32, String> {
        assert!(!panics, "in the body");
        Err("no connection".into())
    }
}

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_load_is_a_span_of_its_caller_that_is_entered_for_the_body() {
    let seen = seen(|_| {
        let _request = info_span!("request").entered();
        let library = Library { cache: Cache::new().scope("tenant:1") };
        library.title(7);
        info!("after the load");
    });
    let (at, load) = seen.load("title");
    assert_eq!((&*load.target, load.level), ("cache_core", Level::DEBUG));
    let fields: Vec<_> = load.fields.iter().map(|(name, value)| (*name, &**value)).collect();
    let owner = std::any::type_name::<Library>();
    assert_eq!(
        fields,
        [
            ("cache.scope", "tenant:1"),
            ("module", module_path!()),
            ("outcome", "stored"),
            ("owner", owner),
            ("query", "title"),
        ]
    );
    assert_eq!(load.parent.map(|parent| seen.spans[parent].name), Some("request"));
    assert_eq!(seen.event("in the body").span, Some(at));
    assert_eq!(seen.event("after the load").span, load.parent);
    assert_eq!(load.times_entered, load.times_exited);
    assert!(load.is_closed);
}

#[test]
fn a_field_without_a_value_is_not_there() {
    let seen = seen(|_| {
        free(7);
    });
    let fields: Vec<_> = seen.load("free").1.fields.keys().copied().collect();
    assert_eq!(fields, ["module", "outcome", "query"]);
}

#[test]
fn a_hit_is_neither_a_span_nor_an_event() {
    let library = Library::new();
    let sync = seen_of_second(|| library.title(7));
    assert!(sync.spans.is_empty() && sync.events.is_empty(), "{sync:?}");
    let asynchronous = seen_of_second(|| block_on(library.title_async(7)));
    assert!(asynchronous.spans.is_empty() && asynchronous.events.is_empty(), "{asynchronous:?}");
    assert_eq!(library.cache.stats().hits, 2);
}

#[test]
fn the_span_of_a_future_is_entered_at_each_poll_only() {
    let seen = seen(|_| {
        let library = Library::new();
        let mut call = pin!(library.title_async(7));
        assert!(poll(call.as_mut()).is_pending());
        info!("between the polls");
        assert!(poll(call.as_mut()).is_ready());
    });
    let (at, load) = seen.load("title_async");
    assert_eq!(seen.event("first poll").span, Some(at));
    assert_eq!(seen.event("between the polls").span, None);
    assert_eq!(seen.event("second poll").span, Some(at));
    assert!(load.times_entered >= 2 && load.times_entered == load.times_exited);
    assert_eq!((load.fields["outcome"].as_str(), load.is_closed), ("stored", true));
}

#[test]
fn loads_in_a_load_are_spans_in_its_span() {
    let seen = seen(|_| {
        Library::new().outer(7);
    });
    let ((outer_at, outer), (inner_at, inner)) = (seen.load("outer"), seen.load("title"));
    assert_eq!((outer.parent, inner.parent), (None, Some(outer_at)));
    assert_eq!(seen.event("in the body").span, Some(inner_at));
    assert_eq!(seen.event("in the outer body").span, Some(outer_at));
    assert_eq!((outer.fields["outcome"].as_str(), inner.fields["outcome"].as_str()), ("refused", "stored"));
    assert!(outer.is_closed && inner.is_closed);
}

#[test]
fn a_dropped_future_closes_its_span() {
    let seen = seen(|recorder| {
        let library = Library::new();
        let mut call = Box::pin(library.never());
        assert!(poll(call.as_mut()).is_pending());
        assert!(!recorder.seen().load("never").1.is_closed);
        drop(call);
        assert!(recorder.seen().load("never").1.is_closed, "before the cache is dropped");
    });
    let load = seen.load("never").1;
    assert_eq!(load.fields["outcome"], "dropped");
    assert_eq!(load.times_entered, load.times_exited);
    assert_eq!(seen.count("a load has failed"), 0);
}

#[test]
fn a_value_that_was_overtaken_is_discarded() {
    let seen = seen(|_| {
        let library = Library::new();
        let mut call = pin!(library.title_async(7));
        assert!(poll(call.as_mut()).is_pending());
        library.cache.invalidate_all();
        assert!(poll(call.as_mut()).is_ready());
    });
    assert_eq!(seen.load("title_async").1.fields["outcome"], "discarded");
}

#[test]
fn a_follower_has_no_span_until_it_leads() {
    let seen = seen(|recorder| {
        let library = Library::new();
        let mut leader = Box::pin(library.title_async(7));
        assert!(poll(leader.as_mut()).is_pending());
        let second = info_span!("second");
        let mut follower = Box::pin(library.title_async(7));
        second.in_scope(|| assert!(poll(follower.as_mut()).is_pending()));
        assert_eq!(recorder.seen().loads().len(), 1, "of the leader");
        drop(leader);
        let third = info_span!("third");
        third.in_scope(|| while poll(follower.as_mut()).is_pending() {});
        assert_eq!(library.cache.stats().loads, 2);
    });
    let loads = seen.loads();
    let [(_, first), (_, next)] = &loads[..] else { panic!("two loads: {loads:?}") };
    assert_eq!((first.fields["outcome"].as_str(), first.parent), ("dropped", None));
    assert_eq!(next.fields["outcome"], "stored");
    let parent = next.parent.map(|parent| seen.spans[parent].name);
    assert_eq!(parent, Some("third"), "the span in which it has taken over");
}

#[test]
fn a_follower_that_is_answered_has_no_span() {
    let seen = seen(|_| {
        let library = Library::new();
        let (mut leader, mut follower) = (pin!(library.title_async(7)), pin!(library.title_async(7)));
        assert!(poll(leader.as_mut()).is_pending() && poll(follower.as_mut()).is_pending());
        assert!(poll(leader.as_mut()).is_ready() && poll(follower.as_mut()).is_ready());
        assert_eq!(library.cache.stats().misses, 2);
    });
    assert_eq!(seen.loads().len(), 1);
}

#[test]
fn a_failure_is_an_event_in_the_span() {
    let seen = seen(|_| {
        let library = Library::new();
        library.failing(false).unwrap_err();
        catch_unwind(AssertUnwindSafe(|| library.failing(true))).unwrap_err();
    });
    let loads = seen.loads();
    let [(failed_at, failed), (panicked_at, panicked)] = loads[..] else { panic!("two loads: {loads:?}") };
    assert_eq!((failed.fields["outcome"].as_str(), panicked.fields["outcome"].as_str()), ("failed", "panicked"));
    assert!(failed.is_closed && panicked.is_closed);
    assert_eq!((failed.times_entered, panicked.times_entered), (failed.times_exited, panicked.times_exited));
    let events: Vec<_> = seen.events.iter().filter(|event| event.target == "cache_core").collect();
    let facts: Vec<_> = events.iter().map(|event| (event.message(), event.level, event.span)).collect();
    let message = "a load has failed";
    assert_eq!(facts, [(message, Level::DEBUG, Some(failed_at)), (message, Level::DEBUG, Some(panicked_at))]);
    assert_eq!((&*events[0].fields["query"], &*events[1].fields["outcome"]), ("failing", "panicked"));
}

#[test]
fn what_a_level_leaves_out_is_not_made() {
    let seen = seen_at(LevelFilter::INFO, |_| {
        let library = Library::new();
        library.outer(7);
        library.failing(false).unwrap_err();
        library.cache.invalidate_all();
    });
    assert!(seen.spans.is_empty());
    assert_eq!(seen.events.len(), 2, "those of the bodies: {seen:?}");
}

#[test]
fn a_cache_without_queries_has_spans_without_a_query() {
    let seen = seen(|_| {
        let cache = TaggedCache::new();
        cache.get_or_load(&1, || info!("in the body"));
    });
    let loads = seen.loads();
    let [(at, load)] = loads[..] else { panic!("one load: {loads:?}") };
    assert_eq!(load.fields.keys().copied().collect::<Vec<_>>(), ["outcome"]);
    assert_eq!(seen.event("in the body").span, Some(at));
}
