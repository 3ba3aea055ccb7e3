//! What a library holds and what its questions are answered with.
//!
//! Two views of a track exist on purpose. A [`TrackInfo`] is what the track *is*, and changes when
//! somebody edits it; a [`Track`] adds what *happened* to it, and changes with every play. Answers
//! that show a `TrackInfo` alone stay true when a track is played, so they can stay cached.

use std::fmt;

use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

/// Names one track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackId(pub u32);

impl fmt::Display for TrackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `pad` of the number, so that `{id:>6}` lines up in a table.
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

/// What a track is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackInfo {
    /// Names the track.
    pub id: TrackId,
    /// Its title.
    pub title: String,
    /// Who performs it.
    pub artist: String,
    /// The album it is on.
    pub album: String,
    /// Such as `Rock`.
    pub genre: String,
    /// Such as `MPEG audio file`.
    pub media_type: String,
    /// Who wrote it; empty where that is not known.
    pub composer: String,
    /// How long it plays, in milliseconds.
    pub duration_ms: u32,
    /// The size of its file, in bytes.
    pub size_bytes: u32,
}

/// What a track is, and what happened to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// What the track is.
    pub info: TrackInfo,
    /// How often it was played.
    pub plays: u32,
    /// When it was last played, or `None` if it never was.
    pub last_played: Option<Moment>,
}

/// A point in the library's own time: every addition and every play is one moment later than all
/// that the library still remembers.
///
/// "Recent" only needs an order. Counting gives one that no two events share, that a test can
/// predict and that a clock set back cannot upset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u32);

impl FromSql for Moment {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        u32::column_result(value).map(Self)
    }
}

/// A track to be added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewTrack {
    /// The id it shall have; `None` takes the one after the highest in use.
    pub id: Option<TrackId>,
    /// Its title.
    pub title: String,
    /// Who performs it.
    pub artist: String,
    /// The album it is on.
    pub album: String,
    /// Such as `Rock`.
    pub genre: String,
    /// Such as `MPEG audio file`.
    pub media_type: String,
    /// Who wrote it; empty where that is not known.
    pub composer: String,
    /// How long it plays, in milliseconds.
    pub duration_ms: u32,
    /// The size of its file, in bytes.
    pub size_bytes: u32,
}

/// An edit of a track; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrackChanges {
    /// A new title.
    pub title: Option<String>,
    /// Another performer.
    pub artist: Option<String>,
    /// Another album.
    pub album: Option<String>,
    /// Another genre.
    pub genre: Option<String>,
    /// Another composer; the empty string if none is known after all.
    pub composer: Option<String>,
}

/// A part of a long answer, and how long the whole answer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows asked for: at most `limit` of them, after the first `offset`.
    pub items: Vec<T>,
    /// How many rows there are on all pages together.
    pub total: u32,
}
