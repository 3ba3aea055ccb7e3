//! The library of a synchronous application: cached reads, and mutations that name the reads they invalidate.
//!
//! | mutation             | invalidates                                                    |
//! |----------------------|----------------------------------------------------------------|
//! | `add_track`          | all tracks, search, recent; *that track*                       |
//! | `set_track_favorite` | favourites                                                     |
//! | `record_track_play`  | popular, recent, all tracks, that track                        |
//! | `update_track`       | that track, search, all tracks; *favourites, recent, popular*  |
//! | `delete_track`       | all tracks, that track, search, favourites, recent, popular    |
//! | `purchase`           | what its plays and favourites do, when it is committed         |
//! | `import`             | everything                                                     |
//!
//! What is in italics is not in the specification: the reasons are below. The rest is exact, because no row shows
//! whether a track is a favourite, and neither a search nor the favourites show plays.
//!
//! All reads are `shared`: if the cache has a tier, other processes hear of each mutation, and get what this one has loaded.
//!
//! "That track" is one entry of `get_track`. Which pages show a track is unknown: all are invalidated.

use cache_core::{Cache, HasCache, cached_query, invalidates};
use indicatif::ProgressBar;

use crate::{
    database::Database,
    error::{DbError, ImportError},
    import::{CsvFiles, ImportSummary},
    model::{NewPurchase, NewTrack, Page, Track, TrackChanges, TrackId, TrackInfo},
};

/// A music library with cached reads.
#[derive(HasCache)]
pub struct LibraryManager {
    database: Database,
    cache: Cache,
}

impl LibraryManager {
    /// Caches the reads of a database. Only mutations through this manager invalidate them.
    pub fn new(database: Database, cache: Cache) -> Self {
        Self { database, cache }
    }

    /// The database.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Cached [`Database::get_all_tracks`].
    ///
    /// # Errors
    ///
    /// If the database fails.
    #[cached_query(ttl = "5m", shared)]
    pub fn get_all_tracks(&self, limit: u32, offset: u32) -> Result<Page<Track>, DbError> {
        self.database.get_all_tracks(limit, offset)
    }

    /// Cached [`Database::get_track`]; a `None` is cached, too.
    ///
    /// # Errors
    ///
    /// If the database fails.
    #[cached_query(ttl = "5m", shared)]
    pub fn get_track(&self, id: TrackId) -> Result<Option<Track>, DbError> {
        self.database.get_track(id)
    }

    /// Cached [`Database::search_tracks`].
    ///
    /// # Errors
    ///
    /// If the database fails.
    #[cached_query(ttl = "5m", shared)]
    pub fn search_tracks(&self, query: &str, limit: u32, offset: u32) -> Result<Page<TrackInfo>, DbError> {
        self.database.search_tracks(query, limit, offset)
    }

    /// Cached [`Database::get_favorite_tracks`].
    ///
    /// # Errors
    ///
    /// If the database fails.
    #[cached_query(ttl = "5m", shared)]
    pub fn get_favorite_tracks(&self, limit: u32, offset: u32) -> Result<Page<TrackInfo>, DbError> {
        self.database.get_favorite_tracks(limit, offset)
    }

    /// Cached [`Database::get_recent_tracks`].
    ///
    /// # Errors
    ///
    /// If the database fails.
    #[cached_query(ttl = "5m", shared)]
    pub fn get_recent_tracks(&self, limit: u32, offset: u32) -> Result<Page<Track>, DbError> {
        self.database.get_recent_tracks(limit, offset)
    }

    /// Cached [`Database::get_popular_tracks`].
    ///
    /// # Errors
    ///
    /// If the database fails.
    #[cached_query(ttl = "5m", shared)]
    pub fn get_popular_tracks(&self, limit: u32, offset: u32) -> Result<Page<Track>, DbError> {
        self.database.get_popular_tracks(limit, offset)
    }

    /// Adds a track and returns it.
    ///
    /// # Errors
    ///
    /// If the id is in use, or the database fails.
    // Not specified: `get_track` may have cached a `None`. If the addition fails, the id is unknown, and all its
    // entries are invalidated.
    #[invalidates("get_all_tracks", "search_tracks", "get_recent_tracks", |track| get_track(track.info.id))]
    pub fn add_track(&self, new: &NewTrack) -> Result<Track, DbError> {
        self.database.add_track(new)
    }

    /// Adds a track to the favourites, or removes it.
    ///
    /// # Errors
    ///
    /// If there is no such track, or the database fails.
    #[invalidates("get_favorite_tracks")]
    pub fn set_track_favorite(&self, id: TrackId, favorite: bool) -> Result<(), DbError> {
        self.database.set_track_favorite(id, favorite)
    }

    /// Counts a play of a track and returns the track.
    ///
    /// # Errors
    ///
    /// If there is no such track, or the database fails.
    #[invalidates("get_popular_tracks", "get_recent_tracks", "get_all_tracks", get_track(id))]
    pub fn record_track_play(&self, id: TrackId) -> Result<Track, DbError> {
        self.database.record_track_play(id)
    }

    /// Edits a track and returns it.
    ///
    /// # Errors
    ///
    /// If there is no such track, or the database fails.
    #[invalidates(
        get_track(id),
        "search_tracks",
        "get_all_tracks",
        // Not specified: these show titles, too.
        "get_favorite_tracks",
        "get_recent_tracks",
        "get_popular_tracks"
    )]
    pub fn update_track(&self, id: TrackId, changes: &TrackChanges) -> Result<Track, DbError> {
        self.database.update_track(id, changes)
    }

    /// Deletes a track, also from the favourites, playlists and purchases.
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

    /// Buys tracks, all or none: each is played once and becomes a favourite. Returns the tracks.
    ///
    /// # Errors
    ///
    /// If there is no such track, or the database fails. The library is then unchanged.
    pub fn purchase(&self, new: &NewPurchase) -> Result<Vec<Track>, DbError> {
        self.database.in_transaction(|database, begun| {
            let transaction = self.cache.transaction();
            // This manager, inside of the transaction.
            let inside = Self { database, cache: transaction.cache() };
            match inside.buy(new) {
                Ok(bought) => {
                    transaction.commit_after(|| begun.commit())?;
                    Ok(bought)
                }
                Err(error) => {
                    begun.rollback()?;
                    transaction.rollback();
                    Err(error)
                }
            }
        })
    }

    /// The work of a purchase.
    fn buy(&self, new: &NewPurchase) -> Result<Vec<Track>, DbError> {
        for &id in &new.tracks {
            self.record_track_play(id)?;
            self.set_track_favorite(id, true)?;
            self.database.add_purchase(new, id)?;
        }
        // The plays are not committed yet: inside of the transaction this loads, and stores nothing.
        new.tracks.iter().map(|&id| self.get_track(id)?.ok_or(DbError::UnknownTrack(id))).collect()
    }

    /// Adds files to the library; see [`Database::import`].
    ///
    /// # Errors
    ///
    /// If a row is invalid. The library is then unchanged.
    #[invalidates(all)]
    pub fn import(&self, files: &CsvFiles, progress: &ProgressBar) -> Result<ImportSummary, ImportError> {
        self.database.import(files, progress)
    }
}
