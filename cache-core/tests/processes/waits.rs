//! Who waits for the tier, and what comes between a question and its answer.

use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use cache_core::{Cache, Follower, HasCache, ManualClock, cached_query, entry};
use futures_lite::future::block_on;

use crate::library::{Database, Library};
use crate::tier::{HOUR, Server};

fn two() -> (Server, Library, Library) {
    let (server, database) = (Server::default(), Database::default());
    let [here, there] = [(); 2].map(|()| Library::new(&database, server.process()));
    (server, here, there)
}

/// Runs on a thread that has to wait for an answer.
fn waits(server: &Server, what: &str, call: impl FnOnce() + Send) {
    server.hold_answers();
    thread::scope(|scope| {
        let caller = scope.spawn(call);
        while !server.is_waited_for() && !caller.is_finished() {
            thread::yield_now();
        }
        let has_waited = server.is_waited_for();
        server.give_answers();
        caller.join().expect("it does not panic");
        assert!(has_waited, "{what}");
    });
}

/// Polls a call that has to wait for an answer.
fn waits_async(server: &Server, what: &str, call: impl Future<Output = ()>) {
    server.hold_answers();
    let mut call = pin!(call);
    assert_eq!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending, "{what}");
    server.give_answers();
    block_on(call);
}

#[test]
fn p20_whoever_invalidates_waits_until_others_can_hear_of_it() {
    type Call = fn(&Library);
    let (server, here, _) = two();
    let calls: [(&str, Call); 9] = [
        ("a mutation", |here| here.write(1)),
        ("an announced mutation", |here| assert_eq!(here.write_or_fail(1, || ()), Ok(()))),
        ("names", |here| here.cache.invalidate(["track"])),
        ("tags", |here| here.cache.invalidate_tags(["row:1"])),
        ("everything", |here| here.cache.invalidate_all()),
        ("an entry", |here| assert!(!entry!(here.track(1)).invalidate())),
        ("an insert", |here| assert!(entry!(here.own(1)).insert(1))),
        ("a commit", |here| {
            let transaction = here.cache.transaction();
            here.with(transaction.cache()).write(1);
            transaction.commit();
        }),
        ("a commit after that of the database", |here| {
            let transaction = here.cache.transaction();
            here.with(transaction.cache()).write(1);
            transaction.commit_after(|| ());
        }),
    ];
    for (what, call) in calls {
        waits(&server, what, || call(&here));
    }
}

#[test]
fn p20_whoever_invalidates_in_a_task_waits_until_others_can_hear_of_it() {
    let (server, here, _) = two();
    waits_async(&server, "a mutation", here.write_async(1));
    waits_async(&server, "names", here.cache.invalidate_async(["track"]));
    let transaction = || {
        let transaction = here.cache.transaction();
        here.with(transaction.cache()).write(1);
        transaction
    };
    waits_async(&server, "a commit", transaction().commit_async());
    waits_async(&server, "a commit after that of the database", transaction().commit_after_async(async {}));
}

/// So that what its caller does next finds the value there.
#[test]
fn a_load_waits_until_its_value_is_stored_in_the_second_level() {
    let (server, here, there) = two();
    // It has nothing, so the first answer is at once: only that to the put is waited for.
    let holding = server.clone();
    here.during_the_next_load(move || holding.hold_answers());
    thread::scope(|scope| {
        let caller = scope.spawn(|| here.track(1));
        while !server.is_waited_for() && !caller.is_finished() {
            thread::yield_now();
        }
        let has_waited = server.is_waited_for();
        server.give_answers();
        assert_eq!((caller.join().expect("it does not panic"), has_waited), (0, true));
    });
    let holding = server.clone();
    here.during_the_next_load(move || holding.hold_answers());
    let mut call = pin!(here.track_async(1));
    assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    server.give_answers();
    assert_eq!((block_on(call), there.track(1), there.loads()), (0, 0, 0));
}

#[test]
fn p21_a_value_that_comes_after_the_end_of_the_lease_is_not_taken() {
    let (server, here, there) = two();
    block_on(here.track_async(1));
    server.hold_answers();
    let mut asks = pin!(there.track_async(1));
    assert!(asks.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    server.follower(1).end_lease();
    server.give_answers();
    block_on(asks);
    let stats = there.cache.shared_stats().expect("it has a tier");
    assert_eq!((there.loads(), stats.hits, stats.refused), (1, 0, 1));
}

#[test]
fn p8_the_time_until_the_answer_counts() {
    let (server, database, clock) = (Server::default(), Database::default(), ManualClock::new());
    let [here, there] =
        [(); 2].map(|()| Library::new(&database, server.process_with(Cache::builder().clock(clock.clone()))));
    block_on(here.track_async(1));
    server.age(HOUR / 2);
    server.hold_answers();
    let mut asks = pin!(there.track_async(1));
    assert!(asks.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    clock.advance(HOUR / 4);
    server.give_answers();
    assert_eq!((block_on(asks), there.loads()), (0, 0));
    server.age(HOUR);
    clock.advance(Duration::from_secs(899));
    assert_eq!((block_on(there.track_async(1)), there.loads()), (0, 0));
    clock.advance(Duration::from_secs(1));
    assert_eq!((block_on(there.track_async(1)), there.loads()), (0, 1));
}

/// What was heard is not enough to accept anything.
#[test]
fn p22_without_a_lease_the_second_level_is_not_asked() {
    let (server, here, there) = two();
    here.track(1);
    server.follower(1).end_lease();
    there.track(1);
    let stats = there.cache.shared_stats().expect("it has a tier");
    assert_eq!((there.loads(), stats.hits, stats.misses, stats.refused), (1, 0, 0, 0));
}

/// Fails, and ends the lease of its process, as soon as it has a follower.
#[derive(HasCache)]
struct Failing {
    cache: Cache,
    follower: Mutex<Option<Follower>>,
}

impl Failing {
    #[cached_query(ttl = "1m", stale_if_error = "1h")]
    fn get(&self) -> Result<u64, &'static str> {
        let follower = self.follower.lock().expect("nobody panics").take();
        follower.map_or(Ok(1), |follower| {
            follower.end_lease();
            Err("down")
        })
    }
}

#[test]
fn p18_nothing_stale_is_served_if_the_lease_ends_while_it_is_loaded() {
    let (server, clock) = (Server::default(), ManualClock::new());
    let cache = server.process_with(Cache::builder().clock(clock.clone()));
    let failing = Failing { cache, follower: Mutex::default() };
    assert_eq!(failing.get(), Ok(1));
    clock.advance(Duration::from_secs(120));
    *failing.follower.lock().expect("nobody panics") = Some(server.follower(0));
    assert_eq!(failing.get(), Err("down"));
}
