//! Queries with a capacity of their own, and so a policy of their own.

use hashbrown::HashMap;

use crate::entry::id::EntryId;
use crate::eviction::queues::Sparse;
use crate::eviction::s3_fifo::Policy;
use crate::eviction::sweep::{Life, SweepCursor};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    /// Among the queries with a capacity, from 1.
    pub(crate) number: u32,
    pub(crate) capacity: usize,
}

#[derive(Default)]
pub(crate) struct Quotas {
    pub(crate) by_number: HashMap<u32, QuotaPolicy, foldhash::fast::RandomState>,
    /// The numbers of quotas, by those of their stores.
    of_stores: HashMap<u32, u32, foldhash::fast::RandomState>,
}

impl Quotas {
    pub(crate) fn admit(&mut self, quota: Quota, store: u32, hash: u64, id: EntryId, life: Life) {
        self.of_stores.insert(store, quota.number);
        let policy = self.by_number.entry(quota.number).or_insert_with(|| QuotaPolicy::new(quota.capacity));
        policy.admit(hash, id, life);
    }

    pub(crate) fn number_of(&self, store: u32) -> Option<u32> {
        // Most caches have no quota.
        if self.of_stores.is_empty() { None } else { self.of_stores.get(&store).copied() }
    }

    pub(crate) fn of(&mut self, store: u32) -> Option<&mut QuotaPolicy> {
        self.by_number.get_mut(&self.number_of(store)?)
    }
}

pub(crate) struct QuotaPolicy {
    pub(crate) policy: Policy<Sparse>,
    /// Goes round `members`.
    pub(crate) cursor: SweepCursor,
    pub(crate) members: Vec<EntryId>,
    /// The index of each entry in `members`.
    indices: HashMap<EntryId, usize, foldhash::fast::RandomState>,
}

impl QuotaPolicy {
    fn new(capacity: usize) -> Self {
        let (members, indices) = (Vec::new(), HashMap::default());
        Self { policy: Policy::new(capacity), cursor: SweepCursor::new(), members, indices }
    }

    fn admit(&mut self, hash: u64, id: EntryId, life: Life) {
        self.policy.admit(hash, id, self.policy.is_filling());
        self.cursor.record(life);
        self.indices.insert(id, self.members.len());
        self.members.push(id);
    }

    pub(crate) fn remove(&mut self, id: EntryId) {
        self.policy.remove(id);
        self.remove_member(id);
    }

    /// The policy has evicted it.
    pub(crate) fn remove_member(&mut self, id: EntryId) {
        let Some(index) = self.indices.remove(&id) else { return };
        self.members.swap_remove(index);
        if let Some(&moved) = self.members.get(index) {
            self.indices.insert(moved, index);
        }
    }

    pub(crate) fn rename(&mut self, from: EntryId, to: EntryId) {
        self.policy.rename(from, to);
        if let Some(index) = self.indices.remove(&from) {
            self.members[index] = to;
            self.indices.insert(to, index);
        }
    }

    pub(crate) fn shrink(&mut self) {
        self.policy.shrink();
        self.members.shrink_to_fit();
        self.indices.shrink_to_fit();
    }

    /// `expected` must be sorted.
    pub(crate) fn check_invariants(&self, expected: &[EntryId]) {
        let mut queued = self.policy.check_invariants();
        queued.sort_unstable();
        assert_eq!(queued, expected, "a query's queues and its entries disagree");
        let mut members = self.members.clone();
        members.sort_unstable();
        assert_eq!(members, expected, "a query's members and its entries disagree");
        assert_eq!(self.indices.len(), self.members.len(), "a query has more indices than members");
        for (index, member) in self.members.iter().enumerate() {
            assert_eq!(self.indices.get(member), Some(&index), "a member is not at its index");
        }
    }
}
