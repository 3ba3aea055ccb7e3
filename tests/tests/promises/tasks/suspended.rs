//! P1, P8 and P13 while a load is suspended: everything else works, also on its thread.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cache_core::{Cache, EntryOptions, HasCache, ManualClock, TaggedCache, cached_query, invalidates};

use super::{Numbers, Task, assert_idle, assert_in_flight, drive, pause, watch};

/// A call after an invalidation, while a load from before is suspended.
fn call_after(invalidate: impl Fn(&Numbers), newer_is_first: bool) {
    let cache: Numbers = TaggedCache::builder().capacity(4).build();
    let scope = cache.scope("tenant");
    let options = || EntryOptions::new().tags(["other", "mine"]);
    let load = |number| {
        let load = async move || {
            pause(1).await;
            number
        };
        Task::begun(scope.entry(&1).with(options).or_load_async(load))
    };
    let (older, joined) = (load(1), load(9));
    assert_in_flight(&cache, 1, 1);
    invalidate(&scope);
    let (newer, joined_newer) = (load(2), load(9));
    assert_in_flight(&cache, 2, 2);
    if newer_is_first {
        assert_eq!((newer.ready(), older.ready()), (2, 1));
    } else {
        assert_eq!((older.ready(), newer.ready()), (1, 2));
    }
    assert_eq!(
        (joined.woken(), joined_newer.woken()),
        (1, 2),
        "a caller from before the invalidation may get the older value"
    );
    assert_eq!(scope.get(&1), Some(2), "the older load replaced the newer");
    assert_eq!((cache.stats().loads, cache.stats().discarded_loads), (2, 1));
    assert_idle(&cache);
}

#[test]
fn p1_a_suspended_load_that_is_invalidated_is_neither_stored_nor_joined() {
    for newer_is_first in [false, true] {
        call_after(|scope| scope.invalidate_tags(["mine"]), newer_is_first);
        call_after(Numbers::invalidate_all, newer_is_first);
        call_after(|scope| assert!(!scope.invalidate_key(&1)), newer_is_first);
    }
}

#[derive(HasCache)]
struct Repo {
    version: AtomicU32,
    cache: Cache,
}

impl Repo {
    #[cached_query]
    async fn read(&self) -> u32 {
        let read = self.version.load(Ordering::SeqCst);
        pause(1).await;
        read
    }

    #[invalidates("read")]
    async fn write(&self) {
        pause(1).await;
        self.version.fetch_add(1, Ordering::SeqCst);
        pause(1).await;
    }

    #[invalidates(read())]
    async fn write_at_once(&self) {
        self.version.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn p1_an_annotated_write_while_a_read_is_suspended() {
    for root in [Cache::new(), Cache::new().scope("tenant")] {
        let repo = Repo { version: AtomicU32::new(0), cache: root };
        let overtaken = Task::begun(repo.read());
        Task::new(repo.write_at_once()).ready();
        let after = Task::begun(repo.read());
        assert_in_flight(&repo.cache, 2, 0);
        assert_eq!((after.ready(), overtaken.ready()), (1, 0));
        assert_eq!(Task::new(repo.read()).ready(), 1);
        assert_eq!(repo.cache.stats().discarded_loads, 1);
    }
}

/// Reads between the steps of a write: what they stored is invalidated when the write returns.
#[test]
fn p1_reads_while_an_annotated_write_is_suspended() {
    let repo = Repo { version: AtomicU32::new(0), cache: Cache::new() };
    let mut write = Task::begun(repo.write());
    assert_eq!(drive(vec![Task::new(repo.read())]), [0]);
    assert!(write.poll().is_pending());
    assert_eq!(Task::new(repo.read()).ready(), 0, "the write has not returned yet");
    write.ready();

    let mut write = Task::begun(repo.write());
    let overtaken = Task::begun(repo.read());
    assert!(write.poll().is_pending());
    write.ready();
    let after = Task::begun(repo.read());
    assert_eq!((after.ready(), overtaken.ready()), (2, 1));
    assert_eq!(Task::new(repo.read()).ready(), 2);
}

fn timed() -> (ManualClock, Numbers) {
    let clock = ManualClock::new();
    let cache = Numbers::builder().clock(clock.clone()).default_ttl(Duration::from_secs(10)).build();
    (clock, cache)
}

fn slow(cache: &Numbers, value: u32) -> Task<'_, u32> {
    let load = async move || {
        pause(1).await;
        value
    };
    Task::begun(cache.get_or_load_async(&1, load))
}

#[test]
fn p8_the_time_to_live_counts_from_before_a_load_was_suspended() {
    let (clock, cache) = timed();
    let load = slow(&cache, 1);
    clock.advance(Duration::from_secs(9));
    assert_eq!((load.ready(), cache.get(&1)), (1, Some(1)));
    clock.advance(Duration::from_secs(1));
    assert_eq!(cache.get(&1), None);
    assert_idle(&cache);
}

#[test]
fn p8_a_waiting_task_does_not_get_an_expired_value() {
    // While the load is suspended, and after it has ended.
    for during in [true, false] {
        let (clock, cache) = timed();
        let load = slow(&cache, 1);
        let waits = [Task::begun(cache.get_or_load_async(&1, async || 2)), slow(&cache, 3)];
        let advance = |is_now: bool| clock.advance(Duration::from_secs(if is_now { 10 } else { 0 }));
        advance(during);
        assert_eq!(load.ready(), 1);
        advance(!during);
        assert_eq!(waits.map(Task::woken), [2, 2], "one of them loads, and the other joins that load");
        assert_eq!((cache.get(&1), cache.stats().loads), (Some(2), 2));
        assert_idle(&cache);
    }
}

/// All of so small a cache is behind one lock.
#[test]
fn p13_while_a_load_is_suspended_everything_else_works_on_its_thread() {
    let cache: TaggedCache<u32, u32> = TaggedCache::builder().capacity(3).build();
    let _watch = watch(cache.clone());
    let scope = cache.scope("tenant");
    let load = slow(&cache, 1);
    let waiter = slow(&cache, 9);
    let in_scope = slow(&scope, 4);
    assert_in_flight(&cache, 2, 1);

    cache.insert_with(2, 2, EntryOptions::new().tag("tag"));
    assert_eq!((cache.get(&1), cache.get(&2), scope.get(&2), cache.len()), (None, Some(2), None, 1));
    assert_eq!(Task::new(cache.get_or_load_async(&3, async || 3)).ready(), 3);
    assert_eq!(cache.get_or_load(&4, || 4), 4);
    assert_eq!((cache.entries().len(), cache.stats().loads), (3, 4));
    cache.invalidate_tags(["tag"]);
    assert!(!cache.invalidate_key(&2));
    scope.insert(2, 20);
    scope.invalidate_all();
    cache.purge();
    assert_eq!(cache.len(), 2);
    cache.check_invariants();

    assert_eq!((load.ready(), waiter.woken(), in_scope.ready()), (1, 1, 4));
    assert_eq!((cache.get(&1), scope.get(&1)), (Some(1), None), "only the scope was invalidated");
    assert_idle(&cache);
}

/// The cache is behind a mutex, which the `cache` expression locks.
struct Guarded(Mutex<Cache>);

impl Guarded {
    #[cached_query(cache = &self.0.lock().unwrap())]
    async fn get(&self, id: u32) -> u32 {
        assert!(self.0.try_lock().is_ok(), "it is locked while the body runs");
        pause(1).await;
        assert!(self.0.try_lock().is_ok());
        id
    }

    #[invalidates(Self::get(id), cache = &self.0.lock().unwrap())]
    async fn change(&self, id: u32) -> bool {
        assert!(self.0.try_lock().is_ok(), "it is locked while the body runs");
        pause(1).await;
        assert!(self.0.try_lock().is_ok());
        id > 0
    }
}

/// A task that may move to another thread cannot hold a guard across an await at all.
#[test]
fn p13_the_cache_expression_holds_no_lock_during_the_body() {
    let guarded = Guarded(Mutex::new(Cache::new()));
    let _watch = watch("it is blocked by the lock");
    for loads in 1..=2 {
        let reads = vec![Task::begun(guarded.get(1)), Task::begun(guarded.get(1))];
        assert!(guarded.0.try_lock().is_ok());
        assert_eq!(drive(reads), [1, 1]);
        assert_eq!(Task::new(guarded.get(1)).ready(), 1);
        assert_eq!(guarded.0.lock().unwrap().stats().loads, loads);
        let change = Task::begun(guarded.change(1));
        assert!(guarded.0.try_lock().is_ok());
        assert!(change.ready());
    }
    drop(Task::begun(guarded.change(1)));
    assert!(guarded.0.lock().unwrap().is_empty());
}
