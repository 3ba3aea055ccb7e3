//! One shard of a store: a table of entries, and the loads under way. No locks in here.

use std::num::NonZero;

use hashbrown::HashTable;

use crate::blocks::BlockId;
use crate::clock::Nanos;
use crate::flight::Flights;
use crate::queues::EntryId;
use crate::scope::ScopeId;
use crate::slots::{Index, Slots};
use crate::sync::AtomicU64;
use crate::tag::Bearings;
use crate::uses::Uses;
use crate::version::Version;

/// A stored value, and all that is known of it.
///
/// In this order, and where a cache line begins: all that a hit looks at comes first, and is in one line if the key and
/// the value are small.
#[repr(C, align(64))]
pub(crate) struct Entry<K, V> {
    pub(crate) hash: u64,
    /// Never zero: by that a slot is known to have an entry.
    pub(crate) expires_at: NonZero<Nanos>,
    /// A version as of which it is known to be current: that of its birth, or a later one.
    pub(crate) current_as_of: AtomicU64,
    pub(crate) scope: ScopeId,
    pub(crate) uses: Uses,
    pub(crate) key: K,
    pub(crate) value: V,
    pub(crate) bearings: Bearings,
    /// When its load began.
    pub(crate) began: Nanos,
}

/// An expiry. What expires at zero is never stored.
pub(crate) fn not_zero(expires_at: Nanos) -> NonZero<Nanos> {
    NonZero::new(expires_at).unwrap_or(NonZero::<Nanos>::MIN)
}

/// When the load that made a value began.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) birth: Version,
    pub(crate) time: Nanos,
}

/// Entries have a fixed slot each, and the table of hashes holds only the slots' numbers: what refers to
/// an entry from outside keeps doing so when the table grows.
pub(crate) struct Shard<K, V> {
    table: HashTable<Index>,
    slots: Slots<Entry<K, V>>,
    pub(crate) flights: Flights<K, V>,
}

impl<K, V> Shard<K, V> {
    /// For about so many entries at the most.
    pub(crate) fn new(expected: usize) -> Self {
        Self { table: HashTable::new(), slots: Slots::new(expected), flights: Flights::new() }
    }

    /// Finds the entry of a key, given by its hash, its scope and its equality.
    pub(crate) fn find(&self, hash: u64, scope: ScopeId, is_key: impl Fn(&K) -> bool) -> Option<Index> {
        let same = |&index: &Index| {
            let entry = self.entry(index);
            entry.hash == hash && entry.scope == scope && is_key(&entry.key)
        };
        self.table.find(hash, same).copied()
    }

    pub(crate) fn entry(&self, index: Index) -> &Entry<K, V> {
        self.slots.get(index)
    }

    pub(crate) fn entry_mut(&mut self, index: Index) -> &mut Entry<K, V> {
        self.slots.get_mut(index)
    }

    /// The number that an entry has in the whole cache.
    pub(crate) fn id(&self, index: Index) -> EntryId {
        self.slots.id(index)
    }

    /// Stores an entry whose key isn't there yet. If that takes one more block of slots, `number` is told where it
    /// begins and gives it a number.
    pub(crate) fn insert(&mut self, entry: Entry<K, V>, number: impl FnOnce(Index) -> BlockId) -> Index {
        let hash = entry.hash;
        let index = self.slots.insert(entry, number);
        let slots = &self.slots;
        self.table.insert_unique(hash, index, |&index| slots.get(index).hash);
        index
    }

    pub(crate) fn remove(&mut self, index: Index) -> Entry<K, V> {
        let entry = self.slots.remove(index);
        let found = self.table.find_entry(entry.hash, |&found| found == index);
        found.expect("every entry is in the table").remove();
        entry
    }

    /// Whether most of the slots are vacant.
    pub(crate) fn is_sparse(&self) -> bool {
        /// Fewer slots than these aren't worth the work.
        const FEW: usize = 64;
        self.slots.len() > FEW && self.slots.len() / 4 > self.table.len()
    }

    /// Frees the vacant slots: see [`Slots::compact`].
    pub(crate) fn compact(&mut self, moved: impl FnMut(EntryId, EntryId)) -> Vec<BlockId> {
        if self.slots.len() == self.table.len() {
            return Vec::new();
        }
        let freed = self.slots.compact(moved);
        self.table = HashTable::with_capacity(self.slots.len());
        for (index, entry) in self.slots.entries_from(0) {
            self.table.insert_unique(entry.hash, index, |_| unreachable!("there is room for all"));
        }
        freed
    }

    /// The slots in use at and after `from`, with what is in them.
    pub(crate) fn entries_from(&self, from: Index) -> impl Iterator<Item = (Index, &Entry<K, V>)> {
        self.slots.entries_from(from)
    }

    /// Panics if the table and the slots disagree.
    pub(crate) fn check_invariants(&self) {
        self.flights.check_invariants();
        self.slots.check_invariants();
        for (index, entry) in self.entries_from(0) {
            let found = self.table.find(entry.hash, |&found| found == index);
            assert!(found.is_some(), "the entry in slot {index} is not in the table");
        }
        let entries = self.entries_from(0).count();
        assert_eq!(self.table.len(), entries, "the table has more than the entries");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::blocks::BLOCK;

    fn entry(key: u64) -> Entry<u64, u64> {
        Entry {
            hash: key.wrapping_mul(0x9E37_79B9_7F4A_7C15),
            scope: 0,
            uses: Uses::new(0),
            current_as_of: 0.into(),
            expires_at: not_zero(Nanos::MAX),
            key,
            value: key,
            bearings: Bearings::default(),
            began: 0,
        }
    }

    fn find(shard: &Shard<u64, u64>, key: u64) -> Option<Index> {
        shard.find(entry(key).hash, 0, |stored| *stored == key)
    }

    fn insert(shard: &mut Shard<u64, u64>, key: u64) -> Index {
        shard.insert(entry(key), |first| first / BLOCK)
    }

    #[test]
    fn p9_vacant_slots_are_freed_and_entries_found_where_they_moved() {
        let mut shard = Shard::new(1_000);
        for key in 0..1_000 {
            insert(&mut shard, key);
        }
        for key in (0..1_000).filter(|key| key % 10 > 0) {
            assert!(!shard.is_sparse() || shard.table.len() < 250);
            let index = find(&shard, key).expect("it is stored");
            assert_eq!(shard.remove(index).value, key);
            shard.check_invariants();
        }
        assert!(shard.is_sparse());
        let stored = |shard: &Shard<u64, u64>| -> HashMap<EntryId, u64> {
            shard.entries_from(0).map(|(index, entry)| (shard.id(index), entry.key)).collect()
        };
        let mut expected = stored(&shard);
        let freed = shard.compact(|from, to| {
            let key = expected.remove(&from).expect("it is stored");
            expected.insert(to, key);
        });
        shard.check_invariants();
        assert_eq!((shard.slots.len(), shard.is_sparse(), freed.len()), (100, false, 63 - 7));
        assert_eq!(stored(&shard), expected);
        assert!((0..1_000).step_by(10).all(|key| find(&shard, key).is_some()));
    }

    #[test]
    fn few_slots_are_never_sparse() {
        let mut shard = Shard::new(1_000);
        let fill = |shard: &mut Shard<u64, u64>, keys: std::ops::Range<u64>| -> Vec<_> {
            keys.map(|key| insert(shard, key)).collect()
        };
        for index in fill(&mut shard, 0..64) {
            shard.remove(index);
        }
        assert!(!shard.is_sparse(), "64 slots aren't worth the work");
        let indices = fill(&mut shard, 0..65);
        indices[..48].iter().for_each(|&index| _ = shard.remove(index));
        assert!(!shard.is_sparse(), "17 of 65 are more than a quarter");
        indices[48..50].iter().for_each(|&index| _ = shard.remove(index));
        assert!(shard.is_sparse());
    }

    /// What tells an occupied slot from a vacant one takes no room of its own.
    #[test]
    fn an_entry_is_as_large_as_what_it_holds() {
        assert_eq!(Slots::<Entry<u64, u64>>::SLOT, size_of::<Entry<u64, u64>>());
    }

    /// What the check is for is tested nowhere else: that it notices.
    #[test]
    fn the_check_notices_what_is_broken() {
        let breaks: [fn(&mut Shard<u64, u64>); 3] = [
            |shard| shard.entry_mut(0).hash ^= 1 << 60,
            |shard| _ = shard.table.insert_unique(1, 9, |_| 1),
            |shard| _ = shard.slots.remove(0),
        ];
        for (number, break_it) in breaks.into_iter().enumerate() {
            let mut shard = Shard::new(1_000);
            for key in 1..=3 {
                insert(&mut shard, key);
            }
            shard.remove(1);
            shard.check_invariants();
            break_it(&mut shard);
            let check = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| shard.check_invariants()));
            assert!(check.is_err(), "break {number} went unnoticed");
        }
    }
}
