//! Runs a workload on a library, under a policy.

use std::time::{Duration, Instant};

use cache_core::{Cache, HasCache};
use indicatif::ProgressBar;

use crate::{
    database::Database,
    error::{DbError, ImportError},
    manager::LibraryManager,
    workload::{Mutation, PAGE, Policy, Read, Step},
};

/// Whether each answer is compared with the database's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// To find stale answers.
    Answers,
    /// To measure the time.
    Nothing,
}

/// What running steps took and found.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// The number of reads.
    pub reads: u64,
    /// Hits, as the cache counts them.
    pub hits: u64,
    /// Statements sent to the database, also by the check.
    pub queries: u64,
    /// Answers that differ from the database's.
    pub stale: u64,
    /// The wall time.
    pub elapsed: Duration,
}

/// A newly imported library under a policy.
pub struct Runner {
    manager: LibraryManager,
    policy: Policy,
}

impl Runner {
    /// Imports the sample library.
    ///
    /// # Errors
    ///
    /// If the import fails.
    pub fn new(policy: Policy) -> Result<Self, ImportError> {
        Ok(Self::on(Database::open_sample(&ProgressBar::hidden())?, (policy.cache)(), policy))
    }

    /// A library with another cache than that of the policy.
    pub(super) fn on(database: Database, cache: Cache, policy: Policy) -> Self {
        Self { manager: LibraryManager::new(database, cache), policy }
    }

    pub(super) fn cache(&self) -> &Cache {
        self.manager.cache()
    }

    /// Runs steps in order; `progress` counts them.
    ///
    /// # Errors
    ///
    /// At the first step that fails.
    pub fn run(&self, steps: &[Step], check: Check, progress: &ProgressBar) -> Result<Outcome, DbError> {
        let (mut reads, mut stale) = (0, 0);
        let hits_before = self.manager.cache().stats().hits;
        let queries_before = self.manager.database().queries();
        let start = Instant::now();
        for step in steps {
            match step {
                Step::Read(read) => {
                    reads += 1;
                    stale += u64::from(self.read(read, check)? == Answer::Stale);
                }
                Step::Mutation(mutation) => {
                    self.mutate(mutation)?;
                    (self.policy.after_mutation)(&self.manager, mutation)?;
                }
            }
            progress.inc(1);
        }
        Ok(Outcome {
            elapsed: start.elapsed(),
            reads,
            hits: self.manager.cache().stats().hits - hits_before,
            queries: self.manager.database().queries() - queries_before,
            stale,
        })
    }

    fn read(&self, read: &Read, check: Check) -> Result<Answer, DbError> {
        let (manager, database) = (&self.manager, self.manager.database());
        match read {
            Read::AllTracks { offset } => {
                check.compare(&manager.get_all_tracks(PAGE, *offset)?, || database.get_all_tracks(PAGE, *offset))
            }
            Read::Track(id) => check.compare(&manager.get_track(*id)?, || database.get_track(*id)),
            Read::Search(text) => {
                check.compare(&manager.search_tracks(text, PAGE, 0)?, || database.search_tracks(text, PAGE, 0))
            }
            Read::Favorites => {
                check.compare(&manager.get_favorite_tracks(PAGE, 0)?, || database.get_favorite_tracks(PAGE, 0))
            }
            Read::Recent => check.compare(&manager.get_recent_tracks(PAGE, 0)?, || database.get_recent_tracks(PAGE, 0)),
            Read::Popular => {
                check.compare(&manager.get_popular_tracks(PAGE, 0)?, || database.get_popular_tracks(PAGE, 0))
            }
        }
    }

    fn mutate(&self, mutation: &Mutation) -> Result<(), DbError> {
        match mutation {
            Mutation::Add(new) => self.manager.add_track(new).map(drop),
            Mutation::Favorite(id, favorite) => self.manager.set_track_favorite(*id, *favorite),
            Mutation::Play(id) => self.manager.record_track_play(*id).map(drop),
            Mutation::Update(id, changes) => self.manager.update_track(*id, changes).map(drop),
            Mutation::Delete(id) => self.manager.delete_track(*id),
        }
    }
}

#[derive(PartialEq, Eq)]
enum Answer {
    /// Equal to the database's, or not compared.
    Accepted,
    Stale,
}

impl Check {
    fn compare<T: PartialEq>(
        self,
        answer: &T,
        read_database: impl FnOnce() -> Result<T, DbError>,
    ) -> Result<Answer, DbError> {
        Ok(match self {
            Self::Answers if *answer != read_database()? => Answer::Stale,
            Self::Answers | Self::Nothing => Answer::Accepted,
        })
    }
}
