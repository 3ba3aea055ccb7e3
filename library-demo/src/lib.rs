//! The reference application of the workspace: a music library on `SQLite` whose reads are cached.
//!
//! Read it in this order:
//!
//! - [`LibraryManager`] is what the rest is about: six cached reads, and mutations that name the
//!   reads whose answers they make wrong. `manager.rs` has the table, and the reasons.
//! - [`Track`], [`TrackInfo`] and [`Page`] are what reads return, cut so that as few mutations as
//!   possible make an answer wrong.
//! - [`Database`] answers the same questions without a cache.
//! - [`CsvFiles`] and [`Database::import`] bring a library from CSV.
//! - [`MusicRepository`] and [`SqliteRepository`] are the library of an asynchronous service: the same reads and
//!   mutations as `async fn`s, in a trait.
//! - [`replay`] measures on a real trace what the cache saves, and that no answer is stale.
//! - [`serve`] does so with many tasks at once, some of which are dropped half-way.
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
//! library.set_track_favorite(track.info.id, true)?; // makes no search wrong
//! assert_eq!(library.search_tracks("love", 10, 0)?.total, 1);
//! assert_eq!(library.cache().stats().hits, 1);
//! # Ok::<(), library_demo::DbError>(())
//! ```

#![forbid(unsafe_code)]

mod database;
mod error;
mod import;
mod manager;
mod model;
mod output;
pub mod replay;
mod repository;
pub mod serve;
mod sql;
pub mod workload;

pub use database::Database;
pub use error::{DbError, ImportError, ReplayError};
pub use import::{CsvFiles, ImportSummary};
pub use manager::LibraryManager;
pub use model::{Moment, NewTrack, Page, Track, TrackChanges, TrackId, TrackInfo};
pub use repository::{MusicRepository, SqliteRepository};
