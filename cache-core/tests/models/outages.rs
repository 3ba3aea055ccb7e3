//! P5: what followers do when the load that they wait for fails, or loses its leader. Each model has at least two
//! followers then.

use std::fmt::Debug;
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::Poll;

use cache_core::{Cache, HasCache, cached_query};
use shuttle::future::{spawn, yield_now};
use shuttle::thread;

use crate::support::{Numbers, cache, explore, is_idle, on_threads, query_cache};
use crate::tasks::{join, poll_a_few_times};

const KEY: u32 = 1;

fn two_wait(cache: &impl Debug) -> bool {
    let state = format!("{cache:?}");
    state.contains("callers_waiting: Some(2)") || state.contains("callers_waiting: Some(3)")
}

fn wait_for_two_followers(cache: &impl Debug) {
    while !two_wait(cache) {
        thread::yield_now();
    }
}

/// A cache, and how many bodies have begun.
#[derive(Clone)]
struct Bodies {
    cache: Numbers,
    begun: Arc<AtomicU32>,
}

impl Bodies {
    fn new() -> Self {
        Self { cache: cache(), begun: Arc::default() }
    }

    /// The number of a body that begins.
    fn begin(&self) -> u32 {
        self.begun.fetch_add(1, Ordering::Relaxed)
    }

    fn begun(&self) -> u32 {
        self.begun.load(Ordering::Relaxed)
    }

    fn check(&self) {
        assert!(is_idle(&self.cache));
        self.cache.check_invariants();
    }
}

/// Several threads load the key with a body that may panic. Each value is 1.
fn load_on_threads(count: usize, bodies: &Bodies, body: fn(&Bodies) -> u32) {
    let bodies = bodies.clone();
    on_threads(count, move || {
        let load = || bodies.cache.get_or_load(&KEY, || body(&bodies));
        let result = catch_unwind(AssertUnwindSafe(load));
        assert!(matches!(result, Ok(1) | Err(_)));
    });
}

/// Guards: in `Flights::find`, that nobody joins a load without a leader; in `Flight::leave`, that a follower takes over.
#[test]
fn p5_a_leader_that_panics_hands_over_to_one_of_several() {
    explore(|| {
        let bodies = Bodies::new();
        load_on_threads(4, &bodies, |bodies| {
            let number = bodies.begin();
            if number == 0 {
                wait_for_two_followers(&bodies.cache);
                resume_unwind(Box::new(()));
            }
            thread::yield_now();
            number
        });
        assert_eq!((bodies.begun(), bodies.cache.get(&KEY)), (2, Some(1)), "exactly one takes over");
        bodies.check();
    });
}

/// The follower that is woken may find a value that was inserted, and then does not take over.
///
/// Guards: in `Store::leave`, that another follower is woken.
#[test]
fn p5_a_leader_that_panics_against_an_insert() {
    explore(|| {
        let bodies = Bodies::new();
        load_on_threads(3, &bodies, |bodies| {
            if bodies.begin() == 0 {
                wait_for_two_followers(&bodies.cache);
                bodies.cache.insert(KEY, 1);
                resume_unwind(Box::new(()));
            }
            1
        });
        assert_eq!(bodies.cache.get(&KEY), Some(1));
        bodies.check();
    });
}

/// A call. If its body is the first, its future is dropped in the middle of the body, when two callers wait for it.
async fn call_and_drop(bodies: Bodies) -> Option<u32> {
    let is_dropped = AtomicBool::new(false);
    let body = async || {
        let number = bodies.begin();
        if number == 0 {
            while !two_wait(&bodies.cache) {
                yield_now().await;
            }
            is_dropped.store(true, Ordering::Relaxed);
            pending::<()>().await;
        }
        yield_now().await;
        number
    };
    let mut future = pin!(bodies.cache.get_or_load_async(&KEY, body));
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(number) => Poll::Ready(Some(number)),
        Poll::Pending if is_dropped.load(Ordering::Relaxed) => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// Guards: the same; in `Promise::poll`, that a task checks again when it has begun to listen.
#[test]
fn p5_a_leader_that_is_dropped_hands_over_to_one_of_several() {
    explore(|| {
        let bodies = Bodies::new();
        let calls = [(); 4].map(|()| spawn(call_and_drop(bodies.clone())));
        let mut numbers = calls.map(join);
        numbers.sort_unstable();
        assert_eq!(numbers, [None, Some(1), Some(1), Some(1)]);
        assert_eq!(bodies.begun(), 2, "exactly one takes over");
        bodies.check();
    });
}

/// The leader and its followers are dropped at any time, but for one caller if `one_stays`.
fn drop_callers(one_stays: bool) {
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
        let dropped = [(); 3].map(|()| spawn(poll_a_few_times(call())));
        let stays = one_stays.then(|| spawn(call()));
        for call in dropped {
            join(call);
        }
        assert!(stays.is_none_or(|stays| join(stays) == 1));
        assert!(is_idle(&cache), "a load without callers stayed in flight");
        cache.check_invariants();
    });
}

/// Guards: in `Store::leave`, that a load without followers is removed; `Flight::followers`, instead of references to the
/// promise.
#[test]
fn p5_followers_that_are_dropped_leave_no_load_without_a_leader() {
    drop_callers(false);
}

/// Guards: in `Store::abandon`, that a follower is woken.
#[test]
fn p5_a_follower_is_woken_whichever_others_are_dropped() {
    drop_callers(true);
}

/// Guards: in `Follower::go_on`, `step_alone`.
#[test]
fn p5_an_error_makes_every_follower_load_for_itself() {
    explore(|| {
        let bodies = Bodies::new();
        let call = {
            let bodies = bodies.clone();
            move || {
                let load = || {
                    let number = bodies.begin();
                    if number == 0 {
                        wait_for_two_followers(&bodies.cache);
                    }
                    // The bodies of the followers wait for each other: they must run at once.
                    while number > 0 && bodies.begun() < 3 {
                        thread::yield_now();
                    }
                    Err::<u32, u32>(number)
                };
                assert!(bodies.cache.entry(&KEY).or_try_load(load).is_err());
            }
        };
        on_threads(3, call);
        assert_eq!(bodies.begun(), 3, "each loads once");
        assert_eq!(bodies.cache.stats().load_errors, 3);
        bodies.check();
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
        self.bodies.fetch_add(1, Ordering::Relaxed);
        wait_for_two_followers(&self.cache);
        Err(Outage)
    }
}

/// Guards: in `Load::fail`, the copy of the error; in `Promise::complete`, that all are woken.
#[test]
fn p5_an_error_that_can_be_cloned_is_shared() {
    explore(|| {
        let repo = Repo { bodies: Arc::default(), cache: query_cache() };
        let call = {
            let repo = repo.clone();
            move || assert_eq!(repo.number(), Err(Outage))
        };
        on_threads(3, call);
        assert_eq!(repo.bodies.load(Ordering::Relaxed), 1, "the followers share the error");
        assert!(is_idle(&repo.cache));
        repo.cache.check_invariants();
    });
}
