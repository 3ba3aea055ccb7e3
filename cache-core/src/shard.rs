//! One shard of a store: a table of entries, and the loads under way. No locks in here.

use hashbrown::HashTable;

use crate::clock::Nanos;
use crate::flight::Flights;
use crate::policy::NodeId;
use crate::scope::ScopeId;
use crate::sync::AtomicU64;
use crate::tag::Bearings;
use crate::uses::Uses;
use crate::version::Version;
use crate::waits::LoadId;

/// A stored value, and all that is known of it.
pub(crate) struct Entry<K, V> {
    pub(crate) hash: u64,
    pub(crate) scope: ScopeId,
    pub(crate) uses: Uses,
    /// A version as of which it is known to be current: that of its birth, or a later one.
    pub(crate) current_as_of: AtomicU64,
    pub(crate) expires_at: Nanos,
    pub(crate) key: K,
    pub(crate) value: V,
    pub(crate) bearings: Bearings,
    /// When its load began.
    pub(crate) began: Nanos,
    /// Its place in the eviction queues.
    pub(crate) node: NodeId,
}

/// When the load that made a value began.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) birth: Version,
    pub(crate) time: Nanos,
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
    pub(crate) flights: Flights<K, V>,
}

impl<K, V> Shard<K, V> {
    pub(crate) fn new() -> Self {
        Self { table: HashTable::new(), slots: Vec::new(), vacant: NIL, flights: Flights::new() }
    }

    /// Finds the entry of a key, given by its hash, its scope and its equality.
    pub(crate) fn find(&self, hash: u64, scope: ScopeId, is_key: impl Fn(&K) -> bool) -> Option<Index> {
        let same = |&index: &Index| {
            let entry = self.entry(index);
            entry.hash == hash && entry.scope == scope && is_key(&entry.key)
        };
        self.table.find(hash, same).copied()
    }

    /// Finds the entry that has the key of a load under way.
    pub(crate) fn find_predecessor(&self, hash: u64, load: LoadId) -> Option<Index>
    where
        K: Eq,
    {
        let flight = self.flights.get(hash, load)?;
        self.find(hash, flight.scope, |key| *key == flight.key)
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

    /// Whether most of the slots are vacant.
    pub(crate) fn is_sparse(&self) -> bool {
        /// Fewer slots than these aren't worth the work.
        const FEW: usize = 64;
        self.slots.len() > FEW && self.slots.len() / 4 > self.table.len()
    }

    /// Frees the vacant slots. Entries move, and `moved` is told where to.
    pub(crate) fn compact(&mut self, mut moved: impl FnMut(NodeId, Index)) {
        if self.vacant == NIL {
            return;
        }
        let entries = self.table.len();
        let old = std::mem::replace(&mut self.slots, Vec::with_capacity(entries));
        self.table = HashTable::with_capacity(entries);
        self.vacant = NIL;
        for slot in old {
            if let Slot::Occupied(entry) = slot {
                let node = entry.node;
                moved(node, self.insert(entry));
            }
        }
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
        self.flights.check_invariants();
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

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: u64) -> Entry<u64, u64> {
        Entry {
            hash: key.wrapping_mul(0x9E37_79B9_7F4A_7C15),
            scope: 0,
            uses: Uses::new(0),
            current_as_of: 0.into(),
            expires_at: Nanos::MAX,
            key,
            value: key,
            bearings: Bearings::default(),
            began: 0,
            node: NodeId::try_from(key).expect("a small number"),
        }
    }

    fn find(shard: &Shard<u64, u64>, key: u64) -> Option<Index> {
        shard.find(entry(key).hash, 0, |stored| *stored == key)
    }

    #[test]
    fn p9_vacant_slots_are_freed_and_entries_found_where_they_moved() {
        let mut shard = Shard::new();
        for key in 0..1_000 {
            shard.insert(entry(key));
        }
        for key in (0..1_000).filter(|key| key % 10 > 0) {
            assert!(!shard.is_sparse() || shard.table.len() < 250);
            let index = find(&shard, key).expect("it is stored");
            assert_eq!(shard.remove(index).value, key);
            shard.check_invariants();
        }
        assert!(shard.is_sparse());
        let mut moved = Vec::new();
        shard.compact(|node, index| moved.push((u64::from(node), index)));
        shard.check_invariants();
        assert_eq!((shard.slots.len(), shard.slots.capacity(), shard.is_sparse()), (100, 100, false));
        assert_eq!(moved.len(), 100);
        assert!(moved.iter().all(|&(key, index)| find(&shard, key) == Some(index)));
    }

    #[test]
    fn few_slots_are_never_sparse() {
        let mut shard = Shard::new();
        let fill = |shard: &mut Shard<u64, u64>, keys: std::ops::Range<u64>| -> Vec<_> {
            keys.map(|key| shard.insert(entry(key))).collect()
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

    /// What the check is for is tested nowhere else: that it notices.
    #[test]
    fn the_check_notices_what_is_broken() {
        let breaks: [fn(&mut Shard<u64, u64>); 4] = [
            |shard| shard.entry_mut(0).hash ^= 1 << 60,
            |shard| shard.vacant = NIL,
            |shard| _ = shard.table.insert_unique(1, 9, |_| 1),
            |shard| shard.slots.push(Slot::Vacant { next: NIL }),
        ];
        for (number, break_it) in breaks.into_iter().enumerate() {
            let mut shard = Shard::new();
            for key in 1..=3 {
                shard.insert(entry(key));
            }
            shard.remove(1);
            shard.check_invariants();
            break_it(&mut shard);
            let check = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| shard.check_invariants()));
            assert!(check.is_err(), "break {number} went unnoticed");
        }
    }
}
