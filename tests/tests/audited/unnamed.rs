//! Mutations that end without naming anything are blamed all the same, and in a transaction not before its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use cache_core::{Cache, HasCache, cached_query, invalidates};

use crate::findings::{Findings, name_of};

#[derive(Clone, HasCache)]
struct Counters {
    cache: Cache,
    /// Think of a database.
    count: Arc<AtomicU32>,
}

impl Counters {
    #[cached_query(ttl = "5m")]
    fn count(&self) -> u32 {
        self.count.load(SeqCst)
    }

    /// Names no more than its list has.
    #[invalidates(for name in names { tags("count:{name}") })]
    fn add_all(&self, names: &[&str]) {
        self.count.fetch_add(1, SeqCst);
    }

    #[cached_query(ttl = "5m")]
    fn limit(&self) -> u32 {
        10
    }

    /// Forgets too little.
    #[invalidates("limit")]
    fn add(&self) {
        self.count.fetch_add(1, SeqCst);
    }

    /// Names the same, and writes nothing.
    #[invalidates("limit")]
    fn touch(&self) {}

    /// Writes before it fails.
    #[invalidates("count", on = "ok")]
    fn add_and_fail(&self) -> Result<(), String> {
        self.count.fetch_add(1, SeqCst);
        Err("it is full".to_owned())
    }

    fn within(&self, cache: Cache) -> Self {
        Self { cache, count: self.count.clone() }
    }
}

type Write = fn(&Counters);

const WRITES: [(&str, Write); 2] = [
    ("add_all", |counters| counters.add_all(&[])),
    ("add_and_fail", |counters| drop(counters.add_and_fail().expect_err("it always fails"))),
];

/// What the next call is found to be, and the mutations that are blamed.
fn blamed(counters: &Counters, findings: &Findings) -> Vec<Vec<String>> {
    counters.count();
    findings.take().iter().map(|finding| finding.mutations.iter().map(name_of).collect()).collect()
}

#[test]
fn a_mutation_that_has_named_nothing_is_blamed() {
    for (name, write) in WRITES {
        let findings = Findings::default();
        let counters = Counters { cache: findings.cache(), count: Arc::default() };
        assert!(blamed(&counters, &findings).is_empty());
        write(&counters);
        assert_eq!(blamed(&counters, &findings), [[name]]);
    }
}

#[test]
fn in_a_transaction_it_is_blamed_after_the_end() {
    for (name, write) in WRITES {
        let findings = Findings::default();
        let counters = Counters { cache: findings.cache(), count: Arc::default() };
        counters.count();
        let transaction = counters.cache.transaction();
        write(&counters.within(transaction.cache()));
        assert!(blamed(&counters, &findings).is_empty(), "{name} may be rolled back");
        transaction.commit();
        assert_eq!(blamed(&counters, &findings), [[name]]);

        counters.cache.invalidate_all();
        counters.count();
        let transaction = counters.cache.transaction();
        write(&counters.within(transaction.cache()));
        transaction.rollback();
        assert_eq!(blamed(&counters, &findings), [Vec::<String>::new()], "the rollback of {name} has changed nothing");
    }
}

#[test]
fn of_two_mutations_of_a_transaction_that_name_the_same_both_are_known() {
    let findings = Findings::default();
    let counters = Counters { cache: findings.cache(), count: Arc::default() };
    counters.count();
    let transaction = counters.cache.transaction();
    let within = counters.within(transaction.cache());
    assert_eq!(within.limit(), 10);
    within.add();
    within.touch();
    within.touch();
    transaction.commit();
    counters.count();
    let found = findings.take();
    let [commit] = &found[0].mutations[..] else { panic!("{found:?}") };
    let mut by: Vec<_> = commit.targets.iter().map(|target| target.by).collect();
    by.sort_unstable();
    assert_eq!((commit.function, &by[..]), ("commit", &["add", "touch"][..]));
    let shown = commit.to_string();
    assert!(shown.contains("`limit` by `add`") && shown.contains("`limit` by `touch`"), "{shown}");
}

#[test]
fn without_an_audit_nothing_is_held_or_recorded() {
    for (name, write) in WRITES {
        let counters = Counters { cache: Cache::new(), count: Arc::default() };
        let transaction = counters.cache.transaction();
        write(&counters.within(transaction.cache()));
        transaction.commit();
        write(&counters);
        assert!(counters.cache.mutations().is_empty(), "{name}");
    }
}
