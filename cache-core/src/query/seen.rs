//! What the process has seen of its queries and mutations, for [`graph`](crate::graph()).
//!
//! It is of the process, not of a cache, as the graph is. Its lock is taken for what is seen for the first time, and for
//! names that no query has.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};

use once_cell::sync::Lazy;
use parking_lot::Mutex;

use crate::query::SourcePlace;
use crate::query::registered::queries;

/// Of names that no query has: a program may make them from its input.
const MAX_NAMES: usize = 256;
/// In bytes. A longer name is cut.
const MAX_LENGTH: usize = 128;

#[derive(Clone, Default)]
pub(crate) struct Seen {
    /// Numbers of queries: a load of the first has read an answer of the second.
    pub(crate) reads: BTreeSet<(u32, u32)>,
    pub(crate) elsewhere: BTreeSet<Elsewhere>,
    /// The names of queries that were invalidated at run time.
    pub(crate) known_names: BTreeSet<&'static str>,
    /// Names that were invalidated at run time and that no query has, with the first place of each.
    pub(crate) unknown_names: BTreeMap<String, (&'static str, u32)>,
}

/// A mutation that has invalidated a query in a cache that never had it, while another cache had it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Elsewhere {
    pub(crate) mutation: (SourcePlace, &'static str),
    pub(crate) query: u32,
    /// The type whose method the query is.
    pub(crate) owner: &'static str,
}

static SEEN: Lazy<Mutex<Seen>> = Lazy::new(Mutex::default);

/// The names of all queries, and whether each was invalidated at run time.
static NAMES: Lazy<HashMap<&'static str, AtomicBool>> =
    Lazy::new(|| queries().map(|query| (query.name, AtomicBool::new(false))).collect());

pub(crate) fn seen() -> Seen {
    let known = NAMES.iter().filter(|(_, was_invalidated)| was_invalidated.load(Ordering::Relaxed));
    let known_names = known.map(|(&name, _)| name).collect();
    Seen { known_names, ..SEEN.lock().clone() }
}

pub(crate) fn record_read(outer: u32, inner: u32) {
    SEEN.lock().reads.insert((outer, inner));
}

pub(crate) fn record_elsewhere(elsewhere: Elsewhere) {
    SEEN.lock().elsewhere.insert(elsewhere);
}

/// A name is invalidated at run time.
pub(crate) fn record_run_time_name(name: &str, place: &'static Location<'static>) {
    if let Some(was_invalidated) = NAMES.get(name) {
        // Mostly it was, and threads do not write to what they share.
        if !was_invalidated.load(Ordering::Relaxed) {
            was_invalidated.store(true, Ordering::Relaxed);
        }
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

    static QUERY: crate::query::Query = crate::query::Query::new("a query of the tests of seen", "m", &[]);

    inventory::submit! { crate::query::registered::RegisteredQuery(&QUERY) }

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
