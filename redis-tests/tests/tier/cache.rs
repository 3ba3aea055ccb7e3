//! Caches on the tier.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cache_core::{Cache, HasCache, cached_query, invalidates};
use cache_redis::RedisTier;
use redis::cmd;
use redis_tests::Server;

use crate::recorder::redis;

/// A row of a database, and a process that caches it.
#[derive(Clone, HasCache)]
struct Process {
    row: Arc<AtomicU64>,
    loads: Arc<AtomicU64>,
    cache: Cache,
}

impl Process {
    fn start(server: &Server, row: &Arc<AtomicU64>) -> Self {
        let tier = RedisTier::builder(server.url()).timeout(Duration::from_secs(10)).connect_blocking().unwrap();
        let cache = Cache::builder().shared(tier).build();
        let process = Self { row: row.clone(), loads: Arc::default(), cache };
        process.wait_until_live();
        process
    }

    #[cached_query(ttl = "1h", shared)]
    fn read(&self, key: u64) -> u64 {
        self.loads.fetch_add(1, Ordering::SeqCst);
        key + self.row.load(Ordering::SeqCst)
    }

    #[invalidates(read(key))]
    fn write(&self, key: u64) {
        let _ = key;
        self.row.fetch_add(1, Ordering::SeqCst);
    }

    fn loads(&self) -> u64 {
        self.loads.load(Ordering::SeqCst)
    }

    fn stats(&self) -> cache_core::SharedStats {
        self.cache.shared_stats().unwrap()
    }

    fn wait_until_live(&self) {
        self.wait_until(|stats| stats.is_live);
    }

    fn wait_until(&self, is_so: impl Fn(&cache_core::SharedStats) -> bool) {
        let start = Instant::now();
        while !is_so(&self.stats()) {
            assert!(start.elapsed() < Duration::from_secs(30), "{}", self.stats());
            std::thread::yield_now();
        }
    }
}

fn two(server: &Server) -> (Process, Process) {
    let row = Arc::new(AtomicU64::new(100));
    (Process::start(server, &row), Process::start(server, &row))
}

#[test]
fn p4_what_another_process_has_loaded_is_not_loaded_again() {
    let server = Server::start();
    let (here, there) = two(&server);
    assert_eq!((here.read(1), there.read(1), there.read(1)), (101, 101, 101));
    assert_eq!((here.loads(), there.loads()), (1, 0));
    // A process that is started later reads the history back.
    here.write(2);
    let late = Process::start(&server, &here.row);
    assert_eq!((late.read(1), late.loads()), (101, 0));
}

/// Its thread does not return to the runtime between the calls.
#[test]
fn p22_a_task_may_block_its_thread_as_often_as_it_likes() {
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let server = Server::start();
            let (here, there) = two(&server);
            for key in 0..300 {
                here.read(key);
                here.write(key);
            }
            there.wait_until(|stats| stats.heard >= 300);
        });
        done.send(()).unwrap();
    });
    is_done.recv_timeout(Duration::from_mins(1)).expect("it does not wait for ever");
}

#[test]
fn p20_a_write_is_heard_by_the_other_process() {
    let server = Server::start();
    let (here, there) = two(&server);
    assert_eq!(there.read(1), 101);
    here.write(1);
    there.wait_until(|stats| stats.heard == 1);
    assert_eq!((there.read(1), here.read(1)), (102, 102));
    assert_eq!((here.stats().published, here.stats().unpublished), (1, 0));
}

#[test]
fn p20_a_flush_is_a_new_epoch_in_which_nothing_old_is_served() {
    let server = Server::start();
    let (here, there) = two(&server);
    there.read(1);
    here.write(1);
    there.wait_until(|stats| stats.heard == 1);
    cmd("FLUSHALL").exec(&mut redis(&server)).unwrap();
    for process in [&here, &there] {
        process.wait_until(|stats| stats.epochs == 1);
        process.wait_until_live();
        assert_eq!(process.read(1), 102);
    }
    // What was written before is published again.
    there.wait_until(|stats| stats.heard == 2);
}

#[test]
fn p22_without_a_server_all_is_loaded_and_nothing_is_outdated() {
    let mut server = Server::start();
    let (here, there) = two(&server);
    assert_eq!((here.read(1), there.read(1)), (101, 101));
    server.kill();
    here.write(1);
    assert_eq!(here.stats().unpublished, 1);
    there.wait_until(|stats| !stats.is_live);
    assert_eq!(there.read(1), 102);
    server.restart();
    for process in [&here, &there] {
        process.wait_until(|stats| stats.is_live && stats.heard == 1 && stats.unpublished == 0);
        assert_eq!(process.read(1), 102);
    }
}

#[test]
fn a_cache_that_is_dropped_ends_its_tier() {
    let server = Server::start();
    let (here, there) = two(&server);
    here.write(1);
    drop((here, there));
    let mut redis = redis(&server);
    let start = Instant::now();
    while cmd("CLIENT").arg("LIST").query::<String>(&mut redis).unwrap().lines().count() > 1 {
        assert!(start.elapsed() < Duration::from_secs(30), "they are still connected");
    }
}
