//! The library as an application uses it: the reads are cached, and every mutation names the reads
//! whose answers it makes wrong.
//!
//! | mutation             | forgets                                                                   |
//! |----------------------|---------------------------------------------------------------------------|
//! | `add_track`          | all tracks, search, recent; *and the track of that id*                    |
//! | `set_track_favorite` | favourites                                                                |
//! | `record_track_play`  | popular, recent, all tracks, the track of that id                         |
//! | `update_track`       | the track of that id, search, all tracks; *and favourites, recent, popular* |
//! | `delete_track`       | all tracks, the track of that id, search, favourites, recent, popular     |
//! | `import`             | everything                                                                |
//!
//! What is in italics goes beyond the table this application was specified with; each has its
//! reason below. The rest of that table is exact because of what the answers show: no row tells
//! whether a track is a favourite, and a search or the favourites show no plays.
//!
//! Of `get_track` one entry is forgotten, that of the track in question: `get_track(id)` names it by
//! its arguments. Which pages show a track is not known, and so the paged reads are forgotten whole.

use cache_core::{Cache, HasCache, cached_query, invalidates};
use indicatif::ProgressBar;

use crate::{
    CsvFiles, Database, DbError, ImportError, ImportSummary, NewTrack, Page, Track, TrackChanges, TrackId, TrackInfo,
};

/// A music library that remembers its answers.
#[derive(HasCache)]
pub struct LibraryManager {
    database: Database,
    cache: Cache,
}

impl LibraryManager {
    /// Puts a cache in front of a database. Changes must go through the manager from now on: of
    /// others the cache does not learn.
    pub fn new(database: Database, cache: Cache) -> Self {
        Self { database, cache }
    }

    /// The database behind the cache, to compare answers with.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// All tracks, by id.
    ///
    /// # Errors
    ///
    /// If the database fails.
    #[cached_query(ttl = "5m")]
    pub fn get_all_tracks(&self, limit: u32, offset: u32) -> Result<Page<Track>, DbError> {
        self.database.get_all_tracks(limit, offset)
    }

    /// One track, or `None` if there is none of that id: that, too, is an answer and is cached.
    ///
    /// # Errors
    ///
    /// If the database fails.
    #[cached_query(ttl = "5m")]
    pub fn get_track(&self, id: TrackId) -> Result<Option<Track>, DbError> {
        self.database.get_track(id)
    }

    /// The tracks whose title, artist, album or composer contains `query`, by id.
    ///
    /// Case is ignored in ASCII letters; every character stands for itself. The empty text is in
    /// every track.
    ///
    /// # Errors
    ///
    /// If the database fails.
    #[cached_query(ttl = "5m")]
    pub fn search_tracks(&self, query: &str, limit: u32, offset: u32) -> Result<Page<TrackInfo>, DbError> {
        self.database.search_tracks(query, limit, offset)
    }

    /// The favourites, by id.
    ///
    /// # Errors
    ///
    /// If the database fails.
    #[cached_query(ttl = "5m")]
    pub fn get_favorite_tracks(&self, limit: u32, offset: u32) -> Result<Page<TrackInfo>, DbError> {
        self.database.get_favorite_tracks(limit, offset)
    }

    /// All tracks, the last added or played first.
    ///
    /// # Errors
    ///
    /// If the database fails.
    #[cached_query(ttl = "5m")]
    pub fn get_recent_tracks(&self, limit: u32, offset: u32) -> Result<Page<Track>, DbError> {
        self.database.get_recent_tracks(limit, offset)
    }

    /// The tracks played at least once, the most played first and equals by id.
    ///
    /// # Errors
    ///
    /// If the database fails.
    #[cached_query(ttl = "5m")]
    pub fn get_popular_tracks(&self, limit: u32, offset: u32) -> Result<Page<Track>, DbError> {
        self.database.get_popular_tracks(limit, offset)
    }

    /// Adds a track and returns it.
    ///
    /// # Errors
    ///
    /// If the id wanted is taken, or the database fails.
    // `get_track` goes beyond the table: it may have cached that the new id does not exist. The id is known when the
    // track was added, and if it was not, all of them are forgotten.
    #[invalidates("get_all_tracks", "search_tracks", "get_recent_tracks", |track| get_track(track.info.id))]
    pub fn add_track(&self, new: &NewTrack) -> Result<Track, DbError> {
        self.database.add_track(new)
    }

    /// Makes a track a favourite, or no longer one.
    ///
    /// # Errors
    ///
    /// If there is no such track, or the database fails.
    #[invalidates("get_favorite_tracks")]
    pub fn set_track_favorite(&self, id: TrackId, favorite: bool) -> Result<(), DbError> {
        self.database.set_track_favorite(id, favorite)
    }

    /// Counts one more play of a track, now, and returns the track.
    ///
    /// # Errors
    ///
    /// If there is no such track, or the database fails.
    #[invalidates("get_popular_tracks", "get_recent_tracks", "get_all_tracks", get_track(id))]
    pub fn record_track_play(&self, id: TrackId) -> Result<Track, DbError> {
        self.database.record_track_play(id)
    }

    /// Edits what a track is and returns the track.
    ///
    /// # Errors
    ///
    /// If there is no such track, or the database fails.
    #[invalidates(
        get_track(id),
        "search_tracks",
        "get_all_tracks",
        // Beyond the table: these show titles, too.
        "get_favorite_tracks",
        "get_recent_tracks",
        "get_popular_tracks"
    )]
    pub fn update_track(&self, id: TrackId, changes: &TrackChanges) -> Result<Track, DbError> {
        self.database.update_track(id, changes)
    }

    /// Removes a track from the library: also from the favourites, playlists and purchases.
    ///
    /// # Errors
    ///
    /// If there is no such track, or the database fails.
    #[invalidates(
        "get_all_tracks",
        get_track(id),
        "search_tracks",
        "get_favorite_tracks",
        "get_recent_tracks",
        "get_popular_tracks"
    )]
    pub fn delete_track(&self, id: TrackId) -> Result<(), DbError> {
        self.database.delete_track(id)
    }

    /// Adds what the files say to the library; see [`Database::import`].
    ///
    /// # Errors
    ///
    /// If a row is not as it should be; the library is then as it was.
    #[invalidates(all)]
    pub fn import(&self, files: &CsvFiles, progress: &ProgressBar) -> Result<ImportSummary, ImportError> {
        self.database.import(files, progress)
    }
}
