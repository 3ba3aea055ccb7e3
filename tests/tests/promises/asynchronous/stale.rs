//! P18: expired values are served where the query says so, invalidated values never.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use cache_core::{Cache, HasCache, ManualClock, TaggedCache, cached_query, invalidates};

use super::mode::block_on;

const SECOND: Duration = Duration::from_secs(1);
const NANOSECOND: Duration = Duration::from_nanos(1);

fn just_before(time: Duration) -> Duration {
    time.checked_sub(NANOSECOND).expect("it is later than the start")
}

type Meanwhile = Box<dyn FnMut(&Repo) + Send>;

/// A database with one number, which may be down.
#[derive(HasCache)]
struct Repo {
    number: AtomicU32,
    is_down: AtomicBool,
    calls: AtomicU32,
    /// Run in each body.
    meanwhile: Mutex<Option<Meanwhile>>,
    cache: Cache,
    clock: ManualClock,
}

#[derive(Clone, PartialEq, Debug)]
struct Down;

struct DownAndNotClone;

impl Repo {
    fn new() -> Self {
        let clock = ManualClock::new();
        let cache = Cache::builder().clock(clock.clone()).default_ttl(10 * SECOND).build();
        let (number, is_down, calls) = (AtomicU32::new(1), AtomicBool::new(false), AtomicU32::new(0));
        Self { number, is_down, calls, meanwhile: Mutex::default(), cache, clock }
    }

    fn load(&self) -> Result<u32, Down> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let number = self.number.load(Ordering::Relaxed);
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some(mut meanwhile) = meanwhile {
            meanwhile(self);
        }
        if self.is_down.load(Ordering::Relaxed) { Err(Down) } else { Ok(number) }
    }

    #[cached_query(stale_if_error = "1m")]
    async fn kept(&self, key: u32) -> Result<u32, Down> {
        let _ = key;
        self.load()
    }

    #[cached_query(stale_if_error = "1m", retry_after = "5s")]
    async fn not_cloned(&self) -> Result<u32, DownAndNotClone> {
        self.load().map_err(|Down| DownAndNotClone)
    }

    #[cached_query(refresh_ahead = "2s", stale_while_revalidate = "3s", tags("number"))]
    async fn refreshed(&self) -> Result<u32, Down> {
        self.load()
    }

    #[cached_query(stale_while_revalidate = "3s", cache_if = |number| *number < 5)]
    async fn only_small(&self) -> Result<u32, Down> {
        self.load()
    }

    #[cached_query(ttl = "1h", own_ttl)]
    async fn outer(&self) -> Result<u32, Down> {
        Ok(10 * self.kept(1).await?)
    }

    #[cached_query(ttl = "1h")]
    async fn outer_of_refreshed(&self) -> Result<u32, Down> {
        Ok(10 * self.refreshed().await?)
    }

    #[invalidates(kept(key))]
    async fn forget_key(&self, key: u32) {
        let _ = key;
    }

    #[invalidates("kept", "refreshed")]
    async fn forget_all(&self) {}

    fn set(&self, number: u32) {
        self.number.store(number, Ordering::Relaxed);
    }

    fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::Relaxed);
    }

    fn calls(&self) -> u32 {
        self.calls.swap(0, Ordering::Relaxed)
    }

    fn when_loading(&self, meanwhile: impl FnMut(&Repo) + Send + 'static) {
        *self.meanwhile.lock().unwrap() = Some(Box::new(meanwhile));
    }

    fn ask(&self) -> Result<u32, Down> {
        block_on(self.kept(1))
    }

    fn ask_refreshed(&self) -> Result<u32, Down> {
        block_on(self.refreshed())
    }
}

#[test]
fn p18_an_expired_value_is_served_instead_of_an_error() {
    let repo = Repo::new();
    assert_eq!(repo.ask(), Ok(1));
    repo.set_down(true);
    repo.set(2);
    repo.clock.advance(10 * SECOND);
    assert_eq!((repo.ask(), repo.calls()), (Ok(1), 2));
    let stats = repo.cache.stats();
    assert_eq!((stats.load_errors, stats.stale_hits, stats.refreshes, stats.misses), (1, 1, 1, 2));
    assert_eq!((repo.cache.len(), repo.cache.len_with_stale()), (0, 1));
    repo.set_down(false);
    repo.clock.advance(SECOND);
    assert_eq!((repo.ask(), repo.ask(), repo.calls()), (Ok(2), Ok(2), 1));
    assert_eq!((repo.cache.len(), repo.cache.len_with_stale()), (1, 1));
}

#[test]
fn p18_an_expired_value_is_not_served_after_its_window() {
    let repo = Repo::new();
    repo.ask().unwrap();
    repo.set_down(true);
    repo.clock.advance(just_before(70 * SECOND));
    assert_eq!(repo.ask(), Ok(1));
    repo.clock.advance(NANOSECOND);
    assert_eq!(repo.ask(), Err(Down));
    assert_eq!(repo.cache.len_with_stale(), 0);
}

/// Its age counts when the load begins.
#[test]
fn p18_a_load_that_takes_longer_than_the_window_may_still_fail() {
    let repo = Repo::new();
    repo.ask().unwrap();
    repo.set_down(true);
    repo.clock.advance(69 * SECOND);
    repo.when_loading(|repo| repo.clock.advance(10 * SECOND));
    assert_eq!(repo.ask(), Ok(1));
    assert_eq!(repo.ask(), Err(Down));
}

#[test]
fn p18_after_a_failure_nobody_loads_for_a_while() {
    let repo = Repo::new();
    repo.ask().unwrap();
    repo.clock.advance(10 * SECOND);
    repo.set_down(true);
    assert_eq!((repo.ask(), repo.calls()), (Ok(1), 2));
    repo.clock.advance(just_before(SECOND));
    for _ in 0..3 {
        assert_eq!((repo.ask(), repo.calls()), (Ok(1), 0), "one second is the default");
    }
    repo.clock.advance(NANOSECOND);
    assert_eq!((repo.ask(), repo.calls()), (Ok(1), 1));
    let stats = repo.cache.stats();
    assert_eq!((stats.hits, stats.stale_hits, stats.load_errors), (3, 5, 2));

    let ask = || block_on(repo.not_cloned()).map_err(|_| ());
    repo.set_down(false);
    ask().unwrap();
    repo.set_down(true);
    repo.clock.advance(10 * SECOND);
    assert_eq!((ask(), repo.calls()), (Ok(1), 2));
    repo.clock.advance(just_before(5 * SECOND));
    assert_eq!((ask(), repo.calls()), (Ok(1), 0));
}

#[test]
fn p18_without_a_value_each_call_loads() {
    let repo = Repo::new();
    repo.set_down(true);
    for _ in 0..3 {
        assert_eq!((repo.ask(), repo.calls()), (Err(Down), 1));
    }
    repo.set_down(false);
    assert_eq!(repo.ask(), Ok(1));
}

#[test]
fn p18_an_invalidated_value_is_not_served_instead_of_an_error() {
    let writes: [fn(&Repo); 4] = [
        |repo| block_on(repo.forget_key(1)),
        |repo| block_on(repo.forget_all()),
        |repo| repo.cache.invalidate_all(),
        |repo| repo.cache.invalidate(["kept"]),
    ];
    for write in writes {
        for (is_before_expiry, is_during_load) in [(true, false), (false, false), (false, true)] {
            let repo = Repo::new();
            repo.ask().unwrap();
            repo.set_down(true);
            if is_before_expiry {
                write(&repo);
            }
            repo.clock.advance(11 * SECOND);
            if is_during_load {
                repo.when_loading(write);
            } else {
                write(&repo);
            }
            assert_eq!(repo.ask(), Err(Down), "{is_before_expiry} {is_during_load}");
            assert_eq!(repo.ask(), Err(Down));
            assert_eq!(repo.cache.stats().stale_hits, 0);
        }
    }
    let repo = Repo::new();
    repo.ask().unwrap();
    repo.set_down(true);
    repo.clock.advance(11 * SECOND);
    block_on(repo.forget_key(2));
    assert_eq!(repo.ask(), Ok(1), "another key");
}

#[test]
fn p18_near_its_expiry_and_after_it_a_value_is_served_if_its_load_fails() {
    for after in [8, 10, 12] {
        let repo = Repo::new();
        repo.ask_refreshed().unwrap();
        repo.set_down(true);
        repo.clock.advance(after * SECOND);
        assert_eq!((repo.ask_refreshed(), repo.calls()), (Ok(1), 2));
        assert_eq!((repo.ask_refreshed(), repo.calls()), (Ok(1), 0), "nobody tries again at once");
        assert_eq!(repo.cache.stats().stale_hits, if after < 10 { 0 } else { 2 });
        block_on(repo.forget_all());
        assert_eq!(repo.ask_refreshed(), Err(Down));
    }
}

#[test]
fn p18_one_caller_refreshes_and_the_others_are_served_at_once() {
    for after in [8, 10, 12] {
        let repo = Repo::new();
        repo.ask_refreshed().unwrap();
        repo.clock.advance(just_before(8 * SECOND));
        assert_eq!((repo.ask_refreshed(), repo.calls()), (Ok(1), 1), "it is fresh");
        repo.clock.advance((after - 8) * SECOND + NANOSECOND);
        repo.set(2);
        repo.when_loading(|repo| {
            thread::scope(|scope| {
                let others: Vec<_> = (0..3).map(|_| scope.spawn(|| repo.ask_refreshed())).collect();
                for other in others {
                    assert_eq!(other.join().unwrap(), Ok(1));
                }
            });
            assert_eq!(repo.calls(), 1);
        });
        assert_eq!(repo.ask_refreshed(), Ok(2), "the one caller gets what it loads");
        assert_eq!((repo.ask_refreshed(), repo.calls()), (Ok(2), 0));
    }
    let repo = Repo::new();
    repo.ask_refreshed().unwrap();
    repo.clock.advance(13 * SECOND);
    repo.set_down(true);
    assert_eq!(repo.ask_refreshed(), Err(Down), "after the window it is gone");
}

/// Caffeine had a refresh overwrite an invalidation.
#[test]
fn p18_a_refresh_does_not_overwrite_an_invalidation() {
    let writes: [fn(&Repo); 3] = [
        |repo| block_on(repo.forget_all()),
        |repo| repo.cache.invalidate_tags(["number"]),
        |repo| repo.cache.invalidate_all(),
    ];
    for write in writes {
        for after in [8, 12] {
            let repo = Repo::new();
            repo.ask_refreshed().unwrap();
            repo.clock.advance(after * SECOND);
            repo.when_loading(move |repo| {
                repo.set(2);
                write(repo);
            });
            assert_eq!(repo.ask_refreshed(), Ok(1), "it was read before the write");
            assert_eq!(repo.cache.len_with_stale(), 0);
            assert_eq!(repo.ask_refreshed(), Ok(2));
        }
    }
}

/// A refresh that takes longer than its window must not serve the old value for ever.
#[test]
fn p18_a_refresh_that_is_slower_than_its_window_is_joined() {
    let repo = Arc::new(Repo::new());
    repo.ask_refreshed().unwrap();
    repo.clock.advance(9 * SECOND);
    repo.set(2);
    let late = Arc::new(Mutex::new(None));
    repo.when_loading({
        let (late, repo) = (late.clone(), repo.clone());
        move |_| {
            repo.clock.advance(5 * SECOND);
            let asking = repo.clone();
            *late.lock().unwrap() = Some(thread::spawn(move || asking.ask_refreshed()));
            while !format!("{:?}", repo.cache).contains("callers_waiting: Some(1)") {
                thread::yield_now();
            }
        }
    });
    assert_eq!(repo.ask_refreshed(), Ok(2));
    let late = late.lock().unwrap().take().expect("the body was run");
    assert_eq!((late.join().unwrap(), repo.calls()), (Ok(2), 2));
}

#[test]
fn p18_a_refreshed_value_that_is_not_to_be_cached_replaces_the_old_one() {
    let repo = Repo::new();
    block_on(repo.only_small()).unwrap();
    repo.clock.advance(11 * SECOND);
    repo.set(7);
    assert_eq!(block_on(repo.only_small()), Ok(7));
    assert_eq!(repo.cache.len_with_stale(), 0);
    repo.set(8);
    assert_eq!(block_on(repo.only_small()), Ok(8));
}

#[test]
fn p18_what_was_made_from_a_stale_value_is_not_stored() {
    let repo = Repo::new();
    repo.ask().unwrap();
    repo.set_down(true);
    repo.clock.advance(11 * SECOND);
    assert_eq!(block_on(repo.outer()), Ok(10));
    assert_eq!(block_on(repo.outer()), Ok(10), "served at once inside");
    assert_eq!((repo.cache.len(), repo.cache.len_with_stale()), (0, 1));
    repo.set_down(false);
    repo.set(2);
    repo.clock.advance(SECOND);
    assert_eq!(block_on(repo.outer()), Ok(20));
    assert_eq!(repo.cache.len(), 2);
}

#[test]
fn p15_what_was_made_from_a_value_near_its_expiry_depends_on_it() {
    let repo = Repo::new();
    repo.ask_refreshed().unwrap();
    repo.clock.advance(9 * SECOND);
    repo.set_down(true);
    assert_eq!(block_on(repo.outer_of_refreshed()), Ok(10), "its own load failed");
    assert_eq!((repo.cache.len(), repo.calls()), (2, 2));
    repo.set_down(false);
    repo.set(2);
    repo.cache.invalidate_tags(["number"]);
    assert_eq!(block_on(repo.outer_of_refreshed()), Ok(20));
}

#[test]
fn p17_in_a_transaction_nothing_is_served_stale() {
    let repo = Repo::new();
    repo.ask().unwrap();
    repo.set_down(true);
    repo.clock.advance(11 * SECOND);
    let transaction = repo.cache.transaction();
    for cache in [transaction.cache(), repo.cache.bypass(), repo.cache.refresh()] {
        let inside = Repo { cache, ..Repo::new() };
        inside.set_down(true);
        assert_eq!(inside.ask(), Err(Down));
    }
    transaction.rollback();
    assert_eq!(repo.ask(), Ok(1));
}

#[test]
fn p9_a_stale_value_has_a_place_until_its_window_ends_and_leaves_then() {
    let clock = ManualClock::new();
    let cache: TaggedCache<u32, u32> = TaggedCache::builder()
        .capacity(100)
        .default_ttl(10 * SECOND)
        .stale_if_error(60 * SECOND)
        .clock(clock.clone())
        .build();
    for key in 0..50 {
        cache.insert(key, key);
    }
    clock.advance(10 * SECOND);
    for key in 100..150 {
        cache.insert(key, key);
    }
    assert_eq!((cache.len(), cache.len_with_stale()), (50, 100));
    cache.purge();
    cache.check_invariants();
    assert_eq!(cache.len_with_stale(), 100);
    clock.advance(60 * SECOND);
    for key in 200..260 {
        cache.insert(key, key);
    }
    cache.check_invariants();
    assert_eq!(cache.len_with_stale(), 100);
    assert_eq!(cache.stats().evictions, 10, "50 have made room, before those that are kept");
}

#[test]
fn p18_a_read_that_cannot_load_takes_live_values_only() {
    let clock = ManualClock::new();
    let cache: TaggedCache<u32, u32> = TaggedCache::builder()
        .default_ttl(10 * SECOND)
        .refresh_ahead(2 * SECOND)
        .stale_while_revalidate(3 * SECOND)
        .clock(clock.clone())
        .build();
    cache.insert(1, 1);
    clock.advance(9 * SECOND);
    assert_eq!((cache.get(&1), cache.contains_key(&1)), (Some(1), true));
    clock.advance(SECOND);
    assert_eq!((cache.get(&1), cache.contains_key(&1)), (None, false));
    assert_eq!((cache.stats().hits, cache.stats().misses), (1, 1));
    assert_eq!(cache.len_with_stale(), 1);
    assert_eq!((cache.get_or_load(&1, || 2), cache.get(&1)), (2, Some(2)));
}
