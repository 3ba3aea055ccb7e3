//! Errors, for people at the terminal.

use std::{
    io::{self, ErrorKind},
    path::PathBuf,
};

use thiserror::Error;

use crate::model::TrackId;

const SQLITE_BUSY: u32 = 5;
const SQLITE_LOCKED: u32 = 6;

/// Why a read or a mutation failed. The library is unchanged.
#[derive(Debug, Error)]
pub enum DbError {
    /// The track does not exist.
    #[error("there is no track {0}")]
    UnknownTrack(TrackId),
    /// The id of the new track is in use.
    #[error("track {0} already exists")]
    DuplicateTrack(TrackId),
    /// The file holds something else.
    #[error("{} is not a music library", .0.display())]
    NotALibrary(PathBuf),
    /// Another version of this program wrote the file.
    #[error("{} has schema version {found}, this program reads version {expected}", path.display())]
    SchemaVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i32,
        /// The version that this program reads.
        expected: i32,
    },
    /// `SQLite` failed.
    #[error("the database failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// `SQLite` failed, or its connection pool.
    #[error("the database failed: {0}")]
    Sqlx(#[from] sqlx::Error),
    /// The service that has the library failed, or cannot be reached.
    #[error("the service failed: {0}")]
    Service(String),
}

impl DbError {
    /// Whether an [`Outage`](crate::Outage) is the reason.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Sqlx(sqlx::Error::Io(error)) if error.kind() == ErrorKind::ConnectionRefused)
    }

    /// Whether the same call may succeed later: there is no connection, or another process writes.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Sqlx(sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed) => true,
            Self::Sqlx(sqlx::Error::Database(error)) => {
                // The last byte is the code of `SQLite`, the others are details.
                let code = error.code().and_then(|code| code.parse::<u32>().ok());
                code.is_some_and(|code| matches!(code & 0xff, SQLITE_BUSY | SQLITE_LOCKED))
            }
            _ => false,
        }
    }
}

/// Why an import failed. The library is unchanged.
#[derive(Debug, Error)]
pub enum ImportError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A row is invalid.
    #[error("{file}, line {line}, column {column}: {problem}")]
    Row {
        /// The file.
        file: &'static str,
        /// The line on which the row begins, counted from 1.
        line: usize,
        /// The name of the column.
        column: String,
        /// What is wrong there.
        problem: String,
    },
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
}

/// Why a replay or a load test failed.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The import failed.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// A step failed.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The tier of several processes does not work.
    #[error("the processes cannot share their caches: {0}")]
    Tier(String),
    /// There is no folder for the library's file.
    #[error("cannot create a temporary folder: {0}")]
    Folder(#[source] io::Error),
    /// The tables cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};
    use tempfile::TempDir;

    use super::DbError;
    use crate::database::Database;

    #[tokio::test]
    async fn another_process_that_writes_is_a_temporary_error() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("library.db");
        Database::open(&file).unwrap();
        let options = SqliteConnectOptions::new().filename(&file).busy_timeout(Duration::ZERO);
        let mut connection = options.connect().await.unwrap();

        let other = rusqlite::Connection::open(&file).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let locked = sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap_err();
        assert!(DbError::from(locked).is_temporary());
        let wrong = sqlx::query("SELECT * FROM nothing").execute(&mut connection).await.unwrap_err();
        assert!(!DbError::from(wrong).is_temporary());
    }
}
