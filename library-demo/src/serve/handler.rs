//! The request handler, which reports changes to the oracle, and counts stale answers.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::mpsc::UnboundedSender;

use crate::{
    error::DbError,
    model::{NewTrack, TrackChanges, TrackId},
    repository::MusicRepository,
    serve::{
        answer::ask,
        cancel::run_to_completion,
        oracle::{Oracle, edited},
        watch::Watch,
    },
    workload::{Mutation, Read, Step},
};

pub(super) type Errors = UnboundedSender<DbError>;

pub(super) struct Handler {
    pub(super) repository: Arc<dyn MusicRepository>,
    oracle: Oracle,
    /// If the database may fail: such failures are counted, and do not end the load.
    watch: Option<Arc<Watch>>,
    /// Tracks added and not deleted.
    added: Mutex<VecDeque<TrackId>>,
    stale: AtomicU64,
}

impl Handler {
    /// For requests out of these steps, on a newly imported library.
    pub(super) fn new<'a>(
        repository: Arc<dyn MusicRepository>,
        steps: impl Iterator<Item = &'a Step>,
        watch: Option<Arc<Watch>>,
    ) -> Arc<Self> {
        let oracle = Oracle::new(steps);
        Arc::new(Self { repository, oracle, watch, added: Mutex::default(), stale: AtomicU64::new(0) })
    }

    /// The number of stale answers.
    pub(super) fn stale(&self) -> u64 {
        self.stale.load(Ordering::Relaxed)
    }

    /// Handles one request. Cancelling stops a read, but no mutation.
    pub(super) async fn handle(self: &Arc<Self>, step: &Step, errors: &Errors) {
        match step {
            Step::Read(read) => self.report(errors, self.read(read).await),
            Step::Mutation(mutation) => {
                let (handler, mutation, errors) = (self.clone(), mutation.clone(), errors.clone());
                run_to_completion(async move {
                    let outcome = handler.watch_mutation(mutation).await;
                    handler.report(&errors, outcome);
                })
                .await;
            }
        }
    }

    async fn read(&self, read: &Read) -> Result<(), DbError> {
        let asked = self.oracle.now();
        let watched = self.watch.as_ref().map(|watch| watch.begin_read(read));
        let answer = ask(&*self.repository, read).await;
        if let Some(watched) = watched {
            watched.end(answer.is_err());
        }
        let answer = answer?;
        if self.oracle.is_stale(&answer, asked) {
            self.stale.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn watch_mutation(&self, mutation: Mutation) -> Result<(), DbError> {
        let Some(watch) = &self.watch else { return self.mutate(mutation).await };
        let watched = watch.begin_mutation(&mutation);
        let outcome = self.mutate(mutation).await;
        watched.end(outcome.is_err());
        outcome
    }

    /// Mutates, then tells the oracle. Only here is it known which favourite to set or remove and which track to
    /// delete: there are many clients.
    async fn mutate(&self, mutation: Mutation) -> Result<(), DbError> {
        let (repository, oracle) = (&self.repository, &self.oracle);
        match mutation {
            Mutation::Play(id) => {
                let track = repository.record_track_play(id).await?;
                oracle.played(id, track.plays);
            }
            Mutation::Favorite(id, _) => {
                let change = oracle.begin_favorite(id).await;
                repository.set_track_favorite(id, change.is_odd()).await?;
                change.complete();
            }
            Mutation::Update(id, changes) => {
                let change = oracle.begin_edit(id).await;
                let title = changes.title.map(|title| edited(&title, change.version()));
                repository.update_track(id, &TrackChanges { title, ..changes }).await?;
                change.complete();
            }
            Mutation::Add(new) => {
                let added = repository.add_track(&NewTrack { id: None, ..new }).await?;
                self.added().push_back(added.info.id);
            }
            Mutation::Delete(_) => {
                let oldest = self.added().pop_front();
                if let Some(id) = oldest {
                    repository.delete_track(id).await?;
                }
            }
        }
        Ok(())
    }

    fn report(&self, errors: &Errors, outcome: Result<(), DbError>) {
        match outcome {
            Err(error) if self.watch.is_none() || !error.is_outage() => {
                // Only the first error is received.
                drop(errors.send(error));
            }
            _ => {}
        }
    }

    fn added(&self) -> MutexGuard<'_, VecDeque<TrackId>> {
        self.added.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
