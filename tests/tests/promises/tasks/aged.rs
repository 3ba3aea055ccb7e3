//! P5 and P18: calls that refresh a value or load a list, dropped half-done.

use std::collections::HashMap;
use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use cache_core::{Cache, HasCache, ManualClock, TaggedCache, cached_query};

use super::{Numbers, Task, assert_idle, assert_in_flight, pause};

const SECOND: Duration = Duration::from_secs(1);

fn of_age(age: u32) -> (Numbers, ManualClock) {
    let clock = ManualClock::new();
    let cache = TaggedCache::builder()
        .default_ttl(10 * SECOND)
        .refresh_ahead(2 * SECOND)
        .stale_while_revalidate(3 * SECOND)
        .stale_if_error(60 * SECOND)
        .clock(clock.clone())
        .build();
    cache.insert(1, 1);
    clock.advance(age * SECOND);
    (cache, clock)
}

#[test]
fn p18_while_one_task_refreshes_the_others_are_served_at_once() {
    for age in [8, 12] {
        let (cache, _) = of_age(age);
        let ask = |number| {
            cache.get_or_load_async(&1, move || async move {
                pause(1).await;
                number
            })
        };
        let refresh = Task::begun(ask(2));
        for _ in 0..3 {
            assert_eq!(Task::new(ask(3)).ready(), 1);
        }
        assert_in_flight(&cache, 1, 0);
        assert_eq!(refresh.ready(), 2);
        assert_eq!(Task::new(ask(3)).ready(), 2);
        assert_idle(&cache);
    }
}

#[test]
fn p5_a_refresh_that_is_dropped_is_left_to_the_next_caller() {
    for age in [8, 12] {
        let (cache, _) = of_age(age);
        let ask = |number| {
            cache.get_or_load_async(&1, move || async move {
                pause(1).await;
                number
            })
        };
        drop(Task::begun(ask(2)));
        assert_idle(&cache);
        let refresh = Task::begun(ask(3));
        assert_eq!(Task::new(ask(4)).ready(), 1, "the value is still there");
        assert_eq!(refresh.ready(), 3);
        assert_eq!(cache.get(&1), Some(3));
    }
}

/// They wait for the load, and take over if it is dropped.
#[test]
fn p5_callers_with_a_value_for_errors_take_over_a_load_that_is_dropped() {
    let (cache, _) = of_age(14);
    let ask = |fails| {
        cache.entry(&1).or_try_load_async(move || async move {
            pause(1).await;
            if fails { Err(()) } else { Ok(2) }
        })
    };
    let leader = Task::begun(ask(false));
    let (next, last) = (Task::begun(ask(true)), Task::begun(ask(true)));
    drop(leader);
    let mut tasks = [next, last];
    let leads = tasks.iter().position(Task::is_woken).expect("one takes over");
    assert!(tasks[leads].poll().is_pending());
    assert_eq!(tasks[leads].poll(), Poll::Ready(Ok(1)), "its own load failed");
    assert_eq!(tasks[1 - leads].poll(), Poll::Ready(Ok(1)));
    assert_eq!(cache.stats().stale_hits, 2);
    assert_idle(&cache);
}

#[derive(Default, HasCache)]
struct Repo {
    bodies: AtomicU32,
    asked: Mutex<Vec<Vec<u32>>>,
    cache: Cache,
}

impl Repo {
    #[cached_query(each = ids)]
    async fn tracks(&self, ids: &[u32]) -> HashMap<u32, u32> {
        self.asked.lock().unwrap().push(ids.to_vec());
        pause(2).await;
        self.bodies.fetch_add(1, Ordering::SeqCst);
        ids.iter().map(|id| (*id, 10 * id)).collect()
    }
}

#[test]
fn p5_a_list_dropped_at_any_await_point_hands_its_ids_over() {
    for polls in 1..=2 {
        let repo = Repo::default();
        let mut leader = Task::begun(repo.tracks(&[1, 2]));
        let mut waiting = Task::begun(repo.tracks(&[2, 3]));
        assert_in_flight(&repo.cache, 3, 1);
        for _ in 1..polls {
            assert!(leader.poll().is_pending() && waiting.poll().is_pending());
        }
        drop(leader);
        // It ends its own loads before it takes over the other.
        while waiting.poll().is_pending() {}
        assert_eq!(*repo.asked.lock().unwrap(), [vec![1, 2], vec![3], vec![2]]);
        assert_eq!(Task::new(repo.tracks(&[2, 3])).ready().len(), 2);
        assert_in_flight(&repo.cache, 0, 0);
        repo.cache.check_invariants();
    }
}

#[test]
fn p5_a_list_that_waits_for_another_and_is_dropped_leaves_nothing_behind() {
    let repo = Repo::default();
    let leader = Task::begun(repo.tracks(&[1, 2]));
    let mut waiting = Task::begun(repo.tracks(&[2, 1]));
    assert!(waiting.poll().is_pending());
    assert_in_flight(&repo.cache, 2, 2);
    drop(waiting);
    assert_in_flight(&repo.cache, 2, 0);
    let mut leader = leader;
    while leader.poll().is_pending() {}
    assert_eq!(repo.bodies.load(Ordering::SeqCst), 1);
    assert_in_flight(&repo.cache, 0, 0);
}

#[derive(Clone)]
struct PanicsInDrop(Arc<AtomicBool>);

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        assert!(!self.0.load(Ordering::SeqCst), "in `Drop`");
    }
}

#[test]
fn p11_a_panic_in_drop_of_what_a_list_had_found_reaches_no_caller() {
    let (cache, is_armed) = (TaggedCache::<u32, Option<PanicsInDrop>>::new(), Arc::new(AtomicBool::new(false)));
    cache.insert(1, Some(PanicsInDrop(is_armed.clone())));
    let dropped = Task::begun(cache.get_or_load_each_async(&[1, 2], |_| pending::<Vec<(u32, PanicsInDrop)>>()));
    is_armed.store(true, Ordering::SeqCst);
    drop(dropped);
    let failed = cache.get_or_try_load_each(&[1, 2], |_| Err::<Vec<(u32, PanicsInDrop)>, _>(()));
    assert!(failed.is_err());
    let found: Vec<_> = cache.get_or_load_each(&[2], |_| vec![(3, PanicsInDrop(is_armed.clone()))]);
    is_armed.store(false, Ordering::SeqCst);
    assert!(found.is_empty());
    assert_eq!(cache.stats().drop_panics, 3);
}

/// A body of a load waits for a list, and the body of the list for that load.
#[test]
fn p6_a_list_in_a_circle_of_waits_is_loaded() {
    let (outer, lists) = (Numbers::new(), TaggedCache::<u32, Option<u32>>::new());
    let outer_body = || async {
        pause(1).await;
        let found: Vec<(u32, u32)> = lists.get_or_load_each_async(&[1, 2], async |_| vec![(1, 1), (2, 2)]).await;
        found.iter().map(|(_, _)| 1).sum()
    };
    let mut list = Box::pin(lists.get_or_load_each_async(&[2, 1], |ids| {
        let outer = &outer;
        async move {
            pause(1).await;
            let plus = outer.get_or_load_async(&7, outer_body).await;
            ids.into_iter().map(|id| (id, id + plus)).collect::<Vec<_>>()
        }
    }));
    let mut asks_outer = Box::pin(outer.get_or_load_async(&7, outer_body));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let (mut ends, mut rounds) = ((None, None), 0);
    while ends.0.is_none() || ends.1.is_none() {
        if ends.0.is_none()
            && let Poll::Ready(found) = list.as_mut().poll(&mut cx)
        {
            ends.0 = Some(found);
        }
        if ends.1.is_none()
            && let Poll::Ready(number) = asks_outer.as_mut().poll(&mut cx)
        {
            ends.1 = Some(number);
        }
        rounds += 1;
        assert!(rounds < 100, "they wait for each other");
    }
    assert_eq!(ends, (Some(vec![(2, 4), (1, 3)]), Some(2)));
}
