//! A process, as far as the cache knows.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use cache_core::{Cache, HasCache, LeaseTime, PublishError, SharedStats, cached_query, invalidates};
use cache_redis::RedisTier;
use redis_tests::{Proxy, Server, recover, shared_stats, until};

pub(crate) const MAX_LAG: Duration = Duration::from_millis(200);
pub(crate) const TIMEOUT: Duration = Duration::from_millis(50);

/// Of those that are to answer in time in any event.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A call may wait for the server several times, on a machine that does other things as well.
const BOUND: Duration = TIMEOUT.saturating_mul(20);

pub(crate) const ROWS: usize = 8;

/// Counters, and how often they were read.
#[derive(Default, Debug)]
pub(crate) struct Database {
    rows: [AtomicU64; ROWS],
    loads: AtomicU64,
    is_down: AtomicBool,
}

/// The database does not answer.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Down;

impl Database {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    fn sum(&self) -> u64 {
        self.rows.iter().map(|row| row.load(Ordering::SeqCst)).sum()
    }

    pub(crate) fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::SeqCst);
    }

    pub(crate) fn loads(&self) -> u64 {
        self.loads.load(Ordering::SeqCst)
    }
}

/// A cache with a tier of its own.
#[derive(HasCache)]
pub(crate) struct Process {
    database: Arc<Database>,
    pub(crate) cache: Cache,
    pub(crate) proxy: Proxy,
}

impl Process {
    /// It has heard all when this returns.
    pub(crate) fn start(server: &Server, database: &Arc<Database>) -> Self {
        let process = Self::start_without_waiting(server.port(), database);
        recover(&process.cache);
        process
    }

    /// It waits for the server as long as a machine may take that does other things as well.
    pub(crate) fn start_patient(server: &Server, database: &Arc<Database>) -> Self {
        let process = Self::start_with(server.port(), database, PATIENCE, PATIENCE);
        recover(&process.cache);
        process
    }

    pub(crate) fn start_without_waiting(port: u16, database: &Arc<Database>) -> Self {
        Self::start_with(port, database, MAX_LAG, TIMEOUT)
    }

    fn start_with(port: u16, database: &Arc<Database>, max_lag: Duration, timeout: Duration) -> Self {
        let proxy = Proxy::to(port);
        let tier = RedisTier::builder(proxy.url()).max_lag(max_lag).timeout(timeout).connect_blocking();
        let cache = Cache::builder().shared(tier.expect("the URL is right")).build();
        Self { database: Arc::clone(database), cache, proxy }
    }

    pub(crate) fn database(&self) -> &Arc<Database> {
        &self.database
    }

    pub(crate) fn stats(&self) -> SharedStats {
        shared_stats(&self.cache)
    }

    /// What it has in memory is answered from there.
    pub(crate) fn is_cached(&self, id: usize) -> bool {
        cache_core::entry!(self.row(id)).is_cached()
    }

    #[cached_query(ttl = "1h", shared)]
    pub(crate) fn row(&self, id: usize) -> u64 {
        self.database.loads.fetch_add(1, Ordering::SeqCst);
        self.database.rows[id].load(Ordering::SeqCst)
    }

    #[cached_query(ttl = "1h", shared)]
    pub(crate) fn row_if_up(&self, id: usize) -> Result<u64, Down> {
        if self.database.is_down.load(Ordering::SeqCst) { Err(Down) } else { Ok(self.row(id)) }
    }

    /// It depends on what it reads.
    #[cached_query(ttl = "1h", shared)]
    pub(crate) fn sum(&self) -> u64 {
        (0..ROWS).map(|id| self.row(id)).sum()
    }

    /// Returns the new counter.
    #[invalidates(row(id))]
    pub(crate) fn write(&self, id: usize) -> u64 {
        self.database.rows[id].fetch_add(1, Ordering::SeqCst) + 1
    }

    #[invalidates(row(id), on_unreachable = "fail")]
    pub(crate) fn write_or_fail(&self, id: usize) -> Result<u64, PublishError> {
        Ok(self.database.rows[id].fetch_add(1, Ordering::SeqCst) + 1)
    }

    /// Writes, and waits until that is acknowledged.
    pub(crate) fn write_and_publish(&self, id: usize) -> u64 {
        let written = self.write(id);
        assert!(until(|| self.stats().unpublished == 0));
        written
    }

    /// Reads all rows until all are in memory.
    pub(crate) fn warm_up(&self) {
        assert!(until(|| {
            self.sum();
            (0..ROWS).all(|id| self.is_cached(id))
        }));
    }

    /// Reads until it sees a write, by key and nested. All writes were acknowledged before this call: what starts `MAX_LAG`
    /// later has to see them.
    pub(crate) fn sees_in_time(&self, id: usize, written: u64) {
        let acknowledged = LeaseTime::now();
        let expected = (written, self.database.sum());
        assert!(until(|| {
            let start = LeaseTime::now();
            let seen = (self.row(id), self.sum());
            assert!(seen == expected || start.since(acknowledged) <= MAX_LAG, "{seen:?} is older than {expected:?}");
            seen == expected
        }));
    }

    /// That reads and writes go on, each within its bound, and see what this process has written.
    pub(crate) fn goes_on(&self) {
        for id in 0..ROWS {
            let written = within_bound(|| self.write(id));
            assert_eq!(within_bound(|| self.row(id)), written);
        }
    }
}

/// The bound is far above the timeout: this finds calls that wait for ever, and those that wait for a connection.
fn within_bound<T>(call: impl FnOnce() -> T) -> T {
    let start = LeaseTime::now();
    let answer = call();
    let took = LeaseTime::now().since(start);
    assert!(took < BOUND, "it took {took:?}");
    answer
}

/// All is well again by itself: all hear of each other, and memory answers.
pub(crate) fn all_is_well(processes: &[&Process]) {
    for process in processes {
        recover(&process.cache);
    }
    for writer in processes {
        let written = writer.write_and_publish(0);
        for process in processes {
            process.sees_in_time(0, written);
        }
    }
    for process in processes {
        process.warm_up();
    }
}
