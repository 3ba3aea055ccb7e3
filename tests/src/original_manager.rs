//! The demo's manager with the table of mutations that it was specified with, which is too small.
//!
//! | mutation             | invalidates                                                 | is missing                  |
//! |----------------------|-------------------------------------------------------------|-----------------------------|
//! | `add_track`          | all tracks, search, recent                                  | that track                  |
//! | `set_track_favorite` | favourites                                                  |                             |
//! | `record_track_play`  | popular, recent, all tracks, that track                     |                             |
//! | `update_track`       | that track, search, all tracks                              | favourites, recent, popular |
//! | `delete_track`       | all tracks, that track, search, favourites, recent, popular |                             |

use cache_core::{Cache, HasCache, cached_query, invalidates};
use library_demo::{Database, DbError, NewTrack, Page, Track, TrackChanges, TrackId, TrackInfo};

type Result<T> = std::result::Result<T, DbError>;

/// See [`LibraryManager`](library_demo::LibraryManager), whose table is right.
#[derive(HasCache)]
pub struct OriginalManager {
    database: Database,
    cache: Cache,
}

#[allow(missing_docs, clippy::missing_errors_doc, reason = "see `LibraryManager`")]
impl OriginalManager {
    pub fn new(database: Database, cache: Cache) -> Self {
        Self { database, cache }
    }

    pub fn database(&self) -> &Database {
        &self.database
    }

    #[cached_query(ttl = "5m")]
    pub fn get_all_tracks(&self, limit: u32, offset: u32) -> Result<Page<Track>> {
        self.database.get_all_tracks(limit, offset)
    }

    #[cached_query(ttl = "5m")]
    pub fn get_track(&self, id: TrackId) -> Result<Option<Track>> {
        self.database.get_track(id)
    }

    #[cached_query(ttl = "5m")]
    pub fn search_tracks(&self, query: &str, limit: u32, offset: u32) -> Result<Page<TrackInfo>> {
        self.database.search_tracks(query, limit, offset)
    }

    #[cached_query(ttl = "5m")]
    pub fn get_favorite_tracks(&self, limit: u32, offset: u32) -> Result<Page<TrackInfo>> {
        self.database.get_favorite_tracks(limit, offset)
    }

    #[cached_query(ttl = "5m")]
    pub fn get_recent_tracks(&self, limit: u32, offset: u32) -> Result<Page<Track>> {
        self.database.get_recent_tracks(limit, offset)
    }

    #[cached_query(ttl = "5m")]
    pub fn get_popular_tracks(&self, limit: u32, offset: u32) -> Result<Page<Track>> {
        self.database.get_popular_tracks(limit, offset)
    }

    #[invalidates("get_all_tracks", "search_tracks", "get_recent_tracks")]
    pub fn add_track(&self, new: &NewTrack) -> Result<Track> {
        self.database.add_track(new)
    }

    #[invalidates("get_favorite_tracks")]
    pub fn set_track_favorite(&self, id: TrackId, favorite: bool) -> Result<()> {
        self.database.set_track_favorite(id, favorite)
    }

    #[invalidates("get_popular_tracks", "get_recent_tracks", "get_all_tracks", get_track(id))]
    pub fn record_track_play(&self, id: TrackId) -> Result<Track> {
        self.database.record_track_play(id)
    }

    #[invalidates(get_track(id), "search_tracks", "get_all_tracks")]
    pub fn update_track(&self, id: TrackId, changes: &TrackChanges) -> Result<Track> {
        self.database.update_track(id, changes)
    }

    #[invalidates(
        "get_all_tracks",
        get_track(id),
        "search_tracks",
        "get_favorite_tracks",
        "get_recent_tracks",
        "get_popular_tracks"
    )]
    pub fn delete_track(&self, id: TrackId) -> Result<()> {
        self.database.delete_track(id)
    }
}
