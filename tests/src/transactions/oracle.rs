//! Tells whether an answer is right.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::{Report, Track};

pub(super) struct Oracle {
    plays: Vec<Plays>,
    reads: AtomicU64,
    stale: AtomicU64,
    dirty: AtomicU64,
    unseen: AtomicU64,
}

/// The highest of one track.
#[derive(Default)]
struct Plays {
    /// A commit of them has begun.
    committing: AtomicU32,
    /// It was done, and the cache's transaction has ended.
    committed: AtomicU32,
}

/// Taken before a read.
pub(super) struct Asked(Vec<u32>);

impl Oracle {
    pub(super) fn new(tracks: u32) -> Self {
        Self {
            plays: (0..tracks).map(|_| Plays::default()).collect(),
            reads: AtomicU64::new(0),
            stale: AtomicU64::new(0),
            dirty: AtomicU64::new(0),
            unseen: AtomicU64::new(0),
        }
    }

    /// To be called before a commit.
    pub(super) fn committing(&self, written: &[Track]) {
        for track in written {
            self.plays[track.id as usize].committing.fetch_max(track.plays, Ordering::SeqCst);
        }
    }

    /// To be called after the cache's transaction has ended.
    pub(super) fn committed(&self, written: &[Track]) {
        for track in written {
            self.plays[track.id as usize].committed.fetch_max(track.plays, Ordering::SeqCst);
        }
    }

    /// To be called before a read.
    pub(super) fn ask(&self) -> Asked {
        Asked(self.plays.iter().map(|plays| plays.committed.load(Ordering::SeqCst)).collect())
    }

    /// Checks the answer to a read.
    pub(super) fn check(&self, asked: &Asked, answer: &[Track]) {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let is_stale = |track: &Track| track.plays < asked.0[track.id as usize];
        let is_dirty = |track: &Track| {
            track.is_draft || track.plays > self.plays[track.id as usize].committing.load(Ordering::SeqCst)
        };
        self.stale.fetch_add(answer.iter().any(is_stale).into(), Ordering::Relaxed);
        self.dirty.fetch_add(answer.iter().any(is_dirty).into(), Ordering::Relaxed);
    }

    /// Checks what a unit of work reads of what it has written.
    pub(super) fn check_inside(&self, written: Track, read: Track) {
        self.unseen.fetch_add((written != read).into(), Ordering::Relaxed);
    }

    pub(super) fn found(&self) -> Report {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Report {
            reads: count(&self.reads),
            stale: count(&self.stale),
            dirty: count(&self.dirty),
            unseen: count(&self.unseen),
            ..Report::default()
        }
    }
}
