//! The tables of a load test with an outage.

use std::{io::Write, sync::Arc, time::Duration};

use cache_core::Cache;
use tokio::time::sleep;

use crate::{
    error::ReplayError,
    output::{Progress, left, right, short, write_table},
    repository::{MusicRepository, Outage, ShortLived, SqliteRepository, StaleIfError},
    serve::{
        sample::Sample,
        service::{Budget, Load, Service},
        watch::OutageReport,
    },
    workload::{Policy, listening},
};

/// A load in whose middle the database fails.
#[derive(Clone, Copy, Debug)]
pub struct OutageLoad {
    /// The number of clients, each a task.
    pub tasks: usize,
    /// The time to serve without a cache, with one, and with `stale_if_error`; a third of it each.
    pub time: Duration,
    /// How long the database fails each time.
    pub outage: Duration,
    /// The time after which a call of the failed database ends with an error.
    pub delay: Duration,
    /// The percentage of requests cancelled at their first, second or third wait.
    pub cancelled: u32,
    /// Chooses the cancelled requests. Interleaving still varies.
    pub seed: u64,
}

/// Few, so that each track is read often: about 1,000 tracks, which the cache holds when the outage begins.
const VISITS: usize = 40;

/// The row whose known answers must not fail.
const STALE_IF_ERROR: &str = "cache, stale_if_error";

/// For a library that bypasses this cache.
type Caching = fn(Arc<SqliteRepository>, Cache) -> Arc<dyn MusicRepository>;

const ROWS: [(&str, Caching); 3] = [
    ("no cache", |library, _| library),
    ("cache", |library, cache| Arc::new(ShortLived::new(library, cache))),
    (STALE_IF_ERROR, |library, cache| Arc::new(StaleIfError::new(library, cache))),
];

/// Serves the sample library without a cache, with one, and with `stale_if_error`, while its database fails for a part of
/// the time; writes the tables to `out`, and returns the expectations that do not hold.
///
/// # Errors
///
/// If a request fails for another reason, or the output.
pub async fn serve_outage(
    out: &mut impl Write,
    load: OutageLoad,
    progress: &Progress,
) -> Result<Vec<String>, ReplayError> {
    let mut results = Vec::new();
    for (name, caching) in ROWS {
        results.push(OutageResult::of(load, name, caching, progress).await?);
    }
    let title = format!(
        "The outage: {} tasks show the tracks of playlists and play one in 25, and {} % of the requests are cancelled while \
         they wait.\nFor {:?} in the middle, each call of the database fails after {:?}. Cached answers expire after 1s.\n\
         An answer is known in the outage if it was given before, and no mutation that may change it has begun since.",
        load.tasks, load.cancelled, load.outage, load.delay
    );
    let columns = [
        left("policy"),
        right("reads"),
        right("failed reads"),
        right("failed writes"),
        right("expired served"),
        right("known"),
        right("known failed"),
        right("stale answers"),
    ];
    write_table(out, &title, columns, results.iter().map(OutageResult::row).collect())?;
    let title = "The latency of reads, also of those that fail, in the whole time and in the outage.";
    let columns = [
        left("policy"),
        right("p50"),
        right("p99"),
        right("p99.9"),
        right("outage p50"),
        right("outage p99"),
        right("outage p99.9"),
    ];
    write_table(out, title, columns, results.iter().map(OutageResult::latencies).collect())?;
    Ok(results.iter().flat_map(OutageResult::failed_expectations).collect())
}

struct OutageResult {
    name: &'static str,
    expired_served: u64,
    stale: u64,
    report: OutageReport,
}

impl OutageResult {
    async fn of(
        load: OutageLoad,
        name: &'static str,
        caching: Caching,
        progress: &Progress,
    ) -> Result<Self, ReplayError> {
        let OutageLoad { tasks, time, outage: length, delay, cancelled, seed } = load;
        let Sample { file, visits, folder: _folder } =
            Sample::import(name, |library| listening(library, VISITS), progress)?;
        let steps = visits.iter().map(|visit| visit.len() as u64).sum();
        let (cache, outage) = (Cache::new(), Arc::new(Outage::new(delay)));
        let library = Arc::new(SqliteRepository::open_with_outage(&file, cache.bypass(), outage.clone()).await?);
        let (service, watch) = Service::with_outage(caching(library.clone(), cache.clone()), visits, outage.clone());

        let time = time / 3;
        let load = |budget| Load { tasks, budget, cancelled, seed };
        // On a slow machine, the time before the outage may be too short to read everything once.
        let once = Budget::Operations(steps);
        service.serve(load(once), &progress.step(format!("{name}: warm up"), Some(0))).await?;
        let bar = progress.step(format!("{name}: serve"), Some(0));
        let fail = async {
            sleep(time.saturating_sub(length) / 2).await;
            outage.begin();
            sleep(length).await;
            outage.end();
            Ok(())
        };
        let (served, ()) = tokio::try_join!(service.serve(load(Budget::Time(time)), &bar), fail)?;
        drop(bar);
        // Before the comparison, which reads as well.
        let expired_served = cache.stats().stale_hits;
        let truth = SqliteRepository::open(&file, (Policy::NO_CACHE.cache)()).await?;
        let stale = service.compare_with(&truth, &progress.step(format!("{name}: compare"), Some(0))).await?;
        library.close().await;
        truth.close().await;
        Ok(Self { name, expired_served, stale: served.stale + stale, report: watch.report() })
    }

    fn row(&self) -> [String; 8] {
        let Self { name, expired_served, stale, report } = self;
        let OutageReport { reads, failed_reads, failed_writes, known, known_failed, .. } = report;
        [
            (*name).to_owned(),
            reads.to_string(),
            failed_reads.to_string(),
            failed_writes.to_string(),
            expired_served.to_string(),
            known.to_string(),
            known_failed.to_string(),
            stale.to_string(),
        ]
    }

    fn latencies(&self) -> [String; 7] {
        let OutageReport { latency: all, latency_in_outage: in_outage, .. } = self.report;
        let times = [all.p50, all.p99, all.p999, in_outage.p50, in_outage.p99, in_outage.p999];
        let [p50, p99, p999, outage_p50, outage_p99, outage_p999] = times.map(short);
        [self.name.to_owned(), p50, p99, p999, outage_p50, outage_p99, outage_p999]
    }

    fn failed_expectations(&self) -> Vec<String> {
        let Self { name, stale, report: OutageReport { known, known_failed, .. }, .. } = self;
        let mut failed = Vec::new();
        if *stale > 0 {
            failed.push(format!("{name}: no answer is stale: {stale} are"));
        }
        if *name == STALE_IF_ERROR {
            if *known_failed > 0 {
                failed.push(format!("{name}: no read whose answer is known fails: {known_failed} of {known} do"));
            }
            if *known == 0 {
                failed.push(format!("{name}: the answers of some reads in the outage are known: those of none are"));
            }
        }
        failed
    }
}
