//! Notices a write that invalidates a query in a cache that never had it, while another cache has it: two repositories
//! with a cache each.
//!
//! A program with a cache for each tenant, or a test process with one for each test, may invalidate in one of them before
//! the query is used there. So a write is not reported that has ever reached the query.

use std::collections::{HashMap, HashSet};

use once_cell::sync::Lazy;
use parking_lot::Mutex;

use crate::query::mutation_facts::{MutationFacts, MutationSite};
use crate::query::owner::Owner;
use crate::query::seen::{Elsewhere, forget_elsewhere, record_elsewhere};
use crate::query::state::QueryState;
use crate::query::{FunctionId, Query, Site, SourcePlace};
use crate::sync::{Arc, Weak};
use crate::version::timeline::Timeline;

/// A query of one type, in any cache: its number, and the type.
type AnyCache = (u32, Owner);

/// Of the caches that a write has missed a query in, so many are kept.
const MAX_MISSED: usize = 64;

#[derive(Default)]
struct OfQuery {
    caches: Caches,
    /// The writes that have invalidated it in a cache that had it.
    reached_by: HashSet<FunctionId>,
    /// The other writes, and where they have invalidated it.
    missed_by: HashMap<FunctionId, Caches>,
}

#[derive(Default)]
struct Caches(Vec<Weak<Timeline>>);

impl Caches {
    fn has(&self, timeline: &Arc<Timeline>) -> bool {
        self.0.iter().any(|known| std::ptr::eq(known.as_ptr(), Arc::as_ptr(timeline)))
    }

    fn has_another(&self, timeline: &Arc<Timeline>) -> bool {
        let is_other = |known: &Weak<Timeline>| !std::ptr::eq(known.as_ptr(), Arc::as_ptr(timeline));
        self.0.iter().any(|known| known.strong_count() > 0 && is_other(known))
    }

    fn add(&mut self, timeline: &Arc<Timeline>) {
        self.0.retain(|known| known.strong_count() > 0);
        if !self.has(timeline) {
            self.0.push(Arc::downgrade(timeline));
        }
    }
}

static SEEN: Lazy<Mutex<HashMap<AnyCache, OfQuery>>> = Lazy::new(Mutex::default);

fn any_cache(site: Site) -> AnyCache {
    (site.query.number(), (site.owner)())
}

fn elsewhere(mutation: FunctionId, (number, owner): AnyCache) -> Elsewhere {
    Elsewhere { mutation, query: (number, owner.name) }
}

/// A query is used with a cache for the first time. Writes that have missed it there share the cache with it.
pub(crate) fn record_use(site: Site, timeline: &Arc<Timeline>) {
    let (query, mut seen) = (any_cache(site), SEEN.lock());
    let OfQuery { caches, reached_by, missed_by } = seen.entry(query).or_default();
    caches.add(timeline);
    let reach = missed_by.extract_if(|_, missed| missed.has(timeline)).map(|(mutation, _)| mutation);
    for mutation in reach {
        reached_by.insert(mutation);
        forget_elsewhere(&elsewhere(mutation, query));
    }
}

/// A write invalidates a query in a cache in which it was used. `state` is that of the query there.
///
/// *Locking*: none for a write of the query's own type, nor if it was seen in this cache before.
pub(crate) fn record_reach(site: Site, mutation: MutationSite, state: &QueryState) {
    if (site.owner)() == (mutation.owner)() {
        return;
    }
    state.reached_by.get_or_insert_with(std::ptr::from_ref(mutation.facts).addr(), || {
        let (query, mutation) = (any_cache(site), mutation.facts.id());
        let mut seen = SEEN.lock();
        let of_query = seen.entry(query).or_default();
        if of_query.reached_by.insert(mutation) && of_query.missed_by.remove(&mutation).is_some() {
            forget_elsewhere(&elsewhere(mutation, query));
        }
    });
}

/// What to tell about an invalidation in a cache that never had the query; once for each query and write. From then on the
/// graph warns of it, until the write reaches the query. Writes of the query's own type use the same cache as its reads.
pub(crate) fn report(site: Site, mutation: MutationSite, timeline: &Arc<Timeline>) -> Option<String> {
    if (site.owner)() == (mutation.owner)() { None } else { report_other(site, mutation, timeline) }
}

/// The write is of another type. Apart, as it has much on its stack.
#[cold]
fn report_other(site: Site, mutation: MutationSite, timeline: &Arc<Timeline>) -> Option<String> {
    let query = any_cache(site);
    let (write, mut seen) = (mutation.facts.id(), SEEN.lock());
    let OfQuery { caches, reached_by, missed_by } = seen.entry(query).or_default();
    if reached_by.contains(&write) || caches.has(timeline) {
        return None;
    }
    // Kept without another cache, too: the query may be used here before it is used there.
    let is_elsewhere = caches.has_another(timeline);
    let missed = missed_by.entry(write).or_default();
    missed.add(timeline);
    missed.0.truncate(MAX_MISSED);
    if !is_elsewhere || !record_elsewhere(elsewhere(write, query)) {
        return None;
    }
    drop(seen);
    let Query { name, place: SourcePlace { file, line, .. }, .. } = site.query;
    let (MutationFacts { place: at, .. }, owner) = (mutation.facts, query.1.name);
    Some(format!(
        "cache-core: the write at {}:{} invalidates `{owner}::{name}` ({file}:{line}) in a cache that never had it, while \
         another cache has it: nothing is invalidated there. Give both repositories clones of one `Cache`, or name the \
         cache of that query with `cache = ..`.",
        at.file, at.line,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::TimeSource;

    static QUERY: Query = Query::new("name", "m", &[]);
    static MUTATION: MutationFacts = MutationFacts::new("update", "m", &[]);

    struct Users;
    struct Orders;
    struct Others;

    #[test]
    fn a_write_of_another_type_in_another_cache_is_reported_once() {
        let timelines = [(); 2].map(|()| Arc::new(Timeline::new(TimeSource::System, None)));
        let [of_users, of_orders] = &timelines;
        let site = Site { query: &QUERY, owner: Owner::of::<Users> };
        let write = |owner| MutationSite { facts: &MUTATION, owner };
        let (orders, others) = (write(Owner::of::<Orders>), write(Owner::of::<Others>));
        assert_eq!(report(site, orders, of_orders), None, "no other cache has it");
        record_use(site, of_users);
        record_use(site, of_users);
        assert_eq!(report(site, orders, of_users), None, "it is the same cache");
        assert_eq!(report(site, write(Owner::of::<Users>), of_orders), None, "they always have the same cache");
        let told = report(site, orders, of_orders).expect("it is reported");
        let here = file!();
        assert!(told.contains("::Users::name`") && told.matches(here).count() == 2, "{told}");
        assert!(told.contains("clones of one `Cache`"), "{told}");
        assert_eq!(report(site, orders, of_orders), None, "once");
        assert!(report(site, others, of_orders).is_none(), "the same place");
    }

    fn timeline() -> Arc<Timeline> {
        Arc::new(Timeline::new(TimeSource::System, None))
    }

    fn warns_of(query: &Query) -> bool {
        crate::query::seen::seen().elsewhere.iter().any(|elsewhere| elsewhere.query.0 == query.number())
    }

    #[test]
    fn a_write_that_has_reached_the_query_is_not_reported() {
        static QUERY: Query = Query::new("reached", "m", &[]);
        let site = Site { query: &QUERY, owner: Owner::of::<Users> };
        let write = MutationSite { facts: &MUTATION, owner: Owner::of::<Orders> };
        let [first, second, third] = [(); 3].map(|()| timeline());
        record_use(site, &first);
        assert!(report(site, write, &second).is_some() && warns_of(&QUERY), "nothing else is known");
        let state = QueryState::of(site, 1, None);
        record_reach(site, MutationSite { owner: site.owner, ..write }, &state);
        assert!(warns_of(&QUERY), "one of the own type tells nothing");
        record_reach(site, write, &state);
        assert!(!warns_of(&QUERY));
        assert_eq!(report(site, write, &third), None);
        assert!(!warns_of(&QUERY));
    }

    #[test]
    fn a_query_that_is_used_later_where_it_was_missed_has_that_cache() {
        static QUERY: Query = Query::new("used later", "m", &[]);
        let site = Site { query: &QUERY, owner: Owner::of::<Users> };
        let write = MutationSite { facts: &MUTATION, owner: Owner::of::<Orders> };
        let [first, second, third] = [(); 3].map(|()| timeline());
        assert_eq!(report(site, write, &first), None, "no cache has it");
        record_use(site, &second);
        assert!(report(site, write, &third).is_some() && warns_of(&QUERY));
        record_use(site, &first);
        assert!(!warns_of(&QUERY) && report(site, write, &third).is_none());
    }

    #[test]
    fn the_caches_that_are_remembered_are_bounded() {
        static QUERY: Query = Query::new("bounded", "m", &[]);
        let site = Site { query: &QUERY, owner: Owner::of::<Users> };
        let write = MutationSite { facts: &MUTATION, owner: Owner::of::<Orders> };
        let timelines: Vec<_> = (0..2 * MAX_MISSED).map(|_| timeline()).collect();
        for timeline in &timelines {
            assert_eq!(report(site, write, timeline), None);
        }
        let seen = SEEN.lock();
        assert!(seen[&any_cache(site)].missed_by[&MUTATION.id()].0.len() <= MAX_MISSED);
    }

    #[test]
    fn a_cache_that_has_gone_counts_no_more() {
        static QUERY: Query = Query::new("gone", "m", &[]);
        let site = Site { query: &QUERY, owner: Owner::of::<Users> };
        let write = MutationSite { facts: &MUTATION, owner: Owner::of::<Orders> };
        record_use(site, &Arc::new(Timeline::new(TimeSource::System, None)));
        assert_eq!(report(site, write, &Arc::new(Timeline::new(TimeSource::System, None))), None);
    }
}
