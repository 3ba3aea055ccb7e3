//! Which entry goes when the cache is full: S3-FIFO, over the entries of one segment, of all stores of a cache.
//!
//! S3-FIFO is by Yang, Zhang, Qiu, Yue and Vigfusson, "FIFO queues are all you need for cache eviction",
//! SOSP 2023. New entries wait in a *small* queue. Those that were used there move on to the *main* queue;
//! the others go, and leave their hash among the *ghosts*: if their key comes back soon, it goes straight to
//! main. In main an entry that was used since it was last looked at goes round once more for each use. A scan
//! therefore passes through the small queue and leaves main as it was. Hits write nothing here: the stores
//! count them with the entries.
//!
//! Ours differs in three things.
//!
//! - An entry may be dead (expired or invalidated). Those go first: see [`crate::eviction::sweep`].
//! - While nothing has to go, new entries go to main, but for the last few. `quick_cache` does so. Else a loop over
//!   more keys than there is room for would never have a hit: nothing that waits in the small queue is used
//!   before it goes, so nothing ever comes to main. Now a part of the loop stays there.
//! - The small queue and the ghosts are smaller than the paper's tenth and nine tenths, one use is enough to stay,
//!   and more of them count. That was found by trying it on zipf, loops, and scans.

use crate::entry::id::EntryId;
use crate::eviction::ghosts::Ghosts;
use crate::eviction::queues::{Links, Place, Queues};

/// What is known of an entry when it is asked whether it may go.
pub(crate) struct Inspection {
    pub(crate) hash: u64,
    pub(crate) state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Expired,
    Invalidated,
    /// Used so often since it was last looked at, at most [`MAX_FREQUENCY`](crate::entry::hits::MAX_FREQUENCY).
    Live {
        frequency: u32,
    },
}

impl State {
    pub(crate) fn is_dead(self) -> bool {
        !matches!(self, Self::Live { .. })
    }
}

/// The part of the capacity that is the small queue's: one entry in so many.
pub(crate) const SMALL: usize = 32;

/// How many entries an eviction moves on at the most, so that one insert isn't held up by all that were used.
const MAX_MOVES: u32 = 256;

/// The entries themselves, as the policy sees them.
pub(crate) trait EntrySource {
    fn inspect(&self, id: EntryId) -> Inspection;
    /// Records that the entry has been looked at, and how many uses it keeps to its credit.
    fn set_frequency(&self, id: EntryId, frequency: u32);
}

#[derive(Debug)]
pub(crate) struct Policy<L> {
    capacity: usize,
    /// The small queue is to have no more than this.
    small: usize,
    queues: Queues<L>,
    ghosts: Ghosts,
}

impl<L: Links> Policy<L> {
    pub(crate) fn new(capacity: usize) -> Self {
        let small = (capacity / SMALL).max(1);
        Self { capacity, small, queues: Queues::new(capacity), ghosts: Ghosts::new(capacity / 2) }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len() >= self.capacity
    }

    pub(crate) fn len(&self) -> usize {
        self.queues.len(Place::Small) + self.queues.len(Place::Main)
    }

    /// Whether nothing has to go for a while, if these are all the entries there are.
    pub(crate) fn is_filling(&self) -> bool {
        self.len() + self.small < self.capacity
    }

    /// Takes in a new entry, for which there must be room. While the cache is filling, it goes to main.
    pub(crate) fn admit(&mut self, hash: u64, id: EntryId, is_filling: bool) {
        let is_needed = self.ghosts.take(hash) || is_filling;
        let place = if is_needed { Place::Main } else { Place::Small };
        self.queues.push(id, place);
    }

    /// Lets go of an entry that was removed for a reason of its own.
    pub(crate) fn remove(&mut self, id: EntryId) {
        self.queues.remove(id);
    }

    /// Records that an entry has another id.
    pub(crate) fn rename(&mut self, from: EntryId, to: EntryId) {
        self.queues.replace(from, to);
    }

    /// Chooses the entry that goes, and lets go of it. `None` if there is none at all.
    pub(crate) fn evict(&mut self, entries: &impl EntrySource) -> Option<EntryId> {
        let mut moves_left = MAX_MOVES;
        loop {
            let from_small = self.queues.len(Place::Small) >= self.small || self.queues.len(Place::Main) == 0;
            let id = self.queues.oldest(if from_small { Place::Small } else { Place::Main })?;
            let Inspection { hash, state } = entries.inspect(id);
            let left = match state {
                State::Live { .. } if moves_left == 0 => None,
                State::Live { frequency } if from_small => (frequency > 0).then_some(0),
                State::Live { frequency } => frequency.checked_sub(1),
                State::Expired | State::Invalidated => None,
            };
            self.queues.remove(id);
            if let Some(left) = left {
                entries.set_frequency(id, left);
                self.queues.push(id, Place::Main);
                moves_left -= 1;
                continue;
            }
            if from_small && !state.is_dead() {
                self.ghosts.push(hash);
            }
            return Some(id);
        }
    }

    /// Frees what memory it can.
    pub(crate) fn shrink(&mut self) {
        self.queues.shrink();
    }

    /// Panics if the queues are broken. Returns what is in them.
    pub(crate) fn check_invariants(&self) -> Vec<EntryId> {
        self.ghosts.check_invariants();
        self.queues.check_invariants()
    }
}
