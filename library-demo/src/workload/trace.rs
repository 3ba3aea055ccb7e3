//! Workloads made from the purchases and playlists of the library.

use std::collections::{BTreeSet, VecDeque};

use crate::{
    database::Database,
    error::DbError,
    model::{NewTrack, TrackChanges, TrackId},
    workload::step::{Mutation, PAGE, Read, Step},
};

/// Ids of added tracks start here, above all imported ones.
const FIRST_ADDED: u32 = 1_000_000;

/// The first `count` [visits](visits()), as one sequence of steps.
///
/// # Errors
///
/// If the database fails.
pub fn trace(library: &Database, count: usize) -> Result<Vec<Step>, DbError> {
    Ok(visits(library, count)?.concat())
}

/// The first `count` purchases of a newly imported library, each as a visit: six reads, then a play of the bought
/// track.
///
/// Every 10th visit also toggles a favourite, every 50th edits a track, every 100th adds one and every 200th deletes an
/// added one: every purchase finds its track.
///
/// # Errors
///
/// If the database fails.
pub fn visits(library: &Database, count: usize) -> Result<Vec<Vec<Step>>, DbError> {
    let mut visits = Vec::new();
    let mut favorites = BTreeSet::new();
    let mut added = VecDeque::new();
    for (visit, id) in (1..).zip(library.get_purchased_tracks()?.into_iter().take(count)) {
        let track = library.get_track(id)?.ok_or(DbError::UnknownTrack(id))?.info;
        let reads = [
            Read::Recent,
            Read::Search(track.artist.clone()),
            Read::Track(id),
            Read::AllTracks { offset: page_offset(id) },
            Read::Favorites,
            Read::Popular,
        ];

        let mut mutations = vec![Mutation::Play(id)];
        if visit % 10 == 0 {
            let favorite = favorites.insert(id);
            if !favorite {
                favorites.remove(&id);
            }
            mutations.push(Mutation::Favorite(id, favorite));
        }
        if visit % 50 == 0 {
            let title = Some(format!("{} (edited at visit {visit})", track.title));
            mutations.push(Mutation::Update(id, TrackChanges { title, ..TrackChanges::default() }));
        }
        if visit % 100 == 0 {
            let new = TrackId(FIRST_ADDED + visit);
            added.push_back(new);
            mutations.push(Mutation::Add(NewTrack {
                id: Some(new),
                title: format!("Added at visit {visit}"),
                artist: track.artist,
                album: track.album,
                ..NewTrack::default()
            }));
        }
        if visit % 200 == 0 {
            mutations.extend(added.pop_front().map(Mutation::Delete));
        }
        visits.push(reads.map(Step::Read).into_iter().chain(mutations.into_iter().map(Step::Mutation)).collect());
    }
    Ok(visits)
}

/// The tracks of the playlists of a newly imported library, 25 at a time, as the first `count` visits: each shows the
/// popular tracks, the favourites and these tracks, one by one, then plays the first of them.
///
/// Every 10th visit also toggles a favourite, and every 20th edits a track. None adds a track: an addition that fails
/// invalidates every single track, because its id is not known.
///
/// # Errors
///
/// If the database fails.
pub fn listening(library: &Database, count: usize) -> Result<Vec<Vec<Step>>, DbError> {
    let mut visits = Vec::new();
    for (visit, tracks) in (1..).zip(chunks(&library.get_playlists()?).take(count)) {
        let id = tracks[0];
        let reads = [Read::Popular, Read::Favorites].into_iter().chain(tracks.iter().copied().map(Read::Track));
        let mut steps: Vec<_> = reads.map(Step::Read).collect();
        steps.push(Step::Mutation(Mutation::Play(id)));
        if visit % 10 == 0 {
            steps.push(Step::Mutation(Mutation::Favorite(id, true)));
        }
        if visit % 20 == 0 {
            let track = library.get_track(id)?.ok_or(DbError::UnknownTrack(id))?.info;
            let title = Some(format!("{} (edited at visit {visit})", track.title));
            steps.push(Step::Mutation(Mutation::Update(id, TrackChanges { title, ..TrackChanges::default() })));
        }
        visits.push(steps);
    }
    Ok(visits)
}

/// Reads the tracks of every playlist of a newly imported library, one by one, and plays one in 25.
///
/// Many tracks are on several playlists: they are read again after plays of others.
///
/// # Errors
///
/// If the database fails.
pub fn playlists(library: &Database) -> Result<Vec<Step>, DbError> {
    let mut steps = Vec::new();
    for tracks in chunks(&library.get_playlists()?) {
        steps.extend(tracks.iter().map(|&id| Step::Read(Read::Track(id))));
        steps.push(Step::Mutation(Mutation::Play(tracks[0])));
    }
    Ok(steps)
}

/// The tracks of a playlist up to the next that is played.
fn chunks(playlists: &[Vec<TrackId>]) -> impl Iterator<Item = &[TrackId]> {
    const TRACKS_PER_PLAY: usize = 25;
    playlists.iter().flat_map(|playlist| playlist.chunks(TRACKS_PER_PLAY))
}

/// The offset of the catalogue page with an imported track: imported ids count from 1 without a gap.
fn page_offset(id: TrackId) -> u32 {
    (id.0 - 1) / PAGE * PAGE
}
