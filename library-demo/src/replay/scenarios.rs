//! Small workloads with known hits, by which the original measured itself.

use crate::{
    model::{NewTrack, TrackChanges, TrackId},
    workload::{Mutation, Read, Step},
};

const TRACK: TrackId = TrackId(1);

/// The reads before and after [`toggle`].
pub(super) fn three_queries() -> Vec<Step> {
    vec![all_tracks(), search(), favorites()]
}

pub(super) fn toggle() -> Vec<Step> {
    vec![favorite(true)]
}

/// Ten times nine reads of the catalogue and a toggled favourite, which does not change the catalogue: only the first
/// of the 90 reads misses.
pub(super) fn hundred_operations() -> Vec<Step> {
    let mut steps = Vec::new();
    for round in 0..10 {
        steps.extend((0..9).map(|_| all_tracks()));
        steps.push(favorite(round % 2 == 0));
    }
    steps
}

/// Ten times four reads and a mutation.
///
/// The comments name the 13 reads of 40 that miss: the first of each query, and the first after an invalidation of it.
pub(super) fn fifty_diverse_operations() -> Vec<Step> {
    [
        [all_tracks(), search(), one_track(), all_tracks(), favorite(true)], // all, search, one
        [all_tracks(), search(), favorites(), all_tracks(), favorite(false)], // favourites
        [favorites(), search(), favorites(), all_tracks(), play()],          // favourites
        [search(), favorites(), search(), all_tracks(), favorite(true)],     // all
        [search(), all_tracks(), favorites(), search(), update()],           // favourites
        [search(), all_tracks(), search(), all_tracks(), favorite(false)],   // search, all
        [favorites(), search(), all_tracks(), recent(), favorite(true)],     // favourites, recent
        [all_tracks(), search(), recent(), favorites(), play()],             // favourites
        [search(), favorites(), search(), favorites(), add()],               // none
        [favorites(), popular(), favorites(), popular(), favorite(false)],   // popular
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn all_tracks() -> Step {
    Step::Read(Read::AllTracks { offset: 0 })
}

fn one_track() -> Step {
    Step::Read(Read::Track(TRACK))
}

fn search() -> Step {
    Step::Read(Read::Search("love".to_owned()))
}

fn favorites() -> Step {
    Step::Read(Read::Favorites)
}

fn recent() -> Step {
    Step::Read(Read::Recent)
}

fn popular() -> Step {
    Step::Read(Read::Popular)
}

fn favorite(favorite: bool) -> Step {
    Step::Mutation(Mutation::Favorite(TRACK, favorite))
}

fn play() -> Step {
    Step::Mutation(Mutation::Play(TRACK))
}

fn update() -> Step {
    let title = Some("All You Need Is Love".to_owned());
    Step::Mutation(Mutation::Update(TRACK, TrackChanges { title, ..TrackChanges::default() }))
}

fn add() -> Step {
    let title = "Love Me Do".to_owned();
    Step::Mutation(Mutation::Add(NewTrack { title, ..NewTrack::default() }))
}
