//! One shard of a store: a table of entries, and the loads in flight. No locks in here.

use hashbrown::HashTable;

use crate::entry::{Entry, address, discard};
use crate::flight::Flights;
use crate::scope::ScopeId;
use crate::stats::Counters;
use crate::sync::Arc;

pub(crate) struct Shard<K, V> {
    table: HashTable<Arc<Entry<K, V>>>,
    pub(crate) flights: Flights<K, V>,
}

impl<K, V> Shard<K, V> {
    pub(crate) fn new() -> Self {
        Self { table: HashTable::new(), flights: Flights::new() }
    }

    /// Finds the entry of a key, given by its hash, its scope and its equality.
    #[inline]
    pub(crate) fn find(&self, hash: u64, scope: ScopeId, is_key: impl Fn(&K) -> bool) -> Option<&Arc<Entry<K, V>>> {
        self.table.find(hash, |entry| is_of(entry, hash, scope, &is_key))
    }

    /// Stores an entry, in place of `predecessor`, which is that of its key. Returns what it displaces.
    pub(crate) fn put(
        &mut self,
        predecessor: Option<&Arc<Entry<K, V>>>,
        entry: Arc<Entry<K, V>>,
    ) -> Option<Arc<Entry<K, V>>> {
        if let Some(predecessor) = predecessor {
            let is_it = |found: &Arc<Entry<K, V>>| Arc::ptr_eq(found, predecessor);
            if let Some(found) = self.table.find_mut(predecessor.meta.hash, is_it) {
                return Some(std::mem::replace(found, entry));
            }
        }
        self.table.insert_unique(entry.meta.hash, entry, |entry| entry.meta.hash);
        None
    }

    /// Removes the entry that has an address.
    pub(crate) fn remove_at(&mut self, hash: u64, at: usize) -> Option<Arc<Entry<K, V>>> {
        /// Tables with room for fewer aren't worth the work.
        const FEW: usize = 64;
        let (entry, _) = self.table.find_entry(hash, |entry| address(entry) == at).ok()?.remove();
        if self.table.capacity() > FEW && self.table.len() < self.table.capacity() / 8 {
            self.table.shrink_to(self.table.len() * 2, |entry| entry.meta.hash);
        }
        Some(entry)
    }

    /// Frees what memory it can.
    pub(crate) fn shrink(&mut self) {
        self.table.shrink_to_fit(|entry| entry.meta.hash);
        self.flights.shrink();
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Arc<Entry<K, V>>> {
        self.table.iter()
    }

    /// Panics if something can't be found.
    pub(crate) fn check_invariants(&self) {
        self.flights.check_invariants();
        for entry in &self.table {
            let found = self.table.find(entry.meta.hash, |found| Arc::ptr_eq(found, entry));
            assert!(found.is_some(), "an entry is not where it belongs");
        }
    }
}

impl<K, V> Drop for Shard<K, V> {
    fn drop(&mut self) {
        // It goes with its cache, whose figures nobody can ask for any more.
        if !self.table.is_empty() {
            let counters = Counters::new();
            for entry in self.table.drain() {
                discard(entry, &counters);
            }
        }
    }
}

fn is_of<K, V>(entry: &Entry<K, V>, hash: u64, scope: ScopeId, is_key: impl Fn(&K) -> bool) -> bool {
    entry.meta.hash == hash && entry.meta.scope == scope && is_key(&entry.key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Meta, Origin};
    use crate::tag_set::TagSet;

    fn entry(key: u64) -> Arc<Entry<u64, u64>> {
        let (hash, tags, valid_as_of) = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15), TagSet::default(), 0);
        let meta = Meta::new(Origin { hash, scope: 0, store: 1, quota: 0, tags, valid_as_of, began: 0, expires_at: 1 });
        Arc::new(Entry { meta, key, value: key })
    }

    #[test]
    fn an_entry_takes_the_place_of_its_predecessor() {
        let mut shard = Shard::new();
        let (first, second) = (entry(7), entry(7));
        assert!(shard.put(None, first.clone()).is_none());
        let displaced = shard.put(Some(&first), second.clone());
        assert!(displaced.is_some_and(|displaced| Arc::ptr_eq(&displaced, &first)));
        assert!(shard.remove_at(first.meta.hash, address(&first)).is_none(), "it has gone");
        let found = shard.find(second.meta.hash, 0, |key| *key == 7).expect("it is stored");
        assert!(Arc::ptr_eq(found, &second));
        assert!(shard.find(second.meta.hash, 1, |key| *key == 7).is_none(), "in another scope");
        shard.check_invariants();
    }

    #[test]
    fn p9_a_table_shrinks_when_most_of_it_has_gone() {
        let mut shard = Shard::new();
        for key in 0..10_000 {
            shard.put(None, entry(key));
        }
        for key in 10..10_000 {
            let gone = shard.find(entry(key).meta.hash, 0, |stored| *stored == key).expect("it is stored").clone();
            assert!(shard.remove_at(gone.meta.hash, address(&gone)).is_some());
        }
        shard.check_invariants();
        assert!(shard.table.capacity() < 200, "room for {}", shard.table.capacity());
        assert!((0..10).all(|key| shard.find(entry(key).meta.hash, 0, |stored| *stored == key).is_some()));
    }

    /// What the check is for is tested nowhere else: that it notices.
    #[test]
    #[should_panic(expected = "an entry is not where it belongs")]
    fn the_check_notices_an_entry_that_cannot_be_found() {
        let mut shard = Shard::new();
        shard.table.insert_unique(!entry(1).meta.hash, entry(1), |_| 0);
        shard.check_invariants();
    }
}
