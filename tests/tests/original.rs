//! The tests of the cache that this one replaces, on the demo's manager.
#![forbid(unsafe_code)]

use cache_core::{Cache, HasCache};
use library_demo::{Database, LibraryManager, NewTrack, TrackChanges, TrackId};

/// Twenty tracks by five artists, on three albums.
fn manager() -> LibraryManager {
    let database = Database::open_in_memory().expect("an in-memory database opens");
    let manager = LibraryManager::new(database, Cache::new());
    for number in 1..=20_u32 {
        let track = NewTrack {
            title: format!("Song {number}"),
            artist: format!("Artist {}", number % 5 + 1),
            album: format!("Album {}", number % 3 + 1),
            ..NewTrack::default()
        };
        manager.add_track(&track).expect("a new track can be added");
    }
    assert_eq!((manager.cache().len(), manager.cache().stats().misses), (0, 0));
    manager
}

/// Calls the three queries that most tests begin with.
fn call_queries(manager: &LibraryManager) {
    assert_eq!(manager.get_all_tracks(10, 0).unwrap().total, 20);
    manager.get_favorite_tracks(10, 0).unwrap();
    assert_eq!(manager.search_tracks("Song", 10, 0).unwrap().total, 20);
}

/// The hits and misses during `during`.
fn hits_and_misses(manager: &LibraryManager, during: impl FnOnce(&LibraryManager)) -> (u64, u64) {
    let before = manager.cache().stats();
    during(manager);
    let after = manager.cache().stats();
    (after.hits - before.hits, after.misses - before.misses)
}

/// The names of the queries with entries.
fn cached(manager: &LibraryManager) -> Vec<&'static str> {
    let mut names: Vec<_> = manager.cache().entries().into_iter().map(|entry| entry.query).collect();
    names.sort_unstable();
    names
}

#[test]
fn one_function_is_invalidated_by_its_name() {
    let manager = manager();
    call_queries(&manager);
    assert_eq!(manager.cache().len(), 3);
    manager.cache().invalidate(["get_favorite_tracks"]);
    assert_eq!(manager.cache().len(), 2);
    assert_eq!(cached(&manager), ["get_all_tracks", "search_tracks"]);
}

#[test]
fn several_functions_are_invalidated_together() {
    let manager = manager();
    call_queries(&manager);
    manager.cache().invalidate(["get_all_tracks", "search_tracks"]);
    assert_eq!(cached(&manager), ["get_favorite_tracks"]);
}

#[test]
fn all_functions_are_invalidated_together() {
    let manager = manager();
    call_queries(&manager);
    manager.cache().invalidate_all();
    assert!(manager.cache().is_empty());
}

#[test]
fn toggling_a_favourite_invalidates_only_favourites() {
    let manager = manager();
    call_queries(&manager);
    manager.set_track_favorite(TrackId(1), true).unwrap();
    assert_eq!(cached(&manager), ["get_all_tracks", "search_tracks"]);
    assert_eq!(hits_and_misses(&manager, call_queries), (2, 1));
    assert_eq!(manager.get_favorite_tracks(10, 0).unwrap().items[0].id, TrackId(1));
}

#[test]
fn a_play_invalidates_queries_that_show_plays() {
    let manager = manager();
    manager.get_popular_tracks(10, 0).unwrap();
    manager.get_recent_tracks(10, 0).unwrap();
    manager.get_all_tracks(10, 0).unwrap();
    manager.get_track(TrackId(1)).unwrap();
    assert_eq!(manager.cache().len(), 4);
    manager.record_track_play(TrackId(1)).unwrap();
    assert_eq!(manager.cache().len(), 0);
    assert_eq!(manager.get_track(TrackId(1)).unwrap().expect("the track exists").plays, 1);
    assert_eq!(manager.get_popular_tracks(10, 0).unwrap().total, 1);
}

#[test]
fn a_play_does_not_invalidate_favourites() {
    let manager = manager();
    manager.set_track_favorite(TrackId(2), true).unwrap();
    call_queries(&manager);
    manager.record_track_play(TrackId(1)).unwrap();
    assert_eq!(cached(&manager), ["get_favorite_tracks", "search_tracks"]);
}

#[test]
fn a_deletion_invalidates_all_queries_that_may_show_the_track() {
    let manager = manager();
    call_queries(&manager);
    manager.get_recent_tracks(10, 0).unwrap();
    manager.get_popular_tracks(10, 0).unwrap();
    manager.get_track(TrackId(5)).unwrap();
    assert_eq!(manager.cache().len(), 6);
    manager.delete_track(TrackId(5)).unwrap();
    assert_eq!(manager.cache().len(), 0);
    assert!(manager.get_track(TrackId(5)).unwrap().is_none());
    assert_eq!(manager.get_all_tracks(10, 0).unwrap().total, 19);
}

#[test]
fn an_update_is_visible_in_queries_that_were_cached() {
    let manager = manager();
    call_queries(&manager);
    manager.get_track(TrackId(3)).unwrap();
    let changes = TrackChanges { title: Some("Renamed".into()), ..TrackChanges::default() };
    manager.update_track(TrackId(3), &changes).unwrap();
    assert_eq!(manager.cache().len(), 0, "favourites show titles too");
    assert_eq!(manager.get_track(TrackId(3)).unwrap().expect("the track exists").info.title, "Renamed");
    assert_eq!(manager.search_tracks("Renamed", 10, 0).unwrap().total, 1);
}

#[test]
fn the_hit_rate_survives_mutations() {
    let manager = manager();
    call_queries(&manager);
    let (hits, misses) = hits_and_misses(&manager, |manager| {
        for round in 0..10 {
            manager.set_track_favorite(TrackId(1), round % 2 == 0).unwrap();
            call_queries(manager);
        }
    });
    assert_eq!((hits, misses), (20, 10));
}

#[test]
fn entries_that_no_mutation_affects_stay() {
    let manager = manager();
    let diverse = |manager: &LibraryManager| {
        call_queries(manager);
        for id in 1..=5 {
            manager.get_track(TrackId(id)).unwrap();
        }
        manager.get_recent_tracks(5, 0).unwrap();
        manager.get_popular_tracks(5, 0).unwrap();
    };
    diverse(&manager);
    assert_eq!(hits_and_misses(&manager, diverse), (10, 0));
    manager.set_track_favorite(TrackId(4), true).unwrap();
    assert_eq!(hits_and_misses(&manager, diverse), (9, 1));
    // Of the five single tracks only the played one is invalidated.
    manager.record_track_play(TrackId(4)).unwrap();
    assert_eq!(hits_and_misses(&manager, diverse), (6, 4));
}

#[test]
fn a_function_that_does_not_exist_changes_nothing() {
    let manager = manager();
    call_queries(&manager);
    manager.cache().invalidate(["get_every_track", "get_all_track", ""]);
    assert_eq!(manager.cache().len(), 3);
    assert_eq!(hits_and_misses(&manager, call_queries), (3, 0));
}

#[test]
fn different_arguments_are_different_entries_and_one_name_clears_both() {
    let manager = manager();
    let first = manager.get_all_tracks(10, 0).unwrap();
    let second = manager.get_all_tracks(10, 10).unwrap();
    assert_ne!(first.items, second.items);
    assert_eq!(manager.cache().len(), 2);
    manager.cache().invalidate(["get_all_tracks"]);
    assert_eq!(manager.cache().len(), 0);
}

#[test]
fn a_hundred_rapid_invalidations_leave_a_working_cache() {
    let manager = manager();
    for round in 0..100 {
        call_queries(&manager);
        match round % 3 {
            0 => manager.cache().invalidate(["get_all_tracks"]),
            1 => manager.cache().invalidate(["get_favorite_tracks", "search_tracks"]),
            _ => manager.cache().invalidate_all(),
        }
    }
    manager.cache().check_invariants();
    call_queries(&manager);
    assert_eq!(manager.cache().len(), 3);
    assert_eq!(hits_and_misses(&manager, call_queries), (3, 0));
}
