//! What a request does, and what the oracle hears of it.

use std::sync::{Arc, PoisonError, atomic::Ordering};

use tokio::sync::mpsc::UnboundedSender;

use crate::{
    DbError, MusicRepository, NewTrack, Page, Track, TrackChanges, TrackInfo,
    replay::{Mutation, PAGE, Read, Step},
    serve::{Service, oracle::edited, to_the_end},
};

/// Where requests tell that they have failed.
pub(super) type Failures = UnboundedSender<DbError>;

/// What a repository answers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Track(Option<Track>),
    Tracks(Arc<Page<Track>>),
    Infos(Arc<Page<TrackInfo>>),
    Favorites(Arc<Page<TrackInfo>>),
}

/// Asks a repository.
pub(super) async fn ask(repository: &dyn MusicRepository, read: &Read) -> Result<Answer, DbError> {
    Ok(match read {
        Read::AllTracks { offset } => Answer::Tracks(repository.get_all_tracks(PAGE, *offset).await?),
        Read::Track(id) => Answer::Track(repository.get_track(*id).await?),
        Read::Search(text) => Answer::Infos(repository.search_tracks(text, PAGE, 0).await?),
        Read::Favorites => Answer::Favorites(repository.get_favorite_tracks(PAGE, 0).await?),
        Read::Recent => Answer::Tracks(repository.get_recent_tracks(PAGE, 0).await?),
        Read::Popular => Answer::Tracks(repository.get_popular_tracks(PAGE, 0).await?),
    })
}

/// Tells of a failure. After the first, nobody listens any more.
fn tell(failures: &Failures, outcome: Result<(), DbError>) {
    if let Err(failure) = outcome {
        drop(failures.send(failure));
    }
}

impl Service {
    /// Answers one request, as a handler does. A read may be dropped half-way, and a change is not.
    pub(super) async fn request(self: &Arc<Self>, step: &Step, failures: &Failures) {
        match step {
            Step::Read(read) => tell(failures, self.answer(read).await),
            Step::Mutation(mutation) => {
                let (service, mutation, failures) = (self.clone(), mutation.clone(), failures.clone());
                to_the_end(async move { tell(&failures, service.change(mutation).await) }).await;
            }
        }
    }

    async fn answer(&self, read: &Read) -> Result<(), DbError> {
        let asked = self.oracle.now();
        let answer = ask(&*self.repository, read).await?;
        if self.oracle.is_stale(&answer, asked) {
            self.stale.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Makes a change, and tells the oracle when it has returned. What a trace can plan for one visitor at a time is
    /// decided here: the state of a favourite, and which track is there to be deleted.
    async fn change(&self, mutation: Mutation) -> Result<(), DbError> {
        let (repository, oracle) = (&self.repository, &self.oracle);
        match mutation {
            Mutation::Play(id) => {
                let track = repository.record_track_play(id).await?;
                oracle.played(id, track.plays);
            }
            Mutation::Favorite(id, _) => {
                let turn = oracle.favorite(id).await;
                repository.set_track_favorite(id, turn.is_odd()).await?;
                turn.finish();
            }
            Mutation::Update(id, changes) => {
                let turn = oracle.edit(id).await;
                let title = changes.title.map(|title| edited(&title, turn.version()));
                repository.update_track(id, &TrackChanges { title, ..changes }).await?;
                turn.finish();
            }
            Mutation::Add(new) => {
                let added = repository.add_track(&NewTrack { id: None, ..new }).await?;
                self.added.lock().unwrap_or_else(PoisonError::into_inner).push_back(added.info.id);
            }
            Mutation::Delete(_) => {
                let oldest = self.added.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                if let Some(id) = oldest {
                    repository.delete_track(id).await?;
                }
            }
        }
        Ok(())
    }
}
