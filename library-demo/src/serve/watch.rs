//! Counts what callers notice of an outage.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

use crate::{
    repository::Outage,
    serve::judge::{Judge, Mutating, Reading},
    workload::{Mutation, Read, Step},
};

/// What callers noticed of an outage. Cancelled reads are not counted.
#[derive(Clone, Copy, Debug)]
pub struct OutageReport {
    /// Reads, in the outage and before and after it.
    pub reads: u64,
    /// Reads that failed.
    pub failed_reads: u64,
    /// Mutations that failed.
    pub failed_writes: u64,
    /// Reads in the outage whose answer was known: the same read was answered before, and no mutation that may have
    /// changed the answer was in progress then or has begun since.
    pub known: u64,
    /// Those of them that failed.
    pub known_failed: u64,
    /// The time of all reads.
    pub latency: Latency,
    /// The time of reads in the outage.
    pub latency_in_outage: Latency,
}

/// How long the slowest of 2, 100 and 1000 reads take at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// The median.
    pub p50: Duration,
    /// 99 % are as fast.
    pub p99: Duration,
    /// 99.9 % are as fast.
    pub p999: Duration,
}

impl Latency {
    fn of(nanos: &Histogram<u64>) -> Self {
        let at = |quantile| Duration::from_nanos(nanos.value_at_quantile(quantile));
        Self { p50: at(0.5), p99: at(0.99), p999: at(0.999) }
    }
}

/// Watches the requests of a service whose database may fail.
pub struct Watch {
    outage: Arc<Outage>,
    judge: Judge,
    times: Mutex<Times>,
    failed_reads: AtomicU64,
    failed_writes: AtomicU64,
    known: AtomicU64,
    known_failed: AtomicU64,
}

/// In nanoseconds.
struct Times {
    in_outage: Histogram<u64>,
    otherwise: Histogram<u64>,
}

impl Watch {
    /// For requests out of these steps.
    pub(super) fn new<'a>(outage: Arc<Outage>, steps: impl Iterator<Item = &'a Step>) -> Self {
        // They grow with the largest time.
        let nanos = || Histogram::new(3).expect("three digits are valid");
        Self {
            outage,
            judge: Judge::new(steps),
            times: Mutex::new(Times { in_outage: nanos(), otherwise: nanos() }),
            failed_reads: AtomicU64::new(0),
            failed_writes: AtomicU64::new(0),
            known: AtomicU64::new(0),
            known_failed: AtomicU64::new(0),
        }
    }

    pub(super) fn begin_read(&self, read: &Read) -> WatchedRead<'_> {
        let reading = self.judge.begin_read(read);
        WatchedRead { watch: self, reading, in_outage: self.outage.is_on(), start: Instant::now() }
    }

    pub(super) fn begin_mutation(&self, mutation: &Mutation) -> WatchedMutation<'_> {
        WatchedMutation { watch: self, _mutating: self.judge.begin_mutation(mutation) }
    }

    /// What callers have noticed so far.
    pub fn report(&self) -> OutageReport {
        let times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = times.otherwise.clone();
        all += &times.in_outage;
        let [failed_reads, failed_writes, known, known_failed] =
            [&self.failed_reads, &self.failed_writes, &self.known, &self.known_failed]
                .map(|count| count.load(Ordering::Relaxed));
        OutageReport {
            reads: all.len(),
            failed_reads,
            failed_writes,
            known,
            known_failed,
            latency: Latency::of(&all),
            latency_in_outage: Latency::of(&times.in_outage),
        }
    }

    fn record(&self, in_outage: bool, time: Duration) {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let times = if in_outage { &mut times.in_outage } else { &mut times.otherwise };
        *times += u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    }
}

/// A mutation in progress, also if it panics.
pub(super) struct WatchedMutation<'a> {
    watch: &'a Watch,
    _mutating: Mutating<'a>,
}

impl WatchedMutation<'_> {
    pub(super) fn end(self, is_failed: bool) {
        if is_failed {
            count(&self.watch.failed_writes);
        }
    }
}

/// A read in progress. It is not counted if it is cancelled.
pub(super) struct WatchedRead<'a> {
    watch: &'a Watch,
    reading: Reading<'a>,
    in_outage: bool,
    start: Instant,
}

impl WatchedRead<'_> {
    pub(super) fn end(self, is_failed: bool) {
        let Self { watch, reading, in_outage, start } = self;
        let time = start.elapsed();
        // The outage may have begun during the read.
        let in_outage = in_outage || is_failed;
        watch.record(in_outage, time);
        let is_known = in_outage && reading.is_known();
        for (counter, is_counted) in
            [(&watch.failed_reads, is_failed), (&watch.known, is_known), (&watch.known_failed, is_known && is_failed)]
        {
            if is_counted {
                count(counter);
            }
        }
        if !is_failed {
            reading.set_answered();
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
