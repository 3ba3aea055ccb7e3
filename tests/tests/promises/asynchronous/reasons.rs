//! What a miss is put down to, what an entry explains, and who is told, where two mechanisms meet.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_core::events::{Evicted, Invalidated, Loaded, Missed, ServedStale};
use cache_core::{
    Cache, CacheBuilder, Clock, HasCache, ManualClock, Observer, TaggedCache, cached_query, entry, invalidates,
};

use super::mode::block_on;

const SECOND: Duration = Duration::from_secs(1);

/// Writes down what it is told.
#[derive(Default)]
struct Diary(Mutex<Vec<String>>);

impl Diary {
    fn write(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Observer for Diary {
    fn loaded(&self, Loaded { call, outcome, .. }: &Loaded<'_>) {
        self.write(format!("loaded {call:?}: {outcome:?}"));
    }

    fn missed(&self, Missed { call, reason, mutation, target, .. }: &Missed<'_>) {
        let by = mutation.map(|mutation| mutation.function);
        self.write(format!("missed {call:?}: {reason}, {by:?}, {:?}", target.map(ToString::to_string)));
    }

    fn invalidated(&self, Invalidated { mutation, .. }: &Invalidated<'_>) {
        self.write(format!("{}: {} removed", mutation.function, mutation.removed));
    }

    fn evicted(&self, Evicted { call, .. }: &Evicted<'_>) {
        self.write(format!("evicted {call:?}"));
    }

    fn served_stale(&self, ServedStale { call, .. }: &ServedStale<'_>) {
        self.write(format!("stale {call:?}"));
    }
}

#[derive(Clone, HasCache)]
struct Repo {
    #[cache]
    cache: Cache,
    other: TaggedCache<u32, u32>,
    clock: ManualClock,
    fails: Arc<AtomicBool>,
}

impl Repo {
    fn new(builder: CacheBuilder) -> Self {
        let clock = ManualClock::new();
        let (cache, other) = (builder.clock(clock.clone()).build(), TaggedCache::new());
        Self { cache, other, clock, fails: Arc::default() }
    }

    /// The observer is in an `Arc`.
    fn observed(builder: CacheBuilder) -> (Self, Arc<Diary>) {
        let diary = Arc::new(Diary::default());
        (Self::new(builder.observer(diary.clone())), diary)
    }

    fn on(&self, cache: Cache) -> Self {
        Self { cache, ..self.clone() }
    }

    #[cached_query(ttl = "10s", tags("all", "id:{id}"))]
    async fn get(&self, id: u32) -> u32 {
        id
    }

    #[cached_query(ttl = "10s")]
    async fn twice(&self, id: u32) -> u32 {
        self.get(id).await * 2
    }

    #[cached_query(ttl = "10s", stale_if_error = "1m")]
    async fn fallible(&self, id: u32) -> Result<u32, String> {
        if self.fails.load(SeqCst) { Err("it is down".into()) } else { Ok(id) }
    }

    /// Made from an answer of another cache.
    #[cached_query(ttl = "10s")]
    async fn foreign(&self) -> u32 {
        self.other.get_or_load_async(&1, async || 7).await
    }

    /// Its tag is known by its value alone.
    #[cached_query(ttl = "10s", tags_from = |value| [format!("value:{value}")])]
    async fn valued(&self, id: u32) -> u32 {
        id + 10
    }

    /// Invalidates itself while it loads.
    #[cached_query(ttl = "10s")]
    async fn overtaken(&self, id: u32) -> u32 {
        self.overtake(id).await;
        id
    }

    #[invalidates(overtaken(id))]
    async fn overtake(&self, id: u32) {
        let _ = id;
    }

    /// What it is while it loads.
    #[cached_query(ttl = "10s")]
    async fn explains(&self) -> String {
        entry!(self.explains()).explain().to_string()
    }

    #[invalidates(get(id))]
    async fn set(&self, id: u32) {
        let _ = id;
    }
}

/// Calls that missed because of each invalidation.
fn misses(repo: &Repo) -> Vec<u64> {
    repo.cache.mutations().iter().map(|mutation| mutation.misses).collect()
}

#[test]
fn of_two_writes_a_miss_is_put_down_to_the_first() {
    type Write = fn(&Repo);
    let query: Write = |repo| repo.cache.invalidate(["get"]);
    let tag: Write = |repo| repo.cache.invalidate_tags(["id:1"]);
    let other_tag: Write = |repo| repo.cache.invalidate_tags(["all"]);
    let everything: Write = |repo| repo.cache.invalidate_all();
    let scoped_tag: Write = |repo| repo.cache.scope("tenant").invalidate_tags(["id:1"]);
    let scope: Write = |repo| repo.cache.scope("tenant").invalidate_all();
    let all = [query, tag, other_tag, everything, scoped_tag, scope];
    let pairs = all.iter().flat_map(|first| all.iter().map(move |second| (*first, *second)));
    for (number, (first, second)) in pairs.enumerate().filter(|(number, _)| number / 6 != number % 6) {
        let repo = Repo::new(Cache::builder());
        let tenant = repo.on(repo.cache.scope("tenant"));
        block_on(tenant.get(1));
        first(&repo);
        second(&repo);
        block_on(tenant.get(1));
        assert_eq!(misses(&repo), [1, 0], "pair {number}");
    }
}

#[test]
fn a_miss_in_a_scope_is_put_down_to_a_write_through_the_root() {
    block_on(async {
        let (repo, diary) = Repo::observed(Cache::builder());
        let tenant = repo.on(repo.cache.scope("tenant"));
        tenant.get(1).await;
        repo.cache.invalidate_tags(["id:1"]);
        tenant.get(1).await;
        repo.set(1).await;
        tenant.get(1).await;
        repo.cache.invalidate_all();
        tenant.get(1).await;
        let missed: Vec<_> = diary.take().into_iter().filter(|line| line.starts_with("missed")).collect();
        assert_eq!(
            missed,
            [
                "missed get(id = 1): cold, None, None",
                r#"missed get(id = 1): invalidated, Some("invalidate_tags"), Some("the tag `id:1`")"#,
                r#"missed get(id = 1): invalidated, Some("set"), Some("one key of `get`")"#,
                r#"missed get(id = 1): invalidated, Some("invalidate_all"), Some("everything")"#,
            ]
        );
        assert_eq!(misses(&repo), [1, 1, 1]);
    });
}

/// A commit has the targets of all that wrote in it, in no order.
#[test]
fn of_several_targets_the_one_that_was_about_the_entry_is_told() {
    type Write = fn(&Repo);
    let writes: [(Write, &str); 4] = [
        (|repo| repo.cache.invalidate_all(), "everything"),
        (|repo| repo.cache.invalidate(["get"]), "`get`"),
        (|repo| repo.cache.invalidate_tags(["all"]), "the tag `all`"),
        (|repo| _ = entry!(repo.get(1)).invalidate(), "one key of `get`"),
    ];
    for (write, told) in writes {
        let (repo, diary) = Repo::observed(Cache::builder());
        block_on(repo.get(1));
        block_on(repo.fallible(1)).unwrap();
        let transaction = repo.cache.transaction();
        let inside = repo.on(transaction.cache());
        inside.cache.invalidate_tags(["a", "b", "id:2"]);
        inside.cache.invalidate(["fallible"]);
        inside.cache.scope("tenant").invalidate_all();
        assert!(!entry!(inside.get(2)).invalidate());
        write(&inside);
        transaction.commit();
        diary.take();
        block_on(repo.get(1));
        let expected = format!(r#"missed get(id = 1): invalidated, Some("commit"), Some("{told}")"#);
        assert_eq!(diary.take()[0], expected);
    }
}

#[test]
fn a_target_that_only_the_value_names_is_told() {
    block_on(async {
        let (repo, diary) = Repo::observed(Cache::builder());
        let write = || repo.cache.invalidate_tags(["a", "value:11", "value:12"]);
        repo.valued(1).await;
        write();
        assert_eq!(
            entry!(repo.valued(1)).explain().to_string(),
            "`valued(id = 1)` is not cached: its tag `value:11` was invalidated after it was loaded, 0ns ago, by \
             `invalidate_tags`, which names the tag `value:11`"
        );
        diary.take();
        repo.valued(1).await;
        assert_eq!(
            diary.take()[0],
            r#"missed valued(id = 1): invalidated, Some("invalidate_tags"), Some("the tag `value:11`")"#
        );
    });
}

#[test]
fn a_write_of_a_key_counts_the_loads_of_it_that_it_has_passed() {
    block_on(async {
        let repo = Repo::new(Cache::builder());
        repo.overtaken(1).await;
        repo.overtake(1).await;
        let fenced = |repo: &Repo| repo.cache.mutations().iter().map(|mutation| mutation.fenced).collect::<Vec<_>>();
        assert_eq!(fenced(&repo), [1, 0]);
        assert_eq!(repo.cache.stats().discarded_loads, 1);
    });
}

/// Panics when it is read, if it is armed.
#[derive(Clone, Default)]
struct Fused(Arc<AtomicBool>);

impl Clock for Fused {
    fn now(&self) -> Duration {
        if self.0.load(SeqCst) {
            resume_unwind(Box::new("as the test wants it"));
        }
        SECOND
    }
}

#[test]
fn p11_a_write_is_told_although_the_clock_panics() {
    let (clock, diary) = (Fused::default(), Arc::new(Diary::default()));
    let cache = Cache::builder().clock(clock.clone()).observer(diary.clone()).build();
    let repo = Repo { cache, ..Repo::new(Cache::builder()) };
    block_on(repo.get(1));
    diary.take();
    clock.0.store(true, SeqCst);
    // It is read for the entry that was removed.
    assert!(catch_unwind(AssertUnwindSafe(|| block_on(repo.set(1)))).is_err());
    clock.0.store(false, SeqCst);
    assert_eq!(diary.take(), ["set: 1 removed"]);
    assert!(repo.cache.is_empty());
}

/// What an answer was made from is not known by name: a write that has one target can have meant nothing else.
#[test]
fn the_only_target_of_a_write_is_told_also_of_what_was_made_from_it() {
    block_on(async {
        let (repo, diary) = Repo::observed(Cache::builder());
        repo.twice(1).await;
        repo.set(1).await;
        diary.take();
        repo.twice(1).await;
        assert_eq!(diary.take()[0], r#"missed twice(id = 1): invalidated, Some("set"), Some("one key of `get`")"#);
    });
}

/// Its versions are no versions of this cache.
#[test]
fn what_another_cache_has_invalidated_is_put_down_to_no_write() {
    block_on(async {
        let (repo, diary) = Repo::observed(Cache::builder());
        assert_eq!(repo.foreign().await, 7);
        for number in 0..20 {
            repo.cache.invalidate_tags([format!("unknown:{number}")]);
        }
        diary.take();
        repo.other.invalidate_all();
        assert_eq!(repo.foreign().await, 7);
        assert_eq!(diary.take()[0], "missed foreign(): invalidated, None, None");
        assert_eq!(misses(&repo), [0; 20]);
        repo.other.invalidate_all();
        assert_eq!(
            entry!(repo.foreign()).explain().to_string(),
            "`foreign()` is not cached: an answer that it was made from was invalidated after it was loaded"
        );
    });
}

#[test]
fn an_observer_in_an_arc_is_told_all() {
    block_on(async {
        let (repo, diary) = Repo::observed(Cache::builder().capacity(1));
        repo.get(1).await;
        repo.get(2).await;
        assert_eq!(diary.take().iter().filter(|line| line.starts_with("evicted get(id = ")).count(), 1);
        let (repo, diary) = Repo::observed(Cache::builder());
        repo.fallible(1).await.unwrap();
        repo.fails.store(true, SeqCst);
        repo.clock.advance(11 * SECOND);
        assert_eq!(repo.fallible(1).await, Ok(1));
        assert_eq!(diary.take().last().map(String::as_str), Some("stale fallible(id = 1)"));
    });
}

#[test]
fn a_load_that_fails_and_stores_nothing_is_told() {
    block_on(async {
        let (repo, diary) = Repo::observed(Cache::builder());
        repo.fails.store(true, SeqCst);
        repo.on(repo.cache.bypass()).fallible(1).await.unwrap_err();
        assert_eq!(diary.take(), ["missed fallible(id = 1): bypassed, None, None", "loaded fallible(id = 1): Failed"]);
        // Of a query with windows, too, each miss is counted once.
        repo.fallible(1).await.unwrap_err();
        repo.fails.store(false, SeqCst);
        repo.fallible(1).await.unwrap();
        repo.clock.advance(100 * SECOND);
        repo.fallible(1).await.unwrap();
        let stats = repo.cache.stats();
        assert_eq!((stats.bypassed_misses, stats.cold_misses, stats.expired_misses, stats.misses), (1, 2, 1, 4));
    });
}

#[test]
fn an_entry_explains_only_writes_that_were_about_it() {
    block_on(async {
        let repo = Repo::new(Cache::builder());
        let (one, two) = (repo.on(repo.cache.scope("one")), repo.on(repo.cache.scope("two")));
        let why = |repo: &Repo| {
            let text = entry!(repo.get(1)).explain().to_string();
            text.strip_prefix("`get(id = 1)` is not cached: it was not loaded, was not stored, or has left the cache")
                .map(str::to_owned)
        };
        assert_eq!(why(&two).as_deref(), Some(""));
        // In another scope, of another key, of another query, with a tag that it does not have.
        one.set(1).await;
        one.cache.invalidate_tags(["id:1"]);
        two.set(2).await;
        two.cache.invalidate_tags(["id:2"]);
        two.cache.invalidate(["fallible"]);
        assert_eq!(why(&two).as_deref(), Some(""));
        two.cache.invalidate_tags(["id:1"]);
        repo.clock.advance(SECOND);
        two.cache.invalidate_tags(["id:2"]);
        assert_eq!(
            why(&two).as_deref(),
            Some("; it was last invalidated 1s ago, by `invalidate_tags`, which names the tag `id:1`")
        );
        two.cache.invalidate_tags(["all"]);
        assert_eq!(
            why(&two).as_deref(),
            Some("; it was last invalidated 0ns ago, by `invalidate_tags`, which names the tag `all`")
        );
        repo.set(1).await;
        assert_eq!(
            why(&two).as_deref(),
            Some("; it was last invalidated 0ns ago, by `set`, which names one key of `get`")
        );
        // In a query made of others, a load in flight is told.
        assert_eq!(
            repo.explains().await,
            "`explains()` is not cached: it was not loaded, was not stored, or has left the cache; a load is in flight"
        );
        assert!(!entry!(repo.explains()).explain().is_loading());
    });
}

#[test]
fn an_entry_explains_that_it_may_still_be_served_and_why_it_left() {
    block_on(async {
        let repo = Repo::new(Cache::builder().capacity(1));
        let why = |repo: &Repo| entry!(repo.fallible(1)).explain().to_string();
        repo.fallible(1).await.unwrap();
        repo.clock.advance(12 * SECOND);
        assert_eq!(
            why(&repo),
            "`fallible(id = 1)` is not cached: it expired 2s ago, and may be served while it is loaded or if that fails"
        );
        repo.clock.advance(60 * SECOND);
        assert_eq!(why(&repo), "`fallible(id = 1)` is not cached: it expired 62s ago");
        repo.fallible(1).await.unwrap();
        repo.fallible(2).await.unwrap();
        let explanations = [1, 2].map(|id| entry!(repo.fallible(id)).explain());
        let left: Vec<_> = explanations.iter().filter(|one| !one.is_cached()).map(ToString::to_string).collect();
        let [one] = &left[..] else { panic!("one of two had to leave: {left:?}") };
        assert!(one.ends_with(" is not cached: it was removed to make room for others"), "{one}");
    });
}

/// What it is put down to is known after it has been removed, whoever removed it.
#[test]
fn a_dead_entry_that_is_removed_leaves_its_reason() {
    block_on(async {
        let repo = Repo::new(Cache::builder());
        // Asked for without a load.
        repo.get(1).await;
        repo.cache.invalidate(["get"]);
        assert_eq!(entry!(repo.get(1)).get(), None);
        repo.get(1).await;
        repo.clock.advance(11 * SECOND);
        assert_eq!(entry!(repo.get(1)).get(), None);
        repo.get(1).await;
        let stats = repo.cache.stats();
        assert_eq!((stats.invalidated_misses, stats.expired_misses, stats.cold_misses), (2, 2, 1));
    });
}
