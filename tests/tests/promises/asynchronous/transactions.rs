//! P17: what happens in a transaction stays in it until the commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use cache_core::{Cache, EntryInfo, HasCache, TaggedCache, cached_query, invalidates};

use super::mode::{block_on, boxed};

/// One row: what is committed, and what a transaction has written.
#[derive(Default)]
struct Database {
    committed: AtomicU32,
    written: Mutex<Option<u32>>,
}

impl Database {
    fn commit(&self) {
        if let Some(number) = self.written.lock().unwrap().take() {
            self.committed.store(number, Ordering::SeqCst);
        }
    }

    fn roll_back(&self) {
        *self.written.lock().unwrap() = None;
    }
}

#[derive(Clone, HasCache)]
struct Repo {
    database: Arc<Database>,
    cache: Cache,
    is_inside: bool,
}

impl Repo {
    fn new() -> Self {
        Self::of(Cache::new())
    }

    fn of(cache: Cache) -> Self {
        Self { database: Arc::default(), cache, is_inside: false }
    }

    /// The repository in a transaction of the database.
    fn inside(&self, cache: Cache) -> Self {
        Self { cache, is_inside: true, ..self.clone() }
    }

    fn row(&self) -> u32 {
        let written = self.is_inside.then(|| *self.database.written.lock().unwrap()).flatten();
        written.unwrap_or_else(|| self.database.committed.load(Ordering::SeqCst))
    }

    #[cached_query(tags("rows"))]
    async fn number(&self, key: u32) -> u32 {
        let _ = key;
        self.row()
    }

    /// Made from the number.
    #[cached_query]
    async fn doubled(&self) -> u32 {
        2 * self.number(1).await
    }

    #[cached_query]
    async fn other(&self) -> u32 {
        1
    }

    /// Through a handle of its own, a query asks one inside of the transaction.
    #[cached_query(skip(inside))]
    async fn asks(&self, inside: &Repo) -> u32 {
        boxed(inside.number(1)).await
    }

    #[invalidates(number(1))]
    async fn write(&self, number: u32) {
        *self.database.written.lock().unwrap() = Some(number);
    }

    #[invalidates("number", "other")]
    async fn write_both(&self, number: u32) {
        *self.database.written.lock().unwrap() = Some(number);
    }

    #[invalidates(number(1))]
    async fn fail(&self) -> Result<(), String> {
        Err("no".into())
    }

    #[invalidates(number(1))]
    async fn panic(&self) {
        panic!("in the body");
    }

    #[invalidates(number(1), on = "ok")]
    async fn fail_on_ok(&self) -> Result<(), String> {
        Err("no".into())
    }

    #[invalidates("self::of_the_program")]
    async fn write_global(&self) {}

    fn loads(&self) -> u64 {
        self.cache.stats().loads
    }

    /// Whether the number is cached.
    fn is_cached(&self) -> bool {
        self.cache.entries().iter().any(|entry| entry.query == "number")
    }
}

#[cached_query(tags("p17 {module}"))]
async fn of_the_program(module: &str) -> usize {
    module.len()
}

#[test]
fn p17_what_is_read_inside_is_neither_stored_nor_taken_from_the_cache() {
    let repo = Repo::new();
    let transaction = repo.cache.transaction();
    let inside = repo.inside(transaction.cache());
    block_on(inside.number(1));
    block_on(inside.doubled());
    assert!(repo.cache.is_empty(), "it was stored");
    assert_eq!(block_on(repo.doubled()), 0);
    block_on(inside.write(1));
    assert_eq!((block_on(inside.number(1)), block_on(inside.doubled())), (1, 2), "it was taken from the cache");
    assert_eq!((block_on(repo.number(1)), block_on(repo.doubled())), (0, 0), "nothing is committed");
    assert_eq!(repo.cache.stats().hits, 2);
    transaction.rollback();
    repo.cache.check_invariants();
}

#[test]
fn p17_invalidations_are_held_until_the_commit() {
    let repo = Repo::new();
    let numbers = || (block_on(repo.number(1)), block_on(repo.other()));
    numbers();
    let transaction = repo.cache.transaction();
    block_on(repo.inside(transaction.cache()).write_both(7));
    assert_eq!(repo.cache.stats().invalidations, 0);
    numbers();
    assert_eq!(repo.loads(), 2, "it was forgotten too early");
    repo.database.commit();
    transaction.commit();
    assert_eq!((numbers(), repo.loads()), ((7, 1), 4));
}

#[test]
fn p17_a_transaction_that_is_dropped_counts_as_committed() {
    let repo = Repo::new();
    block_on(repo.number(1));
    let transaction = repo.cache.transaction();
    block_on(repo.inside(transaction.cache()).write(7));
    repo.database.commit();
    drop(transaction);
    assert_eq!(block_on(repo.number(1)), 7);
}

#[test]
fn p17_after_a_rollback_nothing_is_forgotten() {
    let repo = Repo::new();
    block_on(repo.number(1));
    let transaction = repo.cache.transaction();
    block_on(repo.inside(transaction.cache()).write(7));
    repo.database.roll_back();
    transaction.rollback();
    assert_eq!((block_on(repo.number(1)), repo.loads()), (0, 1));
}

#[test]
fn p17_a_query_that_asks_one_inside_is_not_stored_nor_is_what_asks_it() {
    let repo = Repo::new();
    let transaction = repo.cache.transaction();
    let inside = repo.inside(transaction.cache());
    block_on(inside.write(7));
    let (tagged, foreign) = (TaggedCache::<u32, u32>::new(), Repo::new());
    assert_eq!(block_on(repo.asks(&inside)), 7);
    assert_eq!(block_on(foreign.asks(&inside)), 7);
    assert_eq!(block_on(tagged.get_or_load_async(&1, || repo.asks(&inside))), 7);
    assert!(repo.cache.is_empty() && foreign.cache.is_empty() && tagged.is_empty());
    transaction.rollback();
}

#[test]
fn p17_a_mutation_that_fails_inside_is_held_like_any_other() {
    let repo = Repo::new();
    let writes: [fn(&Repo); 2] = [
        |inside| drop(block_on(inside.fail())),
        |inside| drop(catch_unwind(AssertUnwindSafe(|| block_on(inside.panic())))),
    ];
    for write in writes {
        block_on(repo.number(1));
        let transaction = repo.cache.transaction();
        write(&repo.inside(transaction.cache()));
        assert!(repo.is_cached());
        transaction.commit();
        assert!(!repo.is_cached());
    }
    block_on(repo.number(1));
    let transaction = repo.cache.transaction();
    assert!(block_on(repo.inside(transaction.cache()).fail_on_ok()).is_err());
    transaction.commit();
    assert!(repo.is_cached());
}

#[test]
fn p17_invalidations_at_run_time_are_held() {
    let held: [fn(&Cache); 3] = [
        |cache| cache.invalidate(["number", "unknown"]),
        |cache| cache.invalidate_tags(["rows", "unknown"]),
        Cache::invalidate_all,
    ];
    for invalidate in held {
        let repo = Repo::new();
        let transaction = repo.cache.transaction();
        invalidate(&transaction.cache());
        // First used after it was named.
        block_on(repo.number(1));
        assert!(repo.is_cached());
        transaction.commit();
        assert!(!repo.is_cached());
    }
}

#[test]
fn p17_names_before_one_that_panics_are_held() {
    let repo = Repo::new();
    block_on(repo.number(1));
    let transaction = repo.cache.transaction();
    let names = ["number", "", "other"].into_iter().inspect(|name| assert!(!name.is_empty()));
    assert!(catch_unwind(AssertUnwindSafe(|| transaction.cache().invalidate(names))).is_err());
    assert!(repo.is_cached());
    transaction.commit();
    assert!(!repo.is_cached());
}

#[test]
fn p17_a_savepoint_is_rolled_back_alone() {
    let repo = Repo::new();
    let ask = || (block_on(repo.number(1)), block_on(repo.other()));
    ask();
    let transaction = repo.cache.transaction();
    let savepoint = transaction.savepoint();
    let nested = savepoint.savepoint();
    nested.cache().invalidate(["number"]);
    savepoint.cache().invalidate(["other"]);
    nested.commit();
    savepoint.rollback();
    let kept = transaction.savepoint();
    kept.cache().invalidate(["other"]);
    drop(kept);
    assert_eq!(repo.loads(), 2);
    transaction.commit();
    ask();
    assert_eq!(repo.loads(), 3, "only the other was forgotten");
}

#[test]
fn p17_a_savepoint_ends_with_its_transaction() {
    for commits in [true, false] {
        let repo = Repo::new();
        block_on(repo.number(1));
        let transaction = repo.cache.transaction();
        let savepoint = transaction.savepoint();
        let nested = savepoint.savepoint();
        nested.cache().invalidate(["number"]);
        if commits {
            transaction.commit();
        } else {
            transaction.rollback();
        }
        assert_eq!(repo.is_cached(), !commits);
        // There is no transaction that could hold it.
        block_on(repo.number(1));
        nested.cache().invalidate(["number"]);
        assert!(!repo.is_cached());
        block_on(repo.number(1));
        savepoint.savepoint().cache().invalidate(["number"]);
        assert!(!repo.is_cached());
    }
}

#[test]
fn p17_a_handle_that_outlives_its_transaction_forgets_at_once_and_reads_as_before() {
    let repo = Repo::new();
    let transaction = repo.cache.transaction();
    let late = repo.inside(transaction.cache());
    transaction.commit();
    block_on(repo.number(1));
    block_on(late.write(1));
    assert!(!repo.is_cached());
    block_on(late.number(1));
    assert!(repo.cache.is_empty());
}

#[test]
fn p17_an_inner_transaction_takes_effect_at_its_own_commit_and_with_the_outer_one() {
    let repo = Repo::new();
    let outer = repo.cache.transaction();
    let inner = outer.cache().transaction();
    block_on(repo.number(1));
    block_on(repo.inside(inner.cache()).write(1));
    assert!(repo.is_cached());
    inner.commit();
    assert!(!repo.is_cached());
    block_on(repo.number(1));
    outer.commit();
    assert!(!repo.is_cached());
}

#[test]
fn p17_transactions_at_once_do_not_affect_each_other() {
    let repo = Repo::new();
    let (one, two) = (repo.cache.transaction(), repo.cache.transaction());
    block_on(repo.number(1));
    block_on(repo.other());
    one.cache().invalidate(["number"]);
    two.cache().invalidate(["other"]);
    one.commit();
    assert!(!repo.is_cached());
    assert_eq!(repo.cache.len(), 1);
    two.rollback();
    assert_eq!(repo.cache.len(), 1);
}

#[test]
fn p17_a_transaction_is_of_the_scope_of_its_handle() {
    let repo = Repo::new();
    let tenant = |name| Repo { cache: repo.cache.scope(name), ..repo.clone() };
    let (one, two) = (tenant("1"), tenant("2"));
    let ask = || [&repo, &one, &two].map(|repo| block_on(repo.number(1)));
    let cached = || [one.cache.len(), two.cache.len(), repo.cache.len()];
    ask();
    let transaction = one.cache.transaction();
    block_on(repo.inside(transaction.cache()).write(1));
    transaction.commit();
    assert_eq!(cached(), [0, 1, 2]);
    ask();
    let transaction = repo.cache.transaction();
    transaction.cache().scope("2").invalidate_all();
    block_on(repo.inside(transaction.cache().scope("2")).number(1));
    assert_eq!(cached(), [1, 1, 3]);
    transaction.commit();
    assert_eq!(cached(), [1, 0, 2]);
    let transaction = repo.cache.transaction();
    block_on(repo.inside(transaction.cache()).write(1));
    transaction.commit();
    assert_eq!(cached(), [0, 0, 0], "through the root handle it reaches every scope");
}

#[test]
fn p17_targets_in_the_global_cache_are_held_too() {
    let repo = Repo::new();
    // The synchronous twin uses the global cache too.
    let is_of_this = |entry: &EntryInfo| entry.query == "of_the_program" && entry.module == module_path!();
    let is_cached = || Cache::global().entries().iter().any(is_of_this);
    block_on(of_the_program(module_path!()));
    let transaction = repo.cache.transaction();
    block_on(repo.inside(transaction.cache()).write_global());
    assert!(is_cached());
    transaction.commit();
    assert!(!is_cached());
    let transaction = Cache::global().transaction();
    block_on(of_the_program(module_path!()));
    transaction.cache().invalidate_tags([concat!("p17 ", module_path!())]);
    assert!(is_cached());
    transaction.commit();
    assert!(!is_cached());
}

#[test]
fn p17_a_handle_inside_stays_inside() {
    let repo = Repo::new();
    let transaction = repo.cache.transaction();
    for handle in
        [transaction.cache().bypass(), transaction.cache().refresh(), transaction.cache().refresh().scope("a")]
    {
        let inside = repo.inside(handle);
        block_on(inside.number(1));
        inside.cache.invalidate_all();
    }
    assert_eq!((repo.cache.len(), repo.cache.stats().invalidations), (0, 0));
    transaction.rollback();
    let transaction = repo.cache.bypass().transaction();
    block_on(repo.inside(transaction.cache()).write(1));
    assert_eq!(repo.cache.stats().invalidations, 0);
    transaction.commit();
    assert_eq!(repo.cache.stats().invalidations, 1);
}

#[test]
fn p17_ten_thousand_writes_of_one_row_are_held_once() {
    let repo = Repo::of(Cache::builder().capacity(0).build());
    let transaction = repo.cache.transaction();
    let inside = repo.inside(transaction.cache());
    for number in 0..10_000 {
        block_on(inside.write(number));
        transaction.cache().invalidate(["number"]);
    }
    assert!(format!("{transaction:?}").contains("held_invalidations: 2"), "{transaction:?}");
    transaction.commit();
    assert_eq!(repo.cache.stats().invalidations, 2);
}

#[test]
fn p17_a_commit_needs_an_answer() {
    type End = fn() -> Result<(), String>;
    let ends: [(End, bool); 3] = [(|| Ok(()), true), (|| Err("no".into()), false), (|| panic!("no"), false)];
    for (end, is_stored) in ends {
        let clock = cache_core::ManualClock::new();
        let grace = std::time::Duration::from_secs(3);
        let repo = Repo::of(Cache::builder().clock(clock.clone()).commit_grace(grace).build());
        block_on(repo.doubled());
        let transaction = repo.cache.transaction();
        block_on(repo.inside(transaction.cache()).write(1));
        let result = catch_unwind(AssertUnwindSafe(|| transaction.commit_after(end)));
        assert_eq!(result.is_ok_and(|result| result.is_ok()), is_stored);
        assert_eq!(repo.cache.len(), 0, "it is forgotten in any case");
        let ask = || {
            block_on(repo.number(1));
            block_on(repo.number(2));
            block_on(repo.doubled());
            block_on(repo.other());
            let mut names: Vec<_> = repo.cache.entries().into_iter().map(|entry| entry.query).collect();
            names.sort_unstable();
            names
        };
        let all = ["doubled", "number", "number", "other"];
        let unaffected = if is_stored { &all[..] } else { &["number", "other"] };
        assert_eq!(ask(), unaffected);
        // What begins within the grace and ends after it may have read the old row.
        clock.advance(std::time::Duration::new(2, 999_999_999));
        assert_eq!(ask(), unaffected);
        clock.advance(std::time::Duration::from_nanos(1));
        ask();
        assert_eq!(ask(), all);
        repo.database.roll_back();
    }
}

#[test]
fn p17_a_load_within_the_grace_that_ends_after_it_is_not_stored() {
    let clock = cache_core::ManualClock::new();
    let grace = std::time::Duration::from_secs(3);
    let cache = Cache::builder().clock(clock.clone()).commit_grace(grace).build();
    let slow = Slow { cache, clock, during: Mutex::new(grace) };
    let transaction = slow.cache.transaction();
    transaction.cache().invalidate(["slow"]);
    assert!(transaction.commit_after(|| Err::<(), _>(())).is_err());
    block_on(slow.slow());
    assert!(slow.cache.is_empty(), "the commit may have happened after it had read");
    block_on(slow.slow());
    assert_eq!(slow.cache.len(), 1);
}

/// It has no node that could be suspended when the commit is lost.
#[test]
fn p17_within_the_grace_a_query_that_is_used_for_the_first_time_is_not_stored() {
    let clock = cache_core::ManualClock::new();
    let grace = std::time::Duration::from_secs(3);
    let cache = Cache::builder().clock(clock.clone()).commit_grace(grace).build();
    let slow = Slow { cache, clock: clock.clone(), during: Mutex::default() };
    let transaction = slow.cache.transaction();
    transaction.cache().invalidate(["slow"]);
    assert!(transaction.commit_after(|| Err::<(), _>(())).is_err());
    // Others are, and nothing is suspended yet.
    block_on(slow.unaffected());
    assert_eq!(slow.cache.len(), 1);
    block_on(slow.slow());
    assert_eq!(slow.cache.len(), 1);
    clock.advance(grace);
    block_on(slow.slow());
    assert_eq!(slow.cache.len(), 2);
}

#[derive(HasCache)]
struct Slow {
    cache: Cache,
    clock: cache_core::ManualClock,
    during: Mutex<std::time::Duration>,
}

impl Slow {
    #[cached_query]
    async fn unaffected(&self) -> u32 {
        2
    }

    #[cached_query]
    async fn slow(&self) -> u32 {
        self.clock.advance(std::mem::take(&mut *self.during.lock().unwrap()));
        1
    }
}
