//! P18: values near and past their expiry, against writes.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use cache_core::{EntryOptions, ManualClock, Runtime, TaggedCache, Task};
use shuttle::future::{block_on, yield_now};
use shuttle::thread;

use crate::support::{Database, Numbers, Thread, concurrently, explore, is_idle, on_threads, read_against_write};

const KEY: u32 = 1;
const SECOND: Duration = Duration::from_secs(1);

/// A cache with a value of age 9 or 11, of a time to live of 10.
#[derive(Clone)]
struct Aged {
    database: Database,
    is_down: Arc<AtomicBool>,
    loads: Arc<AtomicU32>,
    cache: Numbers,
}

impl Aged {
    fn new(age: u32) -> Self {
        let clock = ManualClock::new();
        let cache = TaggedCache::builder()
            .capacity(8)
            .default_ttl(10 * SECOND)
            .refresh_ahead(2 * SECOND)
            .stale_while_revalidate(if age % 2 == 0 { 3 * SECOND } else { Duration::ZERO })
            .stale_if_error(60 * SECOND)
            .clock(clock.clone())
            .build();
        let this = Self { database: Database::default(), is_down: Arc::default(), loads: Arc::default(), cache };
        assert_eq!(this.read(), Ok(0));
        clock.advance(age * SECOND);
        this
    }

    fn read(&self) -> Result<u32, ()> {
        let options = || EntryOptions::new().tag("numbers");
        self.cache.entry(&KEY).with(options).or_try_load(|| {
            self.loads.fetch_add(1, Ordering::Relaxed);
            let number = self.database.read();
            thread::yield_now();
            if self.is_down.load(Ordering::Relaxed) { Err(()) } else { Ok(number) }
        })
    }
}

const WRITES: [fn(&Aged); 3] = [
    |aged| _ = aged.cache.invalidate_key(&KEY),
    |aged| aged.cache.invalidate_tags(["numbers"]),
    |aged| aged.cache.invalidate_all(),
];

/// Ages at which a value is refreshed, revalidated, or kept for errors.
const AGES: [u32; 3] = [9, 12, 13];

/// Guards: a refresh is a load like any other, and is fenced.
fn refresh_against_write(age: u32) {
    for write in WRITES {
        explore(move || {
            let aged = Aged::new(age);
            read_against_write(
                &aged,
                2,
                [],
                |aged| aged.read().unwrap(),
                move |aged| {
                    aged.database.write(1);
                    write(aged);
                },
            );
            assert!(is_idle(&aged.cache));
            aged.cache.check_invariants();
        });
    }
}

#[test]
fn p1_a_refresh_before_the_expiry_against_a_write() {
    refresh_against_write(AGES[0]);
}

#[test]
fn p1_a_revalidation_against_a_write() {
    refresh_against_write(AGES[1]);
}

/// Guards: `Leader::fail` and `Follower::resume` serve nothing if the load was fenced or the entry is invalid.
fn failure_against_write(age: u32) {
    for write in WRITES {
        explore(move || {
            let aged = Aged::new(age);
            aged.is_down.store(true, Ordering::Relaxed);
            // An error shows nothing stale.
            read_against_write(
                &aged,
                2,
                [],
                |aged| aged.read().unwrap_or(1),
                move |aged| {
                    aged.database.write(1);
                    write(aged);
                },
            );
            assert_eq!(aged.read(), Err(()), "nothing may be served");
            assert!(is_idle(&aged.cache));
        });
    }
}

#[test]
fn p18_a_failing_refresh_against_a_write() {
    failure_against_write(AGES[0]);
}

#[test]
fn p18_a_failing_revalidation_against_a_write() {
    failure_against_write(AGES[1]);
}

#[test]
fn p18_a_failing_load_of_an_expired_value_against_a_write() {
    failure_against_write(AGES[2]);
}

/// Guards: `Store::claim` lets one caller refresh.
#[test]
fn p4_one_caller_refreshes() {
    for age in [AGES[0], AGES[1]] {
        explore(move || {
            let aged = Aged::new(age);
            aged.database.write(1);
            let reader = aged.clone();
            on_threads(3, move || assert!(reader.read().unwrap() <= 1));
            assert_eq!((aged.read(), aged.loads.load(Ordering::Relaxed)), (Ok(1), 2));
        });
    }
}

/// Guards: a failure is recorded, so that nobody tries again at once.
#[test]
fn p18_one_caller_meets_a_failure() {
    for age in AGES {
        explore(move || {
            let aged = Aged::new(age);
            aged.is_down.store(true, Ordering::Relaxed);
            let reader = aged.clone();
            on_threads(3, move || assert_eq!(reader.read(), Ok(0)));
            assert_eq!(aged.loads.load(Ordering::Relaxed), 2, "time stands still");
        });
    }
}

type Lists = TaggedCache<u32, Option<u32>>;

/// Two lists that overlap, and a write.
///
/// Guards: a call loads what it has claimed before it waits for others; each id is fenced for itself.
#[test]
fn p1_overlapping_lists_against_a_write() {
    explore(|| {
        let (cache, database): (Lists, _) = (TaggedCache::builder().capacity(8).build(), Database::default());
        let read = {
            let (cache, database) = (cache.clone(), database.clone());
            move |ids: [u32; 2]| -> Vec<(u32, u32)> {
                cache.get_or_load_each(&ids, |ids| {
                    let number = database.read();
                    thread::yield_now();
                    ids.into_iter().map(|id| (id, number)).collect()
                })
            }
        };
        let (one, two) = (read.clone(), read.clone());
        let write = {
            let (cache, database, read) = (cache.clone(), database.clone(), read.clone());
            move || {
                database.write(1);
                cache.invalidate_key(&2);
                assert!(read([2, 3]).contains(&(2, 1)), "a stale value was served after the write");
            }
        };
        let threads: [Thread; 3] = [
            Box::new(move || assert_eq!(one([1, 2]).len(), 2)),
            Box::new(move || assert_eq!(two([2, 1]).len(), 2)),
            Box::new(write),
        ];
        concurrently(threads);
        assert!(read([2, 1]).contains(&(2, 1)), "a stale value stayed in the cache");
        assert!(is_idle(&cache));
        cache.check_invariants();
    });
}

/// Guards: ids of a failed call are loaded by those that waited for it.
#[test]
fn p5_overlapping_lists_and_a_failure_in_one() {
    explore(|| {
        let cache: Lists = TaggedCache::builder().capacity(8).build();
        let bodies = Arc::new(AtomicU32::new(0));
        let read = {
            let (cache, bodies) = (cache.clone(), bodies.clone());
            move |ids: [u32; 2], fails: bool| -> Result<Vec<(u32, u32)>, ()> {
                cache.get_or_try_load_each(&ids, |ids| {
                    bodies.fetch_add(1, Ordering::Relaxed);
                    thread::yield_now();
                    if fails { Err(()) } else { Ok(ids.into_iter().map(|id| (id, id)).collect()) }
                })
            }
        };
        let (one, two, three) = (read.clone(), read.clone(), read);
        concurrently([
            Box::new(move || {
                let found = one([1, 2], true);
                assert!(found.is_err() || found == Ok(vec![(1, 1), (2, 2)]));
            }),
            Box::new(move || assert_eq!(two([2, 3], false), Ok(vec![(2, 2), (3, 3)]))),
            Box::new(move || assert_eq!(three([3, 1], false), Ok(vec![(3, 3), (1, 1)]))),
        ]);
        let bodies = bodies.load(Ordering::Relaxed);
        assert!(bodies <= 5, "{bodies} bodies: one for each call, and one more for each that waited for the failure");
        assert!(is_idle(&cache));
        cache.check_invariants();
    });
}

/// Each task in a thread of its own.
struct Threads(Arc<AtomicU32>);

impl Runtime for Threads {
    fn spawn(&self, task: Task) {
        let ended = self.0.clone();
        thread::spawn(move || {
            block_on(task);
            ended.fetch_add(1, Ordering::SeqCst);
        });
    }

    fn sleep(&self, _: Duration) -> Task {
        Box::pin(yield_now())
    }
}

/// A cache with a value that is refreshed in the background.
fn in_background(ended: &Arc<AtomicU32>) -> (Numbers, ManualClock) {
    let clock = ManualClock::new();
    let cache = TaggedCache::builder()
        .capacity(8)
        .default_ttl(10 * SECOND)
        .refresh_ahead(2 * SECOND)
        .stale_if_error(60 * SECOND)
        .soft_timeout(SECOND)
        .runtime(Threads(ended.clone()))
        .clock(clock.clone())
        .build();
    cache.insert(KEY, 0);
    (cache, clock)
}

/// The load would never end.
///
/// Guards: the last handle of a cache ends its loads, also one that has not begun, and they release the engine.
#[test]
fn p9_a_load_in_the_background_against_the_drop_of_the_cache() {
    explore(|| {
        let ended = Arc::new(AtomicU32::new(0));
        let (cache, clock) = in_background(&ended);
        clock.advance(9 * SECOND);
        let other = cache.clone();
        let asks = thread::spawn(move || {
            let load = async {
                yield_now().await;
                pending().await
            };
            assert_eq!(block_on(other.entry(&KEY).or_load_in_background_async(load)), 0);
        });
        drop(cache);
        asks.join().unwrap();
        while ended.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
    });
}

/// Guards: a load in the background is fenced like any other, and what is served meanwhile is checked.
#[test]
fn p1_a_load_in_the_background_against_a_write() {
    for age in [9, 11] {
        for write in [|cache: &Numbers| _ = cache.invalidate_key(&KEY), |cache: &Numbers| cache.invalidate_all()] {
            explore(move || {
                let (cache, clock) = in_background(&Arc::default());
                let database = Database::default();
                clock.advance(age * SECOND);
                let state = (cache, database);
                let read = |(cache, database): &(Numbers, Database)| {
                    let database = database.clone();
                    let load = async move {
                        let number = database.read();
                        yield_now().await;
                        number
                    };
                    block_on(cache.entry(&KEY).or_load_in_background_async(load))
                };
                read_against_write(&state, 2, [], read, move |(cache, database)| {
                    database.write(1);
                    write(cache);
                });
            });
        }
    }
}
