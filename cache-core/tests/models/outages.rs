//! P5: what followers do when the load that they wait for fails, or loses its leader. In each model two of them wait then.

use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::Poll;

use cache_core::{Cache, HasCache, cached_query};
use shuttle::future::{spawn, yield_now};
use shuttle::thread;

use crate::tasks::{join, poll_a_few_times};
use crate::{Numbers, cache, concurrently, explore};

const KEY: u32 = 1;

fn two_wait(cache: &impl std::fmt::Debug) -> bool {
    let state = format!("{cache:?}");
    state.contains("callers_waiting: Some(2)") || state.contains("callers_waiting: Some(3)")
}

fn nothing_is_left(cache: &impl std::fmt::Debug) -> bool {
    format!("{cache:?}").contains("loads_under_way: Some(0), callers_waiting: Some(0)")
}

/// The number of a body that begins.
fn begin(bodies: &AtomicU32) -> u32 {
    bodies.fetch_add(1, Ordering::Relaxed)
}

/// Guards: in `Flights::find`, that nobody joins a load without a leader; in `Flight::leave`, that it is left to a follower.
#[test]
fn p5_a_leader_that_panics_leaves_the_load_to_one_of_several() {
    explore(|| {
        let (cache, bodies) = (cache(), Arc::new(AtomicU32::new(0)));
        let call = || {
            let (cache, bodies) = (cache.clone(), bodies.clone());
            let call = move || {
                let load = || {
                    let number = begin(&bodies);
                    if number == 0 {
                        while !two_wait(&cache) {
                            thread::yield_now();
                        }
                        resume_unwind(Box::new(()));
                    }
                    thread::yield_now();
                    number
                };
                let result = catch_unwind(AssertUnwindSafe(|| cache.get_or_load(&KEY, load)));
                assert!(matches!(result, Ok(1) | Err(_)));
            };
            Box::new(call) as Box<dyn FnOnce() + Send>
        };
        concurrently([call(), call(), call(), call()]);
        assert_eq!((bodies.load(Ordering::Relaxed), cache.get(&KEY)), (2, Some(1)), "one takes over, and one only");
        assert!(nothing_is_left(&cache));
        cache.check_invariants();
    });
}

/// The follower that is told may find a value that was inserted, and then does not take over.
///
/// Guards: in `Store::leave`, that another is told.
#[test]
fn p5_a_leader_that_panics_against_an_insert() {
    explore(|| {
        let (cache, bodies) = (cache(), Arc::new(AtomicU32::new(0)));
        let call = || {
            let (cache, bodies) = (cache.clone(), bodies.clone());
            let call = move || {
                let load = || {
                    if begin(&bodies) == 0 {
                        while !two_wait(&cache) {
                            thread::yield_now();
                        }
                        cache.insert(KEY, 1);
                        resume_unwind(Box::new(()));
                    }
                    1
                };
                let result = catch_unwind(AssertUnwindSafe(|| cache.get_or_load(&KEY, load)));
                assert!(matches!(result, Ok(1) | Err(_)));
            };
            Box::new(call) as Box<dyn FnOnce() + Send>
        };
        concurrently([call(), call(), call()]);
        assert_eq!(cache.get(&KEY), Some(1));
        assert!(nothing_is_left(&cache));
        cache.check_invariants();
    });
}

/// A call whose future is dropped when its body is the first, has begun, and two wait for it.
async fn call_and_drop(cache: Numbers, bodies: Arc<AtomicU32>) -> Option<u32> {
    let goes = AtomicBool::new(false);
    let body = async || {
        let number = begin(&bodies);
        if number == 0 {
            while !two_wait(&cache) {
                yield_now().await;
            }
            goes.store(true, Ordering::Relaxed);
            pending::<()>().await;
        }
        yield_now().await;
        number
    };
    let mut future = pin!(cache.get_or_load_async(&KEY, body));
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(number) => Poll::Ready(Some(number)),
        Poll::Pending if goes.load(Ordering::Relaxed) => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// Guards: the same; in `Promise::poll`, that a task looks once more when it has begun to listen.
#[test]
fn p5_a_leader_that_is_dropped_leaves_the_load_to_one_of_several() {
    explore(|| {
        let (cache, bodies) = (cache(), Arc::new(AtomicU32::new(0)));
        let calls = [(); 4].map(|()| spawn(call_and_drop(cache.clone(), bodies.clone())));
        let mut numbers = calls.map(join);
        numbers.sort_unstable();
        assert_eq!(numbers, [None, Some(1), Some(1), Some(1)]);
        assert_eq!(bodies.load(Ordering::Relaxed), 2, "one takes over, and one only");
        assert!(nothing_is_left(&cache));
        cache.check_invariants();
    });
}

/// The leader goes, and all or all but one of its followers, each when it likes to.
fn followers_go(stays: bool) {
    explore(move || {
        let cache = cache();
        let call = || {
            let cache = cache.clone();
            async move {
                let body = async || {
                    yield_now().await;
                    yield_now().await;
                    1
                };
                cache.get_or_load_async(&KEY, body).await
            }
        };
        let go = [(); 3].map(|()| spawn(poll_a_few_times(call())));
        let stay = stays.then(|| spawn(call()));
        for goes in go {
            join(goes);
        }
        assert!(stay.is_none_or(|stay| join(stay) == 1));
        assert!(nothing_is_left(&cache), "nobody is left to end a load");
        cache.check_invariants();
    });
}

/// Guards: in `Store::leave`, that a load without followers is taken out; `Flight::followers`, where references to the
/// promise would not do.
#[test]
fn p5_followers_that_are_dropped_leave_no_load_without_a_leader() {
    followers_go(false);
}

/// Guards: in `Store::abandon`, that a follower is told.
#[test]
fn p5_a_follower_that_stays_is_told_whoever_goes() {
    followers_go(true);
}

/// Guards: in `Follower::go_on`, `step_alone`.
#[test]
fn p5_an_error_sends_every_follower_to_a_load_of_its_own() {
    explore(|| {
        let (cache, bodies) = (cache(), Arc::new(AtomicU32::new(0)));
        let call = || {
            let (cache, bodies) = (cache.clone(), bodies.clone());
            let call = move || {
                let load = || {
                    let number = begin(&bodies);
                    // The first waits for its followers, and these for each other: they load at once.
                    while if number == 0 { !two_wait(&cache) } else { bodies.load(Ordering::Relaxed) < 3 } {
                        thread::yield_now();
                    }
                    Err::<u32, u32>(number)
                };
                assert!(cache.entry(&KEY).or_try_load(load).is_err());
            };
            Box::new(call) as Box<dyn FnOnce() + Send>
        };
        concurrently([call(), call(), call()]);
        assert_eq!(bodies.load(Ordering::Relaxed), 3, "each loads once");
        assert_eq!(cache.stats().load_errors, 3);
        assert!(nothing_is_left(&cache));
        cache.check_invariants();
    });
}

#[derive(Clone, Debug, PartialEq)]
struct Outage;

#[derive(Clone, HasCache)]
struct Repo {
    bodies: Arc<AtomicU32>,
    cache: Cache,
}

impl Repo {
    #[cached_query]
    fn number(&self) -> Result<u32, Outage> {
        begin(&self.bodies);
        while !two_wait(&self.cache) {
            thread::yield_now();
        }
        Err(Outage)
    }
}

/// Guards: in `Load::fail`, the copy of the error; in `Promise::complete`, that all are told.
#[test]
fn p5_an_error_that_can_be_cloned_is_shared() {
    explore(|| {
        let repo = Repo { bodies: Arc::default(), cache: Cache::builder().capacity(8).build() };
        let call = || {
            let repo = repo.clone();
            Box::new(move || assert_eq!(repo.number(), Err(Outage))) as Box<dyn FnOnce() + Send>
        };
        concurrently([call(), call(), call()]);
        assert_eq!(repo.bodies.load(Ordering::Relaxed), 1, "those who waited share the error");
        assert!(nothing_is_left(&repo.cache));
        repo.cache.check_invariants();
    });
}
