//! A finding claims no more than the log of mutations knows.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use cache_core::{Cache, HasCache, cached_query, entry, invalidates};

use crate::findings::Findings;

#[derive(HasCache)]
struct Counter {
    cache: Cache,
    /// Think of a database.
    count: AtomicU32,
}

impl Counter {
    #[cached_query(ttl = "5m")]
    fn count(&self) -> u32 {
        self.count.load(SeqCst)
    }

    #[invalidates("limit")] // and `count` is forgotten
    fn add(&self) {
        self.count.fetch_add(1, SeqCst);
    }

    #[cached_query(ttl = "5m")]
    fn limit(&self) -> u32 {
        10
    }

    #[invalidates("limit")]
    fn set_limit(&self) {}
}

#[test]
fn a_finding_says_whether_the_log_has_all_mutations() {
    let cases = [
        (0, &[][..], "the log is off"),
        (1, &["set_limit"], "does not have any more"),
        (3, &["add", "set_limit"], "these ran, one of which"),
    ];
    for (length, known, said) in cases {
        let findings = Findings::default();
        let cache = Cache::builder().mutation_log(length).audit(findings.audit()).build();
        let counter = Counter { cache, count: AtomicU32::new(0) };
        assert_eq!((counter.count(), counter.limit()), (0, 10));
        counter.add();
        counter.set_limit();
        assert_eq!((counter.count(), counter.limit()), (0, 10));
        let found = findings.take();
        let [finding] = &found[..] else { panic!("{found:?}") };
        let functions: Vec<_> = finding.mutations.iter().map(|mutation| mutation.function).collect();
        assert_eq!((&functions[..], finding.has_all_mutations), (known, length == 3));
        assert!(finding.to_string().contains(said), "{finding}");
    }
}

#[test]
fn an_explanation_counts_no_more_than_the_log_knows() {
    for (length, said) in [(1, "since then: at least 1, "), (3, "since then: 2, ")] {
        let cache = Cache::builder().mutation_log(length).build();
        let counter = Counter { cache, count: AtomicU32::new(0) };
        counter.count();
        counter.add();
        counter.set_limit();
        let explanation = entry!(counter.count()).explain();
        assert_eq!(explanation.mutations_since().len(), length.min(2));
        assert!(explanation.to_string().contains(said), "{explanation}");
    }
}
