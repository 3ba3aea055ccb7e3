//! P6: a body that needs its own key, or that of a caller that waits for it, computes instead of waiting, also across
//! awaits and tasks.

use std::future::pending;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;

use futures_lite::future::zip;
use tokio::runtime;
use tokio::sync::Barrier;

use super::{Numbers, Task, assert_idle, assert_in_flight, drive, pause, poll_once, until_in_flight, watch};

#[test]
fn p6_a_body_that_reads_its_own_key_in_a_join() {
    let cache = Numbers::new();
    let part = |number| {
        let load = async move || {
            pause(1).await;
            number
        };
        cache.get_or_load_async(&1, load)
    };
    let outer = Task::begun(cache.get_or_load_async(&1, async || {
        pause(1).await;
        let (one, (two, three)) = zip(part(1), zip(part(2), part(3))).await;
        one + two + three
    }));
    assert_eq!(drive(vec![outer]), [6]);
    assert_eq!((cache.get(&1), cache.stats().loads), (Some(6), 4), "a load within its own load is not stored");
    assert_idle(&cache);
}

/// Two futures of one body may wait for each other's load.
#[test]
fn p6_concurrent_futures_of_a_body_share_a_load() {
    let cache = Numbers::new();
    let part = || {
        let load = async || {
            pause(1).await;
            2
        };
        cache.get_or_load_async(&2, load)
    };
    let outer = Task::begun(cache.get_or_load_async(&1, async || {
        let (one, two) = zip(part(), part()).await;
        one + two
    }));
    assert_eq!(drive(vec![outer]), [4]);
    assert_eq!((cache.get(&1), cache.get(&2), cache.stats().loads), (Some(4), Some(2), 2));
    assert_idle(&cache);
}

#[test]
fn p6_concurrent_futures_of_a_body_that_read_each_others_keys() {
    let cache = Numbers::new();
    let part = async |own: u32, other: u32| {
        let load = async || {
            pause(1).await;
            own + cache.get_or_load_async(&other, async || other * 100).await
        };
        cache.get_or_load_async(&own, load).await
    };
    let outer = Task::begun(cache.get_or_load_async(&1, async || {
        let (two, three) = zip(part(2, 3), part(3, 2)).await;
        two + three
    }));
    assert_eq!(drive(vec![outer]), [203 + 205]);
    assert_idle(&cache);
}

fn reads(cache: &Numbers, own: u32, other: u32, of: &Numbers) -> Task<'static, u32> {
    let (cache, of) = (cache.clone(), of.clone());
    Task::begun(async move {
        let load = async || {
            pause(1).await;
            own + of.get_or_load_async(&other, async || other * 100).await
        };
        cache.get_or_load_async(&own, load).await
    })
}

fn cycle_polled_directly(length: u32, caches: &[Numbers]) {
    let cache = |key: u32| &caches[key as usize % caches.len()];
    let next = |key: u32| key % length + 1;
    let mut tasks: Vec<_> = (1..=length).map(|key| reads(cache(key), key, next(key), cache(next(key)))).collect();
    let mut last = tasks.pop().expect("there are several");
    for task in &mut tasks {
        assert!(task.poll().is_pending());
    }
    let mut sum = length + 100;
    assert_eq!(last.poll(), Poll::Ready(sum), "its wait would close the cycle");
    for (task, own) in tasks.into_iter().zip(1..length).rev() {
        sum += own;
        assert_eq!(task.woken(), sum);
        assert_eq!(cache(own).get(&own), Some(sum));
    }
    let loads: u64 = caches.iter().map(|cache| cache.stats().loads).sum();
    assert_eq!(loads, u64::from(length) + 1);
    caches.iter().for_each(assert_idle);
}

#[test]
fn p6_tasks_that_need_each_others_keys() {
    for length in 2..=4 {
        cycle_polled_directly(length, &[Numbers::new()]);
        cycle_polled_directly(length, &[Numbers::new(), Numbers::new(), Numbers::new()]);
    }
}

/// Each loads its own key and, once all do, reads that of the next.
fn cycle(length: u32, caches: &[Numbers], runtime: &runtime::Runtime) {
    let all_in = Arc::new(Barrier::new(length as usize));
    let cache = |key: u32| caches[key as usize % caches.len()].clone();
    let tasks = (0..length).map(|own| {
        let other = (own + 1) % length;
        let (of_own, of_other, all_in) = (cache(own), cache(other), all_in.clone());
        runtime.spawn(async move {
            let load = async || {
                all_in.wait().await;
                own + of_other.get_or_load_async(&other, async || other).await
            };
            let sum = of_own.get_or_load_async(&own, load).await;
            assert!(sum >= own + other, "{sum} is not the key's own number plus the value of the next");
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        runtime.block_on(task).unwrap();
    }
    caches.iter().for_each(assert_idle);
}

#[test]
fn p6_cycles_of_tasks_on_one_thread_and_on_several() {
    let cache = Numbers::new();
    let several = [Numbers::new(), Numbers::new(), Numbers::new()];
    let _watch = watch((cache.clone(), several.clone()));
    let runtimes = [runtime::Builder::new_current_thread(), runtime::Builder::new_multi_thread()];
    for mut runtime in runtimes {
        let runtime = runtime.build().unwrap();
        for _ in 0..100 {
            cycle(2, std::slice::from_ref(&cache), &runtime);
            cache.invalidate_all();
        }
        cycle(7, &several, &runtime);
        several.iter().for_each(Numbers::invalidate_all);
    }
}

/// A task needs what a thread loads, and the thread what the task loads. Whichever comes last computes, and the other
/// gets the result. A caller is counted as waiting slightly before the wait is visible to others, so either may come
/// last.
fn assert_one_computes(mut task: Task<'_, u32>, thread: impl FnOnce() -> u32) {
    match task.poll() {
        Poll::Ready(value) => assert_eq!((value, thread()), (201, 203)),
        Poll::Pending => {
            assert_eq!(thread(), 102);
            assert_eq!(task.woken(), 103);
        }
    }
}

#[test]
fn p6_a_thread_does_not_wait_for_a_task_that_waits_for_it() {
    let cache = Numbers::new();
    let _watch = watch(cache.clone());
    let task = reads(&cache, 1, 2, &cache);
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            cache.get_or_load(&2, || {
                until_in_flight(&cache, 2, 1);
                2 + cache.get_or_load(&1, || 100)
            })
        });
        until_in_flight(&cache, 2, 0);
        assert_one_computes(task, || thread.join().unwrap());
    });
    assert_idle(&cache);
}

#[test]
fn p6_a_task_does_not_wait_for_a_thread_that_waits_for_it() {
    let cache = Numbers::new();
    let _watch = watch(cache.clone());
    let task = reads(&cache, 1, 2, &cache);
    thread::scope(|scope| {
        let thread = scope.spawn(|| cache.get_or_load(&2, || 2 + cache.get_or_load(&1, || 100)));
        until_in_flight(&cache, 2, 1);
        assert_one_computes(task, || thread.join().unwrap());
    });
    assert_idle(&cache);
}

/// A future that is moved from one task to another.
struct Slot<'a>(Mutex<Option<Moved<'a>>>);

type Moved<'a> = Pin<Box<dyn Future<Output = u32> + Send + 'a>>;

impl<'a> Slot<'a> {
    fn new() -> Self {
        Self(Mutex::new(None))
    }

    fn put(&self, future: Moved<'a>) {
        *self.0.lock().unwrap() = Some(future);
    }

    fn take(&self) -> Moved<'a> {
        self.0.lock().unwrap().take().expect("the slot is full")
    }
}

#[test]
fn p6_a_wait_that_is_moved_into_the_body_that_it_waits_for() {
    let cache = Numbers::new();
    let slot = Slot::new();
    let leader = Task::begun(cache.get_or_load_async(&1, async || {
        pause(1).await;
        1 + slot.take().await
    }));
    let waiting = Task::begun(cache.get_or_load_async(&1, async || 5));
    assert_in_flight(&cache, 1, 1);
    slot.put(waiting.future);
    assert_eq!(leader.ready(), 6, "it waited for itself");
    assert_eq!(cache.get(&1), Some(6));
    assert_idle(&cache);
}

#[test]
fn p6_a_wait_that_is_moved_into_another_body_is_part_of_a_cycle() {
    let cache = Numbers::new();
    let slot = Slot::new();
    let first = reads(&cache, 1, 2, &cache);
    let waiting = Task::begun(cache.get_or_load_async(&1, async || unreachable!()));
    slot.put(waiting.future);
    let second = Task::begun(cache.get_or_load_async(&2, async || 2 + slot.take().await));
    assert_in_flight(&cache, 2, 1);
    assert_eq!(first.ready(), 201, "the second waits for it");
    assert_eq!(second.woken(), 203);
    assert_idle(&cache);
}

#[test]
fn p6_a_wait_that_is_moved_out_of_a_body_is_not_part_of_a_cycle() {
    let cache = Numbers::new();
    let slot = Slot::new();
    let mut first = reads(&cache, 1, 2, &cache);
    let second = Task::begun(cache.get_or_load_async(&2, async || {
        let mut wait: Moved<'_> = Box::pin(cache.get_or_load_async(&1, async || unreachable!()));
        assert!(poll_once(&mut wait).await.is_pending());
        slot.put(wait);
        pause(1).await;
        2
    }));
    let waiting = Task::begun(slot.take());
    assert!(first.poll().is_pending(), "the second no longer waits for it");
    assert_in_flight(&cache, 2, 2);
    assert_eq!((second.ready(), first.woken(), waiting.woken()), (2, 3, 3));
    assert_eq!(cache.stats().loads, 2);
    assert_idle(&cache);
}

#[test]
fn p6_a_dropped_wait_is_not_part_of_a_cycle() {
    let cache = Numbers::new();
    let mut second = reads(&cache, 2, 1, &cache);
    let first = Task::begun(cache.get_or_load_async(&1, async || {
        let mut wait: Moved<'_> = Box::pin(cache.get_or_load_async(&2, async || unreachable!()));
        assert!(poll_once(&mut wait).await.is_pending());
        drop(wait);
        pause(1).await;
        1
    }));
    assert!(second.poll().is_pending(), "the first no longer waits for it");
    assert_eq!((first.ready(), second.woken()), (1, 3));
    assert_eq!(cache.stats().loads, 2);
    assert_idle(&cache);
}

/// Its drop reads a key, and waits for its load.
struct ReadsInDrop<'a>(&'a Numbers, u32);

impl Drop for ReadsInDrop<'_> {
    fn drop(&mut self) {
        assert_eq!(self.0.get_or_load(&self.1, || 7), 7);
    }
}

#[test]
fn p6_what_a_dropped_body_held_may_read_its_key() {
    let cache = Numbers::new();
    let _watch = watch(cache.clone());
    let leader = Task::begun(cache.get_or_load_async(&1, async || {
        let _asks = ReadsInDrop(&cache, 1);
        pending().await
    }));
    drop(leader);
    assert_eq!((cache.get(&1), cache.stats().loads), (None, 2), "a load within its own load is not stored");
    assert_idle(&cache);
}

#[test]
fn p6_what_a_dropped_body_held_may_read_the_key_of_a_waiter() {
    let cache = Numbers::new();
    let _watch = watch(cache.clone());
    let leader = Task::begun(cache.get_or_load_async(&1, async || {
        let _asks = ReadsInDrop(&cache, 2);
        pending().await
    }));
    let mut waiter = reads(&cache, 2, 1, &cache);
    assert!(waiter.poll().is_pending());
    drop(leader);
    assert_eq!(waiter.woken(), 102);
    assert_idle(&cache);
}
