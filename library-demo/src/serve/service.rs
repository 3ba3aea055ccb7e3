//! The service, and the load on it.

use std::{
    collections::{HashSet, VecDeque},
    panic::resume_unwind,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use fastrand::Rng;
use indicatif::ProgressBar;
use tokio::{sync::mpsc, task::JoinSet, time::interval};

use crate::{
    DbError, MusicRepository, TrackId,
    replay::{Read, Step},
    serve::{
        cancel::hanging_up,
        oracle::Oracle,
        handler::{Failures, ask},
    },
};

/// What a service has to bear.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// How many visitors there are at a time. Each is a task.
    pub tasks: usize,
    /// When it ends.
    pub budget: Budget,
    /// Of a hundred requests, so many are of clients that hang up if they have to wait.
    pub hang_ups: u32,
    /// Which requests those are is made from this, but not how the tasks meet.
    pub seed: u64,
}

/// When a load ends.
#[derive(Clone, Copy, Debug)]
pub enum Budget {
    /// After so many requests, of all tasks together.
    Operations(u64),
    /// After so much time.
    Time(Duration),
}

/// What bearing a load came to.
#[derive(Clone, Copy, Debug)]
pub struct Served {
    /// Requests made, also those that were dropped.
    pub operations: u64,
    /// Requests dropped half-way.
    pub hung_up: u64,
    /// Answers that a change had made wrong before they were asked for.
    pub stale: u64,
    /// How long it took.
    pub elapsed: Duration,
}

/// A repository, those who use it, and what is known of what they did.
pub struct Service {
    pub(super) repository: Arc<dyn MusicRepository>,
    pub(super) visits: Vec<Vec<Step>>,
    pub(super) oracle: Oracle,
    /// Tracks that visitors have added, and none has deleted yet.
    pub(super) added: Mutex<VecDeque<TrackId>>,
    visits_begun: AtomicUsize,
    operations: AtomicU64,
    hung_up: AtomicU64,
    pub(super) stale: AtomicU64,
}

impl Service {
    /// Lets visitors at a repository, which holds a library freshly imported. After the last visit comes the first again.
    pub fn new(repository: Arc<dyn MusicRepository>, visits: Vec<Vec<Step>>) -> Arc<Self> {
        Arc::new(Self {
            repository,
            oracle: Oracle::new(visits.iter().flatten()),
            visits,
            added: Mutex::default(),
            visits_begun: AtomicUsize::new(0),
            operations: AtomicU64::new(0),
            hung_up: AtomicU64::new(0),
            stale: AtomicU64::new(0),
        })
    }

    /// Bears a load, once: what is counted is counted from the service's beginning. When it returns no request is under
    /// way, also none whose client has hung up.
    ///
    /// # Errors
    ///
    /// At the first request that fails.
    pub async fn serve(self: &Arc<Self>, load: Load, progress: &ProgressBar) -> Result<Served, DbError> {
        let start = Instant::now();
        progress.set_length(match load.budget {
            Budget::Operations(operations) => operations,
            Budget::Time(time) => millis(time),
        });
        // Whoever may still fail holds a sender: the last has gone when nothing is under way.
        let (failures, mut failed) = mpsc::unbounded_channel();
        let mut seeds = Rng::with_seed(load.seed);
        let mut visitors = JoinSet::new();
        for _ in 0..load.tasks {
            let rng = Rng::with_seed(seeds.u64(..));
            visitors.spawn(self.clone().visit(load, start, rng, failures.clone()));
        }
        drop(failures);

        let mut ticks = interval(Duration::from_millis(100));
        let failure = loop {
            tokio::select! {
                failure = failed.recv() => break failure,
                _ = ticks.tick() => progress.set_position(match load.budget {
                    Budget::Operations(_) => self.operations.load(Ordering::Relaxed),
                    Budget::Time(_) => millis(start.elapsed()),
                }),
            }
        };
        if let Some(failure) = failure {
            return Err(failure);
        }
        let elapsed = start.elapsed();
        while let Some(ended) = visitors.join_next().await {
            ended.unwrap_or_else(|error| resume_unwind(error.into_panic()));
        }
        Ok(Served {
            operations: self.operations.load(Ordering::Relaxed),
            hung_up: self.hung_up.load(Ordering::Relaxed),
            stale: self.stale.load(Ordering::Relaxed),
            elapsed,
        })
    }

    /// Asks once more what the visitors have asked, and returns how many answers are not those of a repository without
    /// a cache: what an oracle overlooks that sees only versions, as a total or a row that is missing.
    ///
    /// # Errors
    ///
    /// At the first question that fails.
    pub async fn compare_with(&self, truth: &dyn MusicRepository) -> Result<u64, DbError> {
        let begun = self.visits_begun.load(Ordering::Relaxed).min(self.visits.len());
        let reads = self.visits[..begun].iter().flatten().filter_map(|step| match step {
            Step::Read(read) => Some(read),
            Step::Mutation(_) => None,
        });
        let mut stale = 0;
        for read in reads.collect::<HashSet<&Read>>() {
            stale += u64::from(ask(&*self.repository, read).await? != ask(truth, read).await?);
        }
        Ok(stale)
    }

    /// A task: one visit after the other, until the load ends.
    async fn visit(self: Arc<Self>, load: Load, start: Instant, mut rng: Rng, failures: Failures) {
        loop {
            let visit = self.visits_begun.fetch_add(1, Ordering::Relaxed) % self.visits.len();
            for step in &self.visits[visit] {
                // Closed when a request has failed: then there is nobody any more to be told of the next.
                if failures.is_closed() || self.is_over(load.budget, start) {
                    return;
                }
                let request = self.request(step, &failures);
                if rng.u32(..100) >= load.hang_ups {
                    request.await;
                } else if hanging_up(request, rng.u32(1..=3)).await.is_none() {
                    self.hung_up.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    /// Whether there is to be no further request; if there is to be one, it is counted.
    fn is_over(&self, budget: Budget, start: Instant) -> bool {
        let limit = match budget {
            Budget::Operations(limit) => limit,
            Budget::Time(time) if start.elapsed() < time => u64::MAX,
            Budget::Time(_) => 0,
        };
        let next = |operations| (operations < limit).then_some(operations + 1);
        self.operations.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_err()
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
