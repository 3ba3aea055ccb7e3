//! The reference application of the workspace: a music library on `SQLite` with cached reads.
//!
//! Read it in this order:
//!
//! - [`LibraryManager`]: six cached reads, and mutations that name the reads they invalidate. `manager.rs` has the
//!   reasons. [`LibraryManager::purchase`] is a unit of work: several mutations in one transaction.
//! - [`Track`], [`TrackInfo`] and [`Page`]: the answers, divided so that a mutation invalidates little.
//! - [`Database`]: the library without a cache; [`Database::import`] fills it from [`CsvFiles`].
//! - [`MusicRepository`] and [`SqliteRepository`]: the same as `async fn`s in a trait, for services; [`RemoteRepository`]
//!   is one of another process.
//! - [`workload`]: reads and mutations as data.
//! - [`replay`]: measures what the cache saves, and checks that no answer is stale.
//! - [`serve`]: the same with concurrent tasks, whose requests may be cancelled, and with an [`Outage`] of the database.
//! - [`http`]: the library as a service, with a page that shows what its cache does.
//!
//! ```
//! use cache_core::{Cache, HasCache};
//! use library_demo::{Database, LibraryManager, NewTrack};
//!
//! let library = LibraryManager::new(Database::open_in_memory()?, Cache::new());
//! let title = "Love Me Do".to_owned();
//! let track = library.add_track(&NewTrack { title, ..NewTrack::default() })?;
//!
//! library.search_tracks("love", 10, 0)?;
//! library.set_track_favorite(track.info.id, true)?; // invalidates no search
//! assert_eq!(library.search_tracks("love", 10, 0)?.total, 1);
//! assert_eq!(library.cache().stats().hits, 1);
//! # Ok::<(), library_demo::DbError>(())
//! ```

#![forbid(unsafe_code)]

mod database;
mod error;
pub mod http;
mod import;
mod manager;
mod model;
pub mod output;
pub mod replay;
mod repository;
pub mod serve;
mod sql;
pub mod workload;

pub use database::Database;
pub use error::{DbError, ImportError, ReplayError};
pub use import::{CsvFiles, ImportSummary};
pub use manager::LibraryManager;
pub use model::{Moment, NewPurchase, NewTrack, Page, Track, TrackChanges, TrackId, TrackInfo};
pub use repository::{
    MusicRepository, Outage, RemoteCounts, RemoteRepository, ShortLived, SqliteRepository, StaleIfError,
};
