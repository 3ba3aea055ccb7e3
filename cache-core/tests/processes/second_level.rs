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

/// The taker has not asked for what it names.
#[test]
fn p21_a_name_here_is_enough_to_forget_what_was_taken() {
    let writes: [fn(&Library); 4] = [
        |there| there.write_by_name(0),
        |there| {
            there.database.write(0);
            there.cache.invalidate(["track"]);
        },
        |there| {
            there.database.write(0);
            let transaction = there.cache.transaction();
            transaction.cache().invalidate(["track"]);
            transaction.commit();
        },
        |there| {
            let transaction = there.cache.transaction();
            there.with(transaction.cache()).write_by_name(0);
            transaction.commit();
        },
    ];
    for (number, write) in writes.into_iter().enumerate() {
        let (_, here, there) = two();
        assert_eq!((here.sum(3), there.sum(3), there.loads()), (0, 0, 0));
        write(&there);
        assert_eq!(there.sum(3), 1, "{number}");
    }
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
    // No other value takes its place.
    there.cache.invalidate_all();
    server.limit(0);
    let keys = server.keys().len();
    server.spoil(Vec::clear);
    there.track(1);
    assert_eq!((server.keys().len(), stats(&there).undecodable), (keys - 1, 4));
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

/// The value there is the one that is to be refreshed.
#[test]
fn a_value_near_its_expiry_is_refreshed_by_a_load() {
    #[derive(HasCache)]
    struct Ahead {
        cache: Cache,
    }

    impl Ahead {
        #[cached_query(ttl = "1h", refresh_ahead = "10m", shared)]
        fn get(&self) -> u64 {
            self.cache.stats().loads
        }
    }

    let (server, clock) = (Server::default(), ManualClock::new());
    let ahead = Ahead { cache: server.process_with(Cache::builder().clock(clock.clone())) };
    assert_eq!(ahead.get(), 1);
    clock.advance(HOUR * 11 / 12);
    server.age(HOUR * 11 / 12);
    assert_eq!((ahead.get(), ahead.get()), (2, 2));
    let stats = ahead.cache.shared_stats().expect("it has a tier");
    assert_eq!((stats.hits, stats.misses, stats.puts), (0, 1, 2));
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
    server.hold_answers();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let mut asks = Box::pin(there.track_async(1));
    assert!(asks.as_mut().poll(&mut cx).is_pending());
    let mut follows = Box::pin(there.track_async(1));
    assert!(follows.as_mut().poll(&mut cx).is_pending());
    drop(asks);
    server.give_answers();
    assert_eq!(futures_lite::future::block_on(follows), 0);
    assert_eq!((there.loads(), there.cache.stats().load_errors), (0, 0));
}

/// Two functions in one may have one name: in the second level they would have one place.
#[test]
fn p10_two_queries_of_one_name_are_apart() {
    fn ask(cache: &Cache, is_first: bool) -> u64 {
        if is_first {
            #[cached_query(ttl = "1h", shared, cache = cache, skip(cache))]
            fn get(cache: &Cache) -> u64 {
                1
            }
            get(cache)
        } else {
            #[cached_query(ttl = "1h", shared, cache = cache, skip(cache))]
            fn get(cache: &Cache) -> u64 {
                2
            }
            get(cache)
        }
    }

    let server = Server::default();
    for cache in [(); 2].map(|()| server.process()) {
        assert_eq!((ask(&cache, true), ask(&cache, false), ask(&cache, true)), (1, 2, 1));
    }
}

#[derive(HasCache)]
struct By<F> {
    cache: Cache,
    make: F,
}

impl<F: Fn() -> u64 + Send + Sync + 'static> By<F> {
    #[cached_query(ttl = "1h", shared)]
    fn get(&self) -> u64 {
        (self.make)()
    }
}

/// All closures in a function are of one name.
#[test]
fn p10_types_whose_name_says_too_little_are_not_stored() {
    let server = Server::default();
    let [first, second] = [(); 2].map(|()| server.process());
    assert_eq!((By { cache: first, make: || 1 }.get(), By { cache: second, make: || 2 }.get()), (1, 2));
    assert_eq!(server.keys().len(), 0);
}

#[test]
fn p21_in_a_scope_what_was_invalidated_there_is_not_taken() {
    let (server, here, there) = two();
    let third = Library::new(&here.database, server.process());
    let of = |library: &Library, scope: &str| library.with(library.cache.scope(scope));
    for (scope, writes) in [("1", "1"), ("2", "")] {
        of(&here, scope).track(1);
        let writer = if writes.is_empty() { there.clone() } else { of(&there, writes) };
        let before = there.database.read(1);
        writer.write(1);
        assert_eq!(of(&third, scope).track(1), before + 1, "{scope}");
    }
    // Those of other scopes are.
    of(&here, "3").track(1);
    of(&there, "4").write(1);
    let loads = third.loads();
    of(&third, "3").track(1);
    assert_eq!(third.loads(), loads);
}

#[test]
fn p2_what_was_made_from_keys_outlives_a_write_of_another_key() {
    let (_, here, there) = two();
    assert_eq!((here.sum(3), there.sum(3)), (0, 0));
    let loads = there.loads();
    here.write(5);
    there.write(6);
    assert_eq!((there.sum(3), there.loads()), (0, loads), "it was taken, and neither is one of its keys");
}

/// More is not written beside a value.
#[test]
fn p9_what_depends_on_very_much_is_not_stored() {
    #[derive(HasCache)]
    struct Many {
        cache: Cache,
    }

    impl Many {
        #[cached_query(ttl = "1h", shared)]
        fn one(&self, id: u32) -> u32 {
            id
        }

        #[cached_query(ttl = "1h", shared)]
        fn all(&self, ids: u32) -> u32 {
            (0..ids).map(|id| self.one(id)).max().unwrap_or_default()
        }
    }

    let server = Server::default();
    let many = Many { cache: server.process() };
    assert_eq!((many.all(4_000), server.keys().len()), (3_999, 4_001));
    assert_eq!((many.all(4_100), server.keys().len()), (4_099, 4_101), "those that it was made from are");
}

/// It may be of other types, which have changed since.
#[test]
fn p21_a_value_that_is_refused_is_not_read() {
    let (server, here, there) = two();
    here.track(1);
    server.spoil(|value| *value.last_mut().expect("it is not empty") = 0xc0);
    server.hold();
    there.write(1);
    assert_eq!((there.track(1), stats(&there).refused, stats(&there).undecodable), (1, 1, 0));
}

/// Its tags are its own, and not those of answers that its body has read.
#[test]
fn a_taken_value_can_be_replaced_by_an_insert() {
    #[derive(HasCache)]
    struct Tagged {
        cache: Cache,
    }

    impl Tagged {
        #[cached_query(ttl = "1h", shared, tags_from = |value| [format!("value:{value}")])]
        fn get(&self) -> u64 {
            5
        }
    }

    let (server, here, there) = two();
    let [first, second] = [(); 2].map(|()| Tagged { cache: server.process() });
    assert_eq!((first.get(), second.get(), second.cache.stats().loads), (5, 5, 0));
    assert!(entry!(second.get()).insert(6));
    assert_eq!(second.get(), 6);
    here.tagged(1);
    assert_eq!((there.tagged(1), there.loads()), (0, 0));
    assert!(entry!(there.tagged(1)).insert(7));
    assert_eq!((there.tagged(1), there.loads()), (7, 0));
}

#[test]
fn a_value_that_is_taken_is_told_and_no_load_is_counted() {
    use cache_core::events::{LoadOutcome, Loaded};
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Outcomes(Arc<Mutex<Vec<LoadOutcome>>>);

    impl cache_core::Observer for Outcomes {
        fn loaded(&self, loaded: &Loaded<'_>) {
            self.0.lock().expect("nobody panics").push(loaded.outcome);
        }
    }

    let (server, database, outcomes) = (Server::default(), Database::default(), Outcomes::default());
    let here = Library::new(&database, server.process());
    let there = Library::new(&database, server.process_with(Cache::builder().observer(outcomes.clone())));
    for row in 0..3 {
        here.track(row);
        there.track(row);
    }
    let writer = there.clone();
    there.during_the_next_load(move || writer.cache.invalidate(["track"]));
    there.track(4);
    let told = outcomes.0.lock().expect("nobody panics").clone();
    assert_eq!(told, [LoadOutcome::Taken, LoadOutcome::Taken, LoadOutcome::Taken, LoadOutcome::Discarded]);
    let stats = there.cache.stats();
    assert_eq!((stats.loads, stats.load_errors, stats.misses), (1, 0, 4));
    let last = there.cache.mutations().pop().expect("it is in the log");
    assert_eq!((last.function, last.fenced), ("invalidate", 1), "the load in flight");
}
