//! The table that the demo's manager was specified with is too small in four places, and right in all others.
#![forbid(unsafe_code)]

use cache_core::Cache;
use cache_tests::original_manager::OriginalManager;
use library_demo::{Database, NewTrack, TrackChanges, TrackId};

const QUERIES: [&str; 6] =
    ["get_all_tracks", "get_track", "search_tracks", "get_favorite_tracks", "get_recent_tracks", "get_popular_tracks"];

/// An answer of the manager or its database, as text.
macro_rules! ask {
    ($library:expr, $query:expr, $id:expr) => {
        match $query {
            "get_all_tracks" => format!("{:?}", $library.get_all_tracks(10, 0)),
            "get_track" => format!("{:?}", $library.get_track($id)),
            "search_tracks" => format!("{:?}", $library.search_tracks("love", 10, 0)),
            "get_favorite_tracks" => format!("{:?}", $library.get_favorite_tracks(10, 0)),
            "get_recent_tracks" => format!("{:?}", $library.get_recent_tracks(10, 0)),
            "get_popular_tracks" => format!("{:?}", $library.get_popular_tracks(10, 0)),
            query => panic!("there is no {query}"),
        }
    };
}

/// Tracks 1 to 3. Each query shows track 2.
fn library() -> OriginalManager {
    let library = OriginalManager::new(Database::open_in_memory().unwrap(), Cache::new());
    for id in 1..=3 {
        library.add_track(&new_track(id)).unwrap();
    }
    library.set_track_favorite(TrackId(2), true).unwrap();
    library.record_track_play(TrackId(2)).unwrap();
    library
}

fn new_track(id: u32) -> NewTrack {
    NewTrack { id: Some(TrackId(id)), title: format!("Love {id}"), ..NewTrack::default() }
}

/// A mutation, its track, and the stale queries.
type Case = (&'static str, u32, fn(&OriginalManager, TrackId), &'static [&'static str]);

const CASES: [Case; 5] = [
    // It was cached that there is no such track.
    ("add_track", 4, |library, id| drop(library.add_track(&new_track(id.0)).unwrap()), &["get_track"]),
    ("set_track_favorite", 2, |library, id| library.set_track_favorite(id, false).unwrap(), &[]),
    ("record_track_play", 2, |library, id| drop(library.record_track_play(id).unwrap()), &[]),
    // All of them show titles.
    (
        "update_track",
        2,
        |library, id| {
            let title = Some("Love, Love, Love".to_owned());
            library.update_track(id, &TrackChanges { title, ..TrackChanges::default() }).unwrap();
        },
        &["get_favorite_tracks", "get_recent_tracks", "get_popular_tracks"],
    ),
    ("delete_track", 2, |library, id| library.delete_track(id).unwrap(), &[]),
];

#[test]
fn four_pairs_of_a_mutation_and_a_query_are_stale_and_no_others() {
    for (mutation, id, mutate, stale) in CASES {
        let (library, id) = (library(), TrackId(id));
        for query in QUERIES {
            ask!(library, query, id);
        }
        mutate(&library, id);
        let is_stale = |query: &&str| ask!(library, *query, id) != ask!(library.database(), *query, id);
        let found: Vec<_> = QUERIES.into_iter().filter(is_stale).collect();
        assert_eq!(found, stale, "{mutation}");
    }
}
