//! A mutation with a cache of its own, which names a query of the global cache.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use cache_core::{Audit, Cache, HasCache, cached_query, invalidates};

use crate::findings::Findings;

/// Think of a database.
static NUMBER: AtomicU32 = AtomicU32::new(0);

#[cached_query(ttl = "5m")]
fn number() -> u32 {
    NUMBER.load(SeqCst)
}

#[derive(HasCache)]
struct Numbers {
    cache: Cache,
}

impl Numbers {
    #[invalidates("self::number")]
    fn add(&self, meanwhile: impl FnOnce()) {
        NUMBER.fetch_add(1, SeqCst);
        meanwhile();
    }
}

/// The only test of this program with a global cache.
#[test]
fn a_write_in_progress_is_one_of_the_global_cache_too() {
    let findings = Findings::default();
    let list = findings.clone();
    let audit = Audit::sample(1.0).on_finding(move |finding| list.add(finding));
    let global = Cache::builder().audit(audit).install_global().expect("it is the first");
    let numbers = Numbers { cache: Cache::new() };
    assert_eq!(number(), 0);
    numbers.add(|| assert_eq!(number(), 0, "it has not invalidated yet"));
    assert!(findings.take().is_empty());
    assert_eq!((number(), global.stats().audited), (1, 1));
    NUMBER.fetch_add(1, SeqCst);
    assert_eq!(number(), 1);
    assert_eq!(findings.take().len(), 1, "a write that names nothing");
}
