//! The eviction policy: S3-FIFO, by Yang, Zhang, Qiu, Yue and Vigfusson, "FIFO queues are all you need for cache
//! eviction", SOSP 2023.
//!
//! New entries enter a *small* queue. At its end, those that were hit move to the *main* queue; the others are evicted,
//! and their hashes kept as *ghosts*: a key that is soon inserted again enters main directly. At the end of main, an
//! entry returns to the front once for each hit since its last inspection, and is then evicted. So a scan leaves main
//! unchanged. Hits write nothing here: each entry counts its own, as its *frequency*.
//!
//! Differences from the paper:
//!
//! - Dead entries are removed first: see [`crate::eviction::sweep`].
//! - Until the cache is nearly full, new entries enter main, as in `quick_cache`. Otherwise a loop over more keys than
//!   the capacity would never hit: small would evict each key before its next use.
//! - The small queue and the ghosts are smaller than the paper's tenth and nine tenths of the capacity, one hit
//!   suffices to move to main, and the frequency has a higher maximum. Tuned on zipf, loops, and scans.

use crate::entry::id::EntryId;
use crate::eviction::ghosts::Ghosts;
use crate::eviction::queues::{Links, QueueKind, Queues};

pub(crate) struct Inspection {
    pub(crate) hash: u64,
    pub(crate) state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Expired,
    Invalidated,
    /// At most [`MAX_FREQUENCY`](crate::entry::hits::MAX_FREQUENCY).
    Live {
        frequency: u32,
    },
}

impl State {
    pub(crate) fn is_dead(self) -> bool {
        !matches!(self, Self::Live { .. })
    }
}

/// The small queue has 1/`SMALL` of the capacity.
pub(crate) const SMALL: usize = 32;

/// Bounds the time of an insert, in entries moved by one eviction.
const MAX_MOVES: u32 = 256;

pub(crate) trait EntrySource {
    fn inspect(&self, id: EntryId) -> Inspection;
    fn set_frequency(&self, id: EntryId, frequency: u32);
}

#[derive(Debug)]
pub(crate) struct Policy<L> {
    capacity: usize,
    /// From this length on, entries are evicted from the small queue.
    small: usize,
    queues: Queues<L>,
    ghosts: Ghosts,
}

impl<L: Links> Policy<L> {
    pub(crate) fn new(capacity: usize) -> Self {
        let small = (capacity / SMALL).max(1);
        Self { capacity, small, queues: Queues::new(capacity), ghosts: Ghosts::new(capacity / 2) }
    }

    /// From now on it works as one with room for so many, up to its capacity.
    pub(crate) fn expect(&mut self, entries: usize) {
        self.small = (entries.min(self.capacity) / SMALL).max(1);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len() >= self.capacity
    }

    pub(crate) fn len(&self) -> usize {
        self.queues.len(QueueKind::Small) + self.queues.len(QueueKind::Main)
    }

    /// Whether no eviction is near, if no other policy shares the capacity.
    pub(crate) fn is_filling(&self) -> bool {
        self.len() + self.small < self.capacity
    }

    /// There must be room for the entry.
    pub(crate) fn admit(&mut self, hash: u64, id: EntryId, is_filling: bool) {
        let to_main = self.ghosts.take(hash) || is_filling;
        let kind = if to_main { QueueKind::Main } else { QueueKind::Small };
        self.queues.push(id, kind);
    }

    pub(crate) fn remove(&mut self, id: EntryId) {
        self.queues.remove(id);
    }

    pub(crate) fn rename(&mut self, from: EntryId, to: EntryId) {
        self.queues.replace(from, to);
    }

    pub(crate) fn evict(&mut self, entries: &impl EntrySource) -> Option<EntryId> {
        let mut moves_left = MAX_MOVES;
        loop {
            let from_small = self.queues.len(QueueKind::Small) >= self.small || self.queues.len(QueueKind::Main) == 0;
            let id = self.queues.oldest(if from_small { QueueKind::Small } else { QueueKind::Main })?;
            let Inspection { hash, state } = entries.inspect(id);
            // Its frequency in main; `None` if it is evicted.
            let left = match state {
                State::Live { .. } if moves_left == 0 => None,
                State::Live { frequency } if from_small => (frequency > 0).then_some(0),
                State::Live { frequency } => frequency.checked_sub(1),
                State::Expired | State::Invalidated => None,
            };
            self.queues.remove(id);
            if let Some(left) = left {
                entries.set_frequency(id, left);
                self.queues.push(id, QueueKind::Main);
                moves_left -= 1;
                continue;
            }
            if from_small && !state.is_dead() {
                self.ghosts.push(hash);
            }
            return Some(id);
        }
    }

    pub(crate) fn shrink(&mut self) {
        self.queues.shrink();
    }

    pub(crate) fn check_invariants(&self) -> Vec<EntryId> {
        self.ghosts.check_invariants();
        self.queues.check_invariants()
    }
}
