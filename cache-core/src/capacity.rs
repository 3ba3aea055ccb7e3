//! The room there is: for all entries of a cache together, and for those of a query that has a capacity of
//! its own.
//!
//! The entries of such a query are in two eviction policies: that of the whole, which chooses among all
//! entries when the cache is full, and that of the query, which chooses among the query's when those are as
//! many as they may be.

use hashbrown::HashMap;

use crate::clock::Nanos;
use crate::policy::{Address, NodeId, Policy, Residents, State};

/// A query's number among those that have a capacity of their own, and that capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    pub(crate) number: u32,
    pub(crate) capacity: usize,
}

type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

#[derive(Debug)]
pub(crate) struct Room {
    whole: Policy,
    /// By the numbers of the quotas, each from its first entry on.
    parts: Map<u32, Part>,
}

/// The room of one query.
#[derive(Debug)]
struct Part {
    policy: Policy,
    /// For each entry's node in the policy of the whole, its node in this one.
    nodes: Map<NodeId, NodeId>,
}

impl Room {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { whole: Policy::new(capacity), parts: Map::default() }
    }

    /// Whether an entry has to go before one of this quota comes in.
    pub(crate) fn is_full(&self, quota: Option<Quota>) -> bool {
        self.whole.is_full() || self.full_part(quota).is_some()
    }

    fn full_part(&self, quota: Option<Quota>) -> Option<u32> {
        let number = quota?.number;
        self.parts.get(&number)?.policy.is_full().then_some(number)
    }

    /// Takes in a new entry, for which there must be room.
    pub(crate) fn admit(&mut self, hash: u64, at: Address, expires_at: Nanos, quota: Option<Quota>) -> NodeId {
        let node = self.whole.admit(hash, at, expires_at);
        if let Some(Quota { number, capacity }) = quota {
            let part = self.parts.entry(number).or_insert_with(|| Part::new(capacity));
            let own = part.policy.admit(hash, at, expires_at);
            part.nodes.insert(node, own);
        }
        node
    }

    /// Takes note that another entry is where one was, and when it expires.
    pub(crate) fn replaced(&mut self, expires_at: Nanos, quota: Option<Quota>) {
        self.whole.replaced(expires_at);
        if let Some(quota) = quota {
            self.part(quota).policy.replaced(expires_at);
        }
    }

    /// Lets go of an entry that was removed for a reason of its own.
    pub(crate) fn forget(&mut self, node: NodeId, quota: Option<Quota>) {
        self.whole.forget(node);
        if let Some(quota) = quota {
            self.part(quota).forget(node);
        }
    }

    fn part(&mut self, quota: Quota) -> &mut Part {
        self.parts.get_mut(&quota.number).expect("it is there from the first entry on")
    }

    /// Takes note that an entry has moved.
    pub(crate) fn relocate(&mut self, node: NodeId, to: Address, quota: Option<Quota>) {
        self.whole.relocate(node, to);
        if let Some(quota) = quota {
            let part = self.part(quota);
            part.policy.relocate(part.nodes[&node], to);
        }
    }

    /// Chooses the entry that goes for one of this quota, and lets go of it. `None` if there is none at all.
    pub(crate) fn evict(&mut self, residents: &impl Residents, quota: Option<Quota>) -> Option<(Address, State)> {
        if let Some(number) = self.full_part(quota) {
            let part = self.parts.get_mut(&number)?;
            let (at, sight) = part.policy.evict(residents)?;
            part.nodes.remove(&sight.node);
            self.whole.forget(sight.node);
            return Some((at, sight.state));
        }
        let (at, sight) = self.whole.evict(residents)?;
        if let Some(quota) = sight.quota {
            self.part(quota).forget(sight.node);
        }
        Some((at, sight.state))
    }

    /// Frees what memory it can.
    pub(crate) fn shrink(&mut self) {
        self.whole.shrink();
        for part in self.parts.values_mut() {
            part.policy.shrink();
            part.nodes.shrink_to_fit();
        }
    }

    /// What a node stands for.
    pub(crate) fn address(&self, node: NodeId) -> Address {
        self.whole.address(node)
    }

    /// Panics if the queues are broken. Returns the addresses that are in them.
    pub(crate) fn check_invariants(&self) -> Vec<Address> {
        let all = self.whole.check_invariants();
        for part in self.parts.values() {
            let own = part.policy.check_invariants();
            assert_eq!(own.len(), part.nodes.len(), "a query's room and its nodes disagree");
            for (&node, &own) in &part.nodes {
                assert_eq!(self.whole.address(node), part.policy.address(own), "two policies disagree on an entry");
            }
        }
        all
    }
}

impl Part {
    fn new(capacity: usize) -> Self {
        Self { policy: Policy::new(capacity), nodes: Map::default() }
    }

    fn forget(&mut self, node: NodeId) {
        let own = self.nodes.remove(&node).expect("an entry with a quota is in both policies");
        self.policy.forget(own);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    use super::*;
    use crate::clock::FOREVER;
    use crate::policy::Sight;
    use crate::sweep::Moment;

    const FEW: Quota = Quota { number: 3, capacity: 2 };

    /// Live entries that were not used.
    #[derive(Default)]
    struct Unused(RefCell<BTreeMap<Address, (NodeId, Option<Quota>)>>);

    impl Residents for Unused {
        fn moment(&self) -> Moment {
            Moment { now: 0, completed: 0 }
        }

        fn look(&self, at: Address) -> Sight {
            let (node, quota) = self.0.borrow()[&at];
            Sight { hash: at.index.into(), state: State::Live { uses: 0 }, expires_at: FOREVER, node, quota }
        }

        fn spend(&self, _: Address, _: u32) {}
    }

    fn insert(room: &mut Room, residents: &Unused, index: u32, quota: Option<Quota>) -> Option<u32> {
        let evicted = room.is_full(quota).then(|| {
            let (at, _) = room.evict(residents, quota).expect("it is full");
            residents.0.borrow_mut().remove(&at);
            at.index
        });
        let at = Address { shard: 0, index };
        let node = room.admit(index.into(), at, FOREVER, quota);
        residents.0.borrow_mut().insert(at, (node, quota));
        let mut all = room.check_invariants();
        all.sort_unstable();
        assert!(all.iter().eq(residents.0.borrow().keys()));
        evicted
    }

    #[test]
    fn p9_what_is_full_evicts_and_from_where_it_is_full() {
        let (mut room, residents) = (Room::new(4), Unused::default());
        let mut insert = |index, quota| insert(&mut room, &residents, index, quota);
        assert_eq!([insert(1, None), insert(2, Some(FEW)), insert(3, Some(FEW))], [None; 3]);
        assert_eq!(insert(4, Some(FEW)), Some(2), "the oldest of the query, not of all");
        assert_eq!(insert(5, None), None);
        assert_eq!(insert(6, None), Some(1), "the oldest of all");
        assert_eq!(insert(7, None), Some(3), "which may be one of the query");
        assert_eq!(insert(8, Some(FEW)), Some(4), "as the whole is full, and not the query");
        let node = residents.0.borrow_mut().remove(&Address { shard: 0, index: 8 }).expect("it is there").0;
        room.forget(node, Some(FEW));
        assert_eq!(room.check_invariants().len(), 3);
        assert!(!room.is_full(Some(FEW)) && !room.is_full(None));
    }
}
