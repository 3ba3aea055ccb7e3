//! The import from CSV (UTF-8, quoted as in RFC 4180): all rows or none.

use std::{borrow::Cow, collections::HashMap, fmt, fs, path::Path};

use csv::{ByteRecord, ReaderBuilder};
use indicatif::ProgressBar;
use rusqlite::ffi;

use crate::{
    database::{Database, Session, violates},
    error::{DbError, ImportError},
    model::{NewTrack, TrackId},
    sql,
};

const TRACKS: &str = "tracks.csv";
const PLAYLISTS: &str = "playlists.csv";
const PURCHASES: &str = "purchases.csv";

/// The three files of an import.
#[derive(Clone, Debug)]
pub struct CsvFiles {
    /// `track_id,title,artist,album,genre,media_type,composer,duration_ms,size_bytes`
    pub tracks: Cow<'static, [u8]>,
    /// `playlist_id,playlist,track_id`
    pub playlists: Cow<'static, [u8]>,
    /// `invoice_date,customer_id,track_id`, the oldest first
    pub purchases: Cow<'static, [u8]>,
}

impl CsvFiles {
    /// The sample library, compiled in: the Chinook sample data.
    pub fn embedded() -> Self {
        Self {
            tracks: include_bytes!("../data/tracks.csv").into(),
            playlists: include_bytes!("../data/playlists.csv").into(),
            purchases: include_bytes!("../data/purchases.csv").into(),
        }
    }

    /// The files `tracks.csv`, `playlists.csv` and `purchases.csv` of a folder.
    ///
    /// # Errors
    ///
    /// If one of them cannot be read.
    pub fn read(folder: &Path) -> Result<Self, ImportError> {
        let read = |name| {
            let path = folder.join(name);
            match fs::read(&path) {
                Ok(contents) => Ok(Cow::Owned(contents)),
                Err(source) => Err(ImportError::Read { path, source }),
            }
        };
        Ok(Self { tracks: read(TRACKS)?, playlists: read(PLAYLISTS)?, purchases: read(PURCHASES)? })
    }
}

/// What an import added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportSummary {
    /// Tracks.
    pub tracks: u32,
    /// Tracks on playlists.
    pub playlist_tracks: u32,
    /// Purchases.
    pub purchases: u32,
}

impl Database {
    /// Creates a library in memory with the sample data.
    ///
    /// # Errors
    ///
    /// If `SQLite` fails.
    pub fn open_sample(progress: &ProgressBar) -> Result<Self, ImportError> {
        let database = Self::open_in_memory()?;
        database.import(&CsvFiles::embedded(), progress)?;
        Ok(database)
    }

    /// Adds files to the library, in one transaction. `progress` counts bytes.
    ///
    /// # Errors
    ///
    /// At the first invalid row, with its file, line and column. The library is then unchanged.
    pub fn import(&self, files: &CsvFiles, progress: &ProgressBar) -> Result<ImportSummary, ImportError> {
        let bytes = files.tracks.len() + files.playlists.len() + files.purchases.len();
        progress.set_length(bytes as u64);
        self.in_transaction(|database, transaction| {
            let summary = database.with(|session| {
                Ok::<_, ImportError>(ImportSummary {
                    tracks: import_tracks(session, &files.tracks, progress)?,
                    playlist_tracks: import_playlists(session, &files.playlists, progress)?,
                    purchases: import_purchases(session, &files.purchases, progress)?,
                })
            })?;
            transaction.commit().map_err(DbError::from)?;
            Ok(summary)
        })
    }
}

fn import_tracks(session: &Session<'_>, contents: &[u8], progress: &ProgressBar) -> Result<u32, ImportError> {
    const COLUMNS: &[&str] =
        &["track_id", "title", "artist", "album", "genre", "media_type", "composer", "duration_ms", "size_bytes"];
    for_each_row(TRACKS, COLUMNS, contents, progress, |row| {
        let new = NewTrack {
            id: Some(TrackId(row.number("track_id")?)),
            title: row.text("title")?.to_owned(),
            artist: row.text("artist")?.to_owned(),
            album: row.text("album")?.to_owned(),
            genre: row.text("genre")?.to_owned(),
            media_type: row.text("media_type")?.to_owned(),
            composer: row.text("composer")?.to_owned(),
            duration_ms: row.number("duration_ms")?,
            size_bytes: row.number("size_bytes")?,
        };
        match session.add_track(&new) {
            Ok(_) => Ok(()),
            Err(error @ DbError::DuplicateTrack(_)) => Err(row.problem("track_id", error)),
            Err(error) => Err(error.into()),
        }
    })
}

fn import_playlists(session: &Session<'_>, contents: &[u8], progress: &ProgressBar) -> Result<u32, ImportError> {
    const COLUMNS: &[&str] = &["playlist_id", "playlist", "track_id"];
    const PLAYLIST: &str = "INSERT INTO playlist (id, name) VALUES (?1, ?2)";
    const ENTRY: &str = "INSERT INTO playlist_track (playlist_id, track_id) VALUES (?1, ?2)";
    // Each row repeats the name of its playlist.
    let mut names = HashMap::<u32, String>::new();
    for_each_row(PLAYLISTS, COLUMNS, contents, progress, |row| {
        let playlist = row.number("playlist_id")?;
        let name = row.text("playlist")?;
        let track = TrackId(row.number("track_id")?);
        if let Some(known) = names.get(&playlist) {
            if known != name {
                let problem = format!("playlist {playlist} has the name {known:?} in an earlier row");
                return Err(row.problem("playlist", problem));
            }
        } else {
            session.prepare(PLAYLIST)?.execute((playlist, name)).map_err(|error| {
                if violates(&error, ffi::SQLITE_CONSTRAINT_PRIMARYKEY) {
                    row.problem("playlist_id", format!("playlist {playlist} already exists"))
                } else {
                    DbError::from(error).into()
                }
            })?;
            names.insert(playlist, name.to_owned());
        }
        session.prepare(ENTRY)?.execute((playlist, track)).map_err(|error| {
            if violates(&error, ffi::SQLITE_CONSTRAINT_PRIMARYKEY) {
                row.problem("track_id", format!("track {track} is already on the playlist"))
            } else {
                row.rejected(track, error)
            }
        })?;
        Ok(())
    })
}

fn import_purchases(session: &Session<'_>, contents: &[u8], progress: &ProgressBar) -> Result<u32, ImportError> {
    const COLUMNS: &[&str] = &["invoice_date", "customer_id", "track_id"];
    for_each_row(PURCHASES, COLUMNS, contents, progress, |row| {
        let date = row.text("invoice_date")?;
        let customer = row.number("customer_id")?;
        let track = TrackId(row.number("track_id")?);
        session
            .prepare(sql::ADD_PURCHASE)?
            .execute((date, customer, track))
            .map_err(|error| row.rejected(track, error))?;
        Ok(())
    })
}

/// A row and its position.
struct CsvRow<'a> {
    file: &'static str,
    contents: &'a [u8],
    columns: &'a [&'static str],
    fields: &'a ByteRecord,
}

impl CsvRow<'_> {
    fn text(&self, column: &str) -> Result<&str, ImportError> {
        let index = self.columns.iter().position(|name| *name == column);
        let field = index.and_then(|index| self.fields.get(index));
        let bytes = field.ok_or_else(|| self.problem(column, "is missing"))?;
        str::from_utf8(bytes).map_err(|error| self.problem(column, error))
    }

    fn number(&self, column: &str) -> Result<u32, ImportError> {
        let text = self.text(column)?;
        text.parse().map_err(|error| self.problem(column, format!("{text:?}: {error}")))
    }

    /// Another header would put values into the wrong columns.
    fn check_is_header(&self) -> Result<(), ImportError> {
        for (index, column) in self.columns.iter().enumerate() {
            if self.fields.get(index).is_some_and(|field| field != column.as_bytes()) {
                return Err(self.problem(column, "the header has another name in this column"));
            }
            self.text(column)?;
        }
        self.check_no_more_columns()
    }

    fn check_no_more_columns(&self) -> Result<(), ImportError> {
        let columns = self.columns.len();
        if self.fields.len() > columns {
            let problem = format!("there are only {columns} columns");
            return Err(self.problem(&(columns + 1).to_string(), problem));
        }
        Ok(())
    }

    fn rejected(&self, track: TrackId, error: rusqlite::Error) -> ImportError {
        if violates(&error, ffi::SQLITE_CONSTRAINT_FOREIGNKEY) {
            self.problem("track_id", DbError::UnknownTrack(track))
        } else {
            DbError::from(error).into()
        }
    }

    fn problem(&self, column: &str, problem: impl fmt::Display) -> ImportError {
        ImportError::Row { file: self.file, line: self.line(), column: column.to_owned(), problem: problem.to_string() }
    }

    /// The line on which the row begins. The reader's count is too low after `\r\n` and blank lines.
    fn line(&self) -> usize {
        let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let offset = self.fields.position().map_or(0, csv::Position::byte);
        let offset = usize::try_from(offset).expect("an offset into a slice fits");
        let skipped = self.contents[offset..].iter().take_while(|byte| is_break(byte)).count();
        let before = &self.contents[..offset + skipped];
        before.split(|byte| *byte == b'\n').count()
    }
}

/// Calls `store` with each row below the header, and counts them.
fn for_each_row(
    file: &'static str,
    columns: &[&'static str],
    contents: &[u8],
    progress: &ProgressBar,
    mut store: impl FnMut(&CsvRow<'_>) -> Result<(), ImportError>,
) -> Result<u32, ImportError> {
    // Checked here for better messages: the header and the number of fields.
    let mut reader = ReaderBuilder::new().flexible(true).has_headers(false).from_reader(contents);
    let mut fields = ByteRecord::new();
    let mut read = |fields: &mut ByteRecord| {
        let before = reader.position().byte();
        let more = reader
            .read_byte_record(fields)
            .map_err(|error| ImportError::Read { path: file.into(), source: error.into() })?;
        progress.inc(reader.position().byte() - before);
        Ok::<_, ImportError>(more)
    };

    read(&mut fields)?;
    CsvRow { file, contents, columns, fields: &fields }.check_is_header()?;
    let mut rows = 0;
    while read(&mut fields)? {
        let row = CsvRow { file, contents, columns, fields: &fields };
        row.check_no_more_columns()?;
        store(&row)?;
        rows += 1;
    }
    Ok(rows)
}
