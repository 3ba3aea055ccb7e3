//! Versions of tags that have no node.
//!
//! Each shard of the registry records here the invalidations that found no node, and the versions of removed nodes. A
//! new node of the tag starts at the recorded version.
//!
//! The oldest of [`MAX_ORPHANS`] records is dropped to make room, and raises the *floor*, which counts for every tag
//! without a record. So no invalidation is missed; a load may be refused needlessly, if more than `MAX_ORPHANS` tags of
//! its shard were invalidated while it ran.

use std::collections::VecDeque;

use hashbrown::HashMap;

use crate::version::Version;

pub(crate) const MAX_ORPHANS: usize = 256;

#[derive(Default)]
pub(crate) struct Orphans {
    by_hash: HashMap<u64, Version, foldhash::fast::RandomState>,
    /// The oldest first. A hash may have several.
    records: VecDeque<(u64, Version)>,
    /// The highest version of a dropped record.
    floor: Version,
}

impl Orphans {
    pub(crate) fn record(&mut self, hash: u64, version: Version) {
        if version <= self.version(hash) {
            return;
        }
        self.by_hash.insert(hash, version);
        self.records.push_back((hash, version));
        if self.records.len() > MAX_ORPHANS
            && let Some((hash, version)) = self.records.pop_front()
        {
            // Unless a later record of the hash exists.
            if self.by_hash.get(&hash) == Some(&version) {
                self.floor = self.floor.max(version);
                self.by_hash.remove(&hash);
            }
        }
    }

    /// When a tag with this hash may last have been invalidated.
    pub(crate) fn version(&self, hash: u64) -> Version {
        self.by_hash.get(&hash).copied().unwrap_or_default().max(self.floor)
    }

    pub(crate) fn shrink(&mut self) {
        self.by_hash.shrink_to_fit();
        self.records.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p1_a_dropped_record_raises_the_floor_and_records_are_bounded() {
        let mut orphans = Orphans::default();
        let last = 10 * MAX_ORPHANS as u64;
        for version in 1..=last {
            orphans.record(version, version);
        }
        assert_eq!((orphans.records.len(), orphans.by_hash.len()), (MAX_ORPHANS, MAX_ORPHANS));
        assert_eq!((orphans.version(last), orphans.version(0)), (last, last - MAX_ORPHANS as u64));
    }

    #[test]
    fn p1_a_later_record_of_a_hash_outlives_an_earlier_one() {
        let mut orphans = Orphans::default();
        orphans.record(0, 1);
        orphans.record(0, MAX_ORPHANS as u64 + 2);
        for other in 1..MAX_ORPHANS as u64 {
            orphans.record(other, MAX_ORPHANS as u64 + 2);
        }
        assert_eq!((orphans.version(0), orphans.floor), (MAX_ORPHANS as u64 + 2, 0));
    }
}
