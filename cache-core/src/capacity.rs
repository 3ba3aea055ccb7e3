//! The room there is: for all entries of a cache together, and for those of a query that has a capacity of
//! its own.
//!
//! The entries of such a query are in two eviction policies: that of the whole, which chooses among all
//! entries when the cache is full, and that of the query, which chooses among the query's when those are as
//! many as they may be.

use hashbrown::HashMap;

use crate::blocks::{BLOCK, Block, BlockId, Blocks};
use crate::clock::Nanos;
use crate::policy::{Address, Policy, Residents, State};
use crate::queues::{Dense, EntryId, Sparse};
use crate::sweep::Hand;

/// A query's number among those that have a capacity of their own, and that capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    pub(crate) number: u32,
    pub(crate) capacity: usize,
}

#[derive(Debug)]
pub(crate) struct Room {
    whole: Policy<Dense>,
    hand: Hand,
    blocks: Blocks,
    /// By the numbers of the quotas, each from its first block on.
    parts: HashMap<u32, Part, foldhash::fast::RandomState>,
}

/// The room of one query.
#[derive(Debug)]
struct Part {
    policy: Policy<Sparse>,
    hand: Hand,
    blocks: Vec<BlockId>,
}

impl Room {
    pub(crate) fn new(capacity: usize) -> Self {
        let parts = HashMap::default();
        Self { whole: Policy::new(capacity), hand: Hand::new(), blocks: Blocks::default(), parts }
    }

    /// Whether an entry has to go before one of this quota comes in.
    pub(crate) fn is_full(&self, quota: Option<Quota>) -> bool {
        self.whole.is_full() || self.full_part(quota).is_some()
    }

    fn full_part(&self, quota: Option<Quota>) -> Option<u32> {
        let number = quota?.number;
        self.parts.get(&number)?.policy.is_full().then_some(number)
    }

    /// Gives a number to a block of slots, which begins at `first` and is for entries of this quota.
    pub(crate) fn add_block(&mut self, first: Address, quota: Option<Quota>) -> BlockId {
        let number = self.blocks.add(Block::new(first, quota.map(|quota| quota.number)));
        if let Some(quota) = quota {
            let part = self.parts.entry(quota.number).or_insert_with(|| Part::new(quota.capacity));
            part.blocks.push(number);
        }
        number
    }

    /// Takes back the numbers of blocks that have no slots any more.
    pub(crate) fn remove_blocks(&mut self, numbers: &[BlockId], quota: Option<Quota>) {
        for &number in numbers {
            self.blocks.remove(number);
        }
        if let Some(quota) = quota {
            let Self { parts, blocks, .. } = self;
            let part = parts.get_mut(&quota.number).expect("it has had blocks");
            part.blocks.retain(|&number| blocks.get(number).is_some());
        }
    }

    fn part_mut(&mut self, number: u32) -> &mut Part {
        self.parts.get_mut(&number).expect("it is there from its first block on")
    }

    /// Takes in a new entry, for which there must be room.
    pub(crate) fn admit(&mut self, hash: u64, id: EntryId, expires_at: Nanos, quota: Option<Quota>) {
        self.whole.admit(hash, id);
        if let Some(quota) = quota {
            self.part_mut(quota.number).policy.admit(hash, id);
        }
        self.replaced(expires_at, quota);
    }

    /// Takes note that another entry is where one was, and when it expires.
    pub(crate) fn replaced(&mut self, expires_at: Nanos, quota: Option<Quota>) {
        self.hand.note(expires_at);
        if let Some(quota) = quota {
            self.part_mut(quota.number).hand.note(expires_at);
        }
    }

    /// Lets go of an entry that was removed for a reason of its own.
    pub(crate) fn forget(&mut self, id: EntryId, quota: Option<Quota>) {
        self.whole.forget(id);
        if let Some(quota) = quota {
            self.part_mut(quota.number).policy.forget(id);
        }
    }

    /// Takes note that an entry has moved.
    pub(crate) fn relocate(&mut self, from: EntryId, to: EntryId, quota: Option<Quota>) {
        self.whole.rename(from, to);
        self.hand.lose_track();
        if let Some(quota) = quota {
            let part = self.part_mut(quota.number);
            part.policy.rename(from, to);
            part.hand.lose_track();
        }
    }

    /// Chooses the entry that goes for one of this quota, and lets go of it: a dead one, or the one whose turn it
    /// is. `None` if there is none at all.
    pub(crate) fn evict(&mut self, residents: &impl Residents, quota: Option<Quota>) -> Option<(Address, State)> {
        let full_part = self.full_part(quota);
        if let Some((id, state)) = self.sweep(residents, full_part) {
            let (block, at) = self.blocks.locate(id);
            self.whole.forget(id);
            if let Some(number) = block.quota() {
                self.part_mut(number).policy.forget(id);
            }
            return Some((at, state));
        }
        if let Some(number) = full_part {
            let (id, state) = self.parts.get_mut(&number)?.policy.evict(&self.blocks, residents)?;
            self.whole.forget(id);
            return Some((self.blocks.locate(id).1, state));
        }
        let (id, state) = self.whole.evict(&self.blocks, residents)?;
        let (block, at) = self.blocks.locate(id);
        if let Some(number) = block.quota() {
            self.part_mut(number).policy.forget(id);
        }
        Some((at, state))
    }

    /// Looks at a few entries, of all or of one part, for a dead one.
    fn sweep(&mut self, residents: &impl Residents, part: Option<u32>) -> Option<(EntryId, State)> {
        let Self { whole, hand, blocks, parts } = self;
        let look = |number: BlockId| {
            let first = number * BLOCK;
            let which = (0..BLOCK).fold(0, |which, offset| which | u32::from(whole.has(first + offset)) << offset);
            let Some(block) = blocks.get(number).filter(|_| which != 0) else { return (Err(0), Nanos::MAX) };
            let (dead, earliest) = residents.search(block.first, which);
            (dead.map(|(offset, state)| (first + offset, state)).ok_or(which.count_ones()), earliest)
        };
        let moment = residents.moment();
        match part {
            None => hand.sweep(moment, blocks.len(), |at| look(BlockId::try_from(at).expect("it is one of them"))),
            Some(part) => {
                let part = parts.get_mut(&part)?;
                part.hand.sweep(moment, part.blocks.len(), |at| look(part.blocks[at]))
            }
        }
    }

    /// Frees what memory it can.
    pub(crate) fn shrink(&mut self) {
        self.whole.shrink();
        self.blocks.shrink();
        for part in self.parts.values_mut() {
            part.policy.shrink();
            part.blocks.shrink_to_fit();
        }
    }

    /// Where the entry is that has an id.
    pub(crate) fn address(&self, id: EntryId) -> Address {
        self.blocks.locate(id).1
    }

    /// Panics if the queues are broken. Returns the addresses of what is in them.
    pub(crate) fn check_invariants(&self) -> Vec<Address> {
        self.blocks.check_invariants();
        let mut all = self.whole.check_invariants();
        for (&number, part) in &self.parts {
            let mut own = part.policy.check_invariants();
            own.sort_unstable();
            let of_part = |id: &&EntryId| self.blocks.locate(**id).0.quota() == Some(number);
            let mut expected: Vec<_> = all.iter().filter(of_part).copied().collect();
            expected.sort_unstable();
            assert_eq!(own, expected, "a query's room and the whole disagree on its entries");
            let mut blocks: Vec<_> = part.blocks.clone();
            blocks.sort_unstable();
            let numbers = (0..).take(self.blocks.len());
            let expected =
                numbers.filter(|&block| self.blocks.get(block).is_some_and(|block| block.quota() == Some(number)));
            assert!(expected.eq(blocks), "a query's room and the whole disagree on its blocks");
        }
        all.drain(..).map(|id| self.address(id)).collect()
    }
}

impl Part {
    fn new(capacity: usize) -> Self {
        Self { policy: Policy::new(capacity), hand: Hand::new(), blocks: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    use super::*;
    use crate::clock::FOREVER;
    use crate::policy::Sight;
    use crate::slots::Index;
    use crate::sweep::Moment;

    const FEW: Quota = Quota { number: 3, capacity: 2 };

    /// Live entries that were not used: those of a quota are in shard 1.
    #[derive(Default)]
    struct Unused(RefCell<BTreeMap<Address, u32>>);

    impl Residents for Unused {
        fn moment(&self) -> Moment {
            Moment { now: 0, completed: 0 }
        }

        fn look(&self, at: Address) -> Sight {
            Sight { hash: self.0.borrow()[&at].into(), state: State::Live { uses: 0 } }
        }

        fn spend(&self, _: Address, _: u32) {}

        fn search(&self, _: Address, _: u32) -> (Option<(Index, State)>, Nanos) {
            unreachable!("none is dead")
        }
    }

    fn room() -> Room {
        let mut room = Room::new(4);
        let first = |shard| Address { shard, index: 0 };
        assert_eq!([room.add_block(first(0), None), room.add_block(first(1), Some(FEW))], [0, 1]);
        room
    }

    /// Inserts a key, and returns the one that was evicted for it.
    fn insert(room: &mut Room, residents: &Unused, key: u32, quota: Option<Quota>) -> Option<u32> {
        let evicted = room.is_full(quota).then(|| {
            let (at, _) = room.evict(residents, quota).expect("it is full");
            residents.0.borrow_mut().remove(&at).expect("it is there")
        });
        let at = Address { shard: quota.is_some().into(), index: key };
        room.admit(key.into(), at.shard * BLOCK + key, FOREVER, quota);
        residents.0.borrow_mut().insert(at, key);
        let mut all = room.check_invariants();
        all.sort_unstable();
        assert!(all.iter().eq(residents.0.borrow().keys()));
        evicted
    }

    #[test]
    fn p9_what_is_full_evicts_and_from_where_it_is_full() {
        let (mut room, residents) = (room(), Unused::default());
        let come = |room: &mut Room, key, quota| insert(room, &residents, key, quota);
        let few = Some(FEW);
        assert_eq!(
            [come(&mut room, 1, None), come(&mut room, 2, None), come(&mut room, 3, None), come(&mut room, 4, few)],
            [None; 4]
        );
        assert_eq!(come(&mut room, 5, None), Some(4), "whose turn it is, of all: it may be one of the query");
        assert_eq!(come(&mut room, 6, few), Some(5), "as the whole is full, and not the query");
        assert_eq!(come(&mut room, 7, few), Some(6));
        room.forget(1, None);
        residents.0.borrow_mut().remove(&Address { shard: 0, index: 1 });
        assert_eq!(come(&mut room, 8, few), None);
        assert_eq!(come(&mut room, 9, few), Some(8), "whose turn it is in the query: of all it would be 7");
        room.forget(BLOCK + 9, few);
        assert_eq!(room.check_invariants().len(), 3);
        assert!(!room.is_full(few) && !room.is_full(None));
    }

    #[test]
    fn the_check_notices_what_is_broken() {
        let breaks: [fn(&mut Room); 5] = [
            |room| room.whole.forget(BLOCK + 2),
            |room| room.part_mut(3).policy.forget(BLOCK + 2),
            |room| room.part_mut(3).blocks.clear(),
            |room| room.part_mut(3).blocks.push(0),
            |room| room.blocks.remove(0),
        ];
        for (number, break_it) in breaks.into_iter().enumerate() {
            let (mut room, residents) = (room(), Unused::default());
            insert(&mut room, &residents, 1, None);
            insert(&mut room, &residents, 2, Some(FEW));
            break_it(&mut room);
            let check = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| room.check_invariants()));
            assert!(check.is_err(), "break {number} went unnoticed");
        }
    }
}
