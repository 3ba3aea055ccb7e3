//! The sweep for dead entries: which entry is inspected next, if any can be dead.
//!
//! Each insert inspects the next few entries of a segment. A *round* inspects all of them. No round begins while the
//! last one proves that all entries are live.
//!
//! Why no dead entry is missed: a round records the version that the clock shows *before* its first inspection, and the
//! earliest expiry of the inspected entries. For entries admitted or replaced during the round or later, it also
//! records the expiry, and the version as of which they are valid: their loads may have begun before the round. So at
//! the end of a round, each entry was found valid after that version was read, or was removed, or is a suspect that the
//! caller is about to check. A later invalidation has a later version, and no entry expires before the earliest expiry:
//! either way the next insert begins another round.
//!
//! The cursor goes from the last index down. A removed entry is replaced by the last one, which the cursor has passed.

use crate::clock::{FOREVER, Nanos};
use crate::version::Version;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Snapshot {
    pub(crate) now: Nanos,
    /// The version that the clock showed before any inspection.
    pub(crate) version: Version,
}

/// When an entry expires, or until when it is kept if it has, and a version as of which it is valid.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    pub(crate) dies_at: Nanos,
    pub(crate) valid_as_of: Version,
}

/// Of the current round, or of the last one.
#[derive(Debug)]
pub(crate) struct SweepCursor {
    /// Entries still to be inspected: those at the lowest indices.
    left: usize,
    /// Every inspected entry is valid as of this version.
    version: Version,
    /// No inspected entry expires before this.
    earliest: Nanos,
}

impl SweepCursor {
    pub(crate) fn new() -> Self {
        Self { left: 0, version: 0, earliest: FOREVER }
    }

    /// The entry was admitted, replaced, or inspected and found live.
    pub(crate) fn record(&mut self, Life { dies_at, valid_as_of }: Life) {
        self.earliest = self.earliest.min(dies_at);
        self.version = self.version.min(valid_as_of);
    }

    /// The index of the entry to inspect next; `None` if none can be dead. Begins a round if the last one is over.
    ///
    /// `has_foreign`: an entry may depend on another cache, whose invalidations the version does not show. So a round
    /// always begins.
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

    fn until(dies_at: Nanos) -> Life {
        Life { dies_at, valid_as_of: Version::MAX }
    }

    /// Returns how many were inspected, and the removed.
    fn sweep(cursor: &mut SweepCursor, entries: &mut Vec<Nanos>, now: Nanos, version: Version) -> (usize, Vec<Nanos>) {
        let (mut inspections, mut dead) = (0, Vec::new());
        while let Some(at) = cursor.next(Snapshot { now, version }, entries.len(), false) {
            inspections += 1;
            if entries[at] <= now {
                dead.push(entries.swap_remove(at));
            } else {
                cursor.record(until(entries[at]));
            }
        }
        dead.sort_unstable();
        (inspections, dead)
    }

    #[test]
    fn p9_a_round_begins_only_if_an_entry_may_be_dead() {
        let (mut cursor, mut entries) = (SweepCursor::new(), vec![100; 6]);
        cursor.record(until(100));
        assert_eq!(sweep(&mut cursor, &mut entries, 99, 0), (0, vec![]), "all are live");
        assert_eq!(sweep(&mut cursor, &mut entries, 99, 1), (6, vec![]), "any may have been invalidated");
        assert_eq!(sweep(&mut cursor, &mut entries, 99, 1), (0, vec![]));
    }

    #[test]
    fn p9_all_expired_entries_are_found() {
        let (mut cursor, mut entries) = (SweepCursor::new(), vec![100, 50, 100, 60, 100, 55, 61, 62]);
        cursor.record(until(50));
        assert_eq!(sweep(&mut cursor, &mut entries, 49, 0).0, 0);
        assert_eq!(sweep(&mut cursor, &mut entries, 61, 0).1, [50, 55, 60, 61]);
        assert_eq!(sweep(&mut cursor, &mut entries, 61, 0).0, 0, "the others are live");
        assert_eq!(sweep(&mut cursor, &mut entries, 62, 0).1, [62], "and expire later");
    }

    #[test]
    fn p9_what_dies_during_a_round_is_found_by_the_next() {
        let (mut cursor, entries) = (SweepCursor::new(), 6);
        assert_eq!(cursor.next(Snapshot { now: 0, version: 1 }, entries, false), Some(5));
        cursor.record(until(3));
        for left in (0..5).rev() {
            assert_eq!(cursor.next(Snapshot { now: 0, version: 2 }, entries, false), Some(left));
        }
        assert_eq!(
            cursor.next(Snapshot { now: 0, version: 2 }, entries, false),
            Some(5),
            "a round for the second invalidation"
        );
        for left in (0..5).rev() {
            assert_eq!(cursor.next(Snapshot { now: 2, version: 2 }, entries, false), Some(left));
        }
        assert_eq!(cursor.next(Snapshot { now: 2, version: 2 }, entries, false), None);
    }

    #[test]
    fn p9_a_late_admission_of_an_older_version_begins_a_round() {
        let (mut cursor, mut entries) = (SweepCursor::new(), vec![100; 3]);
        assert_eq!(sweep(&mut cursor, &mut entries, 0, 2), (3, vec![]));
        cursor.record(Life { dies_at: 100, valid_as_of: 2 });
        assert_eq!(sweep(&mut cursor, &mut entries, 0, 2), (0, vec![]));
        cursor.record(Life { dies_at: 100, valid_as_of: 1 });
        assert_eq!(sweep(&mut cursor, &mut entries, 0, 2), (3, vec![]), "the second invalidation may concern it");
    }

    #[test]
    fn a_cursor_without_entries_finds_nothing() {
        assert_eq!(SweepCursor::new().next(Snapshot { now: 0, version: 1 }, 0, false), None);
    }
}
