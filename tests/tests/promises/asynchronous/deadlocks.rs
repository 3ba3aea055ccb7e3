//! P6: a body that needs its own key, or that of a caller that waits for it, computes instead of waiting.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use cache_core::{Cache, EntryOptions, HasCache, ManualClock, TaggedCache, cached_query};
use cache_tests::watchdog::{self, Guard};

use super::mode::{block_on, boxed, ready};

type Numbers = TaggedCache<u32, u32>;

fn watch(state: impl std::fmt::Debug + Send + 'static) -> Guard {
    watchdog::guard(Duration::from_secs(60), move || format!("{state:?}"))
}

#[test]
fn p6_a_body_that_reads_its_own_key() {
    let cache = Numbers::new();
    let _watch = watch(cache.clone());
    let outer = block_on(cache.get_or_load_async(&1, async || {
        cache.get_or_load_async(&1, async || cache.get_or_load_async(&1, async || 1).await + 1).await + 1
    }));
    assert_eq!(outer, 3);
    assert_eq!(cache.get(&1), Some(3), "the next caller gets the outer value, not the inner one");
    assert_eq!((cache.stats().loads, cache.stats().misses, cache.stats().discarded_loads), (3, 3, 0));
    cache.check_invariants();
}

#[derive(HasCache)]
struct Repo {
    left: AtomicU32,
    cache: Cache,
}

impl Repo {
    fn new(rounds: u32) -> Self {
        Self { left: AtomicU32::new(rounds), cache: Cache::new() }
    }

    fn next(&self) -> bool {
        self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }

    #[cached_query]
    async fn itself(&self, id: u32) -> u32 {
        if self.next() { boxed(self.itself(id)).await + 1 } else { 0 }
    }

    #[cached_query]
    async fn ping(&self, id: u32) -> Result<u32, ()> {
        if self.next() { Ok(boxed(self.pong("id", id)).await? + 1) } else { Ok(0) }
    }

    #[cached_query]
    async fn pong(&self, name: &str, id: u32) -> Result<u32, ()> {
        if self.next() && name == "id" { Ok(boxed(self.ping(id)).await? + 1) } else { Ok(0) }
    }
}

#[test]
fn p6_a_query_that_calls_itself_with_the_same_arguments() {
    let repo = Repo::new(4);
    let _watch = watch(repo.cache.clone());
    assert_eq!((block_on(repo.itself(1)), block_on(repo.itself(1))), (4, 4));
    assert_eq!(repo.cache.stats().loads, 5);
    repo.cache.check_invariants();
}

#[test]
fn p6_queries_that_call_each_other_with_the_same_arguments() {
    let repo = Repo::new(4);
    let _watch = watch(repo.cache.clone());
    assert_eq!((block_on(repo.ping(1)), block_on(repo.ping(1))), (Ok(4), Ok(4)));
    repo.cache.check_invariants();
}

/// The closure of the tags and the `Clone` of the value run while the load is in flight, too.
#[test]
fn p6_user_code_after_the_body_may_read_the_key() {
    #[derive(Debug)]
    struct Value(Option<TaggedCache<u32, Value>>);
    impl Clone for Value {
        fn clone(&self) -> Self {
            if let Some(cache) = &self.0 {
                block_on(cache.get_or_load_async(&1, async || Self(None)));
            }
            Self(None)
        }
    }
    let cache: TaggedCache<u32, Value> = TaggedCache::new();
    let _watch = watch(cache.clone());
    let tags = |_: &Value| {
        block_on(cache.get_or_load_async(&1, async || Value(None)));
        ["tag"]
    };
    block_on(cache.entry(&1).tags_from(tags).or_load_async(async || Value(Some(cache.clone()))));
    assert_eq!(cache.len(), 1);
    cache.check_invariants();
}

/// Each thread loads a key and, once all are in their bodies, reads the next one's.
fn cycle(threads: u32, caches: &[Numbers]) {
    let all_in = Barrier::new(threads as usize);
    thread::scope(|scope| {
        for own in 0..threads {
            let other = (own + 1) % threads;
            let cache = |key: u32| &caches[key as usize % caches.len()];
            let all_in = &all_in;
            scope.spawn(move || {
                let body = async || {
                    all_in.wait();
                    own + cache(other).get_or_load_async(&other, async || other).await
                };
                let sum = block_on(cache(own).get_or_load_async(&own, body));
                assert!(sum >= own + other, "{sum} is not the key's own number plus the value of the next");
            });
        }
    });
    for cache in caches {
        cache.check_invariants();
        assert!(format!("{cache:?}").contains("loads_in_flight: Some(0)"), "{cache:?}");
    }
}

#[test]
fn p6_two_threads_that_need_each_others_keys() {
    let cache = Numbers::new();
    let _watch = watch(cache.clone());
    for _ in 0..100 {
        cycle(2, std::slice::from_ref(&cache));
        cache.invalidate_all();
    }
}

#[test]
fn p6_a_cycle_of_threads_through_several_caches() {
    let caches = [Numbers::new(), Numbers::new(), Numbers::new()];
    let _watch = watch(caches.clone());
    cycle(7, &caches);
}

/// Only a cycle prevents a wait.
#[test]
fn p6_a_body_waits_for_the_load_of_another_that_does_not_wait_for_it() {
    let cache = Numbers::new();
    let _watch = watch(cache.clone());
    let in_both = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            block_on(cache.get_or_load_async(&1, async || {
                in_both.wait();
                cache.get_or_load_async(&2, async || unreachable!("another thread loads it")).await
            }))
        });
        scope.spawn(|| {
            block_on(cache.get_or_load_async(&2, async || {
                in_both.wait();
                // Until the other has missed this key: then it waits, or finds the entry.
                while cache.stats().misses < 3 {
                    thread::yield_now();
                }
                2
            }))
        });
    });
    assert_eq!((cache.get(&1), cache.get(&2), cache.stats().loads), (Some(2), Some(2), 2));
}

/// Reads a number when it is cloned or dropped, if it is armed.
struct Reading {
    on_clone: Option<Numbers>,
    on_drop: Option<Numbers>,
}

impl Reading {
    const QUIET: Self = Self { on_clone: None, on_drop: None };

    /// A failed load is not stored, so each read loads.
    fn read(numbers: Option<&Numbers>) {
        if let Some(numbers) = numbers {
            let _ = block_on(numbers.entry(&1).or_try_load_async(async || Err(())));
        }
    }
}

impl Clone for Reading {
    fn clone(&self) -> Self {
        Self::read(self.on_clone.as_ref());
        Self { on_clone: self.on_clone.clone(), on_drop: None }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        Self::read(self.on_drop.as_ref());
    }
}

/// One thread loads a value. Another, in the body of a number that the value reads, waits for the value. At the end of
/// its load the first thread runs user code that reads the number: it must not wait.
fn read_at_the_end_of_a_load(
    prepare: fn(&TaggedCache<u32, Reading>, &Numbers),
    load: fn(&Numbers) -> Result<Reading, ()>,
) {
    let clock = ManualClock::new();
    let values: TaggedCache<u32, Reading> = TaggedCache::builder().clock(clock.clone()).build();
    let numbers = Numbers::new();
    let _watch = watch((values.clone(), numbers.clone()));
    prepare(&values, &numbers);
    clock.advance(Duration::from_secs(1));
    let in_body = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            let _ = block_on(values.entry(&1).or_try_load_async(async || {
                in_body.wait();
                while !format!("{values:?}").contains("callers_waiting: Some(1)") {
                    thread::yield_now();
                }
                load(&numbers)
            }));
        });
        scope.spawn(|| {
            in_body.wait();
            let _ = block_on(numbers.entry(&1).or_try_load_async(async || {
                values.get_or_load_async(&1, async || Reading::QUIET).await;
                Err(())
            }));
        });
    });
    values.check_invariants();
    numbers.check_invariants();
}

#[test]
fn p6_a_clone_for_waiters_may_read_what_one_of_them_loads() {
    read_at_the_end_of_a_load(|_, _| {}, |numbers| Ok(Reading { on_clone: Some(numbers.clone()), on_drop: None }));
}

#[test]
fn p6_the_drop_of_a_dead_value_may_read_what_a_waiter_loads() {
    let prepare = |values: &TaggedCache<u32, Reading>, numbers: &Numbers| {
        let dead = Reading { on_clone: None, on_drop: Some(numbers.clone()) };
        values.insert_with(1, dead, EntryOptions::new().ttl(Duration::from_secs(1)));
    };
    read_at_the_end_of_a_load(prepare, |_| Err(()));
}

/// Its drop reads a number, on threads that enable it.
#[test]
fn p6_the_drop_of_a_key_may_read_what_a_waiter_loads() {
    use std::cell::RefCell;
    thread_local! {
        static ON_DROP: RefCell<Option<Numbers>> = const { RefCell::new(None) };
    }
    #[derive(Clone, PartialEq, Eq, Hash)]
    struct Key(u32);
    impl Drop for Key {
        fn drop(&mut self) {
            Reading::read(ON_DROP.take().as_ref());
        }
    }
    for panics in [false, true] {
        let values: TaggedCache<Key, u32> = TaggedCache::new();
        let numbers = Numbers::new();
        let _watch = watch((values.clone(), numbers.clone()));
        let in_body = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                let load = async || {
                    in_body.wait();
                    while !format!("{values:?}").contains("callers_waiting: Some(1)") {
                        thread::yield_now();
                    }
                    ON_DROP.set(Some(numbers.clone()));
                    if panics {
                        std::panic::resume_unwind(Box::new(()));
                    }
                    Err(())
                };
                let call = || block_on(values.entry(&Key(1)).or_try_load_async(load));
                let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call));
                assert_eq!(result.is_err(), panics);
            });
            scope.spawn(|| {
                in_body.wait();
                let _ = block_on(numbers.entry(&1).or_try_load_async(async || {
                    Err::<u32, ()>(_ = block_on(values.get_or_load_async(&Key(1), async || 1)))
                }));
            });
        });
        assert_eq!(values.get(&Key(1)), Some(1));
    }
}

/// A thread-local older than those of the cache outlives them, and loads recursively in its destructor.
#[test]
fn p6_a_destructor_of_a_thread_local_may_read_its_own_key() {
    struct AtEnd(Numbers);
    impl Drop for AtEnd {
        fn drop(&mut self) {
            ready(self.0.get_or_load_async(&1, async || self.0.get_or_load_async(&1, async || 1).await));
        }
    }
    thread_local! {
        static AT_END: std::cell::RefCell<Option<AtEnd>> = const { std::cell::RefCell::new(None) };
    }
    let cache = Numbers::new();
    let _watch = watch(cache.clone());
    let on_thread = || {
        AT_END.set(Some(AtEnd(cache.clone())));
        block_on(cache.get_or_load_async(&2, async || 2));
    };
    thread::scope(|scope| scope.spawn(on_thread).join().unwrap());
    // A thread scope ends before the destructors of its threads have run.
    while cache.get(&1).is_none() {
        thread::yield_now();
    }
    cache.check_invariants();
}
