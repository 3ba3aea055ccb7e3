//! The library's data in `SQLite`: the questions and changes the [manager](crate::LibraryManager)
//! offers, under the same names and without a cache.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rusqlite::{CachedStatement, Connection, ErrorCode, OptionalExtension, Params, Row, ffi};

use crate::{DbError, Moment, NewTrack, Page, Track, TrackChanges, TrackId, TrackInfo};

/// Marks a file as a music library (`file(1)` and [`Database::open`] look at it): "mlib" in ASCII.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"mlib");
/// Counted up whenever `schema.sql` changes.
const SCHEMA_VERSION: i32 = 1;
/// How long to wait for another process that is writing to the same file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// More than the distinct statements below, so that each is compiled once per connection.
const STATEMENTS: usize = 32;

// Macros, since `concat!` takes only literals. `track` reads these columns by name.
macro_rules! info_columns {
    () => {
        "id, title, artist, album, genre, media_type, composer, duration_ms, size_bytes"
    };
}
macro_rules! track_columns {
    () => {
        concat!(info_columns!(), ", plays, last_played")
    };
}
/// One moment later than all there are.
macro_rules! next_moment {
    () => {
        "(SELECT COALESCE(MAX(last_active), 0) + 1 FROM track)"
    };
}

/// A music library in an `SQLite` database.
///
/// It may be used from several threads: they take turns.
#[derive(Debug)]
pub struct Database {
    connection: Mutex<Connection>,
    queries: AtomicU64,
}

impl Database {
    /// Opens the library in a file, or begins an empty one if there is no such file.
    ///
    /// # Errors
    ///
    /// If the file holds something else, another version of the schema, or cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DbError> {
        let path = path.as_ref();
        Self::set_up(Connection::open(path)?, path).map_err(|error| match error {
            DbError::Sqlite(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
                DbError::NotALibrary(path.to_owned())
            }
            other => other,
        })
    }

    /// Begins an empty library that lasts as long as the value returned.
    ///
    /// # Errors
    ///
    /// If `SQLite` fails.
    pub fn open_in_memory() -> Result<Self, DbError> {
        Self::set_up(Connection::open_in_memory()?, Path::new(":memory:"))
    }

    fn set_up(mut connection: Connection, path: &Path) -> Result<Self, DbError> {
        connection.busy_timeout(BUSY_TIMEOUT)?;
        // One transaction from the look to the schema: of two processes that begin the same file,
        // the second finds what the first made.
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
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

        // Only now: somebody else's file must not be touched. With a write-ahead log a commit need
        // not wait for the disk, and what a power cut can then cost is the last changes, not the
        // file.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(Self { connection: Mutex::new(connection), queries: AtomicU64::new(0) })
    }

    /// How many statements were sent so far, those that read and those that write.
    pub fn queries(&self) -> u64 {
        self.queries.load(Ordering::Relaxed)
    }

    /// All tracks, by id.
    ///
    /// # Errors
    ///
    /// If `SQLite` fails.
    pub fn get_all_tracks(&self, limit: u32, offset: u32) -> Result<Page<Track>, DbError> {
        const ROWS: &str = concat!("SELECT ", track_columns!(), " FROM track ORDER BY id LIMIT ?1 OFFSET ?2");
        self.with(|session| session.page(ROWS, (limit, offset), "SELECT COUNT(*) FROM track", (), track))
    }

    /// One track, or `None` if there is none of that id.
    ///
    /// # Errors
    ///
    /// If `SQLite` fails.
    pub fn get_track(&self, id: TrackId) -> Result<Option<Track>, DbError> {
        const ROW: &str = concat!("SELECT ", track_columns!(), " FROM track WHERE id = ?1");
        self.with(|session| Ok(session.prepare(ROW)?.query_one([id], track).optional()?))
    }

    /// The tracks whose title, artist, album or composer contains `query`, by id.
    ///
    /// Case is ignored in ASCII letters; every character stands for itself. The empty text is in
    /// every track.
    ///
    /// # Errors
    ///
    /// If `SQLite` fails.
    pub fn search_tracks(&self, query: &str, limit: u32, offset: u32) -> Result<Page<TrackInfo>, DbError> {
        // `instr`, not `LIKE`: it has no wildcards, so there is nothing to escape.
        const ROWS: &str = concat!(
            "SELECT ",
            info_columns!(),
            " FROM track WHERE instr(search_text, lower(?3)) ORDER BY id LIMIT ?1 OFFSET ?2"
        );
        const TOTAL: &str = "SELECT COUNT(*) FROM track WHERE instr(search_text, lower(?1))";
        self.with(|session| session.page(ROWS, (limit, offset, query), TOTAL, [query], track_info))
    }

    /// The favourites, by id.
    ///
    /// # Errors
    ///
    /// If `SQLite` fails.
    pub fn get_favorite_tracks(&self, limit: u32, offset: u32) -> Result<Page<TrackInfo>, DbError> {
        const ROWS: &str = concat!(
            "SELECT ",
            info_columns!(),
            " FROM favorite JOIN track ON id = track_id ORDER BY track_id LIMIT ?1 OFFSET ?2"
        );
        self.with(|session| session.page(ROWS, (limit, offset), "SELECT COUNT(*) FROM favorite", (), track_info))
    }

    /// All tracks, the last added or played first.
    ///
    /// # Errors
    ///
    /// If `SQLite` fails.
    pub fn get_recent_tracks(&self, limit: u32, offset: u32) -> Result<Page<Track>, DbError> {
        const ROWS: &str =
            concat!("SELECT ", track_columns!(), " FROM track ORDER BY last_active DESC LIMIT ?1 OFFSET ?2");
        self.with(|session| session.page(ROWS, (limit, offset), "SELECT COUNT(*) FROM track", (), track))
    }

    /// The tracks played at least once, the most played first and equals by id.
    ///
    /// # Errors
    ///
    /// If `SQLite` fails.
    pub fn get_popular_tracks(&self, limit: u32, offset: u32) -> Result<Page<Track>, DbError> {
        const ROWS: &str = concat!(
            "SELECT ",
            track_columns!(),
            " FROM track WHERE plays > 0 ORDER BY plays DESC, id LIMIT ?1 OFFSET ?2"
        );
        const TOTAL: &str = "SELECT COUNT(*) FROM track WHERE plays > 0";
        self.with(|session| session.page(ROWS, (limit, offset), TOTAL, (), track))
    }

    /// The tracks that were bought, oldest purchase first, each as often as it was bought.
    ///
    /// # Errors
    ///
    /// If `SQLite` fails.
    pub fn get_purchased_tracks(&self) -> Result<Vec<TrackId>, DbError> {
        self.with(|session| {
            let mut statement = session.prepare("SELECT track_id FROM purchase ORDER BY id")?;
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
            let mut statement =
                session.prepare("SELECT playlist_id, track_id FROM playlist_track ORDER BY playlist_id, track_id")?;
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
    /// If the id wanted is taken, or `SQLite` fails.
    pub fn add_track(&self, new: &NewTrack) -> Result<Track, DbError> {
        self.with(|session| session.add_track(new))
    }

    /// Makes a track a favourite, or no longer one.
    ///
    /// # Errors
    ///
    /// If there is no such track, or `SQLite` fails.
    pub fn set_track_favorite(&self, id: TrackId, favorite: bool) -> Result<(), DbError> {
        const KNOWN: &str = "SELECT EXISTS (SELECT 1 FROM track WHERE id = ?1)";
        const ON: &str = "INSERT INTO favorite (track_id) VALUES (?1) ON CONFLICT DO NOTHING";
        const OFF: &str = "DELETE FROM favorite WHERE track_id = ?1";
        self.with(|session| {
            let known: bool = session.prepare(KNOWN)?.query_one([id], |row| row.get(0))?;
            if !known {
                return Err(DbError::UnknownTrack(id));
            }
            session.prepare(if favorite { ON } else { OFF })?.execute([id])?;
            Ok(())
        })
    }

    /// Counts one more play of a track, now, and returns the track.
    ///
    /// # Errors
    ///
    /// If there is no such track, or `SQLite` fails.
    pub fn record_track_play(&self, id: TrackId) -> Result<Track, DbError> {
        const PLAY: &str = concat!(
            "UPDATE track SET plays = plays + 1, last_played = ",
            next_moment!(),
            ", last_active = ",
            next_moment!(),
            " WHERE id = ?1 RETURNING ",
            track_columns!()
        );
        self.with(|session| {
            let played = session.prepare(PLAY)?.query_one([id], track).optional()?;
            played.ok_or(DbError::UnknownTrack(id))
        })
    }

    /// Edits what a track is and returns the track.
    ///
    /// # Errors
    ///
    /// If there is no such track, or `SQLite` fails.
    pub fn update_track(&self, id: TrackId, changes: &TrackChanges) -> Result<Track, DbError> {
        const UPDATE: &str = concat!(
            "UPDATE track SET title = COALESCE(?2, title), artist = COALESCE(?3, artist), \
             album = COALESCE(?4, album), genre = COALESCE(?5, genre), \
             composer = COALESCE(?6, composer) WHERE id = ?1 RETURNING ",
            track_columns!()
        );
        let TrackChanges { title, artist, album, genre, composer } = changes;
        self.with(|session| {
            let updated =
                session.prepare(UPDATE)?.query_one((id, title, artist, album, genre, composer), track).optional()?;
            updated.ok_or(DbError::UnknownTrack(id))
        })
    }

    /// Removes a track from the library: also from the favourites, playlists and purchases.
    ///
    /// # Errors
    ///
    /// If there is no such track, or `SQLite` fails.
    pub fn delete_track(&self, id: TrackId) -> Result<(), DbError> {
        self.with(|session| match session.prepare("DELETE FROM track WHERE id = ?1")?.execute([id])? {
            0 => Err(DbError::UnknownTrack(id)),
            _ => Ok(()),
        })
    }

    /// Takes the connection for all that `work` sends: what it reads belongs together.
    fn with<T>(&self, work: impl FnOnce(&Session<'_>) -> Result<T, DbError>) -> Result<T, DbError> {
        // A panic elsewhere leaves no half-made change: a transaction that is dropped rolls back.
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        work(&Session { connection: &connection, queries: &self.queries })
    }

    /// As [`with`](Self::with), and what `work` changes is undone if it fails.
    pub(crate) fn in_transaction<T, E: From<DbError>>(
        &self,
        work: impl FnOnce(&Session<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction().map_err(DbError::from)?;
        let done = work(&Session { connection: &transaction, queries: &self.queries })?;
        transaction.commit().map_err(DbError::from)?;
        Ok(done)
    }
}

/// The connection, taken: the one place every statement goes through.
pub(crate) struct Session<'db> {
    connection: &'db Connection,
    queries: &'db AtomicU64,
}

impl Session<'_> {
    /// A statement to be sent once; counted.
    pub(crate) fn prepare(&self, sql: &str) -> Result<CachedStatement<'_>, DbError> {
        self.queries.fetch_add(1, Ordering::Relaxed);
        Ok(self.connection.prepare_cached(sql)?)
    }

    pub(crate) fn add_track(&self, new: &NewTrack) -> Result<Track, DbError> {
        const ADD: &str = concat!(
            "INSERT INTO track (",
            info_columns!(),
            ", last_active) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ",
            next_moment!(),
            ") RETURNING ",
            track_columns!()
        );
        // `query_one`, here and wherever a change returns its row, runs the statement to its end.
        // `query_row` would stop at the row, and an error of the commit after it would go unseen.
        let added = self.prepare(ADD)?.query_one(
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
        rows: &str,
        rows_params: impl Params,
        total: &str,
        total_params: impl Params,
        item: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Page<T>, DbError> {
        let items = self.prepare(rows)?.query_map(rows_params, item)?.collect::<Result<_, _>>()?;
        let total = self.prepare(total)?.query_one(total_params, |row| row.get(0))?;
        Ok(Page { items, total })
    }
}

/// Whether a statement failed on this kind of constraint, such as `SQLITE_CONSTRAINT_PRIMARYKEY`.
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
