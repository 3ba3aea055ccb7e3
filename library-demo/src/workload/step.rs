//! The operations of a workload.

use crate::model::{NewTrack, TrackChanges, TrackId};

/// The limit of every paged read of a workload.
pub const PAGE: u32 = 50;

/// A read; paged reads without an offset ask for the first page.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Read {
    /// `get_all_tracks`
    AllTracks {
        /// How many tracks to skip.
        offset: u32,
    },
    /// `get_track`
    Track(TrackId),
    /// `search_tracks`
    Search(String),
    /// `get_favorite_tracks`
    Favorites,
    /// `get_recent_tracks`
    Recent,
    /// `get_popular_tracks`
    Popular,
}

/// A mutation.
#[derive(Clone, Debug)]
pub enum Mutation {
    /// `add_track`
    Add(NewTrack),
    /// `set_track_favorite`
    Favorite(TrackId, bool),
    /// `record_track_play`
    Play(TrackId),
    /// `update_track`
    Update(TrackId, TrackChanges),
    /// `delete_track`
    Delete(TrackId),
}

/// One operation.
#[derive(Clone, Debug)]
pub enum Step {
    /// A read.
    Read(Read),
    /// A mutation.
    Mutation(Mutation),
}
