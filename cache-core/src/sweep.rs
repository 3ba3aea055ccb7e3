//! When there can be dead entries, and which of them have still to be looked at.
//!
//! Before a live entry is evicted, a hand that goes round all of them looks at the next few for a dead one.
//! That costs more than all else that an eviction does, and most often there is none. So what a full round
//! found is remembered, and as long as it holds nobody looks.
//!
//! Why no dead entry is missed. A round notes how many invalidations have completed *before* it asks the
//! first entry, and the earliest expiry of all that it finds live. Who comes in while it is under way or
//! later, or takes another's place, is found current then, and its expiry is noted, too. All of this, the
//! asking as well as the coming in, happens under the lock of the room. So when a round is over, each entry
//! there is has been found current at a time after that count was read: by the round, or on its way in. An
//! entry that dies by an invalidation after that dies by one that the count does not have yet, for a cell is
//! raised before its invalidation is counted: see [`VersionClock::completed`]. When that invalidation has
//! returned, the count has changed; and one that dies by its time dies at the earliest expiry or after it.
//! Either way the next eviction begins another round.
//!
//! [`VersionClock::completed`]: crate::version::VersionClock::completed

use crate::clock::{FOREVER, Nanos};

/// When somebody looks for dead entries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) now: Nanos,
    /// How many invalidations had completed, before any entry was asked.
    pub(crate) completed: u64,
}

/// One round of the hand, or what is known since it is over.
#[derive(Debug)]
pub(crate) struct Round {
    /// The places that are still to be looked at.
    left: usize,
    /// How many invalidations had completed when it began.
    completed: u64,
    /// No entry expires before this, but for those still to be looked at.
    earliest: Nanos,
}

impl Round {
    /// Of no entries: it is over, and each of them is live.
    pub(crate) fn new() -> Self {
        Self { left: 0, completed: 0, earliest: FOREVER }
    }

    /// Whether one of `places` has to be looked at, which is the next one. They are as many as when the hand
    /// last moved, or more.
    pub(crate) fn step(&mut self, moment: Moment, places: usize) -> bool {
        if self.left == 0 {
            if moment.completed == self.completed && moment.now < self.earliest {
                return false;
            }
            *self = Self { left: places, completed: moment.completed, earliest: FOREVER };
        }
        // There may be no place at all.
        self.left = self.left.saturating_sub(1);
        true
    }

    /// Takes note of an entry that is live: found so by the round, or new.
    pub(crate) fn note(&mut self, expires_at: Nanos) {
        self.earliest = self.earliest.min(expires_at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(now: Nanos, completed: u64) -> Moment {
        Moment { now, completed }
    }

    #[test]
    fn p9_a_round_begins_when_something_may_have_died() {
        let mut round = Round::new();
        assert!(!round.step(at(1_000, 0), 2), "what came in is noted, and nothing came in");
        round.note(5);
        round.note(9);
        assert!(!round.step(at(4, 0), 2));
        assert!(round.step(at(5, 0), 2), "the first of them has expired");
        round.note(9);
        assert!(round.step(at(5, 0), 2));
        assert!(!round.step(at(8, 0), 2), "the round is over, and the other one lives");
        assert!(round.step(at(8, 1), 2), "there has been an invalidation");
        assert!(round.step(at(8, 2), 2), "and another, while it was under way");
        assert!(round.step(at(8, 2), 2), "which may have hit what it had seen");
    }

    #[test]
    fn p9_what_comes_while_a_round_is_under_way_counts() {
        let mut round = Round::new();
        assert!(round.step(at(0, 1), 2));
        round.note(3);
        assert!(round.step(at(0, 1), 2));
        assert!(!round.step(at(2, 1), 3));
        assert!(round.step(at(3, 1), 3));
    }
}
