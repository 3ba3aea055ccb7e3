//! `#[tracing::instrument]` together with the attributes: which calls it traces depends on the order.

use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};
use futures_lite::future::{block_on, yield_now};
use tracing::instrument;

use crate::recorder::{Seen, seen};

#[derive(HasCache)]
struct Library {
    cache: Cache,
}

impl Library {
    #[instrument(skip_all)]
    #[cached_query(ttl = "5m")]
    fn loads_only(&self, id: u32) -> u32 {
        id
    }

    #[cached_query(ttl = "5m")]
    #[instrument(skip_all)]
    fn each_call(&self, id: u32) -> u32 {
        id
    }

    #[instrument(skip_all)]
    #[cached_query(ttl = "5m")]
    async fn loads_only_async(&self, id: u32) -> u32 {
        yield_now().await;
        id
    }

    #[cached_query(ttl = "5m")]
    #[instrument(skip_all)]
    async fn each_call_async(&self, id: u32) -> u32 {
        yield_now().await;
        id
    }

    #[instrument(skip_all)]
    #[invalidates("loads_only")]
    fn body_only(&self) {}

    #[invalidates("loads_only")]
    #[instrument(skip_all)]
    fn with_invalidation(&self) {}
}

trait Tracks {
    fn above(&self, id: u32) -> u32;
    fn below(&self, id: u32) -> u32;
}

#[cached_impl]
impl Tracks for Library {
    #[instrument(skip_all)]
    #[cached_query(ttl = "5m")]
    fn above(&self, id: u32) -> u32 {
        id
    }

    #[cached_query(ttl = "5m")]
    #[instrument(skip_all)]
    fn below(&self, id: u32) -> u32 {
        id
    }
}

/// A load, and a hit.
fn twice<R>(call: impl Fn(&Library) -> R) -> Seen {
    seen(|_| {
        let library = Library { cache: Cache::new() };
        call(&library);
        call(&library);
        assert_eq!((library.cache.stats().loads, library.cache.stats().hits), (1, 1));
    })
}

/// How many spans the attribute has made, and whether the first is inside of that of the load.
fn spans_of(seen: &Seen, function: &str) -> (usize, bool) {
    let (load, _) = seen.load(function);
    let spans: Vec<_> = seen.spans.iter().filter(|span| span.name == function).collect();
    (spans.len(), spans[0].parent == Some(load))
}

#[test]
fn above_it_traces_loads_inside_of_their_spans() {
    assert_eq!(spans_of(&twice(|library| library.loads_only(7)), "loads_only"), (1, true));
    let seen = twice(|library| block_on(library.loads_only_async(7)));
    assert_eq!(spans_of(&seen, "loads_only_async"), (1, true));
}

#[test]
fn below_it_traces_all_calls_around_the_spans_of_loads() {
    for (seen, function) in [
        (twice(|library| library.each_call(7)), "each_call"),
        (twice(|library| block_on(library.each_call_async(7))), "each_call_async"),
    ] {
        assert_eq!(spans_of(&seen, function), (2, false));
        let load = seen.load(function).1;
        assert_eq!(load.parent.map(|parent| seen.spans[parent].name), Some(function));
    }
}

#[test]
fn in_a_cached_impl_it_traces_all_calls_in_either_order() {
    assert_eq!(spans_of(&twice(|library| library.above(7)), "above"), (2, false));
    assert_eq!(spans_of(&twice(|library| library.below(7)), "below"), (2, false));
}

#[test]
fn above_a_mutation_it_traces_the_body_and_below_also_the_invalidation() {
    for (mutate, spans) in
        [(Library::body_only as fn(&Library), [None]), (Library::with_invalidation, [Some("with_invalidation")])]
    {
        let seen = seen(|_| mutate(&Library { cache: Cache::new() }));
        let span = seen.event("invalidated").span.map(|span| seen.spans[span].name);
        assert_eq!([span], spans);
    }
}
