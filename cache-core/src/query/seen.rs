//! What the process has seen of its queries and mutations, for [`graph`](crate::graph()).
//!
//! It is of the process, not of a cache, as the graph is. Its lock is taken for what is seen for the first time, and for
//! names that no query has.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};

use once_cell::sync::Lazy;
use parking_lot::Mutex;

use crate::query::registered::queries;
use crate::query::{FunctionId, Query};

/// Of names that no query has: a program may make them from its input.
const MAX_NAMES: usize = 256;
/// In bytes. A longer name is cut.
const MAX_LENGTH: usize = 128;

#[derive(Clone, Default)]
pub(crate) struct Seen {
    /// A load of the first has read an answer of the second.
    pub(crate) reads: BTreeSet<(SeenQuery, SeenQuery)>,
    pub(crate) elsewhere: BTreeSet<Elsewhere>,
    /// The numbers of queries that calls of methods have invalidated, whole or in part.
    pub(crate) by_calls: BTreeSet<u32>,
    /// The names of queries that were invalidated at run time.
    pub(crate) known_names: BTreeSet<&'static str>,
    /// Names that were invalidated at run time and that no query has, with the first place of each.
    pub(crate) unknown_names: BTreeMap<String, (&'static str, u32)>,
}

/// A mutation that has invalidated a query in a cache that never had it, while another cache had it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Elsewhere {
    pub(crate) mutation: FunctionId,
    pub(crate) query: SeenQuery,
}

/// The number of a query, and the type whose method it is.
pub(crate) type SeenQuery = (u32, &'static str);

static SEEN: Lazy<Mutex<Seen>> = Lazy::new(Mutex::default);

/// The names of all queries, and whether each was invalidated at run time.
static NAMES: Lazy<HashMap<&'static str, AtomicBool>> =
    Lazy::new(|| queries().map(|query| (query.name, AtomicBool::new(false))).collect());

/// All queries by their numbers, and whether a call of a method has invalidated each.
static BY_CALLS: Lazy<HashMap<u32, AtomicBool>> =
    Lazy::new(|| queries().map(|query| (query.number(), AtomicBool::new(false))).collect());

/// The queries with tags.
static TAGGED: Lazy<Vec<Tagged>> = Lazy::new(|| queries().filter_map(Tagged::of).collect());

struct Tagged {
    number: u32,
    /// See [`literal`].
    tags: Vec<(String, bool)>,
    /// Of which every tag may be one.
    has_other_tags: bool,
    was_invalidated: AtomicBool,
}

impl Tagged {
    fn of(query: &Query) -> Option<Self> {
        let tags: Vec<_> = query.tags.iter().chain(query.formatted_tags).map(|tag| literal(tag)).collect();
        let (has_other_tags, was_invalidated) = (query.has_other_tags, AtomicBool::new(false));
        let has_tags = has_other_tags || !tags.is_empty();
        has_tags.then(|| Self { number: query.number(), tags, has_other_tags, was_invalidated })
    }

    /// Or perhaps has it.
    fn has(&self, tag: &str) -> bool {
        let is_one = |(text, is_whole): &(String, bool)| if *is_whole { tag == text } else { tag.starts_with(text) };
        self.has_other_tags || self.tags.iter().any(is_one)
    }
}

/// The text of a tag before the first placeholder, and whether it is all of the text.
pub(crate) fn literal(format: &str) -> (String, bool) {
    let (mut text, mut signs) = (String::new(), format.chars().peekable());
    while let Some(sign) = signs.next() {
        if matches!(sign, '{' | '}') && signs.next_if_eq(&sign).is_none() {
            return (text, false);
        }
        text.push(sign);
    }
    (text, true)
}

pub(crate) fn seen() -> Seen {
    let known = NAMES.iter().filter(|(_, was_invalidated)| was_invalidated.load(Ordering::Relaxed));
    let known_names = known.map(|(&name, _)| name).collect();
    let by_calls = BY_CALLS.iter().filter(|(_, was_invalidated)| was_invalidated.load(Ordering::Relaxed));
    let by_calls = by_calls.map(|(&number, _)| number).collect();
    Seen { by_calls, known_names, ..SEEN.lock().clone() }
}

pub(crate) fn record_read(outer: SeenQuery, inner: SeenQuery) {
    SEEN.lock().reads.insert((outer, inner));
}

/// A call of a method invalidates a query, or an entry of it.
pub(crate) fn record_call(query: u32) {
    BY_CALLS.get(&query).into_iter().for_each(record_once);
}

/// A call of a method invalidates a tag. It compares the tag with those of the queries that no such call has reached so far.
pub(crate) fn record_call_of_tag(tag: &str) {
    for tagged in TAGGED.iter().filter(|tagged| !tagged.was_invalidated.load(Ordering::Relaxed)) {
        if tagged.has(tag) {
            record_once(&tagged.was_invalidated);
            record_call(tagged.number);
        }
    }
}

/// Mostly it was seen, and threads do not write to what they share.
fn record_once(was_seen: &AtomicBool) {
    if !was_seen.load(Ordering::Relaxed) {
        was_seen.store(true, Ordering::Relaxed);
    }
}

/// Returns whether it is new.
pub(crate) fn record_elsewhere(elsewhere: Elsewhere) -> bool {
    SEEN.lock().elsewhere.insert(elsewhere)
}

/// The mutation has reached the query after all.
pub(crate) fn forget_elsewhere(elsewhere: &Elsewhere) {
    SEEN.lock().elsewhere.remove(elsewhere);
}

/// A name is invalidated at run time.
pub(crate) fn record_run_time_name(name: &str, place: &'static Location<'static>) {
    if let Some(was_invalidated) = NAMES.get(name) {
        record_once(was_invalidated);
        return;
    }
    let name = cut(name);
    let mut seen = SEEN.lock();
    let names = &mut seen.unknown_names;
    if names.len() < MAX_NAMES && !names.contains_key(name) {
        names.insert(name.to_owned(), (place.file(), place.line()));
    }
}

fn cut(name: &str) -> &str {
    let end = (0..=name.len().min(MAX_LENGTH)).rev().find(|&end| name.is_char_boundary(end));
    &name[..end.unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use super::*;

    static QUERY: Query = Query::new("a query of the tests of seen", "m", &[]);

    inventory::submit! { crate::query::registered::RegisteredQuery(&QUERY) }

    #[test]
    fn a_tag_of_a_call_is_compared_with_those_of_queries() {
        let query = |tags, formatted| Query::new("a query", "m", &[]).tags(tags).formatted_tags(formatted);
        let of = |query: &Query| Tagged::of(query).expect("it has tags");
        let tagged = of(&query(&["all"], &["artist:{id}:albums", "kind:{{x}}"]));
        for (tag, has) in [("all", true), ("al", false), ("artist:22", true), ("album:22", false), ("kind:{x}", true)] {
            assert_eq!(tagged.has(tag), has, "{tag}");
        }
        assert!(of(&query(&[], &["{name}"])).has("any"));
        assert!(of(&query(&[], &[]).other_tags(true)).has("any"));
        assert!(Tagged::of(&query(&[], &[])).is_none());
    }

    #[test]
    fn what_a_call_invalidates_is_recorded() {
        use crate::Cache;

        static TAGGED: Query = Query::new("called", "m", &[]).formatted_tags(&["called:{id}"]);
        static OTHER: Query = Query::new("not called", "m", &[]).formatted_tags(&["not called:{id}"]);

        inventory::submit! { crate::query::registered::RegisteredQuery(&TAGGED) }
        inventory::submit! { crate::query::registered::RegisteredQuery(&OTHER) }

        let was_called = |query: &Query| seen().by_calls.contains(&query.number());
        assert!(!was_called(&TAGGED));
        Cache::new().scope("a").invalidate_tags(["called:1"]);
        assert!(was_called(&TAGGED) && !was_called(&OTHER));
        let transaction = Cache::new().transaction();
        transaction.cache().invalidate_tags(["not called:1"]);
        assert!(!was_called(&OTHER), "it is held");
        transaction.commit();
        assert!(was_called(&OTHER));
    }

    #[test]
    fn names_are_kept_in_bounded_memory() {
        let place = Location::caller();
        record_run_time_name(QUERY.name, place);
        let unknown = |number: u32| format!("unknown {number} {}", "é".repeat(200));
        for _ in 0..2 {
            (0..1_000).for_each(|number| record_run_time_name(&unknown(number), place));
        }
        let Seen { known_names, unknown_names, .. } = seen();
        assert!(known_names.contains(QUERY.name) && !unknown_names.contains_key(QUERY.name));
        assert!(unknown_names.len() <= MAX_NAMES && unknown_names.contains_key(cut(&unknown(0))));
        assert!(unknown_names.iter().all(|(name, _)| name.len() <= MAX_LENGTH));
    }
}
