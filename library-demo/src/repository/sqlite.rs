//! The repository on an `SQLite` file, with `sqlx`. `manager.rs` has the reasons for what a mutation invalidates.

mod session;

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
    Row, Sqlite,
    error::DatabaseError,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};

use self::session::Connections;
use super::{MusicRepository, Outage};
use crate::{
    database::Database,
    error::DbError,
    model::{Moment, NewPurchase, NewTrack, Page, Track, TrackChanges, TrackId, TrackInfo},
    sql::{self, PageSql},
};

/// A music library in an `SQLite` file, with cached reads.
#[derive(HasCache)]
pub struct SqliteRepository {
    connections: Connections,
    queries: Arc<AtomicU64>,
    cache: Cache,
}

impl SqliteRepository {
    /// Opens the library in a file, or creates an empty one, and caches its reads. Only mutations through this
    /// repository invalidate them.
    ///
    /// # Errors
    ///
    /// If the file holds something else or another version of the schema, or cannot be opened.
    pub async fn open(path: &Path, cache: Cache) -> Result<Self, DbError> {
        Self::open_connections(path, cache, None).await
    }

    /// The same with a switch that makes the database fail.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub async fn open_with_outage(path: &Path, cache: Cache, outage: Arc<Outage>) -> Result<Self, DbError> {
        Self::open_connections(path, cache, Some(outage)).await
    }

    async fn open_connections(path: &Path, cache: Cache, outage: Option<Arc<Outage>>) -> Result<Self, DbError> {
        // Creates the schema, and turns on the write-ahead log: readers and the writer do not block each other.
        Database::open(path)?;
        Ok(Self { connections: Connections::open(path, outage).await?, queries: Arc::default(), cache })
    }

    /// The number of statements sent.
    pub fn queries(&self) -> u64 {
        self.queries.load(Ordering::Relaxed)
    }

    /// Closes the connections. Afterwards every miss fails.
    pub async fn close(&self) {
        self.connections.close().await;
    }

    /// Whether a text is a day of the calendar, such as `2026-11-30`.
    pub(crate) async fn is_date(&self, text: &str) -> Result<bool, DbError> {
        let mut reader = self.connections.reader().await?;
        Ok(self.statement(sql::IS_DATE).bind(text).fetch_one(&mut *reader).await?.try_get(0)?)
    }

    fn statement<'q>(&self, sql: &'static str) -> Statement<'q> {
        self.queries.fetch_add(1, Ordering::Relaxed);
        sqlx::query(sql)
    }

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
        // One snapshot for both.
        let mut snapshot = self.connections.snapshot().await?;
        let rows = rows.fetch_all(&mut *snapshot).await?;
        let total = total.fetch_one(&mut *snapshot).await?.try_get(0)?;
        snapshot.commit().await?;
        Ok(Arc::new(Page { items: rows.iter().map(item).collect::<Result<_, _>>()?, total }))
    }

    /// The work of a purchase.
    async fn buy(&self, new: &NewPurchase) -> Result<Vec<Track>, DbError> {
        for &id in &new.tracks {
            self.record_track_play(id).await?;
            self.set_track_favorite(id, true).await?;
            self.add_purchase(new, id).await?;
        }
        // The plays are not committed yet: inside of the transaction this loads, and stores nothing.
        let mut bought = Vec::new();
        for &id in &new.tracks {
            bought.push(self.get_track(id).await?.ok_or(DbError::UnknownTrack(id))?);
        }
        Ok(bought)
    }

    /// Records that a customer has bought a track.
    async fn add_purchase(&self, new: &NewPurchase, track: TrackId) -> Result<(), DbError> {
        let add = self.statement(sql::ADD_PURCHASE).bind(&new.invoice_date).bind(new.customer_id).bind(track.0);
        let mut transaction = self.connections.begin().await?;
        add.execute(&mut *transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// Commits one statement, and returns the changed track.
    async fn change_track(&self, statement: Statement<'_>) -> Result<Option<Track>, DbError> {
        let mut transaction = self.connections.begin().await?;
        let changed = statement.fetch_optional(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(changed.as_ref().map(track).transpose()?)
    }
}

// Above `#[async_trait]`, which replaces the `async fn`s that are to be cached.
#[cached_impl]
#[async_trait]
impl MusicRepository for SqliteRepository {
    #[cached_query(ttl = "5m", shared)]
    async fn get_all_tracks(&self, limit: u32, offset: u32) -> Result<Arc<Page<Track>>, DbError> {
        self.page(&sql::ALL_TRACKS, limit, offset, track).await
    }

    #[cached_query(ttl = "5m", shared)]
    async fn get_track(&self, id: TrackId) -> Result<Option<Track>, DbError> {
        let mut reader = self.connections.reader().await?;
        let row = self.statement(sql::TRACK).bind(id.0).fetch_optional(&mut *reader).await?;
        Ok(row.as_ref().map(track).transpose()?)
    }

    #[cached_query(ttl = "5m", shared)]
    async fn search_tracks(&self, query: &str, limit: u32, offset: u32) -> Result<Arc<Page<TrackInfo>>, DbError> {
        let rows = self.statement(sql::SEARCH_TRACKS.rows).bind(limit).bind(offset).bind(query);
        let total = self.statement(sql::SEARCH_TRACKS.total).bind(query);
        self.rows_and_total(rows, total, track_info).await
    }

    #[cached_query(ttl = "5m", shared)]
    async fn get_favorite_tracks(&self, limit: u32, offset: u32) -> Result<Arc<Page<TrackInfo>>, DbError> {
        self.page(&sql::FAVORITE_TRACKS, limit, offset, track_info).await
    }

    #[cached_query(ttl = "5m", shared)]
    async fn get_recent_tracks(&self, limit: u32, offset: u32) -> Result<Arc<Page<Track>>, DbError> {
        self.page(&sql::RECENT_TRACKS, limit, offset, track).await
    }

    #[cached_query(ttl = "5m", shared)]
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
        let mut transaction = self.connections.begin().await?;
        let added = add.fetch_one(&mut *transaction).await.map_err(|error| match new.id {
            Some(id) if violates_unique(&error) => DbError::DuplicateTrack(id),
            _ => error.into(),
        })?;
        transaction.commit().await?;
        Ok(track(&added)?)
    }

    #[invalidates("get_favorite_tracks")]
    async fn set_track_favorite(&self, id: TrackId, favorite: bool) -> Result<(), DbError> {
        let mut transaction = self.connections.begin().await?;
        let is_track: bool = self.statement(sql::IS_TRACK).bind(id.0).fetch_one(&mut *transaction).await?.try_get(0)?;
        if !is_track {
            return Err(DbError::UnknownTrack(id));
        }
        let set = if favorite { sql::FAVORITE_ON } else { sql::FAVORITE_OFF };
        self.statement(set).bind(id.0).execute(&mut *transaction).await?;
        transaction.commit().await?;
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
        let mut transaction = self.connections.begin().await?;
        let deleted = self.statement(sql::DELETE_TRACK).bind(id.0).execute(&mut *transaction).await?;
        transaction.commit().await?;
        if deleted.rows_affected() == 0 { Err(DbError::UnknownTrack(id)) } else { Ok(()) }
    }

    async fn purchase(&self, new: &NewPurchase) -> Result<Vec<Track>, DbError> {
        let transaction = self.cache.transaction();
        // This repository, inside of the transaction.
        let inside = Self {
            connections: self.connections.begin_unit_of_work().await?,
            queries: self.queries.clone(),
            cache: transaction.cache(),
        };
        match inside.buy(new).await {
            Ok(bought) => {
                transaction.commit_after_async(inside.connections.commit()).await?;
                Ok(bought)
            }
            Err(error) => {
                inside.connections.rollback().await?;
                transaction.rollback();
                Err(error)
            }
        }
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
