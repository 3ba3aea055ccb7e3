//! The library in `SQLite`, without a cache.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::ReentrantMutex;
use rusqlite::{
    CachedStatement, Connection, ErrorCode, OptionalExtension, Params, Row, Transaction, TransactionBehavior, ffi,
};

use crate::{
    error::DbError,
    model::{Moment, NewPurchase, NewTrack, Page, Track, TrackChanges, TrackId, TrackInfo},
    sql::{self, PageSql},
};

/// Marks a file as a music library, for `file(1)` and [`Database::open`].
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"mlib");
/// Incremented whenever `schema.sql` changes.
const SCHEMA_VERSION: i32 = 1;
/// How long to wait for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// More than the distinct statements: each is compiled once.
const STATEMENTS: usize = 32;

/// A music library in an `SQLite` database.
///
/// Threads can share it, and take turns. Clones are of the same connection.
#[derive(Clone, Debug)]
pub struct Database {
    /// Locked by a call, or by a transaction until its end: its calls lock it again.
    connection: Arc<ReentrantMutex<Connection>>,
    queries: Arc<AtomicU64>,
    /// Whether it is for the calls of a transaction.
    is_inside: bool,
}

impl Database {
    /// Opens the library in a file, or creates an empty one.
    ///
    /// # Errors
    ///
    /// If the file holds something else or another version of the schema, or cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DbError> {
        let path = path.as_ref();
        Self::set_up(Connection::open(path)?, path).map_err(|error| match error {
            DbError::Sqlite(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
                DbError::NotALibrary(path.to_owned())
            }
            other => other,
        })
    }

    /// Creates an empty library in memory.
    ///
    /// # Errors
    ///
    /// If `SQLite` fails.
    pub fn open_in_memory() -> Result<Self, DbError> {
        Self::set_up(Connection::open_in_memory()?, Path::new(":memory:"))
    }

    fn set_up(mut connection: Connection, path: &Path) -> Result<Self, DbError> {
        connection.busy_timeout(BUSY_TIMEOUT)?;
        // One transaction: two processes may create the same file.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let number = |sql| transaction.query_one(sql, [], |row| row.get::<_, i32>(0));
        let application_id = number("PRAGMA application_id")?;
        let version = number("PRAGMA user_version")?;
        let is_empty = number("SELECT COUNT(*) FROM sqlite_schema")? == 0;
        if is_empty && application_id == 0 && version == 0 {
            transaction.execute_batch(include_str!("schema.sql"))?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        } else if application_id != APPLICATION_ID {
            return Err(DbError::NotALibrary(path.to_owned()));
        } else if version != SCHEMA_VERSION {
            return Err(DbError::SchemaVersion { path: path.to_owned(), found: version, expected: SCHEMA_VERSION });
        }
        transaction.commit()?;

        // Only now: another program's file must not change. With a write-ahead log commits do not wait for the disk: a
        // power cut loses the last mutations, not the file.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(Self { connection: Arc::new(ReentrantMutex::new(connection)), queries: Arc::default(), is_inside: false })
    }

    /// The number of statements sent.
    pub fn queries(&self) -> u64 {
        self.queries.load(Ordering::Relaxed)
    }

    /// All tracks, by id.
    ///
    /// # Errors
    ///
    /// If `SQLite` fails.
    pub fn get_all_tracks(&self, limit: u32, offset: u32) -> Result<Page<Track>, DbError> {
        self.with(|session| session.page(&sql::ALL_TRACKS, (limit, offset), (), track))
    }

    /// One track, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// If `SQLite` fails.
    pub fn get_track(&self, id: TrackId) -> Result<Option<Track>, DbError> {
        self.with(|session| Ok(session.prepare(sql::TRACK)?.query_one([id], track).optional()?))
    }

    /// The tracks whose title, artist, album or composer contains `query`, by id. No wildcards; ASCII letters match in
    /// either case.
    ///
    /// # Errors
    ///
    /// If `SQLite` fails.
    pub fn search_tracks(&self, query: &str, limit: u32, offset: u32) -> Result<Page<TrackInfo>, DbError> {
        self.with(|session| session.page(&sql::SEARCH_TRACKS, (limit, offset, query), [query], track_info))
    }

    /// The favourites, by id.
    ///
    /// # Errors
    ///
    /// If `SQLite` fails.
    pub fn get_favorite_tracks(&self, limit: u32, offset: u32) -> Result<Page<TrackInfo>, DbError> {
        self.with(|session| session.page(&sql::FAVORITE_TRACKS, (limit, offset), (), track_info))
    }

    /// All tracks, the last added or played first.
    ///
    /// # Errors
    ///
    /// If `SQLite` fails.
    pub fn get_recent_tracks(&self, limit: u32, offset: u32) -> Result<Page<Track>, DbError> {
        self.with(|session| session.page(&sql::RECENT_TRACKS, (limit, offset), (), track))
    }

    /// The tracks played at least once, the most played first, then by id.
    ///
    /// # Errors
    ///
    /// If `SQLite` fails.
    pub fn get_popular_tracks(&self, limit: u32, offset: u32) -> Result<Page<Track>, DbError> {
        self.with(|session| session.page(&sql::POPULAR_TRACKS, (limit, offset), (), track))
    }

    /// The track of each purchase, the oldest purchase first.
    ///
    /// # Errors
    ///
    /// If `SQLite` fails.
    pub fn get_purchased_tracks(&self) -> Result<Vec<TrackId>, DbError> {
        self.with(|session| {
            let mut statement = session.prepare(sql::PURCHASES)?;
            let ids = statement.query_map((), |row| row.get(0))?.collect::<Result<_, _>>()?;
            Ok(ids)
        })
    }

    /// The customer of each purchase, in the order of [`get_purchased_tracks`](Self::get_purchased_tracks).
    ///
    /// # Errors
    ///
    /// If `SQLite` fails.
    pub fn get_purchasing_customers(&self) -> Result<Vec<u32>, DbError> {
        self.with(|session| {
            let mut statement = session.prepare(sql::PURCHASING_CUSTOMERS)?;
            let ids = statement.query_map((), |row| row.get(0))?.collect::<Result<_, _>>()?;
            Ok(ids)
        })
    }

    /// The tracks of each playlist, by id.
    ///
    /// # Errors
    ///
    /// If `SQLite` fails.
    pub fn get_playlists(&self) -> Result<Vec<Vec<TrackId>>, DbError> {
        self.with(|session| {
            let mut statement = session.prepare(sql::PLAYLISTS)?;
            let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
            let mut playlists = BTreeMap::<u32, Vec<TrackId>>::new();
            for row in rows {
                let (playlist, track) = row?;
                playlists.entry(playlist).or_default().push(track);
            }
            Ok(playlists.into_values().collect())
        })
    }

    /// Adds a track and returns it.
    ///
    /// # Errors
    ///
    /// If the id is in use, or `SQLite` fails.
    pub fn add_track(&self, new: &NewTrack) -> Result<Track, DbError> {
        self.with(|session| session.add_track(new))
    }

    /// Adds a track to the favourites, or removes it.
    ///
    /// # Errors
    ///
    /// If there is no such track, or `SQLite` fails.
    pub fn set_track_favorite(&self, id: TrackId, favorite: bool) -> Result<(), DbError> {
        self.with(|session| {
            let known: bool = session.prepare(sql::IS_TRACK)?.query_one([id], |row| row.get(0))?;
            if !known {
                return Err(DbError::UnknownTrack(id));
            }
            session.prepare(if favorite { sql::FAVORITE_ON } else { sql::FAVORITE_OFF })?.execute([id])?;
            Ok(())
        })
    }

    /// Counts a play of a track and returns the track.
    ///
    /// # Errors
    ///
    /// If there is no such track, or `SQLite` fails.
    pub fn record_track_play(&self, id: TrackId) -> Result<Track, DbError> {
        self.with(|session| {
            let played = session.prepare(sql::PLAY_TRACK)?.query_one([id], track).optional()?;
            played.ok_or(DbError::UnknownTrack(id))
        })
    }

    /// Edits a track and returns it.
    ///
    /// # Errors
    ///
    /// If there is no such track, or `SQLite` fails.
    pub fn update_track(&self, id: TrackId, changes: &TrackChanges) -> Result<Track, DbError> {
        let TrackChanges { title, artist, album, genre, composer } = changes;
        self.with(|session| {
            let updated = session
                .prepare(sql::UPDATE_TRACK)?
                .query_one((id, title, artist, album, genre, composer), track)
                .optional()?;
            updated.ok_or(DbError::UnknownTrack(id))
        })
    }

    /// Deletes a track, also from the favourites, playlists and purchases.
    ///
    /// # Errors
    ///
    /// If there is no such track, or `SQLite` fails.
    pub fn delete_track(&self, id: TrackId) -> Result<(), DbError> {
        self.with(|session| match session.prepare(sql::DELETE_TRACK)?.execute([id])? {
            0 => Err(DbError::UnknownTrack(id)),
            _ => Ok(()),
        })
    }

    /// Records that a customer has bought a track.
    pub(crate) fn add_purchase(&self, new: &NewPurchase, track: TrackId) -> Result<(), DbError> {
        self.with(|session| {
            session.prepare(sql::ADD_PURCHASE)?.execute((&new.invoice_date, new.customer_id, track))?;
            Ok(())
        })
    }

    /// Locks the connection: all statements of `work` see one state.
    pub(crate) fn with<T, E>(&self, work: impl FnOnce(&Session<'_>) -> Result<T, E>) -> Result<T, E> {
        let connection = self.connection.lock();
        // The lock does not tell them apart: both are of the transaction's thread.
        let in_transaction = !connection.is_autocommit();
        assert_eq!(in_transaction, self.is_inside, "inside of a transaction, and only there, use the `Database` of it");
        work(&Session { connection: &connection, queries: &self.queries })
    }

    /// Begins a transaction, which rolls back unless `work` commits it, and passes the database for the calls inside.
    pub(crate) fn in_transaction<T, E: From<DbError>>(
        &self,
        work: impl FnOnce(Self, Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let connection = self.connection.lock();
        // What it reads stays true until it writes.
        let transaction =
            Transaction::new_unchecked(&connection, TransactionBehavior::Immediate).map_err(DbError::from)?;
        work(Self { is_inside: true, ..self.clone() }, transaction)
    }
}

pub(crate) struct Session<'db> {
    connection: &'db Connection,
    queries: &'db AtomicU64,
}

impl Session<'_> {
    pub(crate) fn prepare(&self, sql: &str) -> Result<CachedStatement<'_>, DbError> {
        self.queries.fetch_add(1, Ordering::Relaxed);
        Ok(self.connection.prepare_cached(sql)?)
    }

    pub(crate) fn add_track(&self, new: &NewTrack) -> Result<Track, DbError> {
        // `query_row` would stop at the row, and miss an error of the commit.
        let added = self.prepare(sql::ADD_TRACK)?.query_one(
            (
                new.id,
                &new.title,
                &new.artist,
                &new.album,
                &new.genre,
                &new.media_type,
                &new.composer,
                new.duration_ms,
                new.size_bytes,
            ),
            track,
        );
        added.map_err(|error| match new.id {
            Some(id) if violates(&error, ffi::SQLITE_CONSTRAINT_PRIMARYKEY) => DbError::DuplicateTrack(id),
            _ => error.into(),
        })
    }

    fn page<T>(
        &self,
        sql: &PageSql,
        rows_params: impl Params,
        total_params: impl Params,
        item: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Page<T>, DbError> {
        let items = self.prepare(sql.rows)?.query_map(rows_params, item)?.collect::<Result<_, _>>()?;
        let total = self.prepare(sql.total)?.query_one(total_params, |row| row.get(0))?;
        Ok(Page { items, total })
    }
}

pub(crate) fn violates(error: &rusqlite::Error, constraint: i32) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == constraint)
}

fn track(row: &Row<'_>) -> rusqlite::Result<Track> {
    Ok(Track {
        info: track_info(row)?,
        plays: row.get("plays")?,
        last_played: row.get::<_, Option<Moment>>("last_played")?,
    })
}

fn track_info(row: &Row<'_>) -> rusqlite::Result<TrackInfo> {
    Ok(TrackInfo {
        id: row.get("id")?,
        title: row.get("title")?,
        artist: row.get("artist")?,
        album: row.get("album")?,
        genre: row.get("genre")?,
        media_type: row.get("media_type")?,
        composer: row.get("composer")?,
        duration_ms: row.get("duration_ms")?,
        size_bytes: row.get("size_bytes")?,
    })
}

#[cfg(test)]
mod tests {
    use super::Database;
    use crate::{
        error::DbError,
        model::{NewTrack, TrackId},
    };

    fn library() -> Database {
        let database = Database::open_in_memory().unwrap();
        database.add_track(&NewTrack::default()).unwrap();
        database
    }

    #[test]
    fn a_transaction_rolls_back_unless_it_is_committed() {
        let (database, id) = (library(), TrackId(1));
        let plays = || database.get_track(id).unwrap().unwrap().plays;
        database.in_transaction(|inside, _| inside.record_track_play(id)).unwrap();
        assert_eq!(plays(), 0);
        let play = |inside: Database, transaction: rusqlite::Transaction<'_>| {
            inside.record_track_play(id)?;
            Ok::<_, DbError>(transaction.commit()?)
        };
        database.in_transaction(play).unwrap();
        assert_eq!(plays(), 1);
    }

    /// It would be cached, and may be rolled back.
    #[test]
    #[should_panic = "use the `Database` of it"]
    fn a_read_from_outside_does_not_see_what_is_not_committed() {
        let database = library();
        drop(database.in_transaction(|_, _| database.get_track(TrackId(1))));
    }
}
