//! The memory of what was evicted last: four bytes each.

/// How many hashes a set has. Its marks fill a cache line.
const WAYS: usize = 16;

/// One set: the newest mark first. Zero is no mark.
type Set = [u32; WAYS];

/// Remembers what was evicted last, by marks of 32 bits of their hashes.
///
/// A hash belongs to a set, and each set remembers the last few of its own. So some are remembered for a
/// little longer than others, and one in hundreds of millions is taken for another: this is a hint, and no more.
#[derive(Debug)]
pub(crate) struct Ghosts {
    capacity: usize,
    /// Made with the first of them.
    sets: Box<[Set]>,
}

impl Ghosts {
    /// Remembers about so many.
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
        let (set, mark) = self.find(hash);
        // One that is there moves to the front, and else the oldest makes room.
        let last = set.iter().position(|&known| known == mark).unwrap_or(WAYS - 1);
        set.copy_within(..last, 1);
        set[0] = mark;
    }

    /// Whether the hash is remembered; it is no longer then.
    pub(crate) fn take(&mut self, hash: u64) -> bool {
        if self.sets.is_empty() {
            return false;
        }
        let (set, mark) = self.find(hash);
        let Some(found) = set.iter().position(|&known| known == mark) else { return false };
        set.copy_within(found + 1.., found);
        set[WAYS - 1] = 0;
        true
    }

    #[expect(clippy::cast_possible_truncation, reason = "parts of the hash are what is wanted")]
    fn find(&mut self, hash: u64) -> (&mut Set, u32) {
        // The high half says in which set, as a fraction of all of them.
        let set = ((hash >> 32) * self.sets.len() as u64) >> 32;
        (&mut self.sets[set as usize], (hash as u32).max(1))
    }

    /// Panics if a set has a mark twice, or a gap.
    pub(crate) fn check_invariants(&self) {
        for set in &self.sets {
            let marks = set.iter().position(|&mark| mark == 0).unwrap_or(WAYS);
            assert!(set[marks..].iter().all(|&mark| mark == 0), "a ghost is behind a gap");
            assert!((1..marks).all(|at| !set[..at].contains(&set[at])), "a ghost is there twice");
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
    fn the_last_are_remembered_and_each_once() {
        let mut ghosts = Ghosts::new(1_000);
        assert!(!ghosts.take(hash(0)));
        for key in 0..10_000 {
            ghosts.push(hash(key));
        }
        ghosts.check_invariants();
        let mut known = |keys: std::ops::Range<u64>| keys.filter(|&key| ghosts.take(hash(key))).count();
        assert_eq!(known(9_600..10_000), 400, "what went last is known");
        assert_eq!(known(9_600..10_000), 0, "and is taken once");
        assert!((500..620).contains(&known(8_000..9_600)), "what went before that is known in part");
        assert_eq!(known(0..8_000), 0, "and what went long ago is not");
        ghosts.check_invariants();
    }

    #[test]
    fn what_is_remembered_anew_is_the_newest() {
        let mut ghosts = Ghosts::new(1);
        for mark in 1..=16 {
            ghosts.push(mark);
        }
        ghosts.push(1);
        ghosts.push(99);
        ghosts.check_invariants();
        assert_eq!([2, 1, 99].map(|mark| ghosts.take(mark)), [false, true, true]);
        ghosts.check_invariants();
    }

    #[test]
    fn none_are_remembered_where_there_is_no_room() {
        let mut ghosts = Ghosts::new(0);
        ghosts.push(1);
        assert!(!ghosts.take(1));
    }

    #[test]
    fn the_check_notices_what_is_broken() {
        let breaks: [fn(&mut Set); 2] = [|set| set[0] = 0, |set| set[1] = set[0]];
        for (number, break_it) in breaks.into_iter().enumerate() {
            let mut ghosts = Ghosts::new(1);
            ghosts.push(1);
            ghosts.push(2);
            ghosts.check_invariants();
            break_it(&mut ghosts.sets[0]);
            let check = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ghosts.check_invariants()));
            assert!(check.is_err(), "break {number} went unnoticed");
        }
    }
}
