//! A real trace: the purchases, each replayed as a visit to the library.

use std::collections::{BTreeSet, VecDeque};

use crate::{
    Database, DbError, NewTrack, TrackChanges, TrackId,
    workload::{Mutation, PAGE, Read, Step},
};

/// The ids of the tracks that the trace adds begin here, beyond all imported ones.
const FIRST_ADDED: u32 = 1_000_000;

/// The steps of the first `visits` purchases of a freshly imported library, one visit after the other.
///
/// # Errors
///
/// If the database fails.
pub fn trace(library: &Database, visits: usize) -> Result<Vec<Step>, DbError> {
    Ok(self::visits(library, visits)?.concat())
}

/// The first `count` purchases of a freshly imported library, each as a visit.
///
/// Every visitor looks around, then plays the track that was bought. Now and then somebody also
/// marks a favourite (every 10th visit), edits a track (50th), adds one (100th) or deletes one
/// (200th). Only tracks that the trace itself added are deleted, so that every purchase still finds
/// its track.
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
            Read::AllTracks { offset: page_of(id) },
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

/// The steps of somebody who goes through the playlists of a freshly imported library, in portions: looks at
/// each track of a portion, and plays the first.
///
/// Many tracks are on several playlists, and so are looked at again, after others were played.
///
/// # Errors
///
/// If the database fails.
pub fn playlists(library: &Database) -> Result<Vec<Step>, DbError> {
    /// Tracks to a portion.
    const PORTION: usize = 25;
    let mut steps = Vec::new();
    for playlist in library.get_playlists()? {
        for portion in playlist.chunks(PORTION) {
            steps.extend(portion.iter().map(|&id| Step::Read(Read::Track(id))));
            steps.push(Step::Mutation(Mutation::Play(portion[0])));
        }
    }
    Ok(steps)
}

/// The offset of the page of the catalogue that shows an imported track. The catalogue is in the
/// order of ids, and the imported ones count up from 1 without a gap.
fn page_of(id: TrackId) -> u32 {
    (id.0 - 1) / PAGE * PAGE
}
