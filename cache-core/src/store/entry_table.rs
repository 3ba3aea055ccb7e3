//! The entries of one shard of a store, by the hashes of their keys. No locks in here.
//!
//! What misses and invalidations call is compiled once per type of entries: it is not inlined.

use hashbrown::HashTable;

use crate::entry::{Entry, address, discard};
use crate::query::state::QueryState;
use crate::sync::Arc;
use crate::sync::read_mostly::Replica;
use crate::version::scope::ScopeId;

pub(crate) struct EntryTable<K, V> {
    entries: HashTable<Arc<Entry<K, V>>>,
    /// Counts panics in `Drop` when the table is dropped.
    query: Arc<QueryState>,
}

impl<K, V> EntryTable<K, V> {
    pub(crate) fn new(query: Arc<QueryState>) -> Self {
        Self { entries: HashTable::new(), query }
    }

    /// Inlined, for hits.
    #[inline]
    pub(crate) fn find_fast(
        &self,
        hash: u64,
        scope: ScopeId,
        is_key: impl Fn(&K) -> bool,
    ) -> Option<&Arc<Entry<K, V>>> {
        self.entries.find(hash, |entry| is_of(entry, hash, scope, &is_key))
    }

    /// Compiled once per type of entries, not per `is_key`.
    pub(crate) fn find(&self, hash: u64, scope: ScopeId, is_key: impl Fn(&K) -> bool) -> Option<&Arc<Entry<K, V>>> {
        self.find_dyn(hash, scope, &is_key)
    }

    #[inline(never)]
    fn find_dyn(&self, hash: u64, scope: ScopeId, is_key: &dyn Fn(&K) -> bool) -> Option<&Arc<Entry<K, V>>> {
        self.entries.find(hash, |entry| is_of(entry, hash, scope, is_key))
    }

    pub(crate) fn has(&self, hash: u64, at: usize) -> bool {
        self.entries.find(hash, is_at(at)).is_some()
    }

    /// Puts an entry in place of `predecessor`, the entry of the same key, and returns that.
    #[inline(never)]
    pub(crate) fn put(
        &mut self,
        predecessor: Option<&Arc<Entry<K, V>>>,
        entry: Arc<Entry<K, V>>,
    ) -> Option<Arc<Entry<K, V>>> {
        if let Some(predecessor) = predecessor
            && let Some(found) = self.entries.find_mut(predecessor.meta.hash, is_at(address(predecessor)))
        {
            return Some(std::mem::replace(found, entry));
        }
        self.entries.insert_unique(entry.meta.hash, entry, hash_of);
        None
    }

    #[inline(never)]
    pub(crate) fn remove_at(&mut self, hash: u64, at: usize) -> Option<Arc<Entry<K, V>>> {
        /// Smaller tables are not shrunk.
        const FEW: usize = 64;
        let (entry, _) = self.entries.find_entry(hash, is_at(at)).ok()?.remove();
        if self.entries.capacity() > FEW && self.entries.len() < self.entries.capacity() / 8 {
            self.entries.shrink_to(self.entries.len() * 2, hash_of);
        }
        Some(entry)
    }

    pub(crate) fn shrink(&mut self) {
        self.entries.shrink_to(0, hash_of);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Entry<K, V>>> {
        self.entries.iter()
    }

    /// Panics if an entry cannot be found.
    pub(crate) fn check_invariants(&self) {
        for entry in &self.entries {
            let found = self.entries.find(entry.meta.hash, is_at(address(entry)));
            assert!(found.is_some(), "an entry is not where it belongs");
        }
    }
}

impl<K, V> Clone for EntryTable<K, V> {
    fn clone(&self) -> Self {
        Self { entries: self.entries.clone(), query: self.query.clone() }
    }
}

impl<K, V> Replica for EntryTable<K, V> {
    fn retries(&self) -> usize {
        /// A thread suspended during a hit can take milliseconds.
        const MOST: usize = 2_000;
        // A retry takes about as long as copying a few pointers.
        (32 + self.entries.len() / 4).min(MOST)
    }
}

impl<K, V> Drop for EntryTable<K, V> {
    fn drop(&mut self) {
        for entry in self.entries.drain() {
            discard(entry, &self.query.counters);
        }
    }
}

// Not a closure: the table's code is compiled once per type of entries.
fn hash_of<K, V>(entry: &Arc<Entry<K, V>>) -> u64 {
    entry.meta.hash
}

/// Not a closure, for the same reason.
fn is_at<K, V>(at: usize) -> impl Fn(&Arc<Entry<K, V>>) -> bool {
    move |entry| address(entry) == at
}

fn is_of<K, V>(entry: &Entry<K, V>, hash: u64, scope: ScopeId, is_key: impl Fn(&K) -> bool) -> bool {
    entry.meta.hash == hash && entry.meta.scope == scope && is_key(&entry.key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{EntryOrigin, Meta};
    use crate::version::tag_set::TagSet;

    fn entry(key: u64) -> Arc<Entry<u64, u64>> {
        let (hash, tags, valid_as_of) = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15), TagSet::default(), 0);
        let meta = Meta::new(EntryOrigin {
            hash,
            scope: 0,
            store: 1,
            segment: 0,
            tags,
            birth: 0,
            valid_as_of,
            began: 0,
            expires_at: 1,
        });
        Arc::new(Entry { meta, key, value: key })
    }

    #[test]
    fn an_entry_takes_the_place_of_its_predecessor() {
        let mut table = EntryTable::new(Arc::new(QueryState::anonymous()));
        let (first, second) = (entry(7), entry(7));
        assert!(table.put(None, first.clone()).is_none());
        let displaced = table.put(Some(&first), second.clone());
        assert!(displaced.is_some_and(|displaced| Arc::ptr_eq(&displaced, &first)));
        assert!(table.remove_at(first.meta.hash, address(&first)).is_none(), "it has gone");
        let found = table.find(second.meta.hash, 0, |key| *key == 7).expect("it is stored");
        assert!(Arc::ptr_eq(found, &second));
        assert!(table.find(second.meta.hash, 1, |key| *key == 7).is_none(), "in another scope");
        table.check_invariants();
    }

    #[test]
    fn p9_a_table_shrinks_when_most_of_it_has_gone() {
        let mut table = EntryTable::new(Arc::new(QueryState::anonymous()));
        for key in 0..10_000 {
            table.put(None, entry(key));
        }
        for key in 10..10_000 {
            let gone = table.find(entry(key).meta.hash, 0, |stored| *stored == key).expect("it is stored").clone();
            assert!(table.remove_at(gone.meta.hash, address(&gone)).is_some());
        }
        table.check_invariants();
        assert!(table.entries.capacity() < 200, "room for {}", table.entries.capacity());
        assert!((0..10).all(|key| table.find(entry(key).meta.hash, 0, |stored| *stored == key).is_some()));
    }

    #[test]
    #[should_panic(expected = "an entry is not where it belongs")]
    fn the_check_notices_an_entry_that_cannot_be_found() {
        let mut table = EntryTable::new(Arc::new(QueryState::anonymous()));
        table.entries.insert_unique(!entry(1).meta.hash, entry(1), |_| 0);
        table.check_invariants();
    }
}
