//! A subscriber that writes down all spans and events.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Level, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

pub(crate) type Fields = BTreeMap<&'static str, String>;

#[derive(Clone, Debug)]
pub(crate) struct SpanSeen {
    pub(crate) name: &'static str,
    pub(crate) target: String,
    pub(crate) level: Level,
    /// Its place in the list of spans.
    pub(crate) parent: Option<usize>,
    pub(crate) fields: Fields,
    pub(crate) times_entered: usize,
    pub(crate) times_exited: usize,
    pub(crate) is_closed: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct EventSeen {
    pub(crate) target: String,
    pub(crate) level: Level,
    pub(crate) fields: Fields,
    /// The span that it is in.
    pub(crate) span: Option<usize>,
}

impl EventSeen {
    pub(crate) fn message(&self) -> &str {
        self.fields.get("message").map_or("", String::as_str)
    }
}

#[derive(Clone, Default, Debug)]
pub(crate) struct Seen {
    pub(crate) spans: Vec<SpanSeen>,
    pub(crate) events: Vec<EventSeen>,
}

impl Seen {
    /// The spans of loads, with their places in the list.
    pub(crate) fn loads(&self) -> Vec<(usize, &SpanSeen)> {
        let loads = self.spans.iter().enumerate();
        loads.filter(|(_, span)| (span.name, &*span.target) == ("load", "cache_core")).collect()
    }

    /// The one load, of this query.
    pub(crate) fn load(&self, query: &str) -> (usize, &SpanSeen) {
        let loads = self.loads();
        let mut of_query = loads.into_iter().filter(|(_, span)| span.fields.get("query").is_some_and(|is| is == query));
        let load = of_query.next().unwrap_or_else(|| panic!("no load of {query}: {self:#?}"));
        assert!(of_query.next().is_none(), "several loads of {query}: {self:#?}");
        load
    }

    pub(crate) fn event(&self, message: &str) -> &EventSeen {
        let mut found = self.events.iter().filter(|event| event.message() == message);
        let event = found.next().unwrap_or_else(|| panic!("no event {message}: {self:#?}"));
        assert!(found.next().is_none(), "several events {message}: {self:#?}");
        event
    }

    pub(crate) fn count(&self, message: &str) -> usize {
        self.events.iter().filter(|event| event.message() == message).count()
    }
}

#[derive(Clone, Default)]
pub(crate) struct Recorder(Arc<Mutex<Seen>>);

impl Recorder {
    pub(crate) fn seen(&self) -> Seen {
        self.0.lock().unwrap().clone()
    }

    /// Forgets what was seen before. All its spans are closed.
    fn clear(&self) {
        *self.0.lock().unwrap() = Seen::default();
    }
}

/// What the code shows to a subscriber with this level on this thread.
///
/// The level is that of the whole subscriber: filters of layers keep state for each thread, which goes wrong where other
/// subscribers come and go.
pub(crate) fn seen_at(level: LevelFilter, code: impl FnOnce(&Recorder)) -> Seen {
    let recorder = Recorder::default();
    let subscriber = Dispatch::new(Registry::default().with(recorder.clone()).with(level));
    tracing::dispatcher::with_default(&subscriber, || code(&recorder));
    recorder.seen()
}

pub(crate) fn seen(code: impl FnOnce(&Recorder)) -> Seen {
    seen_at(LevelFilter::TRACE, code)
}

/// What a call shows once everything is warm.
pub(crate) fn seen_of_second<R>(mut call: impl FnMut() -> R) -> Seen {
    seen(|recorder| {
        call();
        recorder.clear();
        call();
    })
}

struct PlaceInList(usize);

struct Write<'a>(&'a mut Fields);

impl Visit for Write<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        let parent = span.parent().and_then(|parent| parent.extensions().get::<PlaceInList>().map(|at| at.0));
        let mut fields = Fields::new();
        attributes.record(&mut Write(&mut fields));
        let metadata = attributes.metadata();
        let mut seen = self.0.lock().unwrap();
        span.extensions_mut().insert(PlaceInList(seen.spans.len()));
        seen.spans.push(SpanSeen {
            name: metadata.name(),
            target: metadata.target().to_owned(),
            level: *metadata.level(),
            parent,
            fields,
            times_entered: 0,
            times_exited: 0,
            is_closed: false,
        });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        self.change(id, &context, |span| values.record(&mut Write(&mut span.fields)));
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        self.change(id, &context, |span| span.times_entered += 1);
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        self.change(id, &context, |span| span.times_exited += 1);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        self.change(&id, &context, |span| span.is_closed = true);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let span = context.event_span(event).and_then(|span| span.extensions().get::<PlaceInList>().map(|at| at.0));
        let (mut fields, metadata) = (Fields::new(), event.metadata());
        event.record(&mut Write(&mut fields));
        let (target, level) = (metadata.target().to_owned(), *metadata.level());
        self.0.lock().unwrap().events.push(EventSeen { target, level, fields, span });
    }
}

impl Recorder {
    fn change<S>(&self, id: &Id, context: &Context<'_, S>, change: impl FnOnce(&mut SpanSeen))
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let span = context.span(id).unwrap();
        let place = span.extensions().get::<PlaceInList>().map(|place| place.0);
        let mut seen = self.0.lock().unwrap();
        if let Some(span) = place.and_then(|place| seen.spans.get_mut(place)) {
            change(span);
        }
    }
}
