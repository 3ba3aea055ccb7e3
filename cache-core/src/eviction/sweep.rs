//! When there can be dead entries, and which of them have still to be looked at.
//!
//! Before an entry comes in, a cursor that goes round all entries of its segment looks at the next few for dead ones.
//! Most often there are none. So what a full round found is remembered, and as long as it holds nobody looks.
//!
//! Why no dead entry is missed. A round notes the version that the clock shows *before* it looks at the first entry, and
//! the earliest expiry of all that it passes. Of whoever comes in meanwhile or later, or takes another's place, the expiry is
//! noted, too, and so is the version as of which it is valid: an entry that comes in late may be from before the round,
//! and dead by what the round knows. So when a round is over, each entry has been found valid after that version was
//! read, has been removed, or is about to be by whoever looks at it. An entry that dies by an invalidation after that dies
//! by a later version, and one that dies by its time dies at the earliest expiry or after it: either way the next insert
//! begins another round.
//!
//! The cursor goes down. An entry that leaves is replaced by the last one, which the cursor has passed.

use crate::clock::{FOREVER, Nanos};
use crate::version::Version;

/// When somebody looks for dead entries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Snapshot {
    pub(crate) now: Nanos,
    /// What the version clock showed, before anything was looked at.
    pub(crate) version: Version,
}

/// What is known of how long an entry lives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    pub(crate) expires_at: Nanos,
    /// The version as of which it is known to be valid.
    pub(crate) valid_as_of: Version,
}

/// The cursor, and its round.
#[derive(Debug)]
pub(crate) struct SweepCursor {
    /// How many entries are still to be looked at: those at the lowest places.
    left: usize,
    /// The version at the start of the round, or an earlier one, as of which some entry is known to be valid that came in.
    version: Version,
    /// No entry expires before this, but for those still to be looked at.
    earliest: Nanos,
}

impl SweepCursor {
    /// Of no entries: the round is over, and each of them is live.
    pub(crate) fn new() -> Self {
        Self { left: 0, version: 0, earliest: FOREVER }
    }

    /// Records what may end the life of an entry that is new, takes another's place, or was looked at and found live.
    pub(crate) fn note(&mut self, Life { expires_at, valid_as_of }: Life) {
        self.earliest = self.earliest.min(expires_at);
        self.version = self.version.min(valid_as_of);
    }

    /// The place to look at next, of `entries`; `None` if none can be dead. If the last round is over, begins another.
    ///
    /// The version says nothing of what depends on other caches: with such entries, another round begins in any case.
    pub(crate) fn next(&mut self, snapshot: Snapshot, entries: usize, has_foreign: bool) -> Option<usize> {
        self.left = self.left.min(entries);
        if self.left == 0 {
            if !has_foreign && snapshot.version == self.version && snapshot.now < self.earliest {
                return None;
            }
            *self = Self { left: entries, version: snapshot.version, earliest: FOREVER };
        }
        self.left = self.left.checked_sub(1)?;
        Some(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(expires_at: Nanos) -> Life {
        Life { expires_at, valid_as_of: Version::MAX }
    }

    /// Looks at entries that expire at these times until none can be dead, and removes dead ones.
    fn sweep(cursor: &mut SweepCursor, entries: &mut Vec<Nanos>, now: Nanos, version: Version) -> (usize, Vec<Nanos>) {
        let (mut looks, mut dead) = (0, Vec::new());
        while let Some(at) = cursor.next(Snapshot { now, version }, entries.len(), false) {
            looks += 1;
            if entries[at] <= now {
                dead.push(entries.swap_remove(at));
            } else {
                cursor.note(until(entries[at]));
            }
        }
        dead.sort_unstable();
        (looks, dead)
    }

    #[test]
    fn p9_a_round_begins_when_something_may_have_died() {
        let (mut cursor, mut entries) = (SweepCursor::new(), vec![100; 6]);
        cursor.note(until(100));
        assert_eq!(sweep(&mut cursor, &mut entries, 99, 0), (0, vec![]), "all of them live");
        assert_eq!(sweep(&mut cursor, &mut entries, 99, 1), (6, vec![]), "any may have been hit");
        assert_eq!(sweep(&mut cursor, &mut entries, 99, 1), (0, vec![]));
    }

    #[test]
    fn p9_all_that_have_expired_are_found() {
        let (mut cursor, mut entries) = (SweepCursor::new(), vec![100, 50, 100, 60, 100, 55, 61, 62]);
        cursor.note(until(50));
        assert_eq!(sweep(&mut cursor, &mut entries, 49, 0).0, 0);
        assert_eq!(sweep(&mut cursor, &mut entries, 61, 0).1, [50, 55, 60, 61]);
        assert_eq!(sweep(&mut cursor, &mut entries, 61, 0).0, 0, "the others live");
        assert_eq!(sweep(&mut cursor, &mut entries, 62, 0).1, [62], "but not for ever");
    }

    #[test]
    fn p9_what_dies_while_a_round_goes_on_is_found_by_the_next() {
        let (mut cursor, entries) = (SweepCursor::new(), 6);
        assert_eq!(cursor.next(Snapshot { now: 0, version: 1 }, entries, false), Some(5));
        cursor.note(until(3));
        for left in (0..5).rev() {
            assert_eq!(cursor.next(Snapshot { now: 0, version: 2 }, entries, false), Some(left));
        }
        assert_eq!(cursor.next(Snapshot { now: 0, version: 2 }, entries, false), Some(5), "of the second invalidation");
        for left in (0..5).rev() {
            assert_eq!(cursor.next(Snapshot { now: 2, version: 2 }, entries, false), Some(left));
        }
        assert_eq!(cursor.next(Snapshot { now: 2, version: 2 }, entries, false), None);
    }

    #[test]
    fn p9_what_comes_in_late_is_looked_at() {
        let (mut cursor, mut entries) = (SweepCursor::new(), vec![100; 3]);
        assert_eq!(sweep(&mut cursor, &mut entries, 0, 2), (3, vec![]));
        cursor.note(Life { expires_at: 100, valid_as_of: 2 });
        assert_eq!(sweep(&mut cursor, &mut entries, 0, 2), (0, vec![]));
        cursor.note(Life { expires_at: 100, valid_as_of: 1 });
        assert_eq!(sweep(&mut cursor, &mut entries, 0, 2), (3, vec![]), "it may have died by the second invalidation");
    }

    #[test]
    fn a_cursor_without_entries_finds_nothing() {
        assert_eq!(SweepCursor::new().next(Snapshot { now: 0, version: 1 }, 0, false), None);
    }
}
