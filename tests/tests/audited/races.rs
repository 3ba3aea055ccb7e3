//! Threads read and write under a full audit: what a write in progress explains is no finding.

use std::sync::Barrier;
use std::thread;

use cache_core::Cache;
use fastrand::Rng;
use library_demo::workload::{Mutation, Read};
use library_demo::{Database, LibraryManager, NewPurchase, NewTrack, TrackChanges, TrackId};

use crate::findings::{Findings, name_of};
use crate::library::{Library, Shop};
use crate::seeds::{favorite_names_the_search, purchase_that_names_the_search, unchanged};

const THREADS: u32 = 4;
/// Of each thread.
const OPERATIONS: u32 = 1_000;
const TRACKS: u32 = 8;

fn library<L: Library>(cache: Cache) -> L {
    let database = Database::open_in_memory().unwrap();
    for id in 1..=TRACKS {
        database
            .add_track(&NewTrack { id: Some(TrackId(id)), title: format!("Love {id}"), ..NewTrack::default() })
            .unwrap();
    }
    L::over(database, cache)
}

fn any_read(random: &mut Rng) -> Read {
    match random.u32(0..6) {
        0 => Read::AllTracks { offset: 0 },
        1 => Read::Search("love".to_owned()),
        2 => Read::Favorites,
        3 => Read::Recent,
        4 => Read::Popular,
        _ => Read::Track(any_track(random)),
    }
}

fn any_track(random: &mut Rng) -> TrackId {
    TrackId(random.u32(1..=TRACKS))
}

/// `add` is an id that nobody else adds.
fn any_mutation(random: &mut Rng, add: TrackId) -> Mutation {
    match random.u32(0..4) {
        0 => Mutation::Play(any_track(random)),
        1 => Mutation::Favorite(any_track(random), random.bool()),
        2 => {
            let title = Some(format!("Love {}", random.u32(..)));
            Mutation::Update(any_track(random), TrackChanges { title, ..TrackChanges::default() })
        }
        _ => Mutation::Add(NewTrack { id: Some(add), title: "Love".to_owned(), ..NewTrack::default() }),
    }
}

fn any_purchase(random: &mut Rng) -> NewPurchase {
    NewPurchase { tracks: vec![any_track(random), any_track(random)], ..NewPurchase::default() }
}

/// Three of four operations are reads.
fn in_threads<L: Shop + Sync>(library: &L, write: impl Fn(&L, &mut Rng, TrackId) + Sync) {
    let start = Barrier::new(THREADS as usize);
    thread::scope(|scope| {
        for thread in 1..=THREADS {
            let (start, write) = (&start, &write);
            scope.spawn(move || {
                let mut random = Rng::with_seed(thread.into());
                start.wait();
                for operation in 0..OPERATIONS {
                    if random.u32(0..4) > 0 {
                        library.ask(&any_read(&mut random)).unwrap();
                    } else {
                        write(library, &mut random, TrackId(thread * 1_000_000 + operation));
                    }
                }
            });
        }
    });
    library.cache().check_invariants();
}

/// An addition is deleted by the thread that added it: the others only read it.
fn write_anything<L: Shop>(library: &L, random: &mut Rng, add: TrackId) {
    if random.u32(0..4) == 0 {
        return library.purchase(&any_purchase(random)).unwrap();
    }
    let mutation = any_mutation(random, add);
    library.mutate(&mutation).unwrap();
    if let Mutation::Add(_) = mutation {
        library.ask(&Read::Track(add)).unwrap();
        library.mutate(&Mutation::Delete(add)).unwrap();
    }
}

fn nothing_is_found<L: Shop + Sync>() {
    let findings = Findings::default();
    let library: L = library(findings.cache());
    in_threads(&library, write_anything);
    // Now it is calm.
    for id in (1..=TRACKS).map(TrackId) {
        library.ask(&Read::Track(id)).unwrap();
    }
    let found = findings.take();
    assert!(found.is_empty(), "{found:#?}");
    let stats = library.cache().stats();
    assert!(stats.audited > 100, "{stats}");
}

/// A purchase holds the connection: nobody reads what it has not committed.
#[test]
fn of_a_right_table_nothing_is_found_beside_other_threads() {
    nothing_is_found::<LibraryManager>();
}

/// A purchase writes at once: everybody reads what it has not committed.
#[test]
fn nor_where_transactions_are_seen_before_their_end() {
    nothing_is_found::<unchanged::Manager>();
}

/// A write that names another query in place of the favourites makes the first answer wrong for good, as no other write
/// names them.
fn favorites_are_found<L: Shop + Sync>(blamed: &str, write: impl Fn(&L, &mut Rng, TrackId) + Sync) {
    let findings = Findings::default();
    let library: L = library(findings.cache());
    library.ask(&Read::Favorites).unwrap();
    in_threads(&library, write);
    // If it was never calm at a hit, it is now.
    library.ask(&Read::Favorites).unwrap();
    let found = findings.take();
    let [finding] = &*found else { panic!("the favourites, once: {found:#?}") };
    assert_eq!(finding.query, "get_favorite_tracks");
    assert!(finding.mutations.iter().any(|mutation| name_of(mutation) == blamed), "{finding}");
    assert_eq!(library.cache().stats().stale_found, 1);
}

#[test]
fn a_wrong_target_is_found_beside_other_threads() {
    favorites_are_found("set_track_favorite", |library: &favorite_names_the_search::Manager, random, _| {
        let id = any_track(random);
        let mutation = if random.bool() { Mutation::Favorite(id, true) } else { Mutation::Play(id) };
        library.mutate(&mutation).unwrap();
    });
}

#[test]
fn a_commit_that_names_too_little_is_found_beside_other_threads() {
    let blamed = "commit of add_bought and play_bought";
    favorites_are_found(blamed, |library: &purchase_that_names_the_search::Manager, random, _| {
        if random.bool() {
            library.purchase(&any_purchase(random)).unwrap();
        } else {
            library.mutate(&Mutation::Play(any_track(random))).unwrap();
        }
    });
}
