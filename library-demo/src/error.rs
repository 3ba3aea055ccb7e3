//! What can go wrong, said so that the person at the terminal can act on it.

use std::{io, path::PathBuf};

use thiserror::Error;

use crate::TrackId;

/// Why a question or a change failed; it left the library as it was.
#[derive(Debug, Error)]
pub enum DbError {
    /// The track named is not in the library.
    #[error("there is no track {0}")]
    UnknownTrack(TrackId),
    /// The id wanted for a new track is taken.
    #[error("there is a track {0} already")]
    DuplicateTrack(TrackId),
    /// The file holds something else.
    #[error("{} is not a music library", .0.display())]
    NotALibrary(PathBuf),
    /// The file was written by another version of this program.
    #[error("{} has schema version {found}, this program reads version {expected}", path.display())]
    SchemaVersion {
        /// The file.
        path: PathBuf,
        /// The version it has.
        found: i32,
        /// The version it would need to have.
        expected: i32,
    },
    /// `SQLite` itself failed.
    #[error("the database failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// `SQLite` failed, or what brings tasks to it.
    #[error("the database failed: {0}")]
    Sqlx(#[from] sqlx::Error),
}

/// Why an import failed; it left the library as it was.
#[derive(Debug, Error)]
pub enum ImportError {
    /// A file could not be read at all.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file says something the library cannot take.
    #[error("{file}, line {line}, column {column}: {problem}")]
    Row {
        /// The file.
        file: &'static str,
        /// The line the row begins on, counted from 1.
        line: usize,
        /// The column's name.
        column: String,
        /// What is wrong there.
        problem: String,
    },
    /// The database failed, whatever the rows say.
    #[error(transparent)]
    Database(#[from] DbError),
}

/// Why a replay or a load could not be brought to its end.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The library could not be imported.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// A step failed.
    #[error(transparent)]
    Database(#[from] DbError),
    /// There is no place for the library's file.
    #[error("cannot make a temporary folder: {0}")]
    Folder(#[source] io::Error),
    /// The tables could not be printed.
    #[error("cannot print: {0}")]
    Output(#[from] io::Error),
}
