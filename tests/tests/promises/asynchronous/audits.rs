//! The audit: which answers it finds wrong, and which it must not.

use std::hash::Hash;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_core::{Audit, Cache, CacheBuilder, HasCache, ManualClock, StaleFinding, cached_query, invalidates};

use super::mode::block_on;

#[derive(Clone, Default)]
struct Findings(Arc<Mutex<Vec<StaleFinding>>>);

impl Findings {
    fn audit(&self) -> Audit {
        let list = self.0.clone();
        Audit::sample(1.0).on_finding(move |finding| list.lock().unwrap().push(finding.clone()))
    }

    /// The calls, and the mutations that may be to blame.
    fn take(&self) -> Vec<(String, Vec<&'static str>)> {
        let findings = std::mem::take(&mut *self.0.lock().unwrap());
        let blamed = |finding: &StaleFinding| finding.mutations.iter().map(|mutation| mutation.function).collect();
        findings.iter().map(|one| (format!("{}({})", one.query, one.arguments), blamed(one))).collect()
    }
}

type Meanwhile = Box<dyn FnOnce(&Repo) + Send>;

/// Two numbers in a database.
#[derive(Clone, HasCache)]
struct Repo {
    cache: Cache,
    one: Arc<AtomicU32>,
    two: Arc<AtomicU32>,
    fails: Arc<AtomicBool>,
    /// Run in a body.
    meanwhile: Arc<Mutex<Option<Meanwhile>>>,
}

#[derive(Clone)]
struct NeitherComparedNorShown;

impl Repo {
    fn new(builder: CacheBuilder) -> (Self, Findings) {
        let findings = Findings::default();
        (Self::on(builder.audit(findings.audit()).build()), findings)
    }

    fn on(cache: Cache) -> Self {
        Self { cache, one: Arc::default(), two: Arc::default(), fails: Arc::default(), meanwhile: Arc::default() }
    }

    fn with(&self, cache: Cache) -> Self {
        Self { cache, ..self.clone() }
    }

    fn run_meanwhile(&self) {
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile(self);
        }
    }

    #[cached_query]
    async fn one(&self) -> Result<u32, String> {
        self.run_meanwhile();
        if self.fails.load(SeqCst) { Err("it is down".into()) } else { Ok(self.one.load(SeqCst)) }
    }

    #[cached_query(tags("two:{of}"))]
    async fn two(&self, of: u32) -> u32 {
        self.two.load(SeqCst) + of
    }

    #[cached_query]
    async fn sum(&self) -> Result<u32, String> {
        Ok(self.one().await? + self.two(0).await)
    }

    #[cached_query]
    async fn opaque(&self) -> NeitherComparedNorShown {
        self.one.load(SeqCst);
        NeitherComparedNorShown
    }

    #[cached_query]
    async fn not_a_number(&self) -> f64 {
        f64::NAN
    }

    #[cached_query]
    async fn generic<T: Clone + Hash + Eq + Send + Sync + std::fmt::Debug + 'static>(&self, value: T) -> (T, u32) {
        (value, self.two.load(SeqCst))
    }

    #[cached_query]
    async fn fibonacci(&self, n: u32) -> u64 {
        self.two.fetch_add(1, SeqCst);
        if n < 2 {
            u64::from(n)
        } else {
            super::mode::boxed(self.fibonacci(n - 1)).await + super::mode::boxed(self.fibonacci(n - 2)).await
        }
    }

    /// Says so.
    #[invalidates("one")]
    async fn set_one(&self, value: u32) {
        self.one.store(value, SeqCst);
        self.run_meanwhile();
    }

    /// Forgets `two`.
    #[invalidates("one")]
    async fn set_both(&self, value: u32) {
        self.one.store(value, SeqCst);
        self.two.store(value, SeqCst);
    }

    #[invalidates("one", tags("two:{of}"))]
    async fn set_two_of(&self, of: u32) {
        self.two.store(of + 10, SeqCst);
    }

    /// Names nothing.
    #[invalidates(for of in ofs { tags("two:{of}") })]
    async fn set_list(&self, ofs: &[u32]) {
        self.two.store(90, SeqCst);
    }
}

#[test]
fn a_mutation_that_names_too_little_is_found_and_named() {
    block_on(async {
        let (repo, findings) = Repo::new(Cache::builder());
        repo.one().await.unwrap();
        assert_eq!(repo.two(0).await, 0);
        repo.set_one(1).await;
        assert_eq!((repo.one().await, repo.two(0).await), (Ok(1), 0));
        repo.set_both(2).await;
        assert_eq!(findings.take(), [], "nothing was asked for since");
        assert_eq!((repo.one().await, repo.two(0).await), (Ok(2), 0), "the audit changes no answer");
        let stats = repo.cache.stats();
        assert_eq!((stats.audited, stats.stale_found, stats.loads, stats.load_errors), (2, 1, 4, 0));
        let finding = findings.0.lock().unwrap()[0].clone();
        assert_eq!((finding.query, finding.module, finding.arguments.as_str()), ("two", module_path!(), "of = 0"));
        assert_eq!((finding.cached.as_str(), finding.loaded.as_str()), ("0", "2"));
        assert!(finding.to_string().contains("`set_both`") && !finding.to_string().contains("`set_one`"), "{finding}");
        assert!(format!("{finding:?}").contains("set_both"), "{finding:?}");
        assert_eq!(findings.take(), [("two(of = 0)".into(), vec!["set_both"])], "`set_one` came before it was right");
        repo.two(0).await;
        repo.set_one(3).await;
        repo.two(0).await;
        assert_eq!(findings.take(), [], "each wrong entry is found once");
        repo.cache.invalidate_tags(["two:0"]);
        assert_eq!(repo.two(0).await, 2);
        repo.two.store(3, SeqCst);
        repo.two(0).await;
        assert_eq!(findings.take(), [("two(of = 0)".into(), vec![])], "and a write without an annotation");
        repo.cache.check_invariants();
    });
}

#[test]
fn a_mutation_that_names_nothing_is_named() {
    block_on(async {
        let (repo, findings) = Repo::new(Cache::builder());
        repo.two(1).await;
        repo.set_list(&[]).await;
        repo.two(1).await;
        assert_eq!(findings.take(), [("two(of = 1)".into(), vec!["set_list"])]);
        assert_eq!(repo.cache.mutations()[0].targets[0].to_string(), "nothing");
    });
}

#[test]
fn a_tag_of_another_key_is_too_little() {
    block_on(async {
        let (repo, findings) = Repo::new(Cache::builder());
        repo.two(1).await;
        repo.two(2).await;
        repo.one().await.unwrap();
        repo.set_two_of(1).await;
        repo.two(1).await;
        repo.two(2).await;
        repo.one().await.unwrap();
        assert_eq!(findings.take(), [("two(of = 2)".into(), vec!["set_two_of"])]);
    });
}

#[test]
fn what_is_not_in_the_key_is_found_by_two_repositories_on_one_cache() {
    block_on(async {
        let (repo, findings) = Repo::new(Cache::builder());
        let mut other = Repo::on(repo.cache.clone());
        other.two.store(7, SeqCst);
        repo.two(1).await;
        repo.two(1).await;
        assert_eq!(findings.take(), []);
        assert_eq!(other.two(1).await, 1);
        assert_eq!(findings.take(), [("two(of = 1)".into(), vec![])]);
        other.cache = repo.cache.scope("of the other");
        other.two(1).await;
        other.two(1).await;
        assert_eq!(findings.take(), [], "a scope is the remedy");
    });
}

#[test]
fn a_write_that_comes_between_is_no_finding() {
    block_on(async {
        let (repo, findings) = Repo::new(Cache::builder());
        repo.one().await.unwrap();
        // While the body of the audit runs.
        *repo.meanwhile.lock().unwrap() = Some(Box::new(|repo| block_on(async { repo.set_one(5).await })));
        assert_eq!(repo.one().await, Ok(0));
        assert_eq!((findings.take(), repo.cache.stats().audited), (vec![], 1));
        // While the write runs, and has changed the data.
        repo.one().await.unwrap();
        *repo.meanwhile.lock().unwrap() =
            Some(Box::new(|repo| block_on(async { assert_eq!(repo.one().await, Ok(5), "the write goes on") })));
        repo.set_one(6).await;
        assert_eq!((findings.take(), repo.cache.stats().audited), (vec![], 2));
        // A transaction that has written, and is not committed here.
        repo.one().await.unwrap();
        let transaction = repo.cache.transaction();
        repo.with(transaction.cache()).set_one(7).await;
        assert_eq!(repo.one().await, Ok(6));
        transaction.commit();
        assert_eq!(repo.one().await, Ok(7));
        assert_eq!((findings.take(), repo.cache.stats().audited), (vec![], 3));
        repo.one().await.unwrap();
        let savepoint_of = repo.cache.transaction();
        let savepoint = savepoint_of.savepoint();
        repo.with(savepoint.cache()).set_one(8).await;
        savepoint.commit();
        repo.one().await.unwrap();
        savepoint_of.rollback();
        assert_eq!(findings.take(), []);
        // It is calm again.
        repo.one().await.unwrap();
        assert_eq!(findings.take(), [("one()".into(), vec![])], "the rollback was not one");
    });
}

#[test]
fn what_says_nothing_is_no_finding() {
    block_on(async {
        let (repo, findings) = Repo::new(Cache::builder());
        for _ in 0..2 {
            repo.opaque().await;
            assert!(repo.not_a_number().await.is_nan());
            repo.one().await.unwrap();
            repo.fails.store(true, SeqCst);
        }
        assert_eq!((findings.take(), repo.cache.stats().audited), (vec![], 3), "a body that fails says nothing");
        repo.with(repo.cache.bypass()).two(1).await;
        assert_eq!(repo.cache.stats().audited, 3, "it is no hit");
    });
}

#[test]
fn values_of_generic_functions_are_compared_as_far_as_their_bounds_say() {
    block_on(async {
        let (repo, findings) = Repo::new(Cache::builder());
        repo.generic("a").await;
        repo.two.store(1, SeqCst);
        repo.generic("a").await;
        assert_eq!(findings.take(), [("generic(value = \"a\")".into(), vec![])]);
    });
}

#[test]
fn what_a_body_reads_is_read_from_the_cache_and_not_audited_in_turn() {
    block_on(async {
        let (repo, findings) = Repo::new(Cache::builder());
        repo.sum().await.unwrap();
        repo.set_both(5).await;
        // `one` was invalidated, and so is the sum; `two` was not, and is wrong.
        assert_eq!(repo.sum().await, Ok(5));
        assert_eq!(findings.take(), [("two(of = 0)".into(), vec!["set_both"])], "by a load, and not by an audit");
        repo.sum().await.unwrap();
        assert_eq!((findings.take(), repo.cache.stats().audited), (vec![], 2));
        let before = repo.two.load(SeqCst);
        repo.fibonacci(30).await;
        assert_eq!(repo.two.load(SeqCst) - before, 31 + 28, "one audit of each of the hits in the loads");
        repo.fibonacci(30).await;
        assert_eq!(repo.two.load(SeqCst) - before, 31 + 28 + 1);
    });
}

#[test]
fn a_finding_that_panics_reaches_the_call_that_hit() {
    let audit = Audit::sample(1.0).on_finding(|finding| panic!("{finding}"));
    let repo = Repo::on(Cache::builder().audit(audit).build());
    block_on(async { repo.two(1).await });
    repo.two.store(1, SeqCst);
    let panic = std::panic::catch_unwind(|| block_on(async { repo.two(1).await })).expect_err("it reaches the call");
    let text = panic.downcast::<String>().expect("it is a text");
    assert!(text.starts_with("the cached answer of `two(of = 1)`"), "{text}");
    block_on(async { assert_eq!(repo.two(1).await, 1) });
    repo.cache.check_invariants();
}

#[test]
fn a_finding_may_use_the_cache() {
    block_on(async {
        let clock = ManualClock::new();
        let handle: Arc<Mutex<Option<Cache>>> = Arc::default();
        let held = handle.clone();
        let audit = Audit::sample(1.0).on_finding(move |finding| {
            let cache = held.lock().unwrap().clone().expect("it was set");
            assert_eq!(finding.age, Duration::from_secs(3));
            cache.invalidate([finding.query]);
            cache.check_invariants();
        });
        let repo = Repo::on(Cache::builder().clock(clock.clone()).audit(audit).build());
        *handle.lock().unwrap() = Some(repo.cache.clone());
        repo.two(1).await;
        repo.two.store(1, SeqCst);
        clock.advance(Duration::from_secs(3));
        assert_eq!((repo.two(1).await, repo.two(1).await), (1, 2), "an observer may invalidate what a finding names");
        handle.lock().unwrap().take();
    });
}

#[test]
fn without_an_audit_no_body_runs_twice() {
    block_on(async {
        let repo = Repo::on(Cache::builder().audit(Audit::sample(0.0)).build());
        repo.fibonacci(5).await;
        repo.fibonacci(5).await;
        assert_eq!((repo.two.load(SeqCst), repo.cache.stats().audited), (6, 0));
    });
}

/// It has another load, though nothing was invalidated.
#[test]
fn an_entry_that_expired_and_was_loaded_anew_is_found_anew() {
    block_on(async {
        let clock = ManualClock::new();
        let (repo, findings) = Repo::new(Cache::builder().clock(clock.clone()).default_ttl(Duration::from_secs(10)));
        for expected in [1, 2] {
            repo.two(0).await;
            repo.two.store(expected, SeqCst);
            repo.two(0).await;
            assert_eq!(findings.take(), [("two(of = 0)".into(), vec![])], "{expected}");
            repo.two(0).await;
            assert_eq!(findings.take(), []);
            clock.advance(Duration::from_secs(10));
            assert_eq!(repo.two(0).await, expected);
        }
    });
}

/// What panics, if it is armed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Panics {
    Nowhere,
    InEq,
    InDebug,
    InDebugOfKey,
}

type Armed = Arc<Mutex<Panics>>;

fn maybe_panic(armed: &Armed, at: Panics) {
    if *armed.lock().unwrap() == at {
        std::panic::resume_unwind(Box::new("as the test wants it"));
    }
}

#[derive(Clone)]
struct Touchy(u32, Armed);

impl PartialEq for Touchy {
    fn eq(&self, other: &Self) -> bool {
        maybe_panic(&self.1, Panics::InEq);
        self.0 == other.0
    }
}

impl std::fmt::Debug for Touchy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        maybe_panic(&self.1, Panics::InDebug);
        self.0.fmt(f)
    }
}

#[derive(Clone)]
struct TouchyKey(Armed);

impl PartialEq for TouchyKey {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for TouchyKey {}

impl Hash for TouchyKey {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

impl std::fmt::Debug for TouchyKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        maybe_panic(&self.0, Panics::InDebugOfKey);
        f.write_str("key")
    }
}

#[derive(HasCache)]
struct TouchyRepo {
    number: AtomicU32,
    armed: Armed,
    #[cache]
    cache: Cache,
}

impl TouchyRepo {
    #[cached_query]
    async fn get(&self, key: &TouchyKey) -> Touchy {
        let _ = key;
        Touchy(self.number.load(SeqCst), self.armed.clone())
    }
}

#[test]
fn p13_a_panic_while_answers_are_compared_or_shown_reaches_no_caller() {
    let cases = [
        (Panics::InEq, None),
        (Panics::InDebug, Some(["key = key", "(a value without `Debug`)", "(a value without `Debug`)"])),
        (Panics::InDebugOfKey, Some(["", "0", "1"])),
        (Panics::Nowhere, Some(["key = key", "0", "1"])),
    ];
    for (panics, told) in cases {
        let findings = Findings::default();
        let armed = Armed::new(Mutex::new(Panics::Nowhere));
        let cache = Cache::builder().audit(findings.audit()).build();
        let repo = TouchyRepo { number: AtomicU32::new(0), armed: armed.clone(), cache };
        let key = TouchyKey(armed.clone());
        block_on(repo.get(&key));
        repo.number.store(1, SeqCst);
        *armed.lock().unwrap() = panics;
        assert_eq!(block_on(repo.get(&key)).0, 0, "{panics:?}");
        *armed.lock().unwrap() = Panics::Nowhere;
        let found = findings.0.lock().unwrap().clone();
        let shown: Vec<_> = found.iter().map(|one| [&*one.arguments, &*one.cached, &*one.loaded]).collect();
        assert_eq!(shown, Vec::from_iter(told), "{panics:?}");
        repo.cache.check_invariants();
    }
}
