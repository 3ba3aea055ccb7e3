//! One segment of a cache: its entries, and which of them is evicted.
//!
//! When the cache is full, the segment's policy chooses among all its entries. Entries of a query with its own capacity
//! are also in the query's policy, which chooses when the query is full.
//!
//! The id of an entry is its index: the last entry takes the index and id of a removed one.
//!
//! *Locking*: a mutex guards each segment and the ids of its entries. While it is held, nothing else is locked and no
//! user code runs.

use smallvec::SmallVec;

use crate::entry::id::EntryId;
use crate::entry::{AnyEntry, Meta};
use crate::eviction::queues::{Dense, reserve_gently};
use crate::eviction::quota::{Quota, QuotaPolicy, Quotas};
use crate::eviction::s3_fifo::{EntrySource, Inspection, Policy, State};
use crate::eviction::sweep::{Life, Snapshot, SweepCursor};
use crate::stats::counters::Counters;
use crate::sync::Arc;

/// Called under the lock of a segment.
pub(crate) trait Inspector {
    /// `None` if the check takes too long to be made under a lock.
    fn state(&self, meta: &Meta) -> Option<State>;
    /// Of an entry that is not dead.
    fn life(&self, meta: &Meta) -> Life;
}

/// An entry that has left the eviction, and may be in its shard.
pub(crate) struct Removed {
    pub(crate) entry: Arc<dyn AnyEntry>,
    /// 1 if weights are not limited.
    pub(crate) weight: u64,
}

/// Removed entries, to be dropped when no lock is held.
pub(crate) type RemovedEntries = SmallVec<[Arc<dyn AnyEntry>; 4]>;

/// Not generic: compiled once, in this crate.
#[inline(never)]
pub(crate) fn push(entries: &mut RemovedEntries, entry: Arc<dyn AnyEntry>) {
    entries.push(entry);
}

/// Work left after an admission, for when no lock is held.
#[derive(Default)]
pub(crate) struct Aftermath {
    /// The evicted entry, still in its store.
    pub(crate) victim: Option<Removed>,
    /// More of them, where weights are limited.
    pub(crate) more_victims: Vec<Removed>,
    /// Removed dead entries, still in their stores.
    pub(crate) dead: Vec<Removed>,
    /// Entries to be checked, still in the segment.
    pub(crate) suspects: Vec<Arc<dyn AnyEntry>>,
    /// A segment to be swept.
    pub(crate) next: Option<usize>,
}

#[derive(Clone, Copy)]
struct SweepLimit {
    inspections: usize,
    ends_at_dead: bool,
}

impl SweepLimit {
    const ROUTINE: Self = Self { inspections: 8, ends_at_dead: false };
    const TO_MAKE_ROOM: Self = Self { inspections: 64, ends_at_dead: true };
}

pub(crate) struct Segment {
    /// Its share of the cache's capacity: an estimate of its length, not a limit.
    capacity: usize,
    /// By id.
    entries: Vec<Arc<dyn AnyEntry>>,
    /// By id; empty if weights are not limited.
    weights: Vec<u64>,
    /// Their sum.
    weight: u64,
    policy: Policy<Dense>,
    cursor: SweepCursor,
    inserts: usize,
    quotas: Quotas,
    /// Whether an entry that depends on another cache was ever admitted.
    has_foreign: bool,
}

struct Source<'a, I> {
    entries: &'a [Arc<dyn AnyEntry>],
    inspector: &'a I,
}

impl<I: Inspector> EntrySource for Source<'_, I> {
    fn inspect(&self, id: EntryId) -> Inspection {
        let meta = self.entries[id as usize].meta();
        let state = self.inspector.state(meta).unwrap_or(State::Live { frequency: meta.hits.frequency() });
        Inspection { hash: policy_hash(meta), state }
    }

    fn set_frequency(&self, id: EntryId, frequency: u32) {
        self.entries[id as usize].meta().hits.set_frequency(frequency);
    }
}

impl Life {
    fn of(meta: &Meta) -> Self {
        Self { dies_at: meta.expires_at, valid_as_of: meta.valid_as_of() }
    }
}

/// Includes the store: equal arguments of different queries have the same `meta.hash`.
fn policy_hash(meta: &Meta) -> u64 {
    /// Spreads small numbers over all bits: 2^64 divided by the golden ratio.
    const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
    meta.hash ^ u64::from(meta.store()).wrapping_mul(SPREAD)
}

impl Segment {
    pub(crate) fn new(capacity: usize) -> Self {
        let (policy, cursor, quotas) = (Policy::new(capacity), SweepCursor::new(), Quotas::default());
        let (entries, weights) = (Vec::new(), Vec::new());
        Self { capacity, entries, weights, weight: 0, policy, cursor, inserts: 0, quotas, has_foreign: false }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The sum of the weights of its entries; 0 if weights are not limited.
    pub(crate) fn weight(&self) -> u64 {
        self.weight
    }

    /// Of an entry that is here.
    pub(crate) fn weight_of(&self, meta: &Meta) -> u64 {
        meta.id().and_then(|id| self.weights.get(id as usize)).copied().unwrap_or_default()
    }

    /// Removals move the last entry, so an iteration that releases the lock must go down.
    pub(crate) fn slice(&self, from: usize, most: usize) -> &[Arc<dyn AnyEntry>] {
        let from = from.min(self.len());
        &self.entries[from..self.len().min(from + most)]
    }

    pub(crate) fn is_quota_full(&self, quota: Option<Quota>) -> bool {
        self.full_quota(quota).is_some()
    }

    /// Counts an insert. At each eighth, returns the next segment in turn, to be swept, too.
    pub(crate) fn next_to_sweep(&mut self, segments: usize) -> Option<usize> {
        const EVERY: usize = 8;
        self.inserts = self.inserts.wrapping_add(1);
        self.inserts.is_multiple_of(EVERY).then(|| self.inserts / EVERY % segments)
    }

    fn full_quota(&self, quota: Option<Quota>) -> Option<u32> {
        let number = quota?.number;
        self.quotas.by_number.get(&number)?.policy.is_full().then_some(number)
    }

    /// There must be room for the entry. `weight`: if weights are limited. `is_filling`: no eviction is near.
    pub(crate) fn admit(
        &mut self,
        entry: Arc<dyn AnyEntry>,
        weight: Option<u64>,
        quota: Option<Quota>,
        is_filling: bool,
    ) {
        let id = EntryId::try_from(self.entries.len()).expect("the capacity is less");
        reserve_gently(&mut self.entries, id as usize + 1, self.capacity);
        self.register(id, entry.meta(), quota, is_filling);
        self.entries.push(entry);
        if let Some(weight) = weight {
            reserve_gently(&mut self.weights, id as usize + 1, self.capacity);
            self.weights.push(weight);
            self.weight += weight;
        }
    }

    /// Admits the new entry at the index of the evicted one, where weights are not limited. `None` if there is nothing to
    /// evict.
    pub(crate) fn exchange(
        &mut self,
        entry: &Arc<dyn AnyEntry>,
        quota: Option<Quota>,
        inspector: &impl Inspector,
    ) -> Option<Removed> {
        let id = self.choose(quota, inspector)?;
        let victim = std::mem::replace(&mut self.entries[id as usize], entry.clone());
        victim.meta().set_id(None);
        self.register(id, entry.meta(), quota, false);
        Some(Removed { entry: victim, weight: 1 })
    }

    fn register(&mut self, id: EntryId, meta: &Meta, quota: Option<Quota>, is_filling: bool) {
        let (hash, life) = (policy_hash(meta), Life::of(meta));
        meta.set_id(Some(id));
        self.has_foreign |= meta.has_foreign();
        self.policy.admit(hash, id, is_filling);
        self.cursor.record(life);
        if let Some(quota) = quota {
            self.quotas.admit(quota, meta.store(), hash, id, life);
        }
    }

    /// Replaces an entry by one of the same key, if it is still here. The new one takes over its place in the queues
    /// and its frequency.
    pub(crate) fn replace(&mut self, old: &Meta, entry: &Arc<dyn AnyEntry>, weight: Option<u64>) -> bool {
        let Some(id) = old.id() else { return false };
        let new = entry.meta();
        new.hits.set_frequency(old.hits.frequency());
        old.set_id(None);
        new.set_id(Some(id));
        self.has_foreign |= new.has_foreign();
        self.cursor.record(Life::of(new));
        if let Some(quota) = self.quotas.of(new.store()) {
            quota.cursor.record(Life::of(new));
        }
        self.entries[id as usize] = entry.clone();
        if let Some(weight) = weight {
            let former = std::mem::replace(&mut self.weights[id as usize], weight);
            self.weight = self.weight - former + weight;
        }
        true
    }

    pub(crate) fn remove(&mut self, meta: &Meta) -> Option<Removed> {
        let id = meta.id()?;
        self.policy.remove(id);
        if let Some(quota) = self.quotas.of(meta.store()) {
            quota.remove(id);
        }
        Some(self.take(id))
    }

    /// The entry is no longer in a policy.
    fn take(&mut self, id: EntryId) -> Removed {
        /// Smaller lists are not shrunk.
        const FEW: usize = 64;
        let entry = self.entries.swap_remove(id as usize);
        entry.meta().set_id(None);
        let weight = if self.weights.is_empty() {
            1
        } else {
            let weight = self.weights.swap_remove(id as usize);
            self.weight -= weight;
            weight
        };
        if let Some(moved) = self.entries.get(id as usize) {
            let from = EntryId::try_from(self.entries.len()).expect("the capacity is less");
            moved.meta().set_id(Some(id));
            self.policy.rename(from, id);
            if let Some(quota) = self.quotas.of(moved.meta().store()) {
                quota.rename(from, id);
            }
        }
        if self.entries.capacity() > FEW && self.entries.len() < self.entries.capacity() / 4 {
            self.entries.shrink_to(self.entries.len() * 2);
            self.weights.shrink_to(self.entries.len() * 2);
            self.policy.shrink();
        }
        Removed { entry, weight }
    }

    /// Makes room for an entry of this quota. `None` if there is nothing to evict.
    pub(crate) fn evict(&mut self, quota: Option<Quota>, inspector: &impl Inspector) -> Option<Removed> {
        let id = self.choose(quota, inspector)?;
        Some(self.take(id))
    }

    /// Removes the entry from the policies only.
    fn choose(&mut self, quota: Option<Quota>, inspector: &impl Inspector) -> Option<EntryId> {
        if !self.weights.is_empty() {
            // Fewer than the capacity may be as many as there is room for.
            self.policy.expect(self.entries.len());
        }
        let source = Source { entries: &self.entries, inspector };
        if let Some(number) = self.full_quota(quota) {
            let quota = self.quotas.by_number.get_mut(&number)?;
            let id = quota.policy.evict(&source)?;
            quota.remove_member(id);
            self.policy.remove(id);
            return Some(id);
        }
        let id = self.policy.evict(&source)?;
        if let Some(quota) = self.quotas.of(self.entries[id as usize].meta().store()) {
            quota.remove(id);
        }
        Some(id)
    }

    /// Removes dead entries among the next few. Those that take too long to check become suspects. If the cache or the
    /// quota is full, inspects more until there is room.
    pub(crate) fn sweep(
        &mut self,
        quota: Option<Quota>,
        is_full: bool,
        snapshot: Snapshot,
        inspector: &impl Inspector,
        aftermath: &mut Aftermath,
    ) {
        if let Some(number) = self.full_quota(quota) {
            self.sweep_up_to(SweepLimit::TO_MAKE_ROOM, Some(number), snapshot, inspector, aftermath);
        }
        let limit = if is_full { SweepLimit::TO_MAKE_ROOM } else { SweepLimit::ROUTINE };
        self.sweep_up_to(limit, None, snapshot, inspector, aftermath);
    }

    fn sweep_up_to(
        &mut self,
        limit: SweepLimit,
        quota: Option<u32>,
        snapshot: Snapshot,
        inspector: &impl Inspector,
        aftermath: &mut Aftermath,
    ) {
        /// An entry that depends on this many nodes counts as one more inspection.
        const NODES: usize = 16;
        let mut inspections = 0;
        while inspections < limit.inspections {
            let Some(id) = self.next_to_inspect(quota, snapshot) else { return };
            let entry = &self.entries[id as usize];
            inspections += 1 + entry.meta().tags.len() / NODES;
            match inspector.state(entry.meta()) {
                Some(State::Live { .. }) => {
                    let life = inspector.life(entry.meta());
                    self.cursor_of(quota).record(life);
                }
                None => aftermath.suspects.push(entry.clone()),
                Some(_) => {
                    let entry = entry.clone();
                    aftermath.dead.extend(self.remove(entry.meta()));
                    if limit.ends_at_dead {
                        return;
                    }
                }
            }
        }
    }

    fn next_to_inspect(&mut self, quota: Option<u32>, snapshot: Snapshot) -> Option<EntryId> {
        match quota {
            None => {
                let id = self.cursor.next(snapshot, self.entries.len(), self.has_foreign)?;
                Some(EntryId::try_from(id).expect("the capacity is less"))
            }
            Some(number) => {
                let quota = self.quotas.by_number.get_mut(&number)?;
                let index = quota.cursor.next(snapshot, quota.members.len(), self.has_foreign)?;
                Some(quota.members[index])
            }
        }
    }

    fn cursor_of(&mut self, quota: Option<u32>) -> &mut SweepCursor {
        match quota.and_then(|number| self.quotas.by_number.get_mut(&number)) {
            Some(quota) => &mut quota.cursor,
            None => &mut self.cursor,
        }
    }

    pub(crate) fn record_live(&mut self, meta: &Meta, life: Life) {
        self.cursor.record(life);
        if let Some(quota) = self.quotas.of(meta.store()) {
            quota.cursor.record(life);
        }
    }

    pub(crate) fn shrink(&mut self) {
        self.entries.shrink_to_fit();
        self.weights.shrink_to_fit();
        self.policy.shrink();
        self.quotas.by_number.values_mut().for_each(QuotaPolicy::shrink);
    }

    pub(crate) fn check_invariants(&self, is_weighed: bool) {
        let weights = if is_weighed { self.entries.len() } else { 0 };
        assert_eq!(self.weights.len(), weights, "the entries and their weights disagree");
        assert_eq!(self.weight, self.weights.iter().sum(), "the weights have another sum");
        let ids = |of: &dyn Fn(&Meta) -> bool| -> Vec<EntryId> {
            (0..).zip(&self.entries).filter(|(_, entry)| of(entry.meta())).map(|(id, _)| id).collect()
        };
        for (id, entry) in (0..).zip(&self.entries) {
            assert_eq!(entry.meta().id(), Some(id), "the id of an entry is not its index");
        }
        let mut queued = self.policy.check_invariants();
        queued.sort_unstable();
        assert_eq!(queued, ids(&|_| true), "the queues and the entries disagree");
        for (&number, quota) in &self.quotas.by_number {
            quota.check_invariants(&ids(&|meta| self.quotas.number_of(meta.store()) == Some(number)));
        }
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // The cache is being dropped: nothing reads these counters.
        let counters = Counters::new();
        for entry in self.entries.drain(..) {
            entry.discard(&counters);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::clock::FOREVER;
    use crate::entry::{Entry, EntryOrigin};
    use crate::version::tag_set::TagSet;

    const QUOTA: Quota = Quota { number: 3, capacity: 2 };

    #[derive(Default)]
    struct Dead {
        keys: BTreeSet<u64>,
        is_slow_for_even: bool,
    }

    impl Inspector for Dead {
        fn life(&self, meta: &Meta) -> Life {
            Life::of(meta)
        }

        fn state(&self, meta: &Meta) -> Option<State> {
            let is_slow = self.is_slow_for_even && meta.hash.is_multiple_of(2);
            let state = if self.keys.contains(&meta.hash) { State::Invalidated } else { State::Live { frequency: 0 } };
            (!is_slow).then_some(state)
        }
    }

    fn entry(key: u64, quota: Option<Quota>) -> Arc<dyn AnyEntry> {
        let store = quota.map_or(0, |quota| quota.number);
        let (tags, valid_as_of, began, expires_at) = (TagSet::default(), 0, 0, FOREVER);
        let meta = Meta::new(EntryOrigin {
            hash: key,
            scope: 0,
            store,
            segment: 0,
            tags,
            birth: 0,
            valid_as_of,
            began,
            expires_at,
        });
        Arc::new(Entry { meta, key: (), value: () })
    }

    fn key(entry: &Arc<dyn AnyEntry>) -> u64 {
        entry.meta().hash
    }

    /// Returns the key that was evicted for it.
    fn insert(segment: &mut Segment, new: u64, quota: Option<Quota>) -> Option<u64> {
        let live = Dead::default();
        let (new, is_full) = (entry(new, quota), segment.len() == segment.capacity || segment.is_quota_full(quota));
        let evicted = if is_full {
            let Removed { entry, weight } = segment.exchange(&new, quota, &live).expect("there is an entry to evict");
            assert_eq!((entry.meta().id(), weight), (None, 1), "a victim has no id, and is not weighed");
            Some(key(&entry))
        } else {
            let is_filling = segment.policy.is_filling();
            segment.admit(new, None, quota, is_filling);
            None
        };
        segment.check_invariants(false);
        evicted
    }

    fn remove(segment: &mut Segment, removed: u64) {
        let entry = segment.entries.iter().find(|entry| key(entry) == removed).expect("it is stored").clone();
        assert!(segment.remove(entry.meta()).is_some());
        assert!(segment.remove(entry.meta()).is_none(), "an entry is removed once");
        segment.check_invariants(false);
    }

    #[test]
    fn p9_a_full_query_evicts_its_own_entries_and_a_full_cache_any() {
        let mut segment = Segment::new(4);
        let quota = Some(QUOTA);
        let mut insert_next = |key, quota| insert(&mut segment, key, quota);
        assert_eq!(
            [insert_next(1, None), insert_next(2, None), insert_next(3, None), insert_next(4, quota)],
            [None; 4]
        );
        assert_eq!(insert_next(5, None), Some(4), "the next of all entries, also one of the query");
        assert_eq!(insert_next(6, quota), Some(5), "the cache is full, and not the query");
        assert_eq!(insert_next(7, quota), Some(6));
        remove(&mut segment, 1);
        assert_eq!(insert(&mut segment, 8, quota), None);
        assert_eq!(insert(&mut segment, 9, quota), Some(8), "the next of the query; of all entries it would be 7");
        remove(&mut segment, 9);
        assert_eq!(segment.len(), 3);
        assert!(!segment.is_quota_full(quota));
    }

    #[test]
    fn p9_a_sweep_removes_dead_entries_and_hands_out_suspects() {
        let mut segment = Segment::new(100);
        for key in 0..20 {
            insert(&mut segment, key, None);
        }
        let dead = Dead { keys: (0..10).collect(), is_slow_for_even: true };
        let snapshot = Snapshot { now: 0, version: 1 };
        let (mut removed, mut suspects) = (BTreeSet::new(), BTreeSet::new());
        for _ in 0..3 {
            let mut swept = Aftermath::default();
            segment.sweep(None, false, snapshot, &dead, &mut swept);
            removed.extend(swept.dead.iter().map(|dead| key(&dead.entry)));
            suspects.extend(swept.suspects.iter().map(key));
            segment.check_invariants(false);
        }
        assert_eq!(removed, [1, 3, 5, 7, 9].into());
        assert_eq!(suspects, (0..20).filter(|key| key % 2 == 0).collect());
        let mut swept = Aftermath::default();
        segment.sweep(None, false, snapshot, &dead, &mut swept);
        assert!(swept.dead.is_empty());
    }

    #[test]
    fn p9_a_full_query_is_swept_separately() {
        let mut segment = Segment::new(1_000);
        for key in 0..500 {
            insert(&mut segment, 1_000 + key, None);
        }
        insert(&mut segment, 1, Some(QUOTA));
        insert(&mut segment, 2, Some(QUOTA));
        let mut swept = Aftermath::default();
        let snapshot = Snapshot { now: 0, version: 1 };
        let dead = Dead { keys: [1].into(), ..Dead::default() };
        segment.sweep(Some(QUOTA), false, snapshot, &dead, &mut swept);
        assert_eq!(swept.dead.iter().map(|dead| key(&dead.entry)).collect::<Vec<_>>(), [1]);
        segment.check_invariants(false);
        assert!(!segment.is_quota_full(Some(QUOTA)));
    }

    #[test]
    fn a_replacement_takes_over_the_id_and_the_frequency() {
        let mut segment = Segment::new(4);
        insert(&mut segment, 1, None);
        let (old, new) = (segment.entries[0].clone(), entry(1, None));
        old.meta().hits.set_frequency(3);
        assert!(segment.replace(old.meta(), &new, None));
        segment.check_invariants(false);
        assert_eq!((old.meta().id(), new.meta().id(), new.meta().hits.frequency()), (None, Some(0), 3));
        assert!(!segment.replace(old.meta(), &entry(1, None), None), "the old entry was removed");
    }

    #[test]
    fn the_check_fails_on_each_inconsistency() {
        let breaks: [fn(&mut Segment); 4] = [
            |segment| segment.policy.remove(1),
            |segment| _ = segment.entries.pop(),
            |segment| segment.entries[0].meta().set_id(None),
            |segment| segment.quotas.by_number.get_mut(&3).expect("it has one").members.clear(),
        ];
        for (number, break_it) in breaks.into_iter().enumerate() {
            let mut segment = Segment::new(4);
            insert(&mut segment, 1, None);
            insert(&mut segment, 2, Some(QUOTA));
            break_it(&mut segment);
            let check = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| segment.check_invariants(false)));
            assert!(check.is_err(), "the check passed after break {number}");
        }
    }
}
