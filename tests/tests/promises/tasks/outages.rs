//! P5: how many waiters are woken, and how often they are polled, when a load ends without a value.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;

use cache_core::{Cache, HasCache, TaggedCache, cached_query};

use super::{Numbers, Task, assert_idle, pause, poll_once, until_set};

#[derive(Debug)]
struct NotClone;

#[derive(Clone, Debug, PartialEq)]
struct Shared(usize);

/// Each may be polled this many times on average.
fn drive_counted<T>(tasks: Vec<Task<'_, T>>, on_average: usize) -> (Vec<T>, usize) {
    let limit = tasks.len() * on_average;
    let mut tasks: Vec<_> = tasks.into_iter().map(Some).collect();
    let (mut outputs, mut polls) = (Vec::new(), 0);
    while outputs.len() < tasks.len() {
        let before = polls;
        for slot in &mut tasks {
            let Some(task) = slot.as_mut().filter(|task| task.is_woken()) else { continue };
            polls += 1;
            if let Poll::Ready(output) = task.poll() {
                outputs.push(output);
                *slot = None;
            }
        }
        assert!(polls > before, "the remaining {} tasks are never woken", tasks.len() - outputs.len());
        assert!(polls <= limit, "{polls} polls, and {} of {} tasks are ready", outputs.len(), tasks.len());
    }
    (outputs, polls)
}

const CROWD: usize = 10_000;

#[test]
fn p5_waiters_of_a_direct_load_that_fails_are_polled_a_few_times_each() {
    let (cache, fails) = (Numbers::new(), AtomicBool::new(false));
    let bodies = AtomicUsize::new(0);
    let call = || {
        cache.entry(&1).or_try_load_async(async || {
            bodies.fetch_add(1, Ordering::SeqCst);
            until_set(&fails).await;
            pause(1).await;
            Err::<u32, _>(NotClone)
        })
    };
    let mut leader = Task::begun(call());
    let crowd: Vec<_> = (0..CROWD).map(|_| Task::begun(call())).collect();
    fails.store(true, Ordering::SeqCst);
    assert!(leader.poll().is_pending());
    assert!(leader.ready().is_err());
    assert!(crowd.iter().all(Task::is_woken), "an error ends every wait");
    let (outputs, _) = drive_counted(crowd, 3);
    assert!(outputs.iter().all(Result::is_err));
    assert_eq!(bodies.into_inner(), CROWD + 1);
    assert_idle(&cache);
}

/// Their bodies are suspended once more, all at the same time.
#[test]
fn p5_waiters_that_load_for_themselves_load_at_the_same_time() {
    let (cache, fails) = (Numbers::new(), AtomicBool::new(false));
    let running = AtomicUsize::new(0);
    let call = || {
        cache.entry(&1).or_try_load_async(async || {
            until_set(&fails).await;
            running.fetch_add(1, Ordering::SeqCst);
            pause(1).await;
            Err::<u32, _>(NotClone)
        })
    };
    let mut leader = Task::begun(call());
    let mut crowd: Vec<_> = (0..200).map(|_| Task::begun(call())).collect();
    fails.store(true, Ordering::SeqCst);
    assert!(leader.poll().is_pending());
    assert!(leader.ready().is_err());
    for task in &mut crowd {
        assert!(task.is_woken() && task.poll().is_pending());
    }
    assert_eq!(running.load(Ordering::SeqCst), 201, "each runs its own body, and none waits for another");
    for task in crowd {
        assert!(task.ready().is_err());
    }
    assert_idle(&cache);
}

#[derive(HasCache, Default)]
struct Repo {
    bodies: AtomicUsize,
    fails: AtomicBool,
    #[cache]
    cache: Cache,
}

impl Repo {
    #[cached_query]
    async fn shared(&self) -> Result<u32, Shared> {
        let number = self.bodies.fetch_add(1, Ordering::SeqCst);
        until_set(&self.fails).await;
        Err(Shared(number))
    }
}

#[test]
fn p5_waiters_share_an_error_that_can_be_cloned() {
    let repo = Repo::default();
    let leader = Task::begun(repo.shared());
    let crowd: Vec<_> = (0..CROWD).map(|_| Task::begun(repo.shared())).collect();
    repo.fails.store(true, Ordering::SeqCst);
    assert_eq!(leader.ready(), Err(Shared(0)));
    let (outputs, _) = drive_counted(crowd, 2);
    assert!(outputs.iter().all(|output| *output == Err(Shared(0))));
    assert_eq!(repo.bodies.load(Ordering::SeqCst), 1);
}

/// A caller that arrives after the failure did not wait for it.
#[test]
fn p5_an_error_is_not_shared_with_later_callers() {
    let repo = Repo::default();
    let leader = Task::begun(repo.shared());
    let waiter = Task::begun(repo.shared());
    repo.fails.store(true, Ordering::SeqCst);
    assert_eq!(leader.ready(), Err(Shared(0)));
    assert_eq!(Task::new(repo.shared()).ready(), Err(Shared(1)));
    assert_eq!(waiter.woken(), Err(Shared(0)));
}

fn woken<T>(tasks: &[Task<'_, T>]) -> Vec<usize> {
    (0..tasks.len()).filter(|&index| tasks[index].is_woken()).collect()
}

#[test]
fn p5_a_leader_that_is_dropped_wakes_one() {
    const WAITERS: usize = 100;
    let cache = Numbers::new();
    let bodies = AtomicUsize::new(0);
    let call = || {
        cache.get_or_load_async(&1, async || {
            bodies.fetch_add(1, Ordering::SeqCst);
            pending().await
        })
    };
    let mut leader = Task::begun(call());
    let mut waiters: Vec<_> = (0..WAITERS).map(|_| Task::begun(call())).collect();
    for left in (0..WAITERS).rev() {
        drop(leader);
        let told = woken(&waiters);
        assert_eq!(told.len(), 1, "exactly one of {} is woken", left + 1);
        leader = waiters.swap_remove(told[0]);
        assert!(leader.poll().is_pending());
        assert_eq!(bodies.load(Ordering::SeqCst), WAITERS + 1 - left, "it leads");
    }
    drop(leader);
    assert_idle(&cache);
}

#[test]
fn p5_a_leader_that_panics_wakes_one() {
    const WAITERS: usize = 100;
    let cache = Numbers::new();
    let call = || {
        cache.get_or_load_async(&1, async || {
            pause(1).await;
            resume_unwind(Box::new("as the test wants it"))
        })
    };
    let mut leader = Task::begun(call());
    let mut waiters: Vec<_> = (0..WAITERS).map(|_| Task::begun(call())).collect();
    while !waiters.is_empty() {
        assert!(catch_unwind(AssertUnwindSafe(|| leader.poll())).is_err());
        let told = woken(&waiters);
        assert_eq!(told.len(), 1, "exactly one of {} is woken", waiters.len());
        leader = waiters.swap_remove(told[0]);
        assert!(leader.poll().is_pending(), "it leads");
    }
    assert!(catch_unwind(AssertUnwindSafe(|| leader.poll())).is_err());
    drop(leader);
    assert_idle(&cache);
}

/// The woken waiter is dropped: it wakes another.
#[test]
fn p5_a_waiter_that_was_woken_and_is_dropped_wakes_another() {
    let cache: Arc<TaggedCache<u32, u32>> = Arc::default();
    let leader = Task::begun(cache.get_or_load_async(&1, async || pending().await));
    let call = || cache.get_or_load_async(&1, async || 7);
    let mut waiters: Vec<_> = (0..10).map(|_| Task::begun(call())).collect();
    drop(leader);
    while waiters.len() > 1 {
        let told = woken(&waiters);
        assert_eq!(told.len(), 1, "exactly one of {} is woken", waiters.len());
        drop(waiters.swap_remove(told[0]));
    }
    assert_eq!(waiters.remove(0).woken(), 7);
    assert_idle(&cache);
}

/// Until it is polled it keeps the lead; a new caller waits, or leads instead.
#[test]
fn p5_a_caller_after_a_dropped_leader_leaves_no_waiter_behind() {
    let cache = Numbers::new();
    let leader = Task::begun(cache.get_or_load_async(&1, async || pending().await));
    let bodies = AtomicUsize::new(0);
    let call = || {
        cache.get_or_load_async(&1, async || {
            pause(2).await;
            bodies.fetch_add(1, Ordering::SeqCst);
            7
        })
    };
    let waiters: Vec<_> = (0..10).map(|_| Task::begun(call())).collect();
    drop(leader);
    let mut late = Box::pin(call());
    let late_first = futures_lite::future::block_on(poll_once(&mut late));
    assert!(late_first.is_pending());
    let mut all = waiters;
    all.push(Task::new(late));
    let (outputs, _) = drive_counted(all, 5);
    assert_eq!(outputs, [7; 11]);
    assert_eq!(bodies.into_inner(), 1);
    assert_idle(&cache);
}
