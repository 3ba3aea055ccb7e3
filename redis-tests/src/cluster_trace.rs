//! How many loads the second level saves, on the visits of the demo's customers spread over several processes:
//!
//! ```text
//! cargo run --profile models -p redis-tests --bin cluster-trace
//! ```
//!
//! The visits and the mutations' targets are those of `library-demo replay` (`library-demo/src/workload/trace.rs` and
//! `manager.rs`); the bodies only count. Each process is a cache with a tier of its own. All visits of a customer are in
//! one process, as behind a load balancer with sessions, and in the order of the purchases.

use std::{
    collections::HashMap,
    error::Error,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use cache_core::{Cache, HasCache, cached_query, invalidates};
use cache_redis::RedisTier;
use redis_tests::{Server, recover, shared_stats};

const PROCESSES: [usize; 4] = [1, 2, 4, 8];

const PATIENCE: Duration = Duration::from_secs(10);

/// The tracks of a page.
const PAGE: u32 = 50;

type Failure = Box<dyn Error>;

/// A purchase.
struct Visit {
    customer: usize,
    track: u32,
    artist: String,
}

/// A library whose queries are in the second level, or not.
macro_rules! library {
    ($name:ident $(, $shared:ident)?) => {
        #[derive(HasCache)]
        struct $name {
            loads: Arc<AtomicU64>,
            cache: Cache,
        }

        impl Library for $name {
            fn new(cache: Cache, loads: &Arc<AtomicU64>) -> Self {
                Self { loads: Arc::clone(loads), cache }
            }

            fn visit(&self, number: usize, visit: &Visit) {
                let Visit { track, artist, .. } = visit;
                self.recent();
                self.search(artist);
                self.track(*track);
                self.all((track - 1) / PAGE * PAGE);
                self.favorites();
                self.popular();
                self.play(*track);
                if number.is_multiple_of(10) {
                    self.favorite();
                }
                if number.is_multiple_of(50) {
                    self.update(*track);
                }
                if number.is_multiple_of(100) {
                    self.add();
                }
                if number.is_multiple_of(200) {
                    self.delete();
                }
            }
        }

        impl $name {
            fn load(&self) -> u64 {
                self.loads.fetch_add(1, Ordering::SeqCst)
            }

            #[cached_query(ttl = "5m" $(, $shared)?)]
            fn all(&self, offset: u32) -> u64 {
                let _ = offset;
                self.load()
            }

            #[cached_query(ttl = "5m" $(, $shared)?)]
            fn track(&self, id: u32) -> u64 {
                let _ = id;
                self.load()
            }

            #[cached_query(ttl = "5m" $(, $shared)?)]
            fn search(&self, query: &str) -> u64 {
                let _ = query;
                self.load()
            }

            #[cached_query(ttl = "5m" $(, $shared)?)]
            fn favorites(&self) -> u64 {
                self.load()
            }

            #[cached_query(ttl = "5m" $(, $shared)?)]
            fn recent(&self) -> u64 {
                self.load()
            }

            #[cached_query(ttl = "5m" $(, $shared)?)]
            fn popular(&self) -> u64 {
                self.load()
            }

            #[invalidates("popular", "recent", "all", track(id))]
            fn play(&self, id: u32) {
                let _ = id;
            }

            #[invalidates("favorites")]
            fn favorite(&self) {}

            #[invalidates(track(id), "search", "all", "favorites", "recent", "popular")]
            fn update(&self, id: u32) {
                let _ = id;
            }

            #[invalidates("all", "search", "recent")]
            fn add(&self) {}

            #[invalidates("all", "search", "favorites", "recent", "popular")]
            fn delete(&self) {}
        }
    };
}

trait Library: Sized {
    fn new(cache: Cache, loads: &Arc<AtomicU64>) -> Self;

    fn visit(&self, number: usize, visit: &Visit);
}

library!(WithSecondLevel, shared);
library!(InMemory);

/// What a run took.
struct Outcome {
    reads: u64,
    loads: u64,
    second_level: u64,
}

fn main() -> Result<(), Failure> {
    let visits = visits()?;
    println!("{} visits of the demo's customers, {} reads", visits.len(), 6 * visits.len());
    println!("processes   loads, log alone   loads, second level    saved   hits of the second level");
    for processes in PROCESSES {
        let alone = run::<InMemory>(&visits, processes)?;
        let shared = run::<WithSecondLevel>(&visits, processes)?;
        assert_eq!((alone.reads, alone.second_level), (shared.reads, 0), "both have read the same");
        println!(
            "{processes:>9}{:>19}{:>22}{:>8}%{:>27}",
            alone.loads,
            shared.loads,
            100 - 100 * shared.loads / alone.loads,
            shared.second_level
        );
    }
    Ok(())
}

/// On a server of its own: nothing is there that was stored before.
fn run<L: Library>(visits: &[Visit], processes: usize) -> Result<Outcome, Failure> {
    let (server, loads) = (Server::start(), Arc::default());
    let caches = (0..processes).map(|_| {
        // However busy the machine is, no lease ends, and no answer comes too late: only loads are counted.
        let tier = RedisTier::builder(server.url()).max_lag(PATIENCE).timeout(PATIENCE).connect_blocking()?;
        let cache = Cache::builder().shared(tier).build();
        recover(&cache);
        Ok(cache)
    });
    let caches = caches.collect::<Result<Vec<Cache>, Failure>>()?;
    let libraries: Vec<L> = caches.iter().map(|cache| L::new(cache.clone(), &loads)).collect();
    for (number, visit) in (1..).zip(visits) {
        libraries[visit.customer % processes].visit(number, visit);
    }
    Ok(Outcome {
        reads: caches.iter().map(|cache| cache.stats().hits + cache.stats().misses).sum(),
        loads: loads.load(Ordering::SeqCst),
        second_level: caches.iter().map(|cache| shared_stats(cache).hits).sum(),
    })
}

fn visits() -> Result<Vec<Visit>, Failure> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../library-demo/data");
    let mut artists = HashMap::new();
    for track in csv::Reader::from_path(data.join("tracks.csv"))?.records() {
        let track = track?;
        artists.insert(track[0].parse::<u32>()?, track[2].to_owned());
    }
    let visit = |purchase: csv::Result<csv::StringRecord>| {
        let purchase = purchase?;
        let track = purchase[2].parse()?;
        let artist = artists.get(&track).ok_or("a purchase is of no track")?.clone();
        Ok(Visit { customer: purchase[1].parse()?, track, artist })
    };
    csv::Reader::from_path(data.join("purchases.csv"))?.records().map(visit).collect()
}
