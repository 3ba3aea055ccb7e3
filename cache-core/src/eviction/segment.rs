//! The entries of one segment of a cache, and which of them goes: of all of them together, and of each query that has a
//! capacity of its own.
//!
//! The entries of such a query are in two eviction policies: that of the segment, which chooses among all its entries
//! when the cache is full, and that of the query, which chooses among the query's when those are as many as they may be.
//!
//! Entries are numbered without gaps: when one leaves, the last one takes its number.

use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::entry::id::EntryId;
use crate::entry::{AnyEntry, Meta};
use crate::eviction::queues::{Dense, Sparse, reserve_gently};
use crate::eviction::s3_fifo::{EntrySource, Inspection, Policy, State};
use crate::eviction::sweep::{Life, Snapshot, SweepCursor};
use crate::stats::counters::Counters;
use crate::sync::Arc;

/// A query's number among those that have a capacity of their own, from 1, and that capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    pub(crate) number: u32,
    pub(crate) capacity: usize,
}

/// Says whether an entry is dead. It is asked under the lock of the eviction.
pub(crate) trait Inspector {
    /// `None` if it takes too long to find out.
    fn state(&self, meta: &Meta) -> Option<State>;
}

/// Entries that were taken out or may have to be.
pub(crate) type Entries = SmallVec<[Arc<dyn AnyEntry>; 4]>;

/// Adds one for code that is generic: this is not, and is compiled in this crate.
#[inline(never)]
pub(crate) fn push(entries: &mut Entries, entry: Arc<dyn AnyEntry>) {
    entries.push(entry);
}

/// What has become of other entries when one was admitted. It is to be settled when no lock is held.
#[derive(Default)]
pub(crate) struct Aftermath {
    /// The entry that made room, if one had to.
    pub(crate) victim: Option<Arc<dyn AnyEntry>>,
    /// Dead entries that were let go of.
    pub(crate) dead: Vec<Arc<dyn AnyEntry>>,
    /// Entries that may be dead.
    pub(crate) suspects: Vec<Arc<dyn AnyEntry>>,
    /// A segment to be swept.
    pub(crate) next: Option<usize>,
}

pub(crate) struct Eviction {
    capacity: usize,
    /// By their numbers.
    entries: Vec<Arc<dyn AnyEntry>>,
    policy: Policy<Dense>,
    cursor: SweepCursor,
    inserts: usize,
    quotas: Quotas,
    /// Whether there has been an entry that depends on another cache.
    has_foreign: bool,
}

/// The queries that have a capacity of their own.
#[derive(Default)]
struct Quotas {
    by_number: HashMap<u32, QuotaPolicy, foldhash::fast::RandomState>,
    /// Their numbers, by those of the stores of their entries.
    of_stores: HashMap<u32, u32, foldhash::fast::RandomState>,
}

impl Quotas {
    fn number_of(&self, store: u32) -> Option<u32> {
        // Most caches have none.
        if self.of_stores.is_empty() { None } else { self.of_stores.get(&store).copied() }
    }

    fn of(&mut self, store: u32) -> Option<&mut QuotaPolicy> {
        self.by_number.get_mut(&self.number_of(store)?)
    }
}

/// The entries of one query.
struct QuotaPolicy {
    policy: Policy<Sparse>,
    cursor: SweepCursor,
    members: Vec<EntryId>,
    /// Where each is among the members.
    places: HashMap<EntryId, usize, foldhash::fast::RandomState>,
}

/// The entries as the policies see them.
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
        Self { expires_at: meta.expires_at, valid_as_of: meta.valid_as_of() }
    }
}

/// Tells apart equal arguments of different queries, which the hash of a key does not.
fn policy_hash(meta: &Meta) -> u64 {
    /// Spreads small numbers over all bits: 2^64 divided by the golden ratio.
    const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
    meta.hash ^ u64::from(meta.store()).wrapping_mul(SPREAD)
}

impl Eviction {
    pub(crate) fn new(capacity: usize) -> Self {
        let (policy, cursor, quotas) = (Policy::new(capacity), SweepCursor::new(), Quotas::default());
        Self { capacity, entries: Vec::new(), policy, cursor, inserts: 0, quotas, has_foreign: false }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The entries from one number on, at most so many. As others leave, numbers change: whoever goes through all of them
    /// goes down.
    pub(crate) fn slice(&self, from: usize, most: usize) -> &[Arc<dyn AnyEntry>] {
        let from = from.min(self.len());
        &self.entries[from..self.len().min(from + most)]
    }

    /// Whether an entry of this quota has to go before another one comes in.
    pub(crate) fn is_quota_full(&self, quota: Option<Quota>) -> bool {
        self.full_quota(quota).is_some()
    }

    /// Counts an insert, and says which of so many segments is to be swept beside this one: each in its turn, but not each
    /// time.
    pub(crate) fn next_to_sweep(&mut self, segments: usize) -> Option<usize> {
        const EVERY: usize = 8;
        self.inserts = self.inserts.wrapping_add(1);
        self.inserts.is_multiple_of(EVERY).then(|| self.inserts / EVERY % segments)
    }

    fn full_quota(&self, quota: Option<Quota>) -> Option<u32> {
        let number = quota?.number;
        self.quotas.by_number.get(&number)?.policy.is_full().then_some(number)
    }

    /// Takes in a new entry, for which there must be room. `is_filling` says whether there is more than enough.
    pub(crate) fn admit(&mut self, entry: Arc<dyn AnyEntry>, quota: Option<Quota>, is_filling: bool) {
        let id = EntryId::try_from(self.entries.len()).expect("the capacity is less");
        reserve_gently(&mut self.entries, id as usize + 1, self.capacity);
        self.enlist(id, entry.meta(), quota, is_filling);
        self.entries.push(entry);
    }

    /// Takes in a new entry in place of another one, which it chooses for one of this quota and lets go of. `None` if there
    /// is no other.
    pub(crate) fn exchange(
        &mut self,
        entry: &Arc<dyn AnyEntry>,
        quota: Option<Quota>,
        inspector: &impl Inspector,
    ) -> Option<Arc<dyn AnyEntry>> {
        let id = self.choose(quota, inspector)?;
        let victim = std::mem::replace(&mut self.entries[id as usize], entry.clone());
        victim.meta().set_id(None);
        self.enlist(id, entry.meta(), quota, false);
        Some(victim)
    }

    /// Hands a new entry to the policies.
    fn enlist(&mut self, id: EntryId, meta: &Meta, quota: Option<Quota>, is_filling: bool) {
        let (hash, life) = (policy_hash(meta), Life::of(meta));
        meta.set_id(Some(id));
        self.has_foreign |= meta.has_foreign();
        self.policy.admit(hash, id, is_filling);
        self.cursor.note(life);
        if let Some(quota) = quota {
            self.quotas.of_stores.insert(meta.store(), quota.number);
            let part = self.quotas.by_number.entry(quota.number).or_insert_with(|| QuotaPolicy::new(quota.capacity));
            part.admit(hash, id, life);
        }
    }

    /// Puts an entry in the place of another, if that is still one of these. It is still the same thing that is wanted:
    /// it keeps its place, and the credit for its uses.
    pub(crate) fn replace(&mut self, old: &Meta, entry: &Arc<dyn AnyEntry>) -> bool {
        let Some(id) = old.id() else { return false };
        let new = entry.meta();
        new.hits.set_frequency(old.hits.frequency());
        old.set_id(None);
        new.set_id(Some(id));
        self.has_foreign |= new.has_foreign();
        self.cursor.note(Life::of(new));
        if let Some(part) = self.quotas.of(new.store()) {
            part.cursor.note(Life::of(new));
        }
        self.entries[id as usize] = entry.clone();
        true
    }

    /// Lets go of an entry, if it is still one of these.
    pub(crate) fn remove(&mut self, meta: &Meta) -> Option<Arc<dyn AnyEntry>> {
        let id = meta.id()?;
        self.policy.remove(id);
        if let Some(part) = self.quotas.of(meta.store()) {
            part.policy.remove(id);
            part.leave(id);
        }
        Some(self.take(id))
    }

    /// Takes out an entry of which the policies have let go.
    fn take(&mut self, id: EntryId) -> Arc<dyn AnyEntry> {
        /// Lists with room for fewer aren't worth the work.
        const FEW: usize = 64;
        let entry = self.entries.swap_remove(id as usize);
        entry.meta().set_id(None);
        if let Some(moved) = self.entries.get(id as usize) {
            let from = EntryId::try_from(self.entries.len()).expect("the capacity is less");
            moved.meta().set_id(Some(id));
            self.policy.rename(from, id);
            if let Some(part) = self.quotas.of(moved.meta().store()) {
                part.rename(from, id);
            }
        }
        if self.entries.capacity() > FEW && self.entries.len() < self.entries.capacity() / 4 {
            self.entries.shrink_to(self.entries.len() * 2);
            self.policy.shrink();
        }
        entry
    }

    /// Chooses the entry that goes for one of this quota, and lets go of it. `None` if there is none at all.
    pub(crate) fn evict(&mut self, quota: Option<Quota>, inspector: &impl Inspector) -> Option<Arc<dyn AnyEntry>> {
        let id = self.choose(quota, inspector)?;
        Some(self.take(id))
    }

    /// Chooses the entry that goes for one of this quota. The policies let go of it.
    fn choose(&mut self, quota: Option<Quota>, inspector: &impl Inspector) -> Option<EntryId> {
        let source = Source { entries: &self.entries, inspector };
        if let Some(number) = self.full_quota(quota) {
            let part = self.quotas.by_number.get_mut(&number)?;
            let id = part.policy.evict(&source)?;
            part.leave(id);
            self.policy.remove(id);
            return Some(id);
        }
        let id = self.policy.evict(&source)?;
        if let Some(part) = self.quotas.of(self.entries[id as usize].meta().store()) {
            part.policy.remove(id);
            part.leave(id);
        }
        Some(id)
    }

    /// Looks at the next few entries, and takes out those that are dead. Those of which it takes too long to find out are
    /// handed out as suspects, and stay. In a full cache, more are looked at, but only until there is room.
    pub(crate) fn sweep(
        &mut self,
        quota: Option<Quota>,
        is_full: bool,
        snapshot: Snapshot,
        inspector: &impl Inspector,
        aftermath: &mut Aftermath,
    ) {
        /// How many are looked at in search of a dead one, when one has to go.
        const FULL: usize = 64;
        /// How many are looked at in any case, and taken out if they are dead.
        const ALWAYS: usize = 8;
        if let Some(number) = self.full_quota(quota) {
            self.sweep_some(Some(number), FULL, true, snapshot, inspector, aftermath);
        }
        if is_full {
            self.sweep_some(None, FULL, true, snapshot, inspector, aftermath);
        } else {
            self.sweep_some(None, ALWAYS, false, snapshot, inspector, aftermath);
        }
    }

    fn sweep_some(
        &mut self,
        quota: Option<u32>,
        most: usize,
        one_will_do: bool,
        snapshot: Snapshot,
        inspector: &impl Inspector,
        aftermath: &mut Aftermath,
    ) {
        /// An entry that depends on this many counts as one more.
        const MANY: usize = 16;
        let mut looked_at = 0;
        while looked_at < most {
            let Some(id) = self.next_to_look_at(quota, snapshot) else { return };
            let entry = &self.entries[id as usize];
            looked_at += 1 + entry.meta().tags.len() / MANY;
            match inspector.state(entry.meta()) {
                Some(State::Live { .. }) => {
                    let life = Life::of(entry.meta());
                    self.cursor_of(quota).note(life);
                }
                None => aftermath.suspects.push(entry.clone()),
                Some(_) => {
                    let entry = entry.clone();
                    self.remove(entry.meta());
                    aftermath.dead.push(entry);
                    if one_will_do {
                        return;
                    }
                }
            }
        }
    }

    fn next_to_look_at(&mut self, quota: Option<u32>, snapshot: Snapshot) -> Option<EntryId> {
        match quota {
            None => {
                let id = self.cursor.next(snapshot, self.entries.len(), self.has_foreign)?;
                Some(EntryId::try_from(id).expect("the capacity is less"))
            }
            Some(number) => {
                let part = self.quotas.by_number.get_mut(&number)?;
                let place = part.cursor.next(snapshot, part.members.len(), self.has_foreign)?;
                Some(part.members[place])
            }
        }
    }

    fn cursor_of(&mut self, quota: Option<u32>) -> &mut SweepCursor {
        match quota.and_then(|number| self.quotas.by_number.get_mut(&number)) {
            Some(part) => &mut part.cursor,
            None => &mut self.cursor,
        }
    }

    /// Records that an entry was found live that had been a suspect.
    pub(crate) fn note(&mut self, meta: &Meta) {
        self.cursor.note(Life::of(meta));
        if let Some(part) = self.quotas.of(meta.store()) {
            part.cursor.note(Life::of(meta));
        }
    }

    /// Frees what memory it can.
    pub(crate) fn shrink(&mut self) {
        self.entries.shrink_to_fit();
        self.policy.shrink();
        for part in self.quotas.by_number.values_mut() {
            part.policy.shrink();
            part.members.shrink_to_fit();
            part.places.shrink_to_fit();
        }
    }

    /// Panics if the policies and the entries disagree.
    pub(crate) fn check_invariants(&self) {
        let numbers = |of: &dyn Fn(&Meta) -> bool| -> Vec<EntryId> {
            (0..).zip(&self.entries).filter(|(_, entry)| of(entry.meta())).map(|(id, _)| id).collect()
        };
        for (id, entry) in (0..).zip(&self.entries) {
            assert_eq!(entry.meta().id(), Some(id), "an entry does not know its number");
        }
        let mut queued = self.policy.check_invariants();
        queued.sort_unstable();
        assert_eq!(queued, numbers(&|_| true), "the queues and the entries disagree");
        for (&number, part) in &self.quotas.by_number {
            let expected = numbers(&|meta| self.quotas.number_of(meta.store()) == Some(number));
            let mut queued = part.policy.check_invariants();
            queued.sort_unstable();
            assert_eq!(queued, expected, "a query's queues and its entries disagree");
            let mut members = part.members.clone();
            members.sort_unstable();
            assert_eq!(members, expected, "a query's members and its entries disagree");
            assert_eq!(part.places.len(), part.members.len(), "a query has more places than members");
            for (place, member) in part.members.iter().enumerate() {
                assert_eq!(part.places.get(member), Some(&place), "a member is not where it should be");
            }
        }
    }
}

impl Drop for Eviction {
    fn drop(&mut self) {
        // It goes with its cache, whose figures nobody can ask for any more.
        let counters = Counters::new();
        for entry in self.entries.drain(..) {
            entry.discard(&counters);
        }
    }
}

impl QuotaPolicy {
    fn new(capacity: usize) -> Self {
        let (members, places) = (Vec::new(), HashMap::default());
        Self { policy: Policy::new(capacity), cursor: SweepCursor::new(), members, places }
    }

    fn admit(&mut self, hash: u64, id: EntryId, life: Life) {
        self.policy.admit(hash, id, self.policy.is_filling());
        self.cursor.note(life);
        self.places.insert(id, self.members.len());
        self.members.push(id);
    }

    /// Takes an entry off the list of members.
    fn leave(&mut self, id: EntryId) {
        let Some(place) = self.places.remove(&id) else { return };
        self.members.swap_remove(place);
        if let Some(&moved) = self.members.get(place) {
            self.places.insert(moved, place);
        }
    }

    fn rename(&mut self, from: EntryId, to: EntryId) {
        self.policy.rename(from, to);
        if let Some(place) = self.places.remove(&from) {
            self.members[place] = to;
            self.places.insert(to, place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::clock::FOREVER;
    use crate::entry::{Entry, Origin};
    use crate::version::tag_set::TagSet;

    const FEW: Quota = Quota { number: 3, capacity: 2 };

    /// Entries are dead whose keys are listed. Of even ones it takes too long to find out.
    #[derive(Default)]
    struct Dead(BTreeSet<u64>, bool);

    impl Inspector for Dead {
        fn state(&self, meta: &Meta) -> Option<State> {
            let is_slow = self.1 && meta.hash.is_multiple_of(2);
            let state = if self.0.contains(&meta.hash) { State::Invalidated } else { State::Live { frequency: 0 } };
            (!is_slow).then_some(state)
        }
    }

    fn entry(key: u64, quota: Option<Quota>) -> Arc<dyn AnyEntry> {
        let store = quota.map_or(0, |quota| quota.number);
        let (tags, valid_as_of, began, expires_at) = (TagSet::default(), 0, 0, FOREVER);
        let meta = Meta::new(Origin { hash: key, scope: 0, store, segment: 0, tags, valid_as_of, began, expires_at });
        Arc::new(Entry { meta, key: (), value: () })
    }

    fn key(entry: &Arc<dyn AnyEntry>) -> u64 {
        entry.meta().hash
    }

    /// Inserts a key, and returns the one that was evicted for it.
    fn insert(eviction: &mut Eviction, new: u64, quota: Option<Quota>) -> Option<u64> {
        let live = Dead::default();
        let (new, is_full) = (entry(new, quota), eviction.len() == eviction.capacity || eviction.is_quota_full(quota));
        let evicted = if is_full {
            let victim = eviction.exchange(&new, quota, &live).expect("it is full");
            assert_eq!(victim.meta().id(), None, "it has left");
            Some(key(&victim))
        } else {
            let is_filling = eviction.policy.is_filling();
            eviction.admit(new, quota, is_filling);
            None
        };
        eviction.check_invariants();
        evicted
    }

    fn remove(eviction: &mut Eviction, gone: u64) {
        let entry = eviction.entries.iter().find(|entry| key(entry) == gone).expect("it is there").clone();
        assert!(eviction.remove(entry.meta()).is_some());
        assert!(eviction.remove(entry.meta()).is_none(), "it leaves once");
        eviction.check_invariants();
    }

    #[test]
    fn p9_what_is_full_evicts_and_from_where_it_is_full() {
        let mut eviction = Eviction::new(4);
        let few = Some(FEW);
        let mut come = |key, quota| insert(&mut eviction, key, quota);
        assert_eq!([come(1, None), come(2, None), come(3, None), come(4, few)], [None; 4]);
        assert_eq!(come(5, None), Some(4), "whose turn it is, of all: it may be one of the query");
        assert_eq!(come(6, few), Some(5), "as the whole is full, and not the query");
        assert_eq!(come(7, few), Some(6));
        remove(&mut eviction, 1);
        assert_eq!(insert(&mut eviction, 8, few), None);
        assert_eq!(insert(&mut eviction, 9, few), Some(8), "whose turn it is in the query: of all it would be 7");
        remove(&mut eviction, 9);
        assert_eq!(eviction.len(), 3);
        assert!(!eviction.is_quota_full(few));
    }

    #[test]
    fn p9_a_sweep_takes_out_the_dead_and_hands_out_suspects() {
        let mut eviction = Eviction::new(100);
        for key in 0..20 {
            insert(&mut eviction, key, None);
        }
        let dead = Dead((0..10).collect(), true);
        let snapshot = Snapshot { now: 0, version: 1 };
        let (mut gone, mut suspects) = (BTreeSet::new(), BTreeSet::new());
        for _ in 0..3 {
            let mut swept = Aftermath::default();
            eviction.sweep(None, false, snapshot, &dead, &mut swept);
            gone.extend(swept.dead.iter().map(key));
            suspects.extend(swept.suspects.iter().map(key));
            eviction.check_invariants();
        }
        assert_eq!(gone, [1, 3, 5, 7, 9].into());
        assert_eq!(suspects, (0..20).filter(|key| key % 2 == 0).collect());
        let mut swept = Aftermath::default();
        eviction.sweep(None, false, snapshot, &dead, &mut swept);
        assert!(swept.dead.is_empty());
    }

    #[test]
    fn p9_a_full_query_is_swept_by_itself() {
        let mut eviction = Eviction::new(1_000);
        for key in 0..500 {
            insert(&mut eviction, 1_000 + key, None);
        }
        insert(&mut eviction, 1, Some(FEW));
        insert(&mut eviction, 2, Some(FEW));
        let mut swept = Aftermath::default();
        let snapshot = Snapshot { now: 0, version: 1 };
        eviction.sweep(Some(FEW), false, snapshot, &Dead([1].into(), false), &mut swept);
        assert_eq!(swept.dead.iter().map(key).collect::<Vec<_>>(), [1]);
        eviction.check_invariants();
        assert!(!eviction.is_quota_full(Some(FEW)));
    }

    #[test]
    fn an_entry_that_takes_anothers_place_keeps_its_number() {
        let mut eviction = Eviction::new(4);
        insert(&mut eviction, 1, None);
        let (old, new) = (eviction.entries[0].clone(), entry(1, None));
        old.meta().hits.set_frequency(3);
        assert!(eviction.replace(old.meta(), &new));
        eviction.check_invariants();
        assert_eq!((old.meta().id(), new.meta().id(), new.meta().hits.frequency()), (None, Some(0), 3));
        assert!(!eviction.replace(old.meta(), &entry(1, None)), "it has gone");
    }

    #[test]
    fn the_check_notices_what_is_broken() {
        let breaks: [fn(&mut Eviction); 4] = [
            |eviction| eviction.policy.remove(1),
            |eviction| _ = eviction.entries.pop(),
            |eviction| eviction.entries[0].meta().set_id(None),
            |eviction| eviction.quotas.by_number.get_mut(&3).expect("it has one").members.clear(),
        ];
        for (number, break_it) in breaks.into_iter().enumerate() {
            let mut eviction = Eviction::new(4);
            insert(&mut eviction, 1, None);
            insert(&mut eviction, 2, Some(FEW));
            break_it(&mut eviction);
            let check = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| eviction.check_invariants()));
            assert!(check.is_err(), "break {number} went unnoticed");
        }
    }
}
