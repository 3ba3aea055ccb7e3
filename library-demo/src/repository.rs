//! The library as an asynchronous service uses it: a trait, and an implementation whose reads are cached.

mod sqlite;

use std::sync::Arc;

use async_trait::async_trait;

use crate::{DbError, NewTrack, Page, Track, TrackChanges, TrackId, TrackInfo};

pub use sqlite::SqliteRepository;

/// A music library that is asked and changed by tasks.
///
/// It answers what [`LibraryManager`](crate::LibraryManager) answers. Pages are shared: to many tasks the same page is
/// given at once, and to copy 50 rows for each of them would cost more than to find them in a cache.
///
/// It is an [`async_trait`](macro@async_trait), and not a trait with an `async fn` of the language: a service holds its
/// repository as an `Arc<dyn MusicRepository>`, so that a test can put another in its place, and runs its requests on
/// several threads. The language's own is not for `dyn`, and its futures are not known to be [`Send`]. The price is a box
/// for each call, also for one that is answered from the cache.
#[async_trait]
pub trait MusicRepository: Send + Sync {
    /// All tracks, by id.
    async fn get_all_tracks(&self, limit: u32, offset: u32) -> Result<Arc<Page<Track>>, DbError>;

    /// One track, or `None` if there is none of that id.
    async fn get_track(&self, id: TrackId) -> Result<Option<Track>, DbError>;

    /// The tracks whose title, artist, album or composer contains `query`, by id.
    ///
    /// Case is ignored in ASCII letters; every character stands for itself. The empty text is in
    /// every track.
    async fn search_tracks(&self, query: &str, limit: u32, offset: u32) -> Result<Arc<Page<TrackInfo>>, DbError>;

    /// The favourites, by id.
    async fn get_favorite_tracks(&self, limit: u32, offset: u32) -> Result<Arc<Page<TrackInfo>>, DbError>;

    /// All tracks, the last added or played first.
    async fn get_recent_tracks(&self, limit: u32, offset: u32) -> Result<Arc<Page<Track>>, DbError>;

    /// The tracks played at least once, the most played first and equals by id.
    async fn get_popular_tracks(&self, limit: u32, offset: u32) -> Result<Arc<Page<Track>>, DbError>;

    /// Adds a track and returns it. An id that is taken is an error.
    async fn add_track(&self, new: &NewTrack) -> Result<Track, DbError>;

    /// Makes a track a favourite, or no longer one. An unknown track is an error.
    async fn set_track_favorite(&self, id: TrackId, favorite: bool) -> Result<(), DbError>;

    /// Counts one more play of a track, now, and returns the track. An unknown track is an error.
    async fn record_track_play(&self, id: TrackId) -> Result<Track, DbError>;

    /// Edits what a track is and returns the track. An unknown track is an error.
    async fn update_track(&self, id: TrackId, changes: &TrackChanges) -> Result<Track, DbError>;

    /// Removes a track from the library: also from the favourites, playlists and purchases. An unknown track is an
    /// error.
    async fn delete_track(&self, id: TrackId) -> Result<(), DbError>;
}
