//! Notices a write that invalidates a query in a cache that never had it, while another cache has it: two repositories
//! with a cache each.

use std::collections::{HashMap, HashSet};

use once_cell::sync::Lazy;
use parking_lot::Mutex;

use crate::query::mutation_facts::{MutationFacts, MutationSite};
use crate::query::owner::Owner;
use crate::query::seen::{Elsewhere, record_elsewhere};
use crate::query::{Query, Site, SourcePlace};
use crate::sync::{Arc, Weak};
use crate::version::timeline::Timeline;

/// A query of one type, in any cache: its number, and the type.
type AnyCache = (u32, Owner);

#[derive(Default)]
struct Seen {
    caches: HashMap<AnyCache, Vec<Weak<Timeline>>>,
    /// With the places of the writes.
    reported: HashSet<(AnyCache, SourcePlace)>,
}

static SEEN: Lazy<Mutex<Seen>> = Lazy::new(Mutex::default);

fn any_cache(site: Site) -> AnyCache {
    (site.query.number(), (site.owner)())
}

/// A query is used with a cache for the first time.
pub(crate) fn record_use(site: Site, timeline: &Arc<Timeline>) {
    let mut seen = SEEN.lock();
    let caches = seen.caches.entry(any_cache(site)).or_default();
    caches.retain(|known| known.strong_count() > 0);
    if !caches.iter().any(|known| std::ptr::eq(known.as_ptr(), Arc::as_ptr(timeline))) {
        caches.push(Arc::downgrade(timeline));
    }
}

/// What to tell about an invalidation in a cache that never had the query; once for each query and write. From then on the
/// graph warns of it. Writes of the query's own type use the same cache as its reads.
pub(crate) fn report(site: Site, mutation: MutationSite, timeline: &Arc<Timeline>) -> Option<String> {
    if (site.owner)() == (mutation.owner)() { None } else { report_other(site, mutation, timeline) }
}

/// The write is of another type. Apart, as it has much on its stack.
#[cold]
fn report_other(site: Site, mutation: MutationSite, timeline: &Arc<Timeline>) -> Option<String> {
    let query = any_cache(site);
    let mut seen = SEEN.lock();
    let is_elsewhere = seen.caches.get(&query).is_some_and(|caches| {
        let is_other = |known: &Weak<Timeline>| !std::ptr::eq(known.as_ptr(), Arc::as_ptr(timeline));
        caches.iter().any(|known| known.strong_count() > 0 && is_other(known))
    });
    if !is_elsewhere || !seen.reported.insert((query, mutation.facts.place)) {
        return None;
    }
    drop(seen);
    let MutationFacts { name: mutation_name, place, .. } = *mutation.facts;
    let (query, owner) = query;
    record_elsewhere(Elsewhere { mutation: (place, mutation_name), query, owner: owner.name });
    let Query { name, place: SourcePlace { file, line, .. }, .. } = site.query;
    let (owner, at) = ((site.owner)().name, mutation.facts.place);
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

    #[test]
    fn a_cache_that_has_gone_counts_no_more() {
        static QUERY: Query = Query::new("gone", "m", &[]);
        let site = Site { query: &QUERY, owner: Owner::of::<Users> };
        let write = MutationSite { facts: &MUTATION, owner: Owner::of::<Orders> };
        record_use(site, &Arc::new(Timeline::new(TimeSource::System, None)));
        assert_eq!(report(site, write, &Arc::new(Timeline::new(TimeSource::System, None))), None);
    }
}
