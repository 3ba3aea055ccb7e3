//! The library of an asynchronous service: a trait, and an implementation with cached reads.

mod outage;
mod remote;
mod short_lived;
mod sqlite;

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    error::DbError,
    model::{NewPurchase, NewTrack, Page, Track, TrackChanges, TrackId, TrackInfo},
};

pub use outage::Outage;
pub use remote::{RemoteCounts, RemoteRepository};
pub use short_lived::{ShortLived, StaleIfError};
pub use sqlite::SqliteRepository;

/// A music library for tasks. Mutations of an unknown track fail, as does the addition of an id in use.
///
/// Unlike [`LibraryManager`](crate::LibraryManager) it shares pages: copying 50 rows costs more than the lookup in the
/// cache.
///
/// With [`async_trait`](macro@async_trait), a service can hold an `Arc<dyn MusicRepository>`, which tests can replace,
/// and run requests on several threads. A plain `async fn` does not work with `dyn`, and its future is not known to be
/// [`Send`]. The price is a box for each call, also for a hit.
#[async_trait]
pub trait MusicRepository: Send + Sync {
    /// All tracks, by id.
    async fn get_all_tracks(&self, limit: u32, offset: u32) -> Result<Arc<Page<Track>>, DbError>;

    /// One track, or `None` if there is none.
    async fn get_track(&self, id: TrackId) -> Result<Option<Track>, DbError>;

    /// The tracks that [`Database::search_tracks`](crate::Database::search_tracks) finds.
    async fn search_tracks(&self, query: &str, limit: u32, offset: u32) -> Result<Arc<Page<TrackInfo>>, DbError>;

    /// The favourites, by id.
    async fn get_favorite_tracks(&self, limit: u32, offset: u32) -> Result<Arc<Page<TrackInfo>>, DbError>;

    /// All tracks, the last added or played first.
    async fn get_recent_tracks(&self, limit: u32, offset: u32) -> Result<Arc<Page<Track>>, DbError>;

    /// The tracks played at least once, the most played first, then by id.
    async fn get_popular_tracks(&self, limit: u32, offset: u32) -> Result<Arc<Page<Track>>, DbError>;

    /// Adds a track and returns it.
    async fn add_track(&self, new: &NewTrack) -> Result<Track, DbError>;

    /// Adds a track to the favourites, or removes it.
    async fn set_track_favorite(&self, id: TrackId, favorite: bool) -> Result<(), DbError>;

    /// Counts a play of a track and returns the track.
    async fn record_track_play(&self, id: TrackId) -> Result<Track, DbError>;

    /// Edits a track and returns it.
    async fn update_track(&self, id: TrackId, changes: &TrackChanges) -> Result<Track, DbError>;

    /// Deletes a track, also from the favourites, playlists and purchases.
    async fn delete_track(&self, id: TrackId) -> Result<(), DbError>;

    /// Buys tracks, all or none: each is played once and becomes a favourite. Returns the tracks.
    async fn purchase(&self, new: &NewPurchase) -> Result<Vec<Track>, DbError>;
}
