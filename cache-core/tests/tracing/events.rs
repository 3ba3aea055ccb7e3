//! Events: invalidations, evictions, stale answers, panics in `Drop`.

use std::sync::Arc;
use std::time::Duration;

use cache_core::{Cache, CacheBuilder, HasCache, ManualClock, TaggedCache, cached_query, entry, invalidates};
use tracing::field::{Field, Visit};
use tracing::{Dispatch, Event, Level, Subscriber, dispatcher, info_span};
use tracing_subscriber::Registry;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::recorder::{seen, seen_at};

#[derive(HasCache)]
struct Library {
    cache: Cache,
}

impl Library {
    fn of(builder: CacheBuilder) -> Self {
        Self { cache: builder.build() }
    }

    #[cached_query(ttl = "5m", stale_if_error = "1h")]
    fn title(&self, id: u32) -> Result<String, String> {
        if id < 100 { Ok(format!("track {id}")) } else { Err("no such track".into()) }
    }

    #[cached_query(ttl = "5m", stale_if_error = "1h")]
    fn once(&self) -> Result<u64, String> {
        let loads = self.cache.stats().loads;
        if loads == 1 { Ok(loads) } else { Err("no connection".into()) }
    }

    #[cached_query(ttl = "5m")]
    fn faulty(&self, id: u32) -> Arc<PanicsInDrop> {
        Arc::new(PanicsInDrop(id))
    }

    #[invalidates(title(id), "once")]
    fn rename(&self, id: u32) -> u32 {
        id
    }
}

struct PanicsInDrop(u32);

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic!("{} is still in use", self.0);
    }
}

#[test]
fn an_invalidation_is_an_event_in_the_span_of_its_caller() {
    let seen = seen(|_| {
        // Nobody else wants to know of it.
        let library = Library { cache: Cache::builder().mutation_log(0).build().scope("tenant:1") };
        library.title(7).unwrap();
        let _request = info_span!("request").entered();
        library.cache.invalidate(["title", "once"]);
        library.cache.invalidate_tags(["artist:22"]);
    });
    let events: Vec<_> = seen.events.iter().filter(|event| event.message() == "invalidated").collect();
    let [names, tags] = events[..] else { panic!("two events: {events:?}") };
    assert_eq!((&*names.target, names.level), ("cache_core", Level::DEBUG));
    assert_eq!(names.span.map(|span| seen.spans[span].name), Some("request"));
    assert_eq!((&*names.fields["function"], &*names.fields["cache.scope"]), ("invalidate", "tenant:1"));
    assert_eq!((&*names.fields["targets"], &*tags.fields["targets"]), ("`title`", "the tag `artist:22`"));
    assert_eq!((&*names.fields["fenced"], &*names.fields["removed"]), ("0", "0"));
    let version = |fields: &crate::recorder::Fields| fields["version"].parse::<u64>().unwrap();
    assert_eq!(version(&tags.fields), version(&names.fields) + 1);
}

#[test]
fn an_invalidation_by_a_mutation_has_all_its_targets() {
    let seen = seen(|_| {
        let library = Library { cache: Cache::new() };
        library.title(7).unwrap();
        library.rename(7);
    });
    let fields = &seen.event("invalidated").fields;
    assert_eq!(&*fields["targets"], "one key of `title`, `once`");
    assert_eq!(&*fields["removed"], "1");
    assert_eq!(&*fields["owner"], std::any::type_name::<Library>());
}

#[test]
fn an_eviction_is_traced() {
    let evict = || {
        let library = Library::of(Cache::builder().capacity(1));
        (1..=2).for_each(|id| assert!(library.title(id).is_ok()));
        assert_eq!(library.cache.stats().evictions, 1);
    };
    let seen = seen(|_| evict());
    let event = seen.event("evicted");
    assert_eq!((&*event.target, event.level, &*event.fields["query"]), ("cache_core", Level::TRACE, "title"));
    assert!(event.fields.contains_key("age"));
    assert_eq!(seen_at(LevelFilter::DEBUG, |_| evict()).count("evicted"), 0);
}

#[test]
fn a_stale_answer_is_traced() {
    let seen = seen(|_| {
        let clock = ManualClock::new();
        let library = Library::of(Cache::builder().clock(clock.clone()));
        assert_eq!(library.once(), Ok(1));
        clock.advance(Duration::from_secs(301));
        assert_eq!(library.once(), Ok(1));
    });
    let event = seen.event("served stale");
    assert_eq!((&*event.target, event.level, &*event.fields["query"]), ("cache_core", Level::TRACE, "once"));
    assert_eq!(event.fields["expired_for"], "1s");
}

#[test]
fn a_panic_in_drop_is_traced() {
    let fault = || {
        let library = Library { cache: Cache::new() };
        drop(library.faulty(7));
        assert!(entry!(library.faulty(7)).invalidate());
    };
    let seen = seen_at(LevelFilter::WARN, |_| fault());
    let event = seen.event("a `Drop` has panicked");
    assert_eq!((&*event.target, event.level), ("cache_core", Level::WARN));
    assert_eq!((&*event.fields["query"], &*event.fields["panic"]), ("faulty", "7 is still in use"));
    assert_eq!((&*event.fields["module"], &*event.fields["owner"]), (module_path!(), std::any::type_name::<Library>()));
    assert_eq!(seen_at(LevelFilter::ERROR, |_| fault()).count("a `Drop` has panicked"), 0);
}

#[test]
fn a_panic_in_drop_of_what_a_direct_cache_has_is_traced() {
    let seen = seen(|_| {
        let cache = TaggedCache::new();
        cache.insert(1, Arc::new(PanicsInDrop(7)));
        cache.invalidate_key(&1);
    });
    let fields = &seen.event("a `Drop` has panicked").fields;
    assert_eq!(&*fields["panic"], "7 is still in use");
    assert!(!fields.contains_key("query") && !fields.contains_key("owner"));
}

/// A subscriber that panics at each event of the cache.
struct Panics;

struct Message(bool);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, _: &dyn std::fmt::Debug) {
        self.0 |= field.name() == "message";
    }
}

impl<S: Subscriber> Layer<S> for Panics {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = Message(false);
        event.record(&mut message);
        assert!(!message.0, "in the subscriber");
    }
}

#[test]
fn a_panic_of_the_subscriber_at_an_event_reaches_no_caller() {
    let subscriber = Dispatch::new(Registry::default().with(Panics));
    dispatcher::with_default(&subscriber, || {
        let library = Library::of(Cache::builder().capacity(1));
        library.title(1).unwrap();
        library.title(2).unwrap();
        library.title(100).unwrap_err();
        library.rename(2);
        assert_eq!((library.cache.stats().evictions, library.cache.len()), (1, 0));
        drop(library.faulty(7));
        assert!(entry!(library.faulty(7)).invalidate());
        assert_eq!(library.cache.stats().drop_panics, 1);
    });
}

/// A subscriber that asks the cache at each event.
struct Asks(Cache);

impl<S: Subscriber> Layer<S> for Asks {
    fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
        Nested { cache: self.0.clone() }.asked();
    }
}

#[derive(HasCache)]
struct Nested {
    cache: Cache,
}

impl Nested {
    #[cached_query(ttl = "5m")]
    fn asked(&self) -> u32 {
        1
    }

    /// Tells of an invalidation while it loads.
    #[cached_query(ttl = "5m")]
    fn tells(&self) -> u32 {
        self.cache.invalidate_tags(["artist:22"]);
        2
    }
}

#[test]
fn what_a_subscriber_asks_for_is_no_part_of_the_load_around_the_event() {
    let nested = Nested { cache: Cache::new() };
    let subscriber = Dispatch::new(Registry::default().with(Asks(nested.cache.clone())));
    dispatcher::with_default(&subscriber, || nested.tells());
    let loads = nested.cache.stats().loads;
    assert_eq!(loads, 2, "that of the subscriber, too");
    nested.cache.invalidate(["asked"]);
    nested.tells();
    assert_eq!(nested.cache.stats().loads, loads);
}
