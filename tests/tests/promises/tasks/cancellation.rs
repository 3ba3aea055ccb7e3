//! P5: a leader that is dropped, fails or panics at any await point hands over, and a waiter that is dropped leaves
//! no trace.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use cache_core::{Cache, EntryOptions, HasCache, Tag, TaggedCache, cached_query};
use futures_lite::future::block_on;

use super::{Numbers, Task, assert_nothing_is_left, assert_shows, drive, pause, until_shown, watch};
use crate::support::Latch;

/// How often a body waits before it ends.
const PAUSES: u32 = 3;

/// A way in which a leader may end without a value, after so many polls.
enum End {
    Dropped,
    Fails,
    Panics,
}

/// Waits for what it has to wait for, and then ends so.
async fn body(end: Option<End>) -> Result<u32, &'static str> {
    pause(PAUSES).await;
    match end {
        None => Ok(7),
        Some(End::Dropped) => pending().await,
        Some(End::Fails) => Err("as the test wants it"),
        Some(End::Panics) => resume_unwind(Box::new("as the test wants it")),
    }
}

/// Ends a leader for whom tasks and, if there is to be one, a thread wait.
fn assert_hands_over(polls: u32, end: fn() -> End, with_thread: bool) {
    const TASKS: u32 = 3;
    let cache = Numbers::new();
    let _watch = watch(cache.clone());
    let mut leader = Task::begun(cache.entry(&1).or_try_load_async(|| body(Some(end()))));
    let wait = || Task::begun(cache.entry(&1).or_try_load_async(|| body(None)));
    let mut tasks: Vec<_> = (0..TASKS).map(|_| wait()).collect();
    // The body of the thread begins, and may end.
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
        until_shown(&cache, 1, tasks.len() + usize::from(with_thread));
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
                assert_eq!(woken, tasks.len(), "an error ends the wait of all");
                // None of them ends before all have begun.
                assert!(tasks.iter_mut().all(|task| task.poll().is_pending()));
                if with_thread {
                    begins.pass();
                }
                assert_shows(&cache, tasks.len() + usize::from(with_thread), 0);
            }
            // It may be the thread that is told.
            End::Dropped | End::Panics => assert!(woken == 1 || with_thread && woken == 0, "{woken} are told"),
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
    assert_nothing_is_left(&cache);
}

#[test]
fn p5_a_leader_dropped_at_any_await_point_hands_over() {
    for polls in 1..=PAUSES + 1 {
        assert_hands_over(polls, || End::Dropped, false);
        assert_hands_over(polls, || End::Dropped, true);
    }
}

#[test]
fn p5_a_leader_that_fails_after_an_await_ends_the_wait_of_all() {
    assert_hands_over(PAUSES, || End::Fails, false);
    assert_hands_over(PAUSES, || End::Fails, true);
}

#[test]
fn p5_a_leader_that_panics_after_an_await_hands_over() {
    assert_hands_over(PAUSES, || End::Panics, false);
    assert_hands_over(PAUSES, || End::Panics, true);
}

/// Each is polled as often as it takes to lead, and a little further than the one before.
#[test]
fn p5_leader_after_leader_is_dropped() {
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
        assert_shows(&cache, 1, tasks.len());
        drop(leader);
        let next = tasks.iter().position(Task::is_woken).expect("one of them is told");
        tasks.swap(0, next);
        assert!(!tasks[1..].iter().any(Task::is_woken), "and no other");
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
    assert_nothing_is_left(&cache);
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
        assert_shows(&repo.cache, 1, 2);
        for _ in 1..polls {
            assert!(leader.poll().is_pending());
        }
        drop(leader);
        assert_eq!(drive(tasks), [1, 1]);
        let stats = repo.cache.stats();
        assert_eq!((stats.loads, stats.load_errors, stats.misses), (2, 1, 3));
        assert_shows(&repo.cache, 0, 0);
        repo.cache.check_invariants();
    }
}

/// Counted by who holds it.
type Counted = Arc<str>;

#[test]
fn p5_a_waiter_that_is_dropped_leaves_no_trace() {
    let cache: TaggedCache<Counted, u32> = TaggedCache::new();
    let [key, tag] = ["key", "a tag of the waiter, too long to be copied"].map(Counted::from);
    let of_leader = Counted::from("key");
    let mut leader = Task::begun(cache.get_or_load_async(&of_leader, async || {
        pause(1).await;
        1
    }));
    let stays = Task::begun(cache.get_or_load_async(&of_leader, async || 2));
    let options = || EntryOptions::new().tag(Tag::from(tag.clone()));
    let goes = Task::begun(cache.entry(&key).with(options).or_load_async(async || 2));
    let wakes = goes.wakes.clone();
    assert_shows(&cache, 1, 2);
    assert!(Arc::strong_count(&key) > 1 && Arc::strong_count(&tag) > 1, "it may yet have to load");
    drop(goes);
    assert_shows(&cache, 1, 1);
    assert_eq!([&key, &tag].map(Arc::strong_count), [1, 1], "what it asked with is gone");
    assert_eq!(Arc::strong_count(&wakes), 1, "nobody is left who could wake it");
    assert!(leader.poll().is_ready());
    assert_eq!(wakes.0.load(Ordering::SeqCst), 0, "it was woken, and is gone");
    assert_eq!(stays.woken(), 1);
    assert_eq!((cache.stats().loads, cache.stats().load_errors), (1, 0), "who only waited did not fail");
    assert_shows(&cache, 0, 0);
    cache.check_invariants();
}

/// Whoever goes first.
#[test]
fn p5_with_the_last_who_asked_the_load_is_gone() {
    for goes_first in 0..3 {
        let cache: TaggedCache<Counted, u32> = TaggedCache::new();
        let key = Counted::from("key");
        let mut tasks: Vec<_> =
            (0..3).map(|_| Task::begun(cache.get_or_load_async(&key, async || pending().await))).collect();
        assert_shows(&cache, 1, 2);
        drop(tasks.remove(goes_first));
        if goes_first > 0 {
            assert_shows(&cache, 1, 1);
        }
        drop(tasks);
        assert_shows(&cache, 0, 0);
        assert_eq!(Arc::strong_count(&key), 1);
        let stats = cache.stats();
        assert_eq!((stats.loads, stats.load_errors, stats.entries), (1, 1, 0));
        cache.check_invariants();
        assert_eq!(Task::new(cache.get_or_load_async(&key, async || 5)).ready(), 5);
    }
}

/// It was told to go on, and is dropped before it does.
#[test]
fn p5_a_waiter_dropped_after_it_was_woken_does_not_hold_up_the_others() {
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
    let told = tasks.iter().position(Task::is_woken).expect("one of them is told");
    drop(tasks.remove(told));
    let values = drive(tasks);
    assert!(values.len() == 2 && values[0] == values[1], "one of them loads: {values:?}");
    assert_nothing_is_left(&cache);
}

#[test]
fn p5_a_future_that_is_never_polled_does_nothing() {
    let cache = Numbers::new();
    drop(cache.get_or_load_async(&1, async || unreachable!("nobody polls it")));
    assert_eq!((cache.stats().loads, cache.stats().misses, cache.stats().load_errors), (0, 0, 0));
    assert_nothing_is_left(&cache);
}

/// What a body that is dropped held is dropped before its load is over: nobody else loads meanwhile.
#[test]
fn p4_what_a_dropped_body_held_is_gone_before_another_loads() {
    struct Loading<'a>(&'a AtomicU32, &'a Numbers);
    impl Drop for Loading<'_> {
        fn drop(&mut self) {
            assert!(format!("{:?}", self.1).contains("loads_under_way: Some(1)"), "its load is over");
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    let (cache, at_once) = (Numbers::new(), AtomicU32::new(0));
    let load = async || {
        assert_eq!(at_once.fetch_add(1, Ordering::SeqCst), 0, "two load at once");
        let _loading = Loading(&at_once, &cache);
        pause(1).await;
        1
    };
    let leader = Task::begun(cache.get_or_load_async(&1, load));
    let waiter = Task::begun(cache.get_or_load_async(&1, load));
    drop(leader);
    assert_eq!(drive(vec![waiter]), [1]);
    assert_nothing_is_left(&cache);
}
