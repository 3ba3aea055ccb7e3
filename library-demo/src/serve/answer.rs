//! Answers, as the oracle sees them.

use std::sync::Arc;

use crate::{
    error::DbError,
    model::{Page, Track, TrackInfo},
    repository::MusicRepository,
    workload::{PAGE, Read},
};

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Track(Option<Track>),
    Tracks(Arc<Page<Track>>),
    Infos(Arc<Page<TrackInfo>>),
    Favorites(Arc<Page<TrackInfo>>),
}

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
