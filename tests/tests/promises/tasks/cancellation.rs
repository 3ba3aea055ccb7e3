//! P5: a leader that is dropped, fails or panics at any await point hands over, and a dropped waiter leaves nothing
//! behind.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use cache_core::{Cache, EntryOptions, HasCache, Tag, TaggedCache, cached_query};
use futures_lite::future::block_on;

use super::{Numbers, Task, assert_idle, assert_in_flight, drive, pause, until_in_flight, watch};
use crate::support::Latch;

const PAUSES: u32 = 3;

/// How a leader ends without a value, after this many polls.
enum End {
    Dropped,
    Fails,
    Panics,
}

async fn body(end: Option<End>) -> Result<u32, &'static str> {
    pause(PAUSES).await;
    match end {
        None => Ok(7),
        Some(End::Dropped) => pending().await,
        Some(End::Fails) => Err("as the test wants it"),
        Some(End::Panics) => resume_unwind(Box::new("as the test wants it")),
    }
}

/// A leader for which tasks wait, and a thread if `with_thread`, ends without a value.
fn assert_hands_over(polls: u32, end: fn() -> End, with_thread: bool) {
    const TASKS: u32 = 3;
    let cache = Numbers::new();
    let _watch = watch(cache.clone());
    let mut leader = Task::begun(cache.entry(&1).or_try_load_async(|| body(Some(end()))));
    let wait = || Task::begun(cache.entry(&1).or_try_load_async(|| body(None)));
    let mut tasks: Vec<_> = (0..TASKS).map(|_| wait()).collect();
    // When the body of the thread begins, and when it may end.
    let (begins, ends) = (Latch::new(), Latch::new());
    thread::scope(|scope| {
        let thread = with_thread.then(|| {
            scope.spawn(|| {
                cache.entry(&1).or_try_load(|| {
                    begins.open();
                    ends.pass();
                    block_on(body(None))
                })
            })
        });
        until_in_flight(&cache, 1, tasks.len() + usize::from(with_thread));
        assert!(!tasks.iter().any(Task::is_woken));
        for _ in 1..polls {
            assert!(leader.poll().is_pending());
        }
        match end() {
            End::Dropped => drop(leader),
            End::Fails => assert_eq!(leader.ready(), Err("as the test wants it")),
            End::Panics => assert!(catch_unwind(AssertUnwindSafe(|| leader.ready())).is_err()),
        }
        let woken = tasks.iter().filter(|task| task.is_woken()).count();
        match end() {
            End::Fails => {
                assert_eq!(woken, tasks.len(), "an error ends every wait");
                // None of them ends before all have begun.
                assert!(tasks.iter_mut().all(|task| task.poll().is_pending()));
                if with_thread {
                    begins.pass();
                }
                assert_in_flight(&cache, tasks.len() + usize::from(with_thread), 0);
            }
            // The thread may be the one that is woken.
            End::Dropped | End::Panics => assert!(woken == 1 || with_thread && woken == 0, "{woken} are woken"),
        }
        ends.open();
        assert_eq!(drive(tasks), [Ok(7); TASKS as usize]);
        assert_eq!(thread.map(|thread| thread.join().unwrap()), with_thread.then_some(Ok(7)));
    });
    let stats = cache.stats();
    let loads = match end() {
        End::Fails => 1 + u64::from(TASKS) + u64::from(with_thread),
        End::Dropped | End::Panics => 2,
    };
    assert_eq!((stats.loads, stats.load_errors), (loads, 1));
    assert_eq!((stats.misses, cache.get(&1)), (1 + u64::from(TASKS) + u64::from(with_thread), Some(7)));
    assert_idle(&cache);
}

#[test]
fn p5_a_leader_dropped_at_any_await_point_hands_over() {
    for polls in 1..=PAUSES + 1 {
        assert_hands_over(polls, || End::Dropped, false);
        assert_hands_over(polls, || End::Dropped, true);
    }
}

#[test]
fn p5_a_leader_that_fails_after_an_await_ends_every_wait() {
    assert_hands_over(PAUSES, || End::Fails, false);
    assert_hands_over(PAUSES, || End::Fails, true);
}

#[test]
fn p5_a_leader_that_panics_after_an_await_hands_over() {
    assert_hands_over(PAUSES, || End::Panics, false);
    assert_hands_over(PAUSES, || End::Panics, true);
}

/// Each is polled until it leads, and once more than the one before.
#[test]
fn p5_one_leader_after_another_is_dropped() {
    const TASKS: u32 = 8;
    let cache = Numbers::new();
    let bodies = AtomicU32::new(0);
    let load = async || {
        bodies.fetch_add(1, Ordering::SeqCst);
        pause(PAUSES).await;
        7
    };
    let mut tasks: Vec<_> = (0..TASKS).map(|_| Task::begun(cache.get_or_load_async(&1, load))).collect();
    for gone in 1..TASKS {
        let leader = tasks.remove(0);
        assert_in_flight(&cache, 1, tasks.len());
        drop(leader);
        let next = tasks.iter().position(Task::is_woken).expect("one of them is woken");
        tasks.swap(0, next);
        assert!(!tasks[1..].iter().any(Task::is_woken), "and only that one");
        for task in &mut tasks {
            assert!(task.poll().is_pending());
        }
        assert_eq!(bodies.load(Ordering::SeqCst), gone + 1, "one loads at a time");
        for _ in 0..gone % PAUSES {
            assert!(tasks[0].poll().is_pending());
        }
    }
    assert_eq!(drive(tasks), [7]);
    assert_eq!((cache.stats().loads, cache.stats().load_errors), (TASKS.into(), u64::from(TASKS) - 1));
    assert_idle(&cache);
}

#[derive(HasCache, Default)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query]
    async fn get(&self, id: u32) -> u32 {
        pause(PAUSES).await;
        id
    }
}

#[test]
fn p5_an_annotated_query_dropped_at_any_await_point_hands_over() {
    for polls in 1..=PAUSES {
        let repo = Repo::default();
        let mut leader = Task::begun(repo.get(1));
        let tasks = vec![Task::begun(repo.get(1)), Task::begun(repo.get(1))];
        assert_in_flight(&repo.cache, 1, 2);
        for _ in 1..polls {
            assert!(leader.poll().is_pending());
        }
        drop(leader);
        assert_eq!(drive(tasks), [1, 1]);
        let stats = repo.cache.stats();
        assert_eq!((stats.loads, stats.load_errors, stats.misses), (2, 1, 3));
        assert_in_flight(&repo.cache, 0, 0);
        repo.cache.check_invariants();
    }
}

/// References to it are counted.
type Counted = Arc<str>;

#[test]
fn p5_a_dropped_waiter_leaves_nothing_behind() {
    let cache: TaggedCache<Counted, u32> = TaggedCache::new();
    let [key, tag] = ["key", "a tag of the waiter, too long to be stored inline"].map(Counted::from);
    let of_leader = Counted::from("key");
    let mut leader = Task::begun(cache.get_or_load_async(&of_leader, async || {
        pause(1).await;
        1
    }));
    let stays = Task::begun(cache.get_or_load_async(&of_leader, async || 2));
    let options = || EntryOptions::new().tag(Tag::from(tag.clone()));
    let goes = Task::begun(cache.entry(&key).with(options).or_load_async(async || 2));
    let wakes = goes.wakes.clone();
    assert_in_flight(&cache, 1, 2);
    assert!(Arc::strong_count(&key) > 1 && Arc::strong_count(&tag) > 1, "it may still have to load");
    drop(goes);
    assert_in_flight(&cache, 1, 1);
    assert_eq!([&key, &tag].map(Arc::strong_count), [1, 1], "its key and tags were dropped");
    assert_eq!(Arc::strong_count(&wakes), 1, "its waker was dropped");
    assert!(leader.poll().is_ready());
    assert_eq!(wakes.0.load(Ordering::SeqCst), 0, "it was woken, and has left");
    assert_eq!(stays.woken(), 1);
    assert_eq!((cache.stats().loads, cache.stats().load_errors), (1, 0), "a dropped waiter is no load error");
    assert_in_flight(&cache, 0, 0);
    cache.check_invariants();
}

#[test]
fn p5_a_load_is_dropped_with_its_last_caller() {
    for goes_first in 0..3 {
        let cache: TaggedCache<Counted, u32> = TaggedCache::new();
        let key = Counted::from("key");
        let mut tasks: Vec<_> =
            (0..3).map(|_| Task::begun(cache.get_or_load_async(&key, async || pending().await))).collect();
        assert_in_flight(&cache, 1, 2);
        drop(tasks.remove(goes_first));
        if goes_first > 0 {
            assert_in_flight(&cache, 1, 1);
        }
        drop(tasks);
        assert_in_flight(&cache, 0, 0);
        assert_eq!(Arc::strong_count(&key), 1);
        let stats = cache.stats();
        assert_eq!((stats.loads, stats.load_errors, stats.entries), (1, 1, 0));
        cache.check_invariants();
        assert_eq!(Task::new(cache.get_or_load_async(&key, async || 5)).ready(), 5);
    }
}

/// It is dropped after its wake, before its next poll.
#[test]
fn p5_a_waiter_dropped_after_its_wake_does_not_block_the_others() {
    let cache = Numbers::new();
    let mut tasks: Vec<_> = (0..4)
        .map(|number| {
            Task::begun(cache.get_or_load_async(&1, async move || {
                if number == 0 {
                    pending::<()>().await;
                }
                number
            }))
        })
        .collect();
    drop(tasks.remove(0));
    let told = tasks.iter().position(Task::is_woken).expect("one of them is woken");
    drop(tasks.remove(told));
    let values = drive(tasks);
    assert!(values.len() == 2 && values[0] == values[1], "exactly one loads: {values:?}");
    assert_idle(&cache);
}

#[test]
fn p5_a_future_that_is_never_polled_does_nothing() {
    let cache = Numbers::new();
    drop(cache.get_or_load_async(&1, async || unreachable!("it is never polled")));
    assert_eq!((cache.stats().loads, cache.stats().misses, cache.stats().load_errors), (0, 0, 0));
    assert_idle(&cache);
}

/// What a body holds is dropped before its load ends: no other load of the key runs meanwhile.
#[test]
fn p4_what_a_dropped_body_held_is_dropped_before_another_load() {
    struct Loading<'a>(&'a AtomicU32, &'a Numbers);
    impl Drop for Loading<'_> {
        fn drop(&mut self) {
            assert!(format!("{:?}", self.1).contains("loads_in_flight: Some(1)"), "its load has ended");
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    let (cache, at_once) = (Numbers::new(), AtomicU32::new(0));
    let load = async || {
        assert_eq!(at_once.fetch_add(1, Ordering::SeqCst), 0, "two loads at once");
        let _loading = Loading(&at_once, &cache);
        pause(1).await;
        1
    };
    let leader = Task::begun(cache.get_or_load_async(&1, load));
    let waiter = Task::begun(cache.get_or_load_async(&1, load));
    drop(leader);
    assert_eq!(drive(vec![waiter]), [1]);
    assert_idle(&cache);
}
