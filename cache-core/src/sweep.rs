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
//! Entries seldom move, but they do, and new blocks may come while a round is under way. It looks at the blocks
//! that there were when it began, for all that is in others came later. If an entry has moved, the round is none
//! that anything follows from, and another comes after it.
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

/// How many entries are looked at in search of a dead one, for each that has to go: the hand passes block after
/// block, until it has looked at so many, or passed so many.
const SWEEP: u32 = 64;

/// The hand, and its round.
#[derive(Debug)]
pub(crate) struct Hand {
    /// The block that is to be looked at next.
    at: usize,
    /// The end of the round: the blocks that there were when it began.
    end: usize,
    /// How many invalidations had completed when it began. With [`UNKNOWN`] another one is due.
    completed: u64,
    /// No entry expires before this, but for those still to be looked at.
    earliest: Nanos,
}

/// What no count of invalidations is equal to.
const UNKNOWN: u64 = u64::MAX;

impl Hand {
    /// Of no entries: the round is over, and each of them is live.
    pub(crate) fn new() -> Self {
        Self { at: 0, end: 0, completed: 0, earliest: FOREVER }
    }

    /// Takes note of an entry that is live, as it is new or takes another's place.
    pub(crate) fn note(&mut self, expires_at: Nanos) {
        self.earliest = self.earliest.min(expires_at);
    }

    /// Takes note that entries have moved: one that was to be looked at may be where the hand has been. The round
    /// goes on, for others still wait for it, but it tells nothing.
    pub(crate) fn lose_track(&mut self) {
        self.completed = UNKNOWN;
    }

    /// Moves on until it finds a dead entry, or has looked at enough. `look` looks at the entries of one of the
    /// `blocks`: it returns one that is dead, or how many there were, and when the first of the others expires.
    pub(crate) fn sweep<D>(
        &mut self,
        moment: Moment,
        blocks: usize,
        mut look: impl FnMut(usize) -> (Result<D, u32>, Nanos),
    ) -> Option<D> {
        let (mut looked, mut passed) = (0, 0);
        while looked < SWEEP && passed < SWEEP && self.is_needed(moment, blocks) {
            let (found, earliest) = look(self.at);
            self.note(earliest);
            match found {
                // There may be more in the block: it is not passed yet.
                Ok(dead) => return Some(dead),
                Err(entries) => looked += entries,
            }
            passed += 1;
            self.at += 1;
        }
        None
    }

    /// Whether there can be a dead entry. If so and the last round is over, begins another.
    fn is_needed(&mut self, moment: Moment, blocks: usize) -> bool {
        if self.at >= self.end.min(blocks) {
            if moment.completed == self.completed && moment.now < self.earliest {
                return false;
            }
            *self = Self { at: 0, end: blocks, completed: moment.completed, earliest: FOREVER };
        }
        self.at < self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of 8 entries each, two of which count as a whole sweep: they expire, and a dead one is taken out when it
    /// is found.
    struct Entries(Vec<Vec<Nanos>>);

    impl Entries {
        fn sweep(&mut self, hand: &mut Hand, now: Nanos, completed: u64) -> (Option<Nanos>, u32) {
            let mut looks = 0;
            let blocks = self.0.len();
            let dead = hand.sweep(Moment { now, completed }, blocks, |block| {
                looks += 1;
                let entries = &mut self.0[block];
                let found = entries.iter().position(|&expires_at| expires_at <= now);
                let found = found.map(|dead| entries.remove(dead)).ok_or(SWEEP / 2);
                (found, entries.iter().copied().min().unwrap_or(FOREVER))
            });
            (dead, looks)
        }
    }

    fn expiring_at(times: [Nanos; 6]) -> Entries {
        Entries(times.map(|time| (0..8).map(|entry| time + entry).collect()).into())
    }

    #[test]
    fn p9_a_round_begins_when_something_may_have_died() {
        let (mut hand, mut entries) = (Hand::new(), expiring_at([100; 6]));
        hand.note(100);
        assert_eq!(entries.sweep(&mut hand, 99, 0), (None, 0), "all of them live");
        for looks in [2, 2, 2, 0] {
            assert_eq!(entries.sweep(&mut hand, 99, 1), (None, looks), "one round, for any may have been hit");
        }
        assert_eq!(entries.sweep(&mut hand, 99, 2), (None, 2));
        for looks in [2, 2, 2, 2, 2, 0] {
            let what = "what the last hit may be where the hand had been";
            assert_eq!(entries.sweep(&mut hand, 99, 3), (None, looks), "{what}");
        }
    }

    #[test]
    fn p9_all_that_have_expired_are_found() {
        let (mut hand, mut entries) = (Hand::new(), expiring_at([100, 50, 100, 60, 100, 55]));
        hand.note(50);
        assert_eq!(entries.sweep(&mut hand, 49, 0), (None, 0));
        let mut found: Vec<_> = (0..40).filter_map(|_| entries.sweep(&mut hand, 61, 0).0).collect();
        let mut dead: Vec<_> = (50..58).chain(60..62).chain(55..62).collect();
        found.sort_unstable();
        dead.sort_unstable();
        assert_eq!(found, dead);
        assert_eq!(entries.sweep(&mut hand, 61, 0), (None, 0), "the others live");
        assert_eq!(entries.sweep(&mut hand, 62, 0).0, None);
        assert_eq!(entries.sweep(&mut hand, 62, 0).0, Some(62), "but not for ever");
    }

    #[test]
    fn p9_what_comes_while_a_round_is_under_way_counts() {
        let (mut hand, mut entries) = (Hand::new(), expiring_at([100; 6]));
        assert_eq!(entries.sweep(&mut hand, 0, 1), (None, 2));
        hand.note(3);
        for looks in [2, 2, 0] {
            assert_eq!(entries.sweep(&mut hand, 0, 1), (None, looks));
        }
        assert_eq!(entries.sweep(&mut hand, 2, 1), (None, 0));
        assert_eq!(entries.sweep(&mut hand, 3, 1), (None, 2));
    }

    #[test]
    fn p9_a_hand_that_lost_track_goes_round_once_more() {
        let (mut hand, mut entries) = (Hand::new(), expiring_at([100; 6]));
        assert_eq!(entries.sweep(&mut hand, 0, 1), (None, 2));
        hand.lose_track();
        for looks in [2, 2, 2, 2, 2, 0] {
            assert_eq!(entries.sweep(&mut hand, 0, 1), (None, looks));
        }
    }

    #[test]
    fn a_hand_that_has_no_blocks_finds_nothing() {
        let (mut hand, mut entries) = (Hand::new(), Entries(Vec::new()));
        assert_eq!(entries.sweep(&mut hand, 0, 1), (None, 0));
        assert_eq!(entries.sweep(&mut hand, 0, 1), (None, 0));
    }
}
