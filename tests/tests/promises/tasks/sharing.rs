//! P4, P9 and P12: tasks and threads share loads and the cache, and keys do not wait for each other.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use cache_core::{Cache, HasCache, TaggedCache, cached_query};
use futures_lite::future::block_on;
use tokio::runtime;
use tokio::sync::Notify;
use tokio::task::yield_now;

use super::{Numbers, Task, assert_idle, assert_in_flight, drive, pause, until_in_flight, watch};

/// The first caller's load lasts until all others have missed.
#[test]
fn p4_tasks_and_threads_load_one_cold_key_once() {
    const TASKS: u32 = 256;
    const THREADS: u32 = 32;
    const ALL: u64 = (TASKS + THREADS) as u64;
    let runtime = runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    for _ in 0..5 {
        let (cache, bodies) = (Numbers::new(), Arc::new(AtomicU32::new(0)));
        let _watch = watch(cache.clone());
        let task = || {
            let (cache, bodies) = (cache.clone(), bodies.clone());
            runtime.spawn(async move {
                let load = async || {
                    while cache.stats().misses < ALL {
                        yield_now().await;
                    }
                    bodies.fetch_add(1, Ordering::SeqCst) + 7
                };
                assert_eq!(cache.get_or_load_async(&1, load).await, 7);
            })
        };
        let thread = || {
            let load = || {
                while cache.stats().misses < ALL {
                    thread::yield_now();
                }
                bodies.fetch_add(1, Ordering::SeqCst) + 7
            };
            assert_eq!(cache.get_or_load(&1, load), 7);
        };
        let tasks: Vec<_> = thread::scope(|scope| {
            (0..THREADS).for_each(|_| drop(scope.spawn(thread)));
            (0..TASKS).map(|_| task()).collect()
        });
        for task in tasks {
            runtime.block_on(task).unwrap();
        }
        let stats = cache.stats();
        assert_eq!((bodies.load(Ordering::SeqCst), stats.loads, stats.misses, stats.hits), (1, 1, ALL, 0));
        assert_idle(&cache);
    }
}

#[test]
fn p4_a_thread_waits_for_the_load_of_a_task() {
    let cache = Numbers::new();
    let _watch = watch(cache.clone());
    let load = async || {
        pause(1).await;
        1
    };
    let task = Task::begun(cache.get_or_load_async(&1, load));
    thread::scope(|scope| {
        let thread = scope.spawn(|| cache.get_or_load(&1, || unreachable!()));
        until_in_flight(&cache, 1, 1);
        assert_eq!(task.ready(), 1);
        assert_eq!(thread.join().unwrap(), 1);
    });
    assert_idle(&cache);
}

#[test]
fn p4_a_task_waits_for_the_load_of_a_thread() {
    let cache = Numbers::new();
    let _watch = watch(cache.clone());
    thread::scope(|scope| {
        scope.spawn(|| {
            let load = || {
                until_in_flight(&cache, 1, 1);
                1
            };
            cache.get_or_load(&1, load)
        });
        until_in_flight(&cache, 1, 0);
        assert_eq!(block_on(cache.get_or_load_async(&1, async || unreachable!())), 1);
    });
    assert_idle(&cache);
}

/// All of so small a cache is behind one lock, and all tasks are on one thread.
#[test]
fn p4_keys_do_not_wait_for_each_other_on_one_thread() {
    let cache: Numbers = TaggedCache::builder().capacity(4).build();
    let _watch = watch(cache.clone());
    runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        let go_on = Arc::new(Notify::new());
        let pending = tokio::spawn({
            let (cache, go_on) = (cache.clone(), go_on.clone());
            async move {
                let load = async || {
                    go_on.notified().await;
                    1
                };
                cache.get_or_load_async(&1, load).await
            }
        });
        while cache.stats().loads == 0 {
            yield_now().await;
        }
        for key in 2..50 {
            let load = async || {
                yield_now().await;
                key
            };
            assert_eq!(cache.get_or_load_async(&key, load).await, key);
        }
        assert!(!pending.is_finished());
        assert_in_flight(&cache, 1, 0);
        go_on.notify_one();
        assert_eq!(pending.await.unwrap(), 1);
    });
    assert_eq!(cache.get(&1), Some(1));
    assert_idle(&cache);
}

#[derive(HasCache, Default)]
struct Repo {
    bodies: AtomicU32,
    cache: Cache,
}

impl Repo {
    #[cached_query]
    async fn get(&self, id: &str) -> Result<String, ()> {
        self.bodies.fetch_add(1, Ordering::SeqCst);
        pause(2).await;
        Ok(id.to_owned())
    }
}

#[test]
fn p4_an_annotated_query_runs_once_for_all_tasks() {
    let repo = Repo::default();
    let tasks: Vec<_> = (0..8).map(|_| Task::begun(repo.get("a"))).collect();
    assert_in_flight(&repo.cache, 1, 7);
    assert_eq!(drive(tasks), [(); 8].map(|()| Ok("a".to_owned())));
    assert_eq!((repo.bodies.load(Ordering::SeqCst), repo.cache.stats().loads), (1, 1));
    assert_in_flight(&repo.cache, 0, 0);
}

#[test]
fn p4_loads_of_different_keys_in_one_task_are_independent() {
    let repo = Repo::default();
    let tasks = ["a", "b", "c"].map(|id| Task::begun(repo.get(id)));
    assert_in_flight(&repo.cache, 3, 0);
    let mut got: Vec<_> = drive(tasks.into()).into_iter().flatten().collect();
    got.sort_unstable();
    assert_eq!(got, ["a", "b", "c"]);
}

#[test]
fn p12_a_hit_is_ready_at_once() {
    let repo = Repo::default();
    drive(vec![Task::new(repo.get("a"))]);
    assert_eq!(Task::new(repo.get("a")).ready().as_deref(), Ok("a"));

    let cache = Numbers::new();
    cache.insert(1, 1);
    // Whatever else is in flight.
    let _other = Task::begun(cache.get_or_load_async(&2, async || pending().await));
    assert_eq!(Task::new(cache.get_or_load_async(&1, async || unreachable!())).ready(), 1);
    assert_eq!(cache.stats().hits, 1);
}

#[test]
fn p9_loads_of_tasks_stay_within_the_capacity() {
    const TASKS: u32 = 4;
    const KEYS: u32 = 2_000;
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    // In one shard, and in several that are counted one after another.
    for capacity in [50, 1_000] {
        let cache: Numbers = TaggedCache::builder().capacity(capacity).build();
        let _watch = watch(cache.clone());
        let tasks = (0..TASKS).map(|task| {
            let cache = cache.clone();
            runtime.spawn(async move {
                for key in 0..KEYS {
                    let load = async || {
                        yield_now().await;
                        key
                    };
                    assert_eq!(cache.get_or_load_async(&(task * 10_000 + key), load).await, key);
                    assert!(cache.len() <= capacity);
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            runtime.block_on(task).unwrap();
        }
        assert_eq!((cache.len(), cache.stats().loads), (capacity, u64::from(TASKS * KEYS)));
        assert_idle(&cache);
    }
}

#[test]
fn p9_dropped_loads_do_not_count_as_entries() {
    let cache: Numbers = TaggedCache::builder().capacity(2).build();
    cache.insert(1, 1);
    cache.insert(2, 2);
    let load = async |key| cache.get_or_load_async(&key, async || pending().await).await;
    let tasks: Vec<_> = (10..1_000).map(|key| Task::begun(load(key))).collect();
    assert_in_flight(&cache, tasks.len(), 0);
    drop(tasks);
    assert_eq!((cache.get(&1), cache.get(&2), cache.stats().evictions), (Some(1), Some(2), 0));
    assert_idle(&cache);
}
