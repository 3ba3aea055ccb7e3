//! Tests of the reasons of misses, and of whom they are put down to.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::task::{Context, Waker};
use std::time::Duration;

use futures_lite::future::{block_on, yield_now};

use crate::{Cache, EntryOptions, HasCache, ManualClock, Stats, TaggedCache, cached_query, entry, invalidates};

#[derive(HasCache)]
struct Repo {
    row: AtomicU32,
    is_down: AtomicBool,
    clock: ManualClock,
    cache: Cache,
}

impl Repo {
    fn new() -> Self {
        let clock = ManualClock::new();
        let cache = Cache::builder().clock(clock.clone()).build();
        Self { row: AtomicU32::new(1), is_down: AtomicBool::new(false), clock, cache }
    }

    #[cached_query(ttl = "10s", tags("rows"), cache_if = |row| *row != 0)]
    fn row(&self, id: u32) -> Result<u32, String> {
        let _ = id;
        if self.is_down.load(SeqCst) { Err("it is down".into()) } else { Ok(self.row.load(SeqCst)) }
    }

    #[cached_query(tags("rows"))]
    async fn slow(&self, id: u32) -> u32 {
        yield_now().await;
        id
    }

    #[invalidates(row(id), slow(id))]
    fn set(&self, id: u32) {
        self.row.fetch_add(id, SeqCst);
    }

    /// Loads a value that is not stored.
    fn load_zero(&self) {
        let row = self.row.swap(0, SeqCst);
        assert_eq!(self.row(1), Ok(0));
        self.row.store(row, SeqCst);
    }

    fn load_error(&self) {
        self.is_down.store(true, SeqCst);
        assert!(self.row(1).is_err());
        self.is_down.store(false, SeqCst);
    }

    fn why(&self) -> String {
        entry!(self.row(1)).explain().to_string()
    }

    fn reasons(&self) -> [u64; 4] {
        reasons(&self.cache.stats())
    }

    /// Misses that each mutation is blamed for.
    fn blamed(&self) -> Vec<u64> {
        self.cache.mutations().iter().map(|mutation| mutation.misses).collect()
    }
}

/// Cold, expired, invalidated, evicted.
fn reasons(stats: &Stats) -> [u64; 4] {
    [stats.cold_misses, stats.expired_misses, stats.invalidated_misses, stats.evicted_misses]
}

const NOT_STORED: &str = "`row(id = 1)` is not cached: it was not loaded, was not stored, or has left the cache; it was last \
                          invalidated 10s ago, by `set`, which names one key of `row`";

#[test]
fn an_invalidation_is_not_blamed_once_a_value_was_stored_after_it() {
    for leaves_by_refresh in [false, true] {
        let repo = Repo::new();
        assert_eq!(repo.row(1), Ok(1));
        repo.set(1);
        assert_eq!(repo.row(1), Ok(2));
        assert_eq!((repo.row(1), repo.reasons(), repo.blamed()), (Ok(2), [1, 0, 1, 0], vec![1]));
        repo.clock.advance(Duration::from_secs(10));
        if leaves_by_refresh {
            assert_eq!(repo.row(1), Ok(2));
            let anew = Repo { cache: repo.cache.refresh(), row: AtomicU32::new(0), ..Repo::new() };
            assert_eq!(anew.row(1), Ok(0));
        } else {
            repo.load_zero();
        }
        assert_eq!(repo.why(), NOT_STORED);
        repo.load_zero();
        repo.load_error();
        assert_eq!((repo.reasons(), repo.blamed()), ([3, 1, 1, 0], vec![1]));
    }
}

/// Whatever it was that left.
#[test]
fn a_load_that_stores_nothing_makes_the_next_miss_cold() {
    type Step = fn(&Repo);
    let leave: [(Step, [u64; 3]); 5] = [
        (|repo| repo.set(1), [0, 0, 1]),
        (|repo| repo.cache.invalidate(["row"]), [0, 0, 1]),
        (|repo| repo.cache.invalidate_tags(["rows"]), [0, 0, 1]),
        (|repo| repo.cache.invalidate_all(), [0, 0, 1]),
        (|repo| repo.clock.advance(Duration::from_secs(10)), [0, 1, 0]),
    ];
    let [fails, is_refused]: [Step; 2] = [Repo::load_error, Repo::load_zero];
    for (leaves, first) in leave {
        for is_purged in [false, true] {
            for load in [fails, is_refused] {
                let repo = Repo::new();
                assert_eq!(repo.row(1), Ok(1));
                leaves(&repo);
                if is_purged {
                    repo.cache.purge();
                }
                (0..3).for_each(|_| load(&repo));
                let [cold, expired, invalidated] = first;
                assert_eq!(repo.reasons(), [cold + 3, expired, invalidated, 0]);
                assert_eq!(repo.blamed().iter().sum::<u64>(), invalidated);
            }
        }
    }
}

#[test]
fn a_load_that_is_dropped_leaves_the_reason_as_it_was() {
    let repo = Repo::new();
    block_on(repo.slow(1));
    repo.set(1);
    for count in 1..=3 {
        assert!(pin!(repo.slow(1)).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!((repo.reasons(), repo.blamed()), ([1, 0, count, 0], vec![count]));
    }
}

#[test]
fn a_miss_after_a_load_that_was_overtaken_is_put_down_to_the_mutation() {
    type Write = fn(&Repo);
    let writes: [Write; 4] = [
        |repo| repo.set(1),
        |repo| repo.cache.invalidate(["slow"]),
        |repo| repo.cache.invalidate_tags(["rows"]),
        |repo| repo.cache.invalidate_all(),
    ];
    for write in writes {
        let repo = Repo::new();
        for _ in 0..5 {
            let mut load = pin!(repo.slow(1));
            assert!(load.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            write(&repo);
            assert_eq!(block_on(load), 1);
        }
        assert_eq!((repo.reasons(), repo.cache.stats().discarded_loads), ([1, 0, 4, 0], 5));
        assert_eq!(repo.blamed(), [1, 1, 1, 1, 0]);
        let last = repo.cache.mutations().pop().expect("five are kept");
        let by = entry!(repo.slow(1)).explain().invalidated_by().map(|mutation| mutation.version);
        assert_eq!(by, Some(last.version));
        // Other keys are as cold as they were.
        block_on(repo.slow(2));
        assert_eq!(repo.reasons(), [2, 0, 4, 0]);
    }
}

/// The first one has kept its value from being stored.
#[test]
fn of_two_mutations_that_overtake_a_load_the_first_of_its_key_is_blamed() {
    let repo = Repo::new();
    let mut load = pin!(repo.slow(1));
    assert!(load.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    repo.set(1);
    repo.cache.invalidate_all();
    block_on(load);
    block_on(repo.slow(1));
    assert_eq!(repo.blamed(), [1, 0]);
}

#[test]
fn what_is_suspended_is_put_down_to_no_mutation_of_before() {
    let repo = Repo::new();
    assert_eq!(repo.row(1), Ok(1));
    repo.cache.invalidate_all();
    repo.cache.engine().timeline().everything.invalidated_at().suspend();
    (0..2).for_each(|_| assert_eq!(repo.row(1), Ok(1)));
    assert_eq!((repo.reasons(), repo.blamed()), ([1, 0, 2, 0], vec![1]));
}

#[test]
fn an_insert_of_what_is_too_heavy_makes_the_former_reason_obsolete() {
    let clock = ManualClock::new();
    let cache = TaggedCache::<u32, u32>::builder().clock(clock.clone()).max_weight(10).build();
    let insert = |weight| cache.insert_with(1, 1, EntryOptions::new().ttl(Duration::from_secs(1)).weight(weight));
    insert(1);
    assert!(cache.invalidate_key(&1));
    insert(1);
    insert(11);
    assert_eq!((cache.get(&1), reasons(&cache.stats())), (None, [1, 0, 0, 0]));
    insert(1);
    clock.advance(Duration::from_secs(1));
    insert(11);
    assert_eq!((cache.get(&1), reasons(&cache.stats())), (None, [1, 1, 0, 0]));
}

#[test]
fn a_key_that_was_invalidated_directly_while_it_was_loaded_was_invalidated() {
    let cache = TaggedCache::<u32, u32>::new();
    let mut load = pin!(cache.get_or_load_async(&1, async || {
        yield_now().await;
        1
    }));
    assert!(load.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert!(!cache.invalidate_key(&1));
    assert_eq!(block_on(load), 1);
    assert_eq!((cache.get(&1), reasons(&cache.stats())), (None, [1, 0, 1, 0]));
}
