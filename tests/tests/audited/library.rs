//! What the replays need of a manager.

use cache_core::{Cache, HasCache};
use cache_tests::original_manager::OriginalManager;
use indicatif::ProgressBar;
use library_demo::workload::{Mutation, PAGE, Read};
use library_demo::{CsvFiles, Database, DbError, ImportError, LibraryManager, NewPurchase, TrackId};

pub(crate) trait Library: HasCache {
    fn over(database: Database, cache: Cache) -> Self;
    fn database(&self) -> &Database;
    fn ask(&self, read: &Read) -> Result<(), DbError>;
    fn mutate(&self, mutation: &Mutation) -> Result<(), DbError>;
}

/// With the mutations that the workloads of the demo have no step for.
pub(crate) trait Shop: Library {
    fn purchase(&self, new: &NewPurchase) -> Result<(), DbError>;
    /// Stops at the first that fails.
    fn add_favorites(&self, ids: &[TrackId]) -> Result<(), DbError>;
    fn import(&self, files: &CsvFiles) -> Result<(), ImportError>;
}

/// For a manager with the methods of [`LibraryManager`].
macro_rules! library {
    ($Manager:ty) => {
        impl crate::library::Library for $Manager {
            fn over(database: library_demo::Database, cache: cache_core::Cache) -> Self {
                Self::new(database, cache)
            }

            fn database(&self) -> &library_demo::Database {
                <$Manager>::database(self)
            }

            fn ask(&self, read: &Read) -> Result<(), library_demo::DbError> {
                match read {
                    Read::AllTracks { offset } => self.get_all_tracks(PAGE, *offset).map(drop),
                    Read::Track(id) => self.get_track(*id).map(drop),
                    Read::Search(text) => self.search_tracks(text, PAGE, 0).map(drop),
                    Read::Favorites => self.get_favorite_tracks(PAGE, 0).map(drop),
                    Read::Recent => self.get_recent_tracks(PAGE, 0).map(drop),
                    Read::Popular => self.get_popular_tracks(PAGE, 0).map(drop),
                }
            }

            fn mutate(&self, mutation: &Mutation) -> Result<(), library_demo::DbError> {
                match mutation {
                    Mutation::Add(new) => self.add_track(new).map(drop),
                    Mutation::Favorite(id, favorite) => self.set_track_favorite(*id, *favorite),
                    Mutation::Play(id) => self.record_track_play(*id).map(drop),
                    Mutation::Update(id, changes) => self.update_track(*id, changes).map(drop),
                    Mutation::Delete(id) => self.delete_track(*id),
                }
            }
        }
    };
}
pub(crate) use library;

library!(LibraryManager);
library!(OriginalManager);

impl Shop for LibraryManager {
    fn purchase(&self, new: &NewPurchase) -> Result<(), DbError> {
        LibraryManager::purchase(self, new).map(drop)
    }

    fn add_favorites(&self, ids: &[TrackId]) -> Result<(), DbError> {
        ids.iter().try_for_each(|&id| self.set_track_favorite(id, true))
    }

    fn import(&self, files: &CsvFiles) -> Result<(), ImportError> {
        LibraryManager::import(self, files, &ProgressBar::hidden()).map(drop)
    }
}
