//! The replay of several processes: what a log of invalidations and a second level save.
//!
//! Each process is a [`Runner`] with a cache of its own, and all have one database. Visits run one after another, so the
//! figures are the same each time. Each begins when all processes have heard of the one before, as it is for a client that
//! waits for the maximal lag after each write: all answers must be those of the database.

use std::{
    future::ready,
    io::Write,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use cache_core::{
    Cache, CacheBuilder, Follower, LogPosition, Publication, PublishError, PutOutcome, SharedStats, SharedTier,
    StoredValue, TierError, TierFuture,
};
use indicatif::ProgressBar;

use super::{Check, MemoryServer, Runner};
use crate::{
    database::Database,
    error::ReplayError,
    output::{Progress, left, percent, right, write_table},
    workload::{Policy, Step, listening, visits},
};

/// How long a tier may take to hear of everything.
const PATIENCE: Duration = Duration::from_secs(20);

/// The tiers of several processes.
pub type Tiers = Vec<Arc<dyn SharedTier>>;

/// Several processes with one library.
#[derive(Clone, Copy, Debug)]
pub struct Processes {
    /// How many there are: at least two.
    pub count: usize,
    /// How many visits each workload has, at most.
    pub visits: usize,
}

impl Processes {
    /// Runs the purchases and the playlists, writes a table of each to `out`, and returns the failed expectations.
    ///
    /// `connect` makes the tiers of that many processes, with a log and a second level that are empty. It is called for each
    /// run: [`tiers_in_memory`] needs no server.
    ///
    /// # Errors
    ///
    /// If the library fails, a tier, or the output.
    pub fn replay(
        self,
        out: &mut impl Write,
        connect: impl Fn(usize) -> Result<Tiers, ReplayError>,
        progress: &Progress,
    ) -> Result<Vec<String>, ReplayError> {
        let library = Database::open_sample(&ProgressBar::hidden())?;
        let customers = library.get_purchasing_customers()?.into_iter().map(|customer| customer as usize);
        let purchases: Vec<_> = customers.zip(visits(&library, self.visits)?).collect();
        let playlists: Vec<_> = listening(&library, self.visits)?.into_iter().enumerate().collect();
        drop(library);
        let Self { count, .. } = self;
        let mut failed = Vec::new();
        for (number, name, what, visits) in [
            (1, "purchases", "each visit of a customer goes to the customer's process", purchases),
            (2, "playlists", "25 tracks go to each process in turn", playlists),
        ] {
            let title = format!("{number}. The {name} in {count} processes: {what}.");
            failed.extend(self.table(out, name, &title, &visits, &connect, progress)?);
        }
        out.flush()?;
        Ok(failed)
    }

    fn table(
        self,
        out: &mut impl Write,
        name: &str,
        title: &str,
        visits: &[(usize, Vec<Step>)],
        connect: impl Fn(usize) -> Result<Tiers, ReplayError>,
        progress: &Progress,
    ) -> Result<Vec<String>, ReplayError> {
        // First: if there is no server, nobody has to wait for the error.
        let (log, second_level) = (connect(self.count)?, connect(self.count)?);
        let without_tiers = |count| (0..count).map(|_| Cache::builder()).collect();
        let with_tiers = |tiers: Tiers, has_second_level| {
            tiers.into_iter().map(|tier| Cache::builder().shared(Tier { tier, has_second_level })).collect()
        };
        let run = |setup: &'static str, caches| {
            let bar = progress.step(format!("{name}, {setup}"), Some(visits.len() as u64));
            run(visits, caches, &bar).map(|figures| (setup, figures))
        };
        let setups = [
            run("one process", without_tiers(1))?,
            run("no tier", without_tiers(self.count))?,
            run("log", with_tiers(log, false))?,
            run("log and second level", with_tiers(second_level, true))?,
        ];
        let rows = setups.iter().map(|(setup, figures)| {
            [
                (*setup).to_owned(),
                figures.reads.to_string(),
                percent(figures.hits, figures.reads),
                figures.taken.to_string(),
                figures.loads.to_string(),
                figures.stale.to_string(),
            ]
        });
        write_table(
            out,
            title,
            [
                left("setup"),
                right("reads"),
                right("hits in memory"),
                right("hits of the second level"),
                right("loads"),
                right("stale answers"),
            ],
            rows.collect(),
        )?;
        let [(_, one), (_, alone), (_, log), (_, level)] = &setups;
        writeln!(
            out,
            "The second level saves {} of the loads that the log leaves.\n",
            percent(log.loads.saturating_sub(level.loads), log.loads)
        )?;
        let expectations = [
            ("one process: no stale answer", one.stale == 0),
            ("no tier: stale answers", alone.stale > 0),
            ("log: no stale answer", log.stale == 0),
            ("log and second level: no stale answer", level.stale == 0),
            ("the log takes no value from the second level", log.taken == 0),
            ("the second level does not change the hits in memory", level.hits == log.hits),
            ("each hit of the second level saves a load", level.loads + level.taken == log.loads),
            ("the second level saves loads", level.taken > 0),
            ("nothing of the log is lost", log.gaps + level.gaps == 0),
        ];
        let failed = expectations.into_iter().filter(|(_, holds)| !holds);
        Ok(failed.map(|(expectation, _)| format!("{name}: {expectation}")).collect())
    }
}

/// Tiers for [`Processes::replay`] that need no server.
///
/// # Errors
///
/// Never.
pub fn tiers_in_memory(count: usize) -> Result<Tiers, ReplayError> {
    let server = MemoryServer::default();
    Ok((0..count).map(|_| Arc::new(server.tier()) as Arc<dyn SharedTier>).collect())
}

#[derive(Default)]
struct Figures {
    reads: u64,
    /// Of the processes' memory.
    hits: u64,
    /// Values of the second level that were used.
    taken: u64,
    loads: u64,
    stale: u64,
    gaps: u64,
}

/// Runs each visit in the process of its number.
fn run(visits: &[(usize, Vec<Step>)], caches: Vec<CacheBuilder>, bar: &ProgressBar) -> Result<Figures, ReplayError> {
    let database = Database::open_sample(&ProgressBar::hidden())?;
    let process = |cache: CacheBuilder| Runner::on(database.clone(), cache.build(), Policy::INVALIDATE_BY_KEY);
    let processes: Vec<_> = caches.into_iter().map(process).collect();
    wait_until("the server does not answer", || stats(&processes).all(|stats| stats.is_live))?;
    let mut figures = Figures::default();
    for (number, steps) in visits {
        let outcome = processes[number % processes.len()].run(steps, Check::Answers, &ProgressBar::hidden())?;
        figures.reads += outcome.reads;
        figures.hits += outcome.hits;
        figures.stale += outcome.stale;
        let published: u64 = stats(&processes).map(|stats| stats.published).sum();
        let is_heard = || stats(&processes).all(|stats| stats.heard >= published);
        wait_until("a process has not heard of a write of another", is_heard)?;
        bar.inc(1);
    }
    for stats in stats(&processes) {
        figures.taken += stats.hits;
        figures.gaps += stats.gaps + stats.epochs;
    }
    figures.loads = processes.iter().map(|process| process.cache().stats().loads).sum();
    Ok(figures)
}

/// Of the processes that have a tier.
fn stats(processes: &[Runner]) -> impl Iterator<Item = SharedStats> {
    processes.iter().filter_map(|process| process.cache().shared_stats())
}

fn wait_until(otherwise: &str, is_true: impl Fn() -> bool) -> Result<(), ReplayError> {
    let start = Instant::now();
    while !is_true() {
        if start.elapsed() >= PATIENCE {
            return Err(ReplayError::Tier(otherwise.to_owned()));
        }
        thread::sleep(Duration::from_micros(100));
    }
    Ok(())
}

/// A tier, perhaps without what it stores.
struct Tier {
    tier: Arc<dyn SharedTier>,
    has_second_level: bool,
}

impl SharedTier for Tier {
    fn max_lag(&self) -> Duration {
        self.tier.max_lag()
    }

    fn follow(&self, follower: Follower) {
        self.tier.follow(follower);
    }

    fn get<'a>(&'a self, key: &'a [u8]) -> TierFuture<'a, Result<Option<StoredValue>, TierError>> {
        if self.has_second_level { self.tier.get(key) } else { Box::pin(ready(Ok(None))) }
    }

    fn put<'a>(
        &'a self,
        key: &'a [u8],
        value: Vec<u8>,
        expires_in: Duration,
    ) -> TierFuture<'a, Result<PutOutcome, TierError>> {
        if self.has_second_level {
            self.tier.put(key, value, expires_in)
        } else {
            Box::pin(ready(Ok(PutOutcome::TooLarge)))
        }
    }

    fn remove<'a>(&'a self, key: &'a [u8]) -> TierFuture<'a, Result<(), TierError>> {
        self.tier.remove(key)
    }

    fn publish(&self, publication: Publication) -> TierFuture<'static, Result<LogPosition, PublishError>> {
        self.tier.publish(publication)
    }
}
