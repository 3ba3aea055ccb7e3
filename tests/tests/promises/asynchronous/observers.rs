//! What an observer is told, why a call missed, and what is remembered of invalidations.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_core::events::{Evicted, Invalidated, LoadOutcome, Loaded, MissReason, Missed, ServedStale};
use cache_core::{Cache, CacheBuilder, HasCache, ManualClock, Observer, cached_query, entry, invalidates};

use super::mode::block_on;

const SECOND: Duration = Duration::from_secs(1);

/// Writes down what it is told.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    fn write(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Observer for Diary {
    fn loaded(&self, Loaded { call, duration, outcome, shared_by, .. }: &Loaded<'_>) {
        self.write(format!("loaded {call:?} in {duration:?}: {outcome:?}, {shared_by}"));
    }

    fn missed(&self, Missed { call, reason, mutation, target, .. }: &Missed<'_>) {
        let by = mutation.map(|mutation| (mutation.function, mutation.ago));
        self.write(format!(
            "missed {call:?} in {:?}: {reason}, {by:?}, {:?}",
            call.scope,
            target.map(ToString::to_string)
        ));
    }

    fn invalidated(&self, Invalidated { mutation, .. }: &Invalidated<'_>) {
        let targets: Vec<_> = mutation.targets.iter().map(ToString::to_string).collect();
        let (removed, fenced) = (mutation.removed, mutation.fenced);
        self.write(format!("{} in {:?}: {targets:?}, {removed}, {fenced}", mutation.function, mutation.scope));
    }

    fn evicted(&self, Evicted { call, age, .. }: &Evicted<'_>) {
        self.write(format!("evicted {call:?} after {age:?}"));
    }

    fn served_stale(&self, ServedStale { call, expired_for, .. }: &ServedStale<'_>) {
        self.write(format!("stale {call:?}, expired {expired_for:?} ago"));
    }
}

#[derive(Clone, HasCache)]
struct Repo {
    cache: Cache,
    clock: ManualClock,
    number: Arc<AtomicU32>,
    fails: Arc<AtomicBool>,
}

impl Repo {
    fn new(builder: CacheBuilder) -> Self {
        let clock = ManualClock::new();
        let cache = builder.clock(clock.clone()).build();
        Self { cache, clock, number: Arc::default(), fails: Arc::default() }
    }

    fn observed() -> (Self, Diary) {
        let diary = Diary::default();
        (Self::new(Cache::builder().observer(diary.clone())), diary)
    }

    fn on(&self, cache: Cache) -> Self {
        Self { cache, ..self.clone() }
    }

    #[cached_query(ttl = "10s", tags("all", "id:{id}"), stale_if_error = "1m", cache_if = |number| *number < 10)]
    async fn get(&self, id: u32) -> Result<u32, String> {
        self.clock.advance(SECOND);
        if self.fails.load(SeqCst) { Err("it is down".into()) } else { Ok(id + self.number.load(SeqCst)) }
    }

    #[cached_query]
    async fn twice(&self, id: u32) -> Result<u32, String> {
        Ok(self.get(id).await? * 2)
    }

    #[cached_query]
    async fn panics(&self) -> u32 {
        panic!("in the body")
    }

    /// Invalidates itself while it loads.
    #[cached_query]
    async fn writes(&self) -> u32 {
        self.add().await;
        1
    }

    #[cached_query(ttl = "1s")]
    async fn short(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(get(id), tags("other"))]
    async fn set(&self, id: u32) {
        self.number.fetch_add(id, SeqCst);
    }

    #[invalidates("get", "writes")]
    async fn add(&self) {}

    #[invalidates(tags("other", "id:{id}"))]
    async fn touch(&self, id: u32) {
        let _ = id;
    }
}

#[test]
fn an_observer_is_told_of_all_but_hits() {
    block_on(async {
        let (repo, diary) = Repo::observed();
        assert_eq!(repo.get(1).await, Ok(1));
        assert_eq!(repo.get(1).await, Ok(1));
        assert_eq!(
            diary.take(),
            ["missed get(id = 1) in None: cold, None, None", "loaded get(id = 1) in 1s: Stored, 0"]
        );
        repo.clock.advance(SECOND);
        repo.set(1).await;
        repo.clock.advance(2 * SECOND);
        assert_eq!(repo.get(1).await, Ok(2));
        assert_eq!(
            diary.take(),
            [
                r#"set in None: ["one key of `get`", "the tag `other`"], 1, 0"#,
                r#"missed get(id = 1) in None: invalidated, Some(("set", 2s)), Some("one key of `get`")"#,
                "loaded get(id = 1) in 1s: Stored, 0",
            ]
        );
        repo.touch(1).await;
        repo.number.store(20, SeqCst);
        assert_eq!(repo.get(1).await, Ok(21));
        assert_eq!(
            diary.take(),
            [
                r#"touch in None: ["the tag `other`", "the tag `id:1`"], 0, 0"#,
                r#"missed get(id = 1) in None: invalidated, Some(("touch", 0ns)), Some("the tag `id:1`")"#,
                "loaded get(id = 1) in 1s: Refused, 0",
            ]
        );
    });
}

#[test]
fn an_observer_is_told_of_failures_and_of_what_is_served_instead() {
    block_on(async {
        let (repo, diary) = Repo::observed();
        repo.get(1).await.unwrap();
        repo.fails.store(true, SeqCst);
        repo.clock.advance(10 * SECOND);
        diary.take();
        assert_eq!(repo.get(1).await, Ok(1));
        assert_eq!(
            diary.take(),
            [
                "missed get(id = 1) in None: expired, None, None",
                "loaded get(id = 1) in 1s: Failed, 0",
                "stale get(id = 1), expired 2s ago",
            ]
        );
        assert!(repo.get(2).await.is_err());
        assert_eq!(
            diary.take(),
            ["missed get(id = 2) in None: cold, None, None", "loaded get(id = 2) in 1s: Failed, 0"]
        );
    });
}

#[test]
fn an_observer_is_told_of_a_load_that_a_write_has_passed() {
    block_on(async {
        let (repo, diary) = Repo::observed();
        assert_eq!(repo.writes().await, 1);
        assert_eq!(
            diary.take(),
            [
                "missed writes() in None: cold, None, None",
                r#"add in None: ["`get`", "`writes`"], 0, 1"#,
                "loaded writes() in 0ns: Discarded, 0",
            ]
        );
        let [mutation] = &repo.cache.mutations()[..] else { panic!("there was one") };
        assert_eq!((mutation.function, mutation.fenced), ("add", 1));
    });
}

#[test]
fn an_observer_is_told_of_what_is_made_from_an_answer() {
    block_on(async {
        let (repo, diary) = Repo::observed();
        assert_eq!(repo.twice(3).await, Ok(6));
        assert_eq!(
            diary.take(),
            [
                "missed twice(id = 3) in None: cold, None, None",
                "missed get(id = 3) in None: cold, None, None",
                "loaded get(id = 3) in 1s: Stored, 0",
                "loaded twice(id = 3) in 1s: Stored, 0",
            ]
        );
        repo.add().await;
        assert_eq!(repo.on(repo.cache.bypass()).twice(3).await, Ok(6));
        assert_eq!(repo.twice(3).await, Ok(6));
        assert_eq!(
            diary.take()[1..],
            [
                "missed twice(id = 3) in None: bypassed, None, None",
                "missed get(id = 3) in None: bypassed, None, None",
                "loaded get(id = 3) in 1s: Refused, 0",
                "loaded twice(id = 3) in 1s: Refused, 0",
                r#"missed twice(id = 3) in None: invalidated, Some(("add", 1s)), None"#,
                r#"missed get(id = 3) in None: invalidated, Some(("add", 1s)), Some("`get`")"#,
                "loaded get(id = 3) in 1s: Stored, 0",
                "loaded twice(id = 3) in 1s: Stored, 0",
            ]
        );
    });
}

#[test]
fn an_observer_is_told_of_scopes_and_of_direct_calls() {
    block_on(async {
        let (repo, diary) = Repo::observed();
        let tenant = repo.on(repo.cache.scope("tenant"));
        tenant.short(1).await;
        tenant.cache.invalidate(["short", "unknown"]);
        tenant.cache.invalidate_all();
        repo.cache.invalidate_tags(["a"]);
        entry!(tenant.short(2)).insert(2);
        tenant.short(1).await;
        assert_eq!(
            diary.take(),
            [
                r#"missed short(id = 1) in Some("tenant"): cold, None, None"#,
                "loaded short(id = 1) in 0ns: Stored, 0",
                r#"invalidate in Some("tenant"): ["`short`"], 0, 0"#,
                r#"invalidate_all in Some("tenant"): ["everything"], 0, 0"#,
                r#"invalidate_tags in None: ["the tag `a`"], 0, 0"#,
                r#"insert in Some("tenant"): ["one key of `short`"], 0, 0"#,
                r#"missed short(id = 1) in Some("tenant"): invalidated, Some(("invalidate", 0ns)), Some("`short`")"#,
                "loaded short(id = 1) in 0ns: Stored, 0",
            ]
        );
        let mutations = repo.cache.mutations();
        assert!(mutations.iter().all(|mutation| mutation.file == file!() && mutation.line > 0), "{mutations:?}");
        assert_eq!(mutations.iter().map(|mutation| mutation.misses).collect::<Vec<_>>(), [1, 0, 0, 0]);
    });
}

#[test]
fn an_observer_is_told_of_evictions() {
    block_on(async {
        let diary = Diary::default();
        let repo = Repo::new(Cache::builder().capacity(2).observer(diary.clone()));
        for id in 0..3 {
            repo.short(id).await;
        }
        let evicted: Vec<_> = diary.take().into_iter().filter(|line| line.starts_with("evicted")).collect();
        let [line] = &evicted[..] else { panic!("one had to leave: {evicted:?}") };
        assert!(line.ends_with("after 0ns"), "{line}");
        let stats = repo.cache.stats();
        assert_eq!((stats.evictions, stats.cold_misses), (1, 3));
        for id in 0..3 {
            repo.short(id).await;
        }
        assert!(repo.cache.stats().evicted_misses > 0, "what was evicted is asked for again");
    });
}

#[test]
fn the_reasons_of_misses_are_counted() {
    block_on(async {
        let repo = Repo::new(Cache::builder());
        repo.short(1).await;
        repo.clock.advance(2 * SECOND);
        repo.short(1).await;
        repo.cache.invalidate(["short"]);
        repo.short(1).await;
        assert!(entry!(repo.short(1)).invalidate());
        repo.short(1).await;
        repo.on(repo.cache.bypass()).short(1).await;
        repo.on(repo.cache.refresh()).short(1).await;
        repo.on(repo.cache.transaction().cache()).short(1).await;
        let [stats] = &repo.cache.query_stats()[..] else { panic!("one query was used") };
        let reasons = [stats.cold_misses, stats.expired_misses, stats.invalidated_misses, stats.evicted_misses];
        assert_eq!((reasons, stats.bypassed_misses, stats.misses), ([1, 1, 2, 0], 3, 7));
        let all = repo.cache.stats();
        let sum = all.cold_misses + all.expired_misses + all.invalidated_misses + all.evicted_misses;
        assert_eq!(sum + all.bypassed_misses, all.misses);
    });
}

#[test]
fn a_panic_of_an_observer_or_of_a_body_leaves_the_cache_and_others_as_they_are() {
    struct Panics;
    impl Observer for Panics {
        fn missed(&self, _: &Missed<'_>) {
            panic!("in an observer");
        }

        fn loaded(&self, _: &Loaded<'_>) {
            panic!("in an observer");
        }

        fn invalidated(&self, _: &Invalidated<'_>) {
            panic!("in an observer");
        }
    }
    let diary = Diary::default();
    let repo = Repo::new(Cache::builder().observer(Panics).observer(diary.clone()));
    block_on(async {
        assert_eq!((repo.short(1).await, repo.short(1).await), (1, 1));
        repo.add().await;
        assert_eq!((repo.cache.stats().hits, diary.take().len()), (1, 3));
    });
    let panicked = std::panic::catch_unwind(|| block_on(async { repo.panics().await }));
    assert!(panicked.is_err());
    assert_eq!(diary.take(), ["missed panics() in None: cold, None, None", "loaded panics() in 0ns: Panicked, 0"]);
    repo.cache.check_invariants();
}

/// Reads and writes the cache, as it is told.
#[derive(Default)]
struct Busy {
    repo: Mutex<Option<Repo>>,
    outer: AtomicBool,
}

impl Observer for Busy {
    fn missed(&self, missed: &Missed<'_>) {
        self.use_cache(missed.call.query);
    }

    fn loaded(&self, loaded: &Loaded<'_>) {
        assert_eq!(loaded.outcome, LoadOutcome::Stored);
        self.use_cache(loaded.call.query);
    }

    fn invalidated(&self, _: &Invalidated<'_>) {
        self.use_cache("get");
    }
}

impl Busy {
    fn use_cache(&self, query: &str) {
        let repo = self.repo.lock().unwrap().clone();
        if let Some(repo) = repo.filter(|_| query == "get" && !self.outer.swap(true, SeqCst)) {
            block_on(async {
                repo.short(1).await;
                repo.cache.purge();
                assert!(repo.cache.len() <= 10);
            });
            self.outer.store(false, SeqCst);
        }
    }
}

#[test]
fn p13_an_observer_may_use_the_cache_and_is_no_part_of_the_load_around_it() {
    block_on(async {
        let busy = Arc::new(Busy::default());
        let repo = Repo::new(Cache::builder().observer(busy.clone()));
        *busy.repo.lock().unwrap() = Some(repo.clone());
        assert_eq!(repo.twice(3).await, Ok(6));
        repo.cache.invalidate(["short"]);
        let before = repo.cache.stats().misses;
        assert_eq!(repo.twice(3).await, Ok(6));
        assert_eq!(repo.cache.stats().misses, before, "it does not depend on what the observer read");
        busy.repo.lock().unwrap().take();
    });
}

#[test]
fn an_entry_explains_who_invalidated_it_for_as_long_as_the_log_reaches() {
    block_on(async {
        let repo = Repo::new(Cache::builder().mutation_log(2));
        let why = |repo: &Repo| entry!(repo.get(1)).explain().to_string();
        assert_eq!(why(&repo), "`get(id = 1)` is not cached: it was not loaded, was not stored, or has left the cache");
        repo.get(1).await.unwrap();
        repo.set(1).await;
        repo.clock.advance(3 * SECOND);
        assert_eq!(
            why(&repo),
            "`get(id = 1)` is not cached: it was invalidated, 3s ago, by `set`, which names one key of `get`"
        );
        repo.get(1).await.unwrap();
        repo.touch(1).await;
        assert_eq!(
            why(&repo),
            "`get(id = 1)` is not cached: its tag `id:1` was invalidated after it was loaded, 0ns ago, by `touch`, which \
             names the tag `id:1`"
        );
        let explanation = entry!(repo.get(1)).explain();
        assert_eq!(explanation.invalidated_by().map(|mutation| mutation.function), Some("touch"));
        repo.get(1).await.unwrap();
        repo.set(2).await;
        let explanation = entry!(repo.get(1)).explain();
        let since: Vec<_> = explanation.mutations_since().iter().map(|mutation| mutation.function).collect();
        assert_eq!((explanation.is_cached(), since), (true, vec!["set"]));
        assert!(explanation.to_string().contains("invalidations of other entries since then: 1, the last by `set`"));
        repo.add().await;
        repo.touch(5).await;
        repo.touch(6).await;
        assert_eq!(
            why(&repo),
            "`get(id = 1)` is not cached: its query was invalidated after it was loaded",
            "the log reaches no further"
        );
        assert_eq!(repo.cache.mutations().len(), 2);
    });
}

#[test]
fn an_entry_that_was_purged_is_explained_too() {
    block_on(async {
        let repo = Repo::new(Cache::builder());
        let why = |repo: &Repo, id| entry!(repo.short(id)).explain().to_string();
        repo.short(1).await;
        repo.short(2).await;
        repo.cache.invalidate(["short"]);
        repo.short(2).await;
        repo.clock.advance(SECOND);
        repo.cache.purge();
        assert_eq!(
            why(&repo, 1),
            "`short(id = 1)` is not cached: it was invalidated, 1s ago, by `invalidate`, which names `short`"
        );
        assert_eq!(why(&repo, 2), "`short(id = 2)` is not cached: it has expired");
        repo.short(2).await;
        assert_eq!(repo.cache.stats().expired_misses, 1);
    });
}

#[test]
fn without_a_log_nothing_is_remembered_but_the_reasons() {
    block_on(async {
        let repo = Repo::new(Cache::builder().mutation_log(0));
        repo.short(1).await;
        repo.cache.invalidate(["short"]);
        repo.short(1).await;
        assert_eq!((repo.cache.mutations().len(), repo.cache.stats().invalidated_misses), (0, 1));
    });
}

#[test]
fn a_transaction_is_one_event_with_those_who_wrote_in_it() {
    block_on(async {
        let (repo, diary) = Repo::observed();
        let transaction = repo.cache.transaction();
        let inside = repo.on(transaction.cache());
        inside.add().await;
        inside.touch(7).await;
        assert!(diary.take().is_empty(), "nothing is invalidated yet");
        transaction.commit();
        let [mutation] = &repo.cache.mutations()[..] else { panic!("it is one") };
        let mut targets: Vec<_> = mutation.targets.iter().map(|target| format!("{target} by {}", target.by)).collect();
        targets.sort_unstable();
        assert_eq!(mutation.function, "commit");
        assert_eq!(targets, ["`get` by add", "`writes` by add", "the tag `id:7` by touch", "the tag `other` by touch"]);
        assert_eq!(diary.take().len(), 1);
        assert_eq!(MissReason::Bypassed.to_string(), "bypassed");
    });
}
