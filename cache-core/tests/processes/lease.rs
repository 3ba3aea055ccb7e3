//! What memory answers without a proof that all was heard.

use std::time::Duration;

use cache_core::{Cache, LeaseTime, ManualClock, cached_query, entry};

use crate::library::{Database, Library};
use crate::tier::{HOUR, Server};

fn one() -> (Server, Library) {
    let server = Server::default();
    let library = Library::new(&Database::default(), server.process());
    (server, library)
}

#[test]
fn p20_without_a_lease_memory_answers_nothing() {
    let (server, library) = one();
    library.own(1);
    assert_eq!((library.own(1), library.loads()), (0, 1));
    server.follower(0).end_lease();
    library.own(1);
    library.own(1);
    assert_eq!(library.loads(), 3);
    assert_eq!((entry!(library.own(1)).get(), entry!(library.own(1)).is_cached()), (None, false));
    let stats = library.cache.stats();
    assert_eq!((stats.hits, stats.cold_misses, stats.bypassed_misses), (1, 1, 3));
    assert!(!library.cache.shared_stats().expect("it has a tier").is_live);
    server.deliver();
    assert_eq!((library.own(1), library.loads()), (0, 3), "what was heard since is known: it is served again");
}

#[test]
fn p20_before_the_first_proof_memory_answers_nothing() {
    let server = Server::default();
    let cache = server.process_with_max_lag(Duration::from_secs(3_600));
    let library = Library::new(&Database::default(), cache);
    library.own(1);
    library.own(1);
    assert_eq!(library.loads(), 2);
    assert_eq!(library.cache.shared_stats().expect("it has a tier").lag, None);
    server.follower(0).prove(LeaseTime::now());
    assert_eq!((library.own(1), library.loads()), (0, 2));
}

#[test]
fn p20_the_clock_of_the_cache_does_not_keep_a_lease_alive() {
    let server = Server::default();
    let cache = server.process_with(Cache::builder().clock(ManualClock::new()));
    let library = Library::new(&Database::default(), cache);
    library.own(1);
    library.own(1);
    assert_eq!(library.loads(), 1);
    server.follower(0).end_lease();
    library.own(1);
    assert_eq!(library.loads(), 2);
}

#[derive(Clone, cache_core::HasCache)]
struct Failing {
    cache: Cache,
    fails: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl Failing {
    #[cached_query(ttl = "1m", stale_if_error = "1h")]
    fn get(&self) -> Result<u64, &'static str> {
        if self.fails.load(std::sync::atomic::Ordering::SeqCst) { Err("down") } else { Ok(1) }
    }
}

/// What is stale was perhaps invalidated, too.
#[test]
fn p18_without_a_lease_nothing_stale_is_served() {
    let (server, clock) = (Server::default(), ManualClock::new());
    let cache = server.process_with(Cache::builder().clock(clock.clone()));
    let repository = Failing { cache, fails: std::sync::Arc::default() };
    assert_eq!(repository.get(), Ok(1));
    repository.fails.store(true, std::sync::atomic::Ordering::SeqCst);
    clock.advance(Duration::from_secs(120));
    assert_eq!(repository.get(), Ok(1));
    server.follower(0).end_lease();
    assert_eq!(repository.get(), Err("down"));
    server.deliver();
    assert_eq!(repository.get(), Ok(1));
}

/// Two calls for one key, of which the second comes while a row is read for the first. How many rows were read.
fn rows_of_two(max_lag: Duration, ask: fn(&Library) -> u64) -> (u64, Library) {
    let server = Server::default();
    let library = Library::new(&Database::default(), server.process_with_max_lag(max_lag));
    let (other, (arrival, next_call)) = (library.clone(), std::sync::mpsc::channel());
    std::thread::scope(|scope| {
        let waiting = library.clone();
        library.during_the_next_load(move || {
            // The second call has begun: it follows a load, or loads.
            next_call.recv().expect("it is sent");
            // Unknown (`None`) while a shard is locked.
            while waiting.loads() == 1 && !format!("{:?}", waiting.cache).contains("callers_waiting: Some(1)") {
                std::thread::yield_now();
            }
        });
        let first = scope.spawn(|| ask(&library));
        while other.loads() == 0 {
            std::thread::yield_now();
        }
        arrival.send(()).expect("it waits");
        ask(&other);
        first.join().expect("it does not panic");
    });
    (library.loads(), library)
}

#[test]
fn p20_without_a_lease_callers_join_only_loads_that_began_lately() {
    let ask = |library: &Library| library.own(1);
    assert_eq!(rows_of_two(HOUR, ask).0, 1);
    assert_eq!(rows_of_two(Duration::ZERO, ask).0, 2);
}

/// What it was made from may have been loaded before it began, and so on.
#[test]
fn p20_without_a_lease_nobody_joins_a_load_that_has_asked_for_another_answer() {
    let (rows, library) = rows_of_two(HOUR, |library| library.sum(1));
    let sums = library.cache.query_stats().into_iter().find(|stats| stats.query == "sum").expect("it was asked for");
    assert_eq!((rows, sums.loads), (1, 2), "the inner load is joined, and the outer one is not");
}
