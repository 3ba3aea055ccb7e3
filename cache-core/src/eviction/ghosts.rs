//! Ghosts: the keys that were evicted last, in four bytes each.

/// The fingerprints of a set. They fill a cache line.
const WAYS: usize = 16;

/// The newest fingerprint first. Zero is a free slot.
type Set = [u32; WAYS];

/// A set-associative table of fingerprints: 32 bits of each hash.
///
/// Each set drops its own oldest. One hash in hundreds of millions is taken for another: a hint is enough.
#[derive(Debug)]
pub(crate) struct Ghosts {
    capacity: usize,
    /// Allocated with the first ghost.
    sets: Box<[Set]>,
}

impl Ghosts {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, sets: Box::default() }
    }

    pub(crate) fn push(&mut self, hash: u64) {
        if self.capacity == 0 {
            return;
        }
        if self.sets.is_empty() {
            self.sets = vec![Set::default(); self.capacity.div_ceil(WAYS)].into_boxed_slice();
        }
        let (set, fingerprint) = self.find(hash);
        // A known one moves to the front. Otherwise the oldest makes room.
        let last = set.iter().position(|&known| known == fingerprint).unwrap_or(WAYS - 1);
        set.copy_within(..last, 1);
        set[0] = fingerprint;
    }

    /// Returns whether it was remembered.
    pub(crate) fn take(&mut self, hash: u64) -> bool {
        if self.sets.is_empty() {
            return false;
        }
        let (set, fingerprint) = self.find(hash);
        let Some(found) = set.iter().position(|&known| known == fingerprint) else { return false };
        set.copy_within(found + 1.., found);
        set[WAYS - 1] = 0;
        true
    }

    #[expect(clippy::cast_possible_truncation, reason = "parts of the hash are enough")]
    fn find(&mut self, hash: u64) -> (&mut Set, u32) {
        // The high half, as a fraction, selects the set. The low half is the fingerprint.
        let set = ((hash >> 32) * self.sets.len() as u64) >> 32;
        (&mut self.sets[set as usize], (hash as u32).max(1))
    }

    pub(crate) fn check_invariants(&self) {
        for set in &self.sets {
            let len = set.iter().position(|&slot| slot == 0).unwrap_or(WAYS);
            assert!(set[len..].iter().all(|&slot| slot == 0), "a fingerprint is behind a free slot");
            assert!((1..len).all(|at| !set[..at].contains(&set[at])), "a set has a fingerprint twice");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher;

    use foldhash::fast::FixedState;

    use super::*;

    fn hash(key: u64) -> u64 {
        FixedState::default().hash_one(key)
    }

    #[test]
    fn the_last_evicted_keys_are_remembered_and_taken_once() {
        let mut ghosts = Ghosts::new(1_000);
        assert!(!ghosts.take(hash(0)));
        for key in 0..10_000 {
            ghosts.push(hash(key));
        }
        ghosts.check_invariants();
        let mut known = |keys: std::ops::Range<u64>| keys.filter(|&key| ghosts.take(hash(key))).count();
        assert_eq!(known(9_600..10_000), 400, "the last ones are remembered");
        assert_eq!(known(9_600..10_000), 0, "and taken once");
        assert!((500..620).contains(&known(8_000..9_600)), "older ones are remembered in part");
        assert_eq!(known(0..8_000), 0, "the oldest ones are forgotten");
        ghosts.check_invariants();
    }

    #[test]
    fn a_key_that_is_evicted_again_is_the_newest() {
        let mut ghosts = Ghosts::new(1);
        for hash in 1..=16 {
            ghosts.push(hash);
        }
        ghosts.push(1);
        ghosts.push(99);
        ghosts.check_invariants();
        assert_eq!([2, 1, 99].map(|hash| ghosts.take(hash)), [false, true, true]);
        ghosts.check_invariants();
    }

    #[test]
    fn with_capacity_0_nothing_is_remembered() {
        let mut ghosts = Ghosts::new(0);
        ghosts.push(1);
        assert!(!ghosts.take(1));
    }

    #[test]
    fn the_check_fails_on_each_inconsistency() {
        let breaks: [fn(&mut Set); 2] = [|set| set[0] = 0, |set| set[1] = set[0]];
        for (number, break_it) in breaks.into_iter().enumerate() {
            let mut ghosts = Ghosts::new(1);
            ghosts.push(1);
            ghosts.push(2);
            ghosts.check_invariants();
            break_it(&mut ghosts.sets[0]);
            let check = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ghosts.check_invariants()));
            assert!(check.is_err(), "the check passed after break {number}");
        }
    }
}
