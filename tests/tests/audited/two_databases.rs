//! `self` is in the body and not in the key.

use cache_core::Cache;
use library_demo::workload::{Mutation, Read};
use library_demo::{Database, LibraryManager, NewTrack, TrackId};

use crate::findings::Findings;
use crate::library::Library;

/// Of one track, each in a database of its own.
fn two_libraries(caches: [Cache; 2]) -> [LibraryManager; 2] {
    let mut titles = ["Love Me Do", "Help!"].into_iter();
    caches.map(|cache| {
        let database = Database::open_in_memory().unwrap();
        let title = titles.next().expect("there are two").to_owned();
        database.add_track(&NewTrack { title, ..NewTrack::default() }).unwrap();
        LibraryManager::new(database, cache)
    })
}

fn ask_in_turns(libraries: &[LibraryManager; 2]) {
    for _ in 0..2 {
        for library in libraries {
            library.ask(&Read::Track(TrackId(1))).unwrap();
            library.ask(&Read::Favorites).unwrap();
        }
    }
}

#[test]
fn two_databases_on_one_cache_are_found_and_no_mutation_is_blamed() {
    let findings = Findings::default();
    let cache = findings.cache();
    ask_in_turns(&two_libraries([cache.clone(), cache.clone()]));
    let found = findings.take();
    let [finding] = &*found else { panic!("the track, and not the favourites, which are alike: {found:?}") };
    assert_eq!((finding.query, finding.mutations.len()), ("get_track", 0));
    assert!(finding.cached.contains("Love Me Do") && finding.loaded.contains("Help!"), "{finding}");
    assert!(finding.to_string().contains("such as `self`, or"), "{finding}");
    assert_eq!(cache.stats().audited, 6);
}

#[test]
fn with_a_scope_for_each_database_nothing_is_found() {
    let findings = Findings::default();
    let cache = findings.cache();
    let libraries = two_libraries([cache.scope("one"), cache.scope("two")]);
    ask_in_turns(&libraries);
    libraries[0].mutate(&Mutation::Favorite(TrackId(1), true)).unwrap();
    ask_in_turns(&libraries);
    let found = findings.take();
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(
        cache.stats().audited,
        11,
        "all but the first of each query, and of the favourites of one after the mutation"
    );
}
