//! The data and answers of the library.
//!
//! A play changes a [`Track`] but no [`TrackInfo`]: answers of `TrackInfo`s stay cached.
//!
//! As JSON they are what the [service](crate::http) answers and takes.

use std::fmt;

use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};

/// The id of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrackId(pub u32);

impl fmt::Display for TrackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ToSql for TrackId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

impl FromSql for TrackId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        u32::column_result(value).map(Self)
    }
}

/// The description of a track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackInfo {
    /// Its id.
    pub id: TrackId,
    /// Its title.
    pub title: String,
    /// Its performer.
    pub artist: String,
    /// Its album.
    pub album: String,
    /// Such as `Rock`.
    pub genre: String,
    /// Such as `MPEG audio file`.
    pub media_type: String,
    /// Its composer; empty if unknown.
    pub composer: String,
    /// Its duration, in milliseconds.
    pub duration_ms: u32,
    /// The size of its file, in bytes.
    pub size_bytes: u32,
}

/// A track and its plays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// Its description.
    #[serde(flatten)]
    pub info: TrackInfo,
    /// The number of plays.
    pub plays: u32,
    /// The last play, if any.
    pub last_played: Option<Moment>,
}

/// A logical timestamp: each addition and each play is one later than all others in the library.
///
/// Unlike a clock it has no ties, and is known to tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(pub u32);

impl FromSql for Moment {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        u32::column_result(value).map(Self)
    }
}

/// A track to add.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewTrack {
    /// Its id; `None` for the one after the highest in use.
    pub id: Option<TrackId>,
    /// Its title.
    pub title: String,
    /// Its performer.
    pub artist: String,
    /// Its album.
    pub album: String,
    /// Such as `Rock`.
    pub genre: String,
    /// Such as `MPEG audio file`.
    pub media_type: String,
    /// Its composer; empty if unknown.
    pub composer: String,
    /// Its duration, in milliseconds.
    pub duration_ms: u32,
    /// The size of its file, in bytes.
    pub size_bytes: u32,
}

/// An edit of a track; `None` changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrackChanges {
    /// The new title.
    pub title: Option<String>,
    /// The new performer.
    pub artist: Option<String>,
    /// The new album.
    pub album: Option<String>,
    /// The new genre.
    pub genre: Option<String>,
    /// The new composer; empty if unknown.
    pub composer: Option<String>,
}

/// Tracks that a customer buys together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPurchase {
    /// Such as `2026-11-29`.
    pub invoice_date: String,
    /// The customer.
    pub customer_id: u32,
    /// The tracks.
    pub tracks: Vec<TrackId>,
}

/// A part of a long answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// At most `limit` rows, after the first `offset`.
    pub items: Vec<T>,
    /// The number of rows of all pages.
    pub total: u32,
}
