//! The import: what it accepts, and that an invalid row leaves the library unchanged.

#![forbid(unsafe_code)]

use std::{fs, path::Path};

use indicatif::ProgressBar;
use library_demo::{CsvFiles, Database, ImportError, ImportSummary, NewTrack, TrackId};
use rusqlite::{Connection, types::Value};
use tempfile::TempDir;

const TRACKS: &str = "\
track_id,title,artist,album,genre,media_type,composer,duration_ms,size_bytes
1,One,A,X,Rock,MPEG,,1000,10
2,Two,B,Y,Jazz,MPEG,C,2000,20
";
const PLAYLISTS: &str = "\
playlist_id,playlist,track_id
1,Music,1
1,Music,2
2,Late,1
";
const PURCHASES: &str = "\
invoice_date,customer_id,track_id
2021-01-01 00:00:00,7,2
2021-01-02 00:00:00,7,1
";

fn good_files() -> CsvFiles {
    CsvFiles {
        tracks: TRACKS.as_bytes().into(),
        playlists: PLAYLISTS.as_bytes().into(),
        purchases: PURCHASES.as_bytes().into(),
    }
}

fn import(database: &Database, files: &CsvFiles) -> Result<ImportSummary, ImportError> {
    database.import(files, &ProgressBar::hidden())
}

/// Every row of every table.
fn dump(file: &Path) -> Vec<Vec<Value>> {
    let connection = Connection::open(file).unwrap();
    let mut rows = Vec::new();
    for table in ["track", "favorite", "playlist", "playlist_track", "purchase"] {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_count();
        let table_rows = statement.query_map([], |row| (0..columns).map(|column| row.get(column)).collect()).unwrap();
        rows.extend(table_rows.map(Result::unwrap));
    }
    rows
}

#[test]
fn an_invalid_row_is_reported_and_leaves_the_library_unchanged() {
    // The file, a text in it and its replacement, and the line and column of the error.
    let cases: &[(&str, &str, &str, usize, &str)] = &[
        ("tracks.csv", ",2000,20\n", ",2000\n", 3, "size_bytes"),
        ("tracks.csv", "2,Two,B,Y,Jazz,MPEG,C,2000,20", "2,Two", 3, "artist"),
        ("tracks.csv", ",2000,20\n", ",2000,20,30\n", 3, "10"),
        ("tracks.csv", "2,Two", "two,Two", 3, "track_id"),
        ("tracks.csv", "2,Two", ",Two", 3, "track_id"),
        ("tracks.csv", "2000", "-2000", 3, "duration_ms"),
        ("tracks.csv", "2000", "2000.5", 3, "duration_ms"),
        ("tracks.csv", ",20\n", ",4294967296\n", 3, "size_bytes"),
        ("tracks.csv", "2,Two", "1,Two", 3, "track_id"),
        ("tracks.csv", "2,Two", "100,Two", 3, "track_id"), // already in the library
        ("tracks.csv", "Jazz", "Ja\u{1}zz", 3, "genre"),   // \u{1} becomes a byte that is not UTF-8
        ("tracks.csv", "Two", "\"Two", 3, "artist"),       // a quote that is never closed
        ("tracks.csv", "artist,album", "album,artist", 1, "artist"),
        ("tracks.csv", ",size_bytes", "", 1, "size_bytes"),
        ("tracks.csv", "size_bytes", "size_bytes,more", 1, "10"),
        ("tracks.csv", TRACKS, "", 1, "track_id"),
        // Lines are counted as editors count them.
        ("tracks.csv", "One,A,X,Rock,MPEG,,1000,10\n2", "\"O\nn\ne\",A,X,Rock,MPEG,,1000,10\r\n\r\n\nx", 7, "track_id"),
        ("playlists.csv", "2,Late,1", "2,Late,3", 4, "track_id"),
        ("playlists.csv", "2,Late,1", "1,Music,1", 4, "track_id"),
        ("playlists.csv", "2,Late,1", "1,Late,1", 4, "playlist"),
        ("playlists.csv", "2,Late,1", "50,Late,1", 4, "playlist_id"), // already in the library
        ("playlists.csv", "2,Late,1", "B,Late,1", 4, "playlist_id"),
        ("playlists.csv", "2,Late,1", "2,Late", 4, "track_id"),
        ("purchases.csv", "7,1\n", "7,3\n", 3, "track_id"),
        ("purchases.csv", "7,1\n", "x,1\n", 3, "customer_id"),
        ("purchases.csv", "7,1\n", "7\n", 3, "track_id"),
    ];
    for &(bad_file, from, to, bad_line, bad_column) in cases {
        let case = format!("{bad_file}, {from:?} to {to:?}");
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("library.db");
        let database = Database::open(&path).unwrap();
        let old = NewTrack { id: Some(TrackId(100)), title: "Old".to_owned(), ..NewTrack::default() };
        database.add_track(&old).unwrap();
        Connection::open(&path).unwrap().execute_batch("INSERT INTO playlist VALUES (50, 'Old')").unwrap();
        let before = dump(&path);

        let mut files = good_files();
        let contents = match bad_file {
            "tracks.csv" => &mut files.tracks,
            "playlists.csv" => &mut files.playlists,
            _ => &mut files.purchases,
        };
        let text = str::from_utf8(contents).unwrap();
        assert_eq!(text.matches(from).count(), 1, "{case}");
        let bytes = text.replace(from, to).into_bytes();
        *contents = bytes.into_iter().map(|byte| if byte == 1 { 0xff } else { byte }).collect::<Vec<_>>().into();

        match import(&database, &files).unwrap_err() {
            ImportError::Row { file, line, column, .. } => {
                assert_eq!((file, line, column.as_str()), (bad_file, bad_line, bad_column), "{case}");
            }
            other => panic!("{case}: {other}"),
        }
        assert_eq!(dump(&path), before, "{case}");
        // Corrected files can be imported.
        import(&database, &good_files()).unwrap();
    }
}

#[test]
fn the_message_says_what_to_correct() {
    let mut files = good_files();
    files.tracks = TRACKS.replace("2000", "2 min").into_bytes().into();
    let error = import(&Database::open_in_memory().unwrap(), &files).unwrap_err();
    assert_eq!(error.to_string(), r#"tracks.csv, line 3, column duration_ms: "2 min": invalid digit found in string"#);

    let mut files = good_files();
    files.purchases = PURCHASES.replace("7,1", "7,9").into_bytes().into();
    let error = import(&Database::open_in_memory().unwrap(), &files).unwrap_err();
    assert_eq!(error.to_string(), "purchases.csv, line 3, column track_id: there is no track 9");
}

#[test]
fn quotes_accents_and_line_breaks_are_kept() {
    let row = "3,\"a \"\"b\"\", c\",Ação,\"two\nlines\",Rock,MPEG,,1,1\r\n";
    let mut files = good_files();
    files.tracks = format!("\u{feff}{TRACKS}{row}").into_bytes().into();
    let database = Database::open_in_memory().unwrap();
    import(&database, &files).unwrap();
    let info = database.get_track(TrackId(3)).unwrap().unwrap().info;
    assert_eq!((&*info.title, &*info.artist, &*info.album), ("a \"b\", c", "Ação", "two\nlines"));
    assert_eq!(info.composer, "");
}

#[test]
fn the_whole_sample_is_imported() {
    let database = Database::open_in_memory().unwrap();
    let progress = ProgressBar::hidden();
    let summary = database.import(&CsvFiles::embedded(), &progress).unwrap();
    assert_eq!(summary, ImportSummary { tracks: 3503, playlist_tracks: 8715, purchases: 2240 });
    assert_eq!(Some(progress.position()), progress.length());
    assert_eq!(database.get_all_tracks(1, 0).unwrap().total, 3503);
    let purchased = database.get_purchased_tracks().unwrap();
    assert_eq!((purchased.len(), purchased[0], purchased[2239]), (2240, TrackId(2), TrackId(3177)));
}

#[test]
fn a_folder_is_imported() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("tracks.csv"), TRACKS).unwrap();
    fs::write(folder.path().join("playlists.csv"), PLAYLISTS).unwrap();
    let error = CsvFiles::read(folder.path()).unwrap_err();
    assert!(error.to_string().contains("purchases.csv"), "{error}");

    fs::write(folder.path().join("purchases.csv"), PURCHASES).unwrap();
    let files = CsvFiles::read(folder.path()).unwrap();
    let summary = import(&Database::open_in_memory().unwrap(), &files).unwrap();
    assert_eq!(summary, ImportSummary { tracks: 2, playlist_tracks: 3, purchases: 2 });
}
