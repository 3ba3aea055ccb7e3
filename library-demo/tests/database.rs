//! The database: its answers, and the files it opens.

#![forbid(unsafe_code)]

use std::fs;

use library_demo::{Database, DbError, Moment, NewTrack, TrackChanges, TrackId};
use rusqlite::Connection;
use tempfile::TempDir;

fn track(title: &str) -> NewTrack {
    NewTrack { title: title.to_owned(), ..NewTrack::default() }
}

/// Tracks 1, 2, ... with these titles.
fn library(titles: &[&str]) -> Database {
    let library = Database::open_in_memory().unwrap();
    for title in titles {
        library.add_track(&track(title)).unwrap();
    }
    library
}

fn found(library: &Database, text: &str) -> Vec<u32> {
    let page = library.search_tracks(text, 100, 0).unwrap();
    assert_eq!(page.items.len(), page.total as usize);
    page.items.iter().map(|info| info.id.0).collect()
}

#[test]
fn a_search_has_no_wildcards() {
    let library = library(&["100% HardCore", "1000 Miles", "snake_case", "snakes", "\"?\"", "Can't", r"back\slash"]);
    assert_eq!(found(&library, "100%"), [1]);
    assert_eq!(found(&library, "%"), [1]);
    assert_eq!(found(&library, "snake_"), [3]);
    assert_eq!(found(&library, "\"?\""), [5]);
    assert_eq!(found(&library, "'"), [6]);
    assert_eq!(found(&library, "\\"), [7]);
    assert_eq!(found(&library, "' OR 1 = 1 --"), [0; 0]);
    assert_eq!(found(&library, "").len(), 7);
}

#[test]
fn a_search_looks_at_four_columns_and_ignores_case() {
    let library = Database::open_in_memory().unwrap();
    let new = NewTrack {
        id: None,
        title: "Águas De Março".to_owned(),
        artist: "Elis Regina".to_owned(),
        album: "Minha Historia".to_owned(),
        genre: "MPB".to_owned(),
        media_type: "MPEG audio file".to_owned(),
        composer: "Tom Jobim".to_owned(),
        duration_ms: 1,
        size_bytes: 1,
    };
    library.add_track(&new).unwrap();
    for text in ["MARço", "Águas", "elis r", "HISTORIA", "jobim"] {
        assert_eq!(found(&library, text), [1], "{text}");
    }
    for text in ["MPB", "MPEG", "Março Elis", "MarçoElis"] {
        assert_eq!(found(&library, text), [0; 0], "{text}");
    }
    let changes = TrackChanges { composer: Some("Antônio Carlos Jobim".to_owned()), ..TrackChanges::default() };
    library.update_track(TrackId(1), &changes).unwrap();
    assert_eq!(found(&library, "Tom"), [0; 0]);
    assert_eq!(found(&library, "carlos"), [1]);
}

#[test]
fn a_page_has_limit_offset_and_total() {
    let library = library(&["a", "b", "c", "d", "e"]);
    let ids = |limit, offset| {
        let page = library.get_all_tracks(limit, offset).unwrap();
        assert_eq!(page.total, 5);
        page.items.iter().map(|track| track.info.id.0).collect::<Vec<_>>()
    };
    assert_eq!(ids(2, 0), [1, 2]);
    assert_eq!(ids(2, 4), [5]);
    assert_eq!(ids(2, 5), [0; 0]);
    assert_eq!(ids(0, 0), [0; 0]);
    assert_eq!(ids(u32::MAX, 1), [2, 3, 4, 5]);
}

#[test]
fn recent_is_last_added_or_played_and_popular_is_played() {
    let library = library(&["a", "b", "c", "d"]);
    let recent =
        || library.get_recent_tracks(9, 0).unwrap().items.iter().map(|track| track.info.id.0).collect::<Vec<_>>();
    assert_eq!(recent(), [4, 3, 2, 1]);
    assert_eq!(library.get_popular_tracks(9, 0).unwrap().total, 0);

    for id in [2, 3, 2, 1] {
        library.record_track_play(TrackId(id)).unwrap();
    }
    assert_eq!(recent(), [1, 2, 3, 4]);
    let popular = library.get_popular_tracks(9, 0).unwrap();
    assert_eq!(popular.total, 3);
    let rows: Vec<_> = popular.items.iter().map(|track| (track.info.id.0, track.plays, track.last_played)).collect();
    let moments = [7, 8, 6].map(|moment| Some(Moment(moment)));
    assert_eq!(rows, [(2, 2, moments[0]), (1, 1, moments[1]), (3, 1, moments[2])]);
}

#[test]
fn favorites_are_a_set() {
    let library = library(&["a", "b"]);
    let favorites =
        || library.get_favorite_tracks(9, 0).unwrap().items.iter().map(|info| info.id.0).collect::<Vec<_>>();
    for (id, favorite) in [(2, true), (2, true), (1, true), (1, false), (1, false)] {
        library.set_track_favorite(TrackId(id), favorite).unwrap();
    }
    assert_eq!(favorites(), [2]);
    library.delete_track(TrackId(2)).unwrap();
    assert_eq!(favorites(), [0; 0]);
}

#[test]
fn an_update_changes_only_the_fields_it_names() {
    let library = library(&["a"]);
    let genre = Some("Jazz".to_owned());
    let updated = library.update_track(TrackId(1), &TrackChanges { genre, ..TrackChanges::default() }).unwrap();
    assert_eq!((updated.info.title.as_str(), updated.info.genre.as_str()), ("a", "Jazz"));
    assert_eq!(library.get_track(TrackId(1)).unwrap(), Some(updated));
}

#[test]
fn every_statement_is_counted() {
    let library = library(&["a"]);
    let cost = |work: &dyn Fn()| {
        let before = library.queries();
        work();
        library.queries() - before
    };
    assert_eq!(cost(&|| drop(library.get_track(TrackId(1)))), 1);
    assert_eq!(cost(&|| drop(library.get_all_tracks(1, 0))), 2, "the rows and the total");
    assert_eq!(cost(&|| drop(library.record_track_play(TrackId(1)))), 1);
}

#[test]
fn a_library_persists() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("library.db");
    let added = Database::open(&file).unwrap().add_track(&track("a")).unwrap();
    assert_eq!(Database::open(&file).unwrap().get_track(added.info.id).unwrap(), Some(added));
}

#[test]
fn other_files_are_rejected_and_unchanged() {
    let folder = TempDir::new().unwrap();
    let text = folder.path().join("notes.txt");
    fs::write(&text, "To be, or not to be: that is the question. ".repeat(100)).unwrap();
    let other = folder.path().join("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE note (text)").unwrap();

    for file in [text, other] {
        let before = fs::read(&file).unwrap();
        let error = Database::open(&file).unwrap_err();
        assert!(matches!(&error, DbError::NotALibrary(path) if *path == file), "{error}");
        assert_eq!(fs::read(&file).unwrap(), before);
    }
    assert!(Database::open(folder.path()).is_err(), "a folder");
}

#[test]
fn another_schema_version_is_rejected() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("library.db");
    drop(Database::open(&file).unwrap());
    Connection::open(&file).unwrap().pragma_update(None, "user_version", 7).unwrap();
    let error = Database::open(&file).unwrap_err();
    assert!(matches!(error, DbError::SchemaVersion { found: 7, expected: 1, .. }), "{error}");
}
