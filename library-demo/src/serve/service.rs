//! A service and its clients.

use std::{
    collections::HashSet,
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use fastrand::Rng;
use indicatif::ProgressBar;
use tokio::{sync::mpsc, task::JoinSet, time::interval};

use crate::{
    error::DbError,
    repository::{MusicRepository, Outage},
    serve::{
        answer::ask,
        cancel::cancel_after,
        handler::{Errors, Handler},
        watch::Watch,
    },
    workload::{Read, Step},
};

/// The load on a service.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// The number of clients, each a task.
    pub tasks: usize,
    /// When it ends.
    pub budget: Budget,
    /// The percentage of requests cancelled at their first, second or third wait.
    pub cancelled: u32,
    /// Chooses the cancelled requests. Interleaving still varies.
    pub seed: u64,
}

/// When a load ends.
#[derive(Clone, Copy, Debug)]
pub enum Budget {
    /// After this many requests of all tasks together.
    Operations(u64),
    /// After a time.
    Time(Duration),
}

/// What a load took and found.
#[derive(Clone, Copy, Debug)]
pub struct Served {
    /// Requests, including cancelled ones.
    pub operations: u64,
    /// Cancelled requests.
    pub cancelled: u64,
    /// Stale answers.
    pub stale: u64,
    /// The wall time.
    pub elapsed: Duration,
}

/// A repository and its clients.
pub struct Service {
    handler: Arc<Handler>,
    visits: Vec<Vec<Step>>,
    visits_begun: AtomicUsize,
    operations: AtomicU64,
    cancelled: AtomicU64,
}

impl Service {
    /// For clients that repeat these visits on a newly imported library.
    pub fn new(repository: Arc<dyn MusicRepository>, visits: Vec<Vec<Step>>) -> Arc<Self> {
        Self::watched(repository, visits, None)
    }

    /// The same for a repository whose database may fail: an outage does not end a load.
    pub fn with_outage(
        repository: Arc<dyn MusicRepository>,
        visits: Vec<Vec<Step>>,
        outage: Arc<Outage>,
    ) -> (Arc<Self>, Arc<Watch>) {
        let watch = Arc::new(Watch::new(outage, visits.iter().flatten()));
        (Self::watched(repository, visits, Some(watch.clone())), watch)
    }

    fn watched(repository: Arc<dyn MusicRepository>, visits: Vec<Vec<Step>>, watch: Option<Arc<Watch>>) -> Arc<Self> {
        Arc::new(Self {
            handler: Handler::new(repository, visits.iter().flatten(), watch),
            visits,
            visits_begun: AtomicUsize::new(0),
            operations: AtomicU64::new(0),
            cancelled: AtomicU64::new(0),
        })
    }

    /// Serves a load. All counts, also those that a budget limits, start with the service. No request is in flight when it returns.
    ///
    /// # Errors
    ///
    /// At the first request that fails, but for an outage that it [expects](Self::with_outage).
    pub async fn serve(self: &Arc<Self>, load: Load, progress: &ProgressBar) -> Result<Served, DbError> {
        let start = Instant::now();
        progress.set_length(match load.budget {
            Budget::Operations(operations) => operations,
            Budget::Time(time) => millis(time),
        });
        // Requests in flight hold senders: `recv` returns `None` after the last.
        let (errors, mut received) = mpsc::unbounded_channel();
        let mut seeds = Rng::with_seed(load.seed);
        let mut clients = JoinSet::new();
        for _ in 0..load.tasks {
            let rng = Rng::with_seed(seeds.u64(..));
            clients.spawn(self.clone().run_client(load, start, rng, errors.clone()));
        }
        drop(errors);

        let mut ticks = interval(Duration::from_millis(100));
        let error = loop {
            tokio::select! {
                error = received.recv() => break error,
                _ = ticks.tick() => progress.set_position(match load.budget {
                    Budget::Operations(_) => self.operations.load(Ordering::Relaxed),
                    Budget::Time(_) => millis(start.elapsed()),
                }),
            }
        };
        if let Some(error) = error {
            return Err(error);
        }
        let elapsed = start.elapsed();
        while let Some(ended) = clients.join_next().await {
            ended.unwrap_or_else(|error| resume_unwind(error.into_panic()));
        }
        Ok(Served {
            operations: self.operations.load(Ordering::Relaxed),
            cancelled: self.cancelled.load(Ordering::Relaxed),
            stale: self.handler.stale(),
            elapsed,
        })
    }

    /// Repeats the clients' reads, and counts answers that differ from a repository without a cache: the oracle does
    /// not see a wrong total, or a missing row.
    ///
    /// # Errors
    ///
    /// At the first read that fails.
    pub async fn compare_with(&self, truth: &dyn MusicRepository, progress: &ProgressBar) -> Result<u64, DbError> {
        let begun = self.visits_begun.load(Ordering::Relaxed).min(self.visits.len());
        let reads = self.visits[..begun].iter().flatten().filter_map(|step| match step {
            Step::Read(read) => Some(read),
            Step::Mutation(_) => None,
        });
        let reads = reads.collect::<HashSet<&Read>>();
        progress.set_length(reads.len() as u64);
        let mut stale = 0;
        for read in reads {
            stale += u64::from(ask(&*self.handler.repository, read).await? != ask(truth, read).await?);
            progress.inc(1);
        }
        Ok(stale)
    }

    async fn run_client(self: Arc<Self>, load: Load, start: Instant, mut rng: Rng, errors: Errors) {
        loop {
            let visit = self.visits_begun.fetch_add(1, Ordering::Relaxed) % self.visits.len();
            for step in &self.visits[visit] {
                // Closed after a failed request.
                if errors.is_closed() || !self.count_operation(load.budget, start) {
                    return;
                }
                let request = self.handler.handle(step, &errors);
                if rng.u32(..100) >= load.cancelled {
                    request.await;
                } else if cancel_after(rng.u32(1..=3), request).await.is_none() {
                    self.cancelled.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    /// Counts an operation, or returns `false` if the budget is spent.
    fn count_operation(&self, budget: Budget, start: Instant) -> bool {
        let limit = match budget {
            Budget::Operations(limit) => limit,
            Budget::Time(time) if start.elapsed() < time => u64::MAX,
            Budget::Time(_) => 0,
        };
        let next = |operations| (operations < limit).then_some(operations + 1);
        self.operations.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
