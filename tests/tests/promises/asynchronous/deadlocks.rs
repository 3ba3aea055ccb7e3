//! P6: a body that needs its own key, or that of one who waits for it, computes instead of waiting.

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
fn p6_a_body_that_asks_for_its_own_key() {
    let cache = Numbers::new();
    let _watch = watch(cache.clone());
    let outer = block_on(cache.get_or_load_async(&1, async || {
        cache.get_or_load_async(&1, async || cache.get_or_load_async(&1, async || 1).await + 1).await + 1
    }));
    assert_eq!(outer, 3);
    assert_eq!(cache.get(&1), Some(3), "the next caller gets what the first got, and not a part of it");
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

    /// Goes on while there are rounds left.
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

/// A tag's closure and the `Clone` of a value run while the load is under way, too.
#[test]
fn p6_what_runs_after_the_body_may_ask_for_the_key() {
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

/// Each thread loads a key and, once all are in their bodies, asks for the next one's.
fn circle(threads: u32, caches: &[Numbers]) {
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
                assert!(sum >= own + other, "{sum} is the key's own number and what was got for the next");
            });
        }
    });
    for cache in caches {
        cache.check_invariants();
        assert!(format!("{cache:?}").contains("loads_under_way: Some(0)"), "{cache:?}");
    }
}

#[test]
fn p6_two_threads_that_need_each_others_keys() {
    let cache = Numbers::new();
    let _watch = watch(cache.clone());
    for _ in 0..100 {
        circle(2, std::slice::from_ref(&cache));
        cache.invalidate_all();
    }
}

#[test]
fn p6_a_circle_of_threads_through_several_caches() {
    let caches = [Numbers::new(), Numbers::new(), Numbers::new()];
    let _watch = watch(caches.clone());
    circle(7, &caches);
}

/// Only a circle is a reason not to wait.
#[test]
fn p6_a_body_waits_for_the_load_of_another_that_does_not_wait_for_it() {
    let cache = Numbers::new();
    let _watch = watch(cache.clone());
    let in_both = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            block_on(cache.get_or_load_async(&1, async || {
                in_both.wait();
                cache.get_or_load_async(&2, async || unreachable!("somebody is loading it")).await
            }))
        });
        scope.spawn(|| {
            block_on(cache.get_or_load_async(&2, async || {
                in_both.wait();
                // Until the other has missed this key: then it waits, or finds it.
                while cache.stats().misses < 3 {
                    thread::yield_now();
                }
                2
            }))
        });
    });
    assert_eq!((cache.get(&1), cache.get(&2), cache.stats().loads), (Some(2), Some(2), 2));
}

/// Asks for something when it is cloned or dropped, if it is told to.
struct Nosy {
    on_clone: Option<Numbers>,
    on_drop: Option<Numbers>,
}

impl Nosy {
    const QUIET: Self = Self { on_clone: None, on_drop: None };

    /// What fails to load is not stored, and so is asked for each time.
    fn ask(numbers: Option<&Numbers>) {
        if let Some(numbers) = numbers {
            let _ = block_on(numbers.entry(&1).or_try_load_async(async || Err(())));
        }
    }
}

impl Clone for Nosy {
    fn clone(&self) -> Self {
        Self::ask(self.on_clone.as_ref());
        Self { on_clone: self.on_clone.clone(), on_drop: None }
    }
}

impl Drop for Nosy {
    fn drop(&mut self) {
        Self::ask(self.on_drop.as_ref());
    }
}

/// One thread loads a value. Another is in the body of a number that the value asks for, and waits for the value.
/// At the end of its load the first runs code of the user's that asks for the number: nobody must wait for it.
fn ask_at_the_end_of_a_load(prepare: fn(&TaggedCache<u32, Nosy>, &Numbers), load: fn(&Numbers) -> Result<Nosy, ()>) {
    let clock = ManualClock::new();
    let values: TaggedCache<u32, Nosy> = TaggedCache::builder().clock(clock.clone()).build();
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
                values.get_or_load_async(&1, async || Nosy::QUIET).await;
                Err(())
            }));
        });
    });
    values.check_invariants();
    numbers.check_invariants();
}

#[test]
fn p6_a_clone_for_those_who_wait_may_ask_for_what_one_of_them_loads() {
    ask_at_the_end_of_a_load(|_, _| {}, |numbers| Ok(Nosy { on_clone: Some(numbers.clone()), on_drop: None }));
}

#[test]
fn p6_a_dead_value_that_is_dropped_may_ask_for_what_one_who_waits_loads() {
    let prepare = |values: &TaggedCache<u32, Nosy>, numbers: &Numbers| {
        let dead = Nosy { on_clone: None, on_drop: Some(numbers.clone()) };
        values.insert_with(1, dead, EntryOptions::new().ttl(Duration::from_secs(1)));
    };
    ask_at_the_end_of_a_load(prepare, |_| Err(()));
}

/// A key that is dropped on a thread that has been told so asks for a number.
#[test]
fn p6_a_key_that_is_dropped_may_ask_for_what_one_who_waits_loads() {
    use std::cell::RefCell;
    thread_local! {
        static ON_DROP: RefCell<Option<Numbers>> = const { RefCell::new(None) };
    }
    #[derive(Clone, PartialEq, Eq, Hash)]
    struct Key(u32);
    impl Drop for Key {
        fn drop(&mut self) {
            Nosy::ask(ON_DROP.take().as_ref());
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

/// A thread-local that is older than those of the cache outlives them, and loads recursively when it goes.
#[test]
fn p6_a_destructor_of_a_thread_local_may_ask_for_its_own_key() {
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
    // A scope ends before the destructors of its threads do.
    while cache.get(&1).is_none() {
        thread::yield_now();
    }
    cache.check_invariants();
}
