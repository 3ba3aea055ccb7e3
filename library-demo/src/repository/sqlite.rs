//! The repository on an `SQLite` file, by `sqlx`. What a mutation forgets, and why, is in the table of
//! [`LibraryManager`](crate::LibraryManager).

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};
use sqlx::{
    Row, Sqlite, SqlitePool, Transaction,
    error::DatabaseError,
    query::Query,
    sqlite::{SqliteArguments, SqliteConnectOptions, SqlitePoolOptions, SqliteRow, SqliteSynchronous},
};

use crate::{
    Database, DbError, Moment, MusicRepository, NewTrack, Page, Track, TrackChanges, TrackId, TrackInfo,
    sql::{self, PageSql},
};

/// How many questions the database works on at once. Each has a thread.
const READERS: u32 = 4;

/// A music library in an `SQLite` file that remembers its answers.
#[derive(HasCache)]
pub struct SqliteRepository {
    readers: SqlitePool,
    /// Of one connection. `SQLite` lets only one write at a time, and here the others wait as tasks; with a connection
    /// each they would wait in threads, and look every few milliseconds whether it is their turn.
    writer: SqlitePool,
    queries: AtomicU64,
    cache: Cache,
}

impl SqliteRepository {
    /// Opens the library in a file, or begins an empty one if there is no such file, and puts a cache in front of it.
    /// Changes must go through the repository from now on: of others the cache does not learn.
    ///
    /// # Errors
    ///
    /// If the file holds something else, another version of the schema, or cannot be opened.
    pub async fn open(path: &Path, cache: Cache) -> Result<Self, DbError> {
        // It knows the schema, and turns the write-ahead log on: readers and the writer do not wait for each other.
        Database::open(path)?;
        let options = SqliteConnectOptions::new().filename(path).synchronous(SqliteSynchronous::Normal);
        let readers = SqlitePoolOptions::new().max_connections(READERS);
        let writer = SqlitePoolOptions::new().max_connections(1);
        Ok(Self {
            readers: readers.connect_with(options.clone().read_only(true)).await?,
            writer: writer.connect_with(options).await?,
            queries: AtomicU64::new(0),
            cache,
        })
    }

    /// How many statements were sent so far, those that read and those that write.
    pub fn queries(&self) -> u64 {
        self.queries.load(Ordering::Relaxed)
    }

    /// Closes the connections; whoever asks from now on gets an error.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// A statement to be sent once; counted.
    fn statement<'q>(&self, sql: &'static str) -> Statement<'q> {
        self.queries.fetch_add(1, Ordering::Relaxed);
        sqlx::query(sql)
    }

    /// A page of a query whose total has no parameters.
    async fn page<T>(&self, sql: &PageSql, limit: u32, offset: u32, item: Item<T>) -> Result<Arc<Page<T>>, DbError> {
        let rows = self.statement(sql.rows).bind(limit).bind(offset);
        self.rows_and_total(rows, self.statement(sql.total), item).await
    }

    async fn rows_and_total<T>(
        &self,
        rows: Statement<'_>,
        total: Statement<'_>,
        item: Item<T>,
    ) -> Result<Arc<Page<T>>, DbError> {
        // Both see the library as it is at one moment.
        let mut snapshot = self.readers.begin().await?;
        let rows = rows.fetch_all(&mut *snapshot).await?;
        let total = total.fetch_one(&mut *snapshot).await?.try_get(0)?;
        snapshot.commit().await?;
        Ok(Arc::new(Page { items: rows.iter().map(item).collect::<Result<_, _>>()?, total }))
    }

    /// A change, which is made when it is committed, and undone if it is dropped before.
    async fn change(&self) -> Result<Transaction<'_, Sqlite>, DbError> {
        // What it reads first is to be true until it writes.
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// A change by one statement that returns the track as it is now, if there is such a track.
    async fn change_track(&self, statement: Statement<'_>) -> Result<Option<Track>, DbError> {
        let mut change = self.change().await?;
        let changed = statement.fetch_optional(&mut *change).await?;
        change.commit().await?;
        Ok(changed.as_ref().map(track).transpose()?)
    }
}

// Above `#[async_trait]`, which leaves nothing of an `async fn` that could be cached.
#[cached_impl]
#[async_trait]
impl MusicRepository for SqliteRepository {
    #[cached_query(ttl = "5m")]
    async fn get_all_tracks(&self, limit: u32, offset: u32) -> Result<Arc<Page<Track>>, DbError> {
        self.page(&sql::ALL_TRACKS, limit, offset, track).await
    }

    #[cached_query(ttl = "5m")]
    async fn get_track(&self, id: TrackId) -> Result<Option<Track>, DbError> {
        let row = self.statement(sql::TRACK).bind(id.0).fetch_optional(&self.readers).await?;
        Ok(row.as_ref().map(track).transpose()?)
    }

    #[cached_query(ttl = "5m")]
    async fn search_tracks(&self, query: &str, limit: u32, offset: u32) -> Result<Arc<Page<TrackInfo>>, DbError> {
        let rows = self.statement(sql::SEARCH_TRACKS.rows).bind(limit).bind(offset).bind(query);
        let total = self.statement(sql::SEARCH_TRACKS.total).bind(query);
        self.rows_and_total(rows, total, track_info).await
    }

    #[cached_query(ttl = "5m")]
    async fn get_favorite_tracks(&self, limit: u32, offset: u32) -> Result<Arc<Page<TrackInfo>>, DbError> {
        self.page(&sql::FAVORITE_TRACKS, limit, offset, track_info).await
    }

    #[cached_query(ttl = "5m")]
    async fn get_recent_tracks(&self, limit: u32, offset: u32) -> Result<Arc<Page<Track>>, DbError> {
        self.page(&sql::RECENT_TRACKS, limit, offset, track).await
    }

    #[cached_query(ttl = "5m")]
    async fn get_popular_tracks(&self, limit: u32, offset: u32) -> Result<Arc<Page<Track>>, DbError> {
        self.page(&sql::POPULAR_TRACKS, limit, offset, track).await
    }

    #[invalidates("get_all_tracks", "search_tracks", "get_recent_tracks", |track| get_track(track.info.id))]
    async fn add_track(&self, new: &NewTrack) -> Result<Track, DbError> {
        let add = self
            .statement(sql::ADD_TRACK)
            .bind(new.id.map(|id| id.0))
            .bind(&new.title)
            .bind(&new.artist)
            .bind(&new.album)
            .bind(&new.genre)
            .bind(&new.media_type)
            .bind(&new.composer)
            .bind(new.duration_ms)
            .bind(new.size_bytes);
        let mut change = self.change().await?;
        let added = add.fetch_one(&mut *change).await.map_err(|error| match new.id {
            Some(id) if violates_unique(&error) => DbError::DuplicateTrack(id),
            _ => error.into(),
        })?;
        change.commit().await?;
        Ok(track(&added)?)
    }

    #[invalidates("get_favorite_tracks")]
    async fn set_track_favorite(&self, id: TrackId, favorite: bool) -> Result<(), DbError> {
        let mut change = self.change().await?;
        let is_track: bool = self.statement(sql::IS_TRACK).bind(id.0).fetch_one(&mut *change).await?.try_get(0)?;
        if !is_track {
            return Err(DbError::UnknownTrack(id));
        }
        let set = if favorite { sql::FAVORITE_ON } else { sql::FAVORITE_OFF };
        self.statement(set).bind(id.0).execute(&mut *change).await?;
        change.commit().await?;
        Ok(())
    }

    #[invalidates("get_popular_tracks", "get_recent_tracks", "get_all_tracks", get_track(id))]
    async fn record_track_play(&self, id: TrackId) -> Result<Track, DbError> {
        let played = self.change_track(self.statement(sql::PLAY_TRACK).bind(id.0)).await?;
        played.ok_or(DbError::UnknownTrack(id))
    }

    #[invalidates(
        get_track(id),
        "search_tracks",
        "get_all_tracks",
        "get_favorite_tracks",
        "get_recent_tracks",
        "get_popular_tracks"
    )]
    async fn update_track(&self, id: TrackId, changes: &TrackChanges) -> Result<Track, DbError> {
        let TrackChanges { title, artist, album, genre, composer } = changes;
        let update = self.statement(sql::UPDATE_TRACK).bind(id.0);
        let update = update.bind(title).bind(artist).bind(album).bind(genre).bind(composer);
        self.change_track(update).await?.ok_or(DbError::UnknownTrack(id))
    }

    #[invalidates(
        "get_all_tracks",
        get_track(id),
        "search_tracks",
        "get_favorite_tracks",
        "get_recent_tracks",
        "get_popular_tracks"
    )]
    async fn delete_track(&self, id: TrackId) -> Result<(), DbError> {
        let mut change = self.change().await?;
        let deleted = self.statement(sql::DELETE_TRACK).bind(id.0).execute(&mut *change).await?;
        change.commit().await?;
        if deleted.rows_affected() == 0 { Err(DbError::UnknownTrack(id)) } else { Ok(()) }
    }
}

type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;
type Item<T> = fn(&SqliteRow) -> sqlx::Result<T>;

fn violates_unique(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(DatabaseError::is_unique_violation)
}

fn track(row: &SqliteRow) -> sqlx::Result<Track> {
    Ok(Track {
        info: track_info(row)?,
        plays: row.try_get("plays")?,
        last_played: row.try_get::<Option<u32>, _>("last_played")?.map(Moment),
    })
}

fn track_info(row: &SqliteRow) -> sqlx::Result<TrackInfo> {
    Ok(TrackInfo {
        id: TrackId(row.try_get("id")?),
        title: row.try_get("title")?,
        artist: row.try_get("artist")?,
        album: row.try_get("album")?,
        genre: row.try_get("genre")?,
        media_type: row.try_get("media_type")?,
        composer: row.try_get("composer")?,
        duration_ms: row.try_get("duration_ms")?,
        size_bytes: row.try_get("size_bytes")?,
    })
}
