//! The table that the demo's manager was specified with, and the right one.

use cache_tests::original_manager::OriginalManager;
use library_demo::LibraryManager;

use crate::findings::{Pairs, pairs};
use crate::replay::{Found, Replay};

#[test]
fn the_original_table_is_too_small_in_four_places_and_the_audit_names_these_alone() {
    let mut replay = Replay::<OriginalManager>::new();
    replay.run_trace();
    let four = [
        ("add_track", "get_track"),
        ("update_track", "get_favorite_tracks"),
        ("update_track", "get_recent_tracks"),
        ("update_track", "get_popular_tracks"),
    ];
    assert_eq!(replay.end().wrong, pairs(four));
}

#[test]
fn in_the_table_of_the_demo_nothing_is_found() {
    let mut replay = Replay::<LibraryManager>::new();
    replay.run_trace();
    replay.run_rest();
    let Found { wrong, mutations, audited } = replay.end();
    assert_eq!(wrong, Pairs::new());
    assert!(mutations >= 200 && audited >= 2 * mutations, "{audited} audited hits and {mutations} mutations");
}
