//! One shard of a store: a table of entries. No locks in here.

use hashbrown::HashTable;

use crate::clock::Nanos;
use crate::policy::{MAX_USES, NodeId};
use crate::scope::ScopeId;
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use crate::tag::Bearings;
use crate::version::Version;

/// A stored value, and all that is known of it.
pub(crate) struct Entry<K, V> {
    pub(crate) hash: u64,
    pub(crate) scope: ScopeId,
    /// Its place in the eviction queues.
    pub(crate) node: NodeId,
    pub(crate) origin: Origin,
    pub(crate) expires_at: Nanos,
    /// The count of completed invalidations at which the entry was last found current.
    pub(crate) verified: AtomicU64,
    pub(crate) hits: AtomicU32,
    /// How many of the hits the eviction policy has accounted for.
    pub(crate) spent: AtomicU32,
    pub(crate) bearings: Bearings,
    pub(crate) key: K,
    pub(crate) value: V,
}

/// When the load that made a value began.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) birth: Version,
    pub(crate) time: Nanos,
}

/// A `verified` mark that no count of invalidations is equal to.
pub(crate) const NEVER_VERIFIED: u64 = u64::MAX;

impl<K, V> Entry<K, V> {
    pub(crate) fn count_hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    /// Hits since the policy last looked, as far as they matter to it.
    pub(crate) fn uses(&self) -> u32 {
        let hits = self.hits.load(Ordering::Relaxed);
        hits.wrapping_sub(self.spent.load(Ordering::Relaxed)).min(MAX_USES)
    }

    pub(crate) fn spend_uses(&self, left: u32) {
        let hits = self.hits.load(Ordering::Relaxed);
        self.spent.store(hits.wrapping_sub(left), Ordering::Relaxed);
    }
}

/// Where an entry is in its shard, for as long as it is stored.
pub(crate) type Index = u32;

const NIL: Index = Index::MAX;

enum Slot<K, V> {
    Occupied(Entry<K, V>),
    Vacant { next: Index },
}

/// Entries have a fixed slot each, and the table of hashes holds only the slots' numbers: what refers to
/// an entry from outside keeps doing so when the table grows.
pub(crate) struct Shard<K, V> {
    table: HashTable<Index>,
    slots: Vec<Slot<K, V>>,
    vacant: Index,
    /// The last invalidation of a single key in this shard. A load of that key may be on its way, and
    /// loads aren't known by their keys: what was born before is not stored here, whatever its key.
    fence: Version,
}

impl<K, V> Shard<K, V> {
    pub(crate) fn new() -> Self {
        Self { table: HashTable::new(), slots: Vec::new(), vacant: NIL, fence: 0 }
    }

    pub(crate) fn raise_fence(&mut self, version: Version) {
        self.fence = self.fence.max(version);
    }

    /// Whether what was born at `birth` may be stored, as far as invalidations of single keys go.
    pub(crate) fn admits(&self, birth: Version) -> bool {
        self.fence <= birth
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
        match &self.slots[index as usize] {
            Slot::Occupied(entry) => entry,
            Slot::Vacant { .. } => unreachable!("slot {index} holds no entry"),
        }
    }

    pub(crate) fn entry_mut(&mut self, index: Index) -> &mut Entry<K, V> {
        match &mut self.slots[index as usize] {
            Slot::Occupied(entry) => entry,
            Slot::Vacant { .. } => unreachable!("slot {index} holds no entry"),
        }
    }

    /// Stores an entry whose key isn't there yet.
    pub(crate) fn insert(&mut self, entry: Entry<K, V>) -> Index {
        let hash = entry.hash;
        let index = if self.vacant == NIL {
            let index = Index::try_from(self.slots.len()).expect("a cache's capacity is below `Index::MAX`");
            self.slots.push(Slot::Occupied(entry));
            index
        } else {
            let index = self.vacant;
            let slot = &mut self.slots[index as usize];
            let Slot::Vacant { next } = *slot else { unreachable!("slot {index} is listed as vacant") };
            self.vacant = next;
            *slot = Slot::Occupied(entry);
            index
        };
        let slots = &self.slots;
        self.table.insert_unique(hash, index, |&index| match &slots[index as usize] {
            Slot::Occupied(entry) => entry.hash,
            Slot::Vacant { .. } => unreachable!("slot {index} holds no entry"),
        });
        index
    }

    pub(crate) fn remove(&mut self, index: Index) -> Entry<K, V> {
        let slot = &mut self.slots[index as usize];
        let Slot::Occupied(entry) = std::mem::replace(slot, Slot::Vacant { next: self.vacant }) else {
            unreachable!("slot {index} holds no entry")
        };
        self.vacant = index;
        let found = self.table.find_entry(entry.hash, |&found| found == index);
        found.expect("every entry is in the table").remove();
        entry
    }

    /// The slots in use at and after `from`, with what is in them.
    pub(crate) fn entries_from(&self, from: Index) -> impl Iterator<Item = (Index, &Entry<K, V>)> {
        (from..).zip(self.slots.iter().skip(from as usize)).filter_map(|(index, slot)| match slot {
            Slot::Occupied(entry) => Some((index, entry)),
            Slot::Vacant { .. } => None,
        })
    }

    /// Panics if the table, the slots and the list of vacant ones disagree.
    pub(crate) fn check_invariants(&self) {
        for (index, entry) in self.entries_from(0) {
            let found = self.table.find(entry.hash, |&found| found == index);
            assert!(found.is_some(), "the entry in slot {index} is not in the table");
        }
        let entries = self.entries_from(0).count();
        assert_eq!(self.table.len(), entries, "the table has more than the entries");
        let (mut vacant, mut index) = (0, self.vacant);
        while index != NIL {
            let Slot::Vacant { next } = self.slots[index as usize] else {
                panic!("slot {index} is listed as vacant");
            };
            vacant += 1;
            index = next;
        }
        assert_eq!(entries + vacant, self.slots.len(), "a slot is neither in use nor vacant");
    }
}
