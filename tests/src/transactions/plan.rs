//! What one transaction does.

use fastrand::Rng;

use super::TRACKS;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Commit,
    RollBack,
    /// Both transactions are dropped, at the end of the work.
    Drop,
    /// The future of the work is dropped after so many polls; on threads as [`Drop`](Self::Drop).
    DropWork(u32),
    /// The future of the commit is dropped after its first poll; on threads as [`Drop`](Self::Drop).
    DropCommit,
}

#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// The tracks to play.
    pub(super) tracks: Vec<u32>,
    /// The track to play in a savepoint, which is then rolled back.
    pub(super) in_savepoint: Option<u32>,
    pub(super) end: End,
}

impl Plan {
    pub(super) fn random(rng: &mut Rng, drops_commit: bool) -> Self {
        Self {
            tracks: (0..rng.usize(1..=3)).map(|_| rng.u32(..TRACKS)).collect(),
            in_savepoint: (rng.u32(..8) == 0).then(|| rng.u32(..TRACKS)),
            end: match rng.u32(..16) {
                _ if drops_commit => End::DropCommit,
                0..=1 => End::RollBack,
                2 => End::Drop,
                3 => End::DropWork(rng.u32(1..=8)),
                _ => End::Commit,
            },
        }
    }

    /// Of the window of one track.
    pub(super) fn of_window(track: u32) -> Self {
        let end = if track.is_multiple_of(2) { End::Commit } else { End::RollBack };
        Self { tracks: vec![track], in_savepoint: None, end }
    }
}
