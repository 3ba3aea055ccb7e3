//! Values that one process has loaded, and another one takes.

use std::time::Duration;

use cache_core::{Cache, HasCache, ManualClock, TaggedCache, cached_query, entry};

use crate::library::{Database, Library};
use crate::tier::{HOUR, Server};

fn two() -> (Server, Library, Library) {
    let (server, database) = (Server::default(), Database::default());
    let [here, there] = [(); 2].map(|()| Library::new(&database, server.process()));
    (server, here, there)
}

fn stats(library: &Library) -> cache_core::SharedStats {
    library.cache.shared_stats().expect("it has a tier")
}

#[test]
fn p4_what_another_process_has_loaded_is_not_loaded_again() {
    let (_, here, there) = two();
    here.database.write(1);
    assert_eq!((here.track(1), here.loads()), (1, 1));
    assert_eq!((there.track(1), there.track(1), there.loads()), (1, 1, 0));
    let (here, there) = (stats(&here), stats(&there));
    assert_eq!((here.misses, here.puts, there.hits, there.puts), (1, 1, 1, 0));
}

#[test]
fn p4_an_asynchronous_load_asks_too() {
    let (_, here, there) = two();
    futures_lite::future::block_on(async {
        assert_eq!((here.track_async(1).await, there.track_async(1).await, there.track_async(1).await), (0, 0, 0));
    });
    assert_eq!((here.loads(), there.loads(), stats(&here).puts), (1, 0, 1));
}

#[test]
fn p10_only_shared_queries_are_there_and_each_key_and_scope_apart() {
    let (server, here, there) = two();
    here.own(1);
    assert_eq!(server.keys().len(), 0);
    here.track(1);
    let scoped = here.with(here.cache.scope("tenant"));
    scoped.database.write(1);
    assert_eq!((scoped.track(1), here.track(1), there.track(1)), (1, 0, 0));
    assert_eq!((there.with(there.cache.scope("tenant")).track(1), there.loads()), (1, 0));
    there.track(2);
    there.tagged(1);
    assert_eq!((there.loads(), server.keys().len()), (2, 4));
}

#[test]
fn p21_what_was_invalidated_after_it_was_loaded_is_not_taken() {
    let (_, here, there) = two();
    here.track(1);
    there.write(1);
    assert_eq!((there.track(1), stats(&there).refused), (1, 1));
    assert_eq!((here.track(1), here.loads()), (1, 1), "the value of the other one is newer");
}

/// It reads before the write, and stores after it.
#[test]
fn p21_a_slow_loader_stores_nothing_that_others_take() {
    let (server, here, there) = two();
    server.hold();
    let writer = there.clone();
    here.during_the_next_load(move || writer.write(1));
    assert_eq!(here.track(1), 0, "it has not heard of the write");
    assert_eq!((server.keys().len(), there.track(1), stats(&there).refused), (1, 1, 1));
    server.deliver();
    let third = Library::new(&here.database, server.process());
    assert_eq!((here.track(1), third.track(1)), (1, 1));
}

/// Between its own invalidation and the moment when it hears of it in the log.
#[test]
fn p21_a_writer_takes_nothing_from_before_its_own_write() {
    let (server, here, there) = two();
    here.track(1);
    server.hold();
    there.write(1);
    assert_eq!((there.track(1), stats(&there).refused), (1, 1));
    server.set_down(true);
    there.write(1);
    server.set_down(false);
    assert_eq!(there.track(1), 2);
}

#[test]
fn p21_what_is_from_another_epoch_or_from_before_a_loss_is_not_taken() {
    let (server, here, there) = two();
    here.track(1);
    server.begin_epoch();
    there.track(1);
    assert_eq!((there.loads(), stats(&there).refused), (1, 1));
    here.track(2);
    there.database.write(7);
    there.cache.invalidate(["none"]);
    server.lose(1);
    there.track(2);
    assert_eq!((there.loads(), stats(&there).refused), (2, 2));
}

#[test]
fn p21_without_a_lease_nothing_is_taken() {
    let (server, here, there) = two();
    here.track(1);
    server.follower(1).end_lease();
    there.track(1);
    assert_eq!((there.loads(), stats(&there).hits), (1, 0));
}

#[test]
fn p15_a_taken_value_is_forgotten_with_what_it_was_made_from() {
    let (_, here, there) = two();
    let take = || {
        let loads = there.loads();
        let taken =
            (here.sum(3), here.sum_of_own(3), here.if_cached(1), there.sum(3), there.sum_of_own(3), there.if_cached(1));
        assert_eq!(there.loads(), loads, "all is taken");
        taken
    };
    here.track(1);
    take();
    here.write(1);
    let before = there.loads();
    assert_eq!((there.sum(3), there.sum_of_own(3), there.loads() > before), (1, 1, true));
    here.cache.invalidate_all();
    here.track(1);
    take();
    there.write(2);
    assert_eq!((there.sum(3), there.sum_of_own(3)), (2, 2), "also if this process names a key that it has not loaded");
    here.cache.invalidate_all();
    here.track(1);
    take();
    here.database.write(0);
    there.cache.invalidate(["track"]);
    assert_eq!(there.sum(3), 3);
    entry!(there.track(1)).insert(1);
    assert_eq!(there.if_cached(1), Some(1));
}

#[test]
fn p8_a_taken_value_expires_no_later() {
    let (server, database, clock) = (Server::default(), Database::default(), ManualClock::new());
    let [here, there] =
        [(); 2].map(|()| Library::new(&database, server.process_with(Cache::builder().clock(clock.clone()))));
    here.track(1);
    // A tier tells what is left: half an hour.
    clock.advance(HOUR / 2);
    server.age(HOUR / 2);
    there.track(1);
    clock.advance(Duration::from_secs(1_799));
    there.track(1);
    assert_eq!(there.loads(), 0);
    clock.advance(Duration::from_secs(1));
    server.age(HOUR);
    there.track(1);
    assert_eq!(there.loads(), 1);
}

#[test]
fn p22_a_value_that_cannot_be_read_is_removed() {
    let (server, here, there) = two();
    here.track(1);
    // Its value, after its head, is no number.
    server.spoil(|value| *value.last_mut().expect("it is not empty") = 0xc0);
    assert_eq!((there.track(1), there.loads(), stats(&there).undecodable), (0, 1, 1));
    here.tagged(1);
    server.spoil(|value| value[0] = 99);
    there.tagged(1);
    assert_eq!((there.loads(), stats(&there).undecodable), (2, 2));
    there.cache.invalidate_all();
    server.spoil(Vec::clear);
    assert_eq!((there.track(1), stats(&there).undecodable), (0, 3));
}

#[test]
fn p22_if_the_second_level_is_down_or_refuses_calls_load() {
    let (server, here, _) = two();
    server.set_down(true);
    here.track(1);
    assert_eq!((here.loads(), stats(&here).failed_gets, stats(&here).failed_puts), (1, 1, 1));
    server.set_down(false);
    server.limit(0);
    here.track(2);
    assert_eq!((here.track(2), here.loads(), stats(&here).too_large, stats(&here).puts), (0, 2, 1, 0));
}

#[test]
fn p17_what_is_not_stored_here_is_not_stored_there() {
    let (server, here, _) = two();
    let transaction = here.cache.transaction();
    here.with(transaction.cache()).track(1);
    here.with(here.cache.bypass()).track(1);
    let writer = here.clone();
    here.during_the_next_load(move || writer.write(2));
    here.track(2);
    assert_eq!(server.keys().len(), 0);
    drop(transaction);
    let nothing = Library::new(&here.database, server.process_with(Cache::builder().capacity(0)));
    here.track(3);
    nothing.track(3);
    assert_eq!((server.keys().len(), nothing.loads()), (1, 1), "a cache of nothing takes nothing");
}

#[test]
fn a_refresh_takes_nothing_and_stores_what_it_loads() {
    let (_, here, there) = two();
    here.track(1);
    there.database.write(1);
    assert_eq!((there.with(there.cache.refresh()).track(1), there.loads()), (1, 1));
    here.cache.invalidate(["none"]);
    let third = here.with(here.cache.refresh());
    assert_eq!(third.track(1), 1);
}

/// Its invalidations are not in the log.
#[test]
fn p21_what_was_made_from_another_cache_is_not_stored() {
    #[derive(HasCache)]
    struct Mixed {
        cache: Cache,
        other: TaggedCache<u8, u64>,
    }

    impl Mixed {
        #[cached_query(ttl = "1h", shared)]
        fn get(&self) -> u64 {
            self.other.get_or_load(&1, || 7)
        }
    }

    let server = Server::default();
    let mixed = Mixed { cache: server.process(), other: TaggedCache::new() };
    assert_eq!((mixed.get(), server.keys().len()), (7, 0));
}

/// They would be written as `None`.
#[test]
fn p10_options_of_options_are_not_stored() {
    #[derive(HasCache)]
    struct Nested {
        cache: Cache,
    }

    impl Nested {
        #[cached_query(ttl = "1h", shared)]
        #[expect(clippy::option_option, reason = "that is what it is about")]
        fn get(&self, id: u8) -> Option<Option<u8>> {
            Some((id > 5).then_some(id))
        }
    }

    let server = Server::default();
    let [one, two] = [(); 2].map(|()| Nested { cache: server.process() });
    assert_eq!(
        (one.get(1), two.get(1), one.get(9), two.get(9)),
        (Some(None), Some(None), Some(Some(9)), Some(Some(9)))
    );
    assert_eq!(server.keys().len(), 0);
}

#[derive(HasCache)]
struct Of<T> {
    cache: Cache,
    value: T,
}

impl<T: Copy + Into<u64> + Send + Sync + 'static> Of<T> {
    #[cached_query(ttl = "1h", shared)]
    fn get(&self) -> u64 {
        self.value.into()
    }

    /// Its own generic argument has no name that is the same in each process.
    #[cached_query(ttl = "1h", shared)]
    fn generic<U: Default + Into<u64> + 'static>(&self) -> u64 {
        U::default().into() + self.value.into()
    }
}

#[test]
fn p10_types_are_apart() {
    let server = Server::default();
    let [one, two] = [(); 2].map(|()| server.process());
    assert_eq!((Of { cache: one.clone(), value: 1_u8 }.get(), Of { cache: one.clone(), value: 2_u16 }.get()), (1, 2));
    assert_eq!((Of { cache: two.clone(), value: 3_u16 }.get(), Of { cache: two.clone(), value: 4_u8 }.get()), (2, 1));
    assert_eq!(server.keys().len(), 2);
    assert_eq!(
        (Of { cache: one, value: 1_u8 }.generic::<u8>(), Of { cache: two, value: 5_u8 }.generic::<u16>()),
        (1, 5)
    );
    assert_eq!(server.keys().len(), 2);
}

#[test]
fn p5_a_call_that_is_dropped_while_it_asks_leaves_no_trace() {
    let (server, here, there) = two();
    futures_lite::future::block_on(here.track_async(1));
    server.hold_answers(true);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let mut asks = Box::pin(there.track_async(1));
    assert!(asks.as_mut().poll(&mut cx).is_pending());
    let mut follows = Box::pin(there.track_async(1));
    assert!(follows.as_mut().poll(&mut cx).is_pending());
    drop(asks);
    server.hold_answers(false);
    assert_eq!(futures_lite::future::block_on(follows), 0);
    assert_eq!((there.loads(), there.cache.stats().load_errors), (0, 0));
}
