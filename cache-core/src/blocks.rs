//! The numbers that entries have in the whole cache.
//!
//! What chooses among the entries of all shards wants small numbers for them, one after another. A shard's
//! slots have such numbers in the shard only. So slots come in *blocks*, and each block has a number that no
//! other of the cache has: an entry's id is made of its block's number and its place in there. Neither has
//! the entry to know its id, nor has who knows the id to keep the address beside it.

use crate::policy::Address;
use crate::queues::{EntryId, NIL};
use crate::slots::reserve_gently;

/// How many slots a block has. Few: a shard with one entry takes up the ids of a whole block.
pub(crate) const BLOCK: u32 = 16;

/// A block's number.
pub(crate) type BlockId = u32;

/// Where a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// Its first slot.
    pub(crate) first: Address,
    quota: u32,
}

/// No shard's number, and no quota's.
const NONE: u32 = u32::MAX;

impl Block {
    /// What a number stands for that no block has.
    const NO_BLOCK: Self = Self { first: Address { shard: NONE, index: 0 }, quota: NONE };

    /// For entries of the quota with a number, if they have one.
    pub(crate) fn new(first: Address, quota: Option<u32>) -> Self {
        Self { first, quota: quota.unwrap_or(NONE) }
    }

    pub(crate) fn quota(self) -> Option<u32> {
        (self.quota != NONE).then_some(self.quota)
    }
}

/// All blocks of a cache, by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    by_number: Vec<Block>,
    vacant: Vec<BlockId>,
}

impl Blocks {
    /// As many numbers as were ever in use at once.
    pub(crate) fn len(&self) -> usize {
        self.by_number.len()
    }

    pub(crate) fn get(&self, number: BlockId) -> Option<Block> {
        let block = self.by_number[number as usize];
        (block != Block::NO_BLOCK).then_some(block)
    }

    pub(crate) fn add(&mut self, block: Block) -> BlockId {
        if let Some(number) = self.vacant.pop() {
            self.by_number[number as usize] = block;
            return number;
        }
        let number = BlockId::try_from(self.by_number.len()).expect("there are not so many");
        assert!(number < NIL / BLOCK, "there are more shards than entries may be in");
        reserve_gently(&mut self.by_number, number as usize + 1, usize::MAX);
        self.by_number.push(block);
        number
    }

    pub(crate) fn remove(&mut self, number: BlockId) {
        debug_assert!(self.get(number).is_some());
        self.by_number[number as usize] = Block::NO_BLOCK;
        self.vacant.push(number);
    }

    /// The block that an entry is in, and where the entry is.
    pub(crate) fn locate(&self, id: EntryId) -> (Block, Address) {
        let block = self.get(id / BLOCK).expect("an entry is in a block");
        let Address { shard, index } = block.first;
        (block, Address { shard, index: index + id % BLOCK })
    }

    /// Frees what memory it can.
    pub(crate) fn shrink(&mut self) {
        while self.by_number.pop_if(|block| *block == Block::NO_BLOCK).is_some() {}
        self.vacant.retain(|&number| (number as usize) < self.by_number.len());
        self.by_number.shrink_to_fit();
        self.vacant.shrink_to_fit();
    }

    /// Panics if the numbers in use and the vacant ones are not all there are.
    pub(crate) fn check_invariants(&self) {
        let mut vacant = self.vacant.clone();
        vacant.sort_unstable();
        let without_block = (0..).zip(&self.by_number).filter(|(_, block)| **block == Block::NO_BLOCK);
        assert!(without_block.map(|(number, _)| number).eq(vacant), "a number is neither in use nor vacant");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(shard: u32, index: u32) -> Block {
        Block::new(Address { shard, index }, None)
    }

    #[test]
    fn numbers_are_given_out_again() {
        let mut blocks = Blocks::default();
        assert_eq!([blocks.add(block(3, 0)), blocks.add(block(4, 0)), blocks.add(block(3, BLOCK))], [0, 1, 2]);
        assert_eq!(blocks.locate(2 * BLOCK + 5), (block(3, BLOCK), Address { shard: 3, index: BLOCK + 5 }));
        blocks.remove(1);
        blocks.check_invariants();
        assert_eq!((blocks.get(1), blocks.add(block(5, 0)), blocks.get(1)), (None, 1, Some(block(5, 0))));
        blocks.remove(0);
        blocks.remove(2);
        blocks.shrink();
        blocks.check_invariants();
        assert_eq!((blocks.len(), blocks.add(block(6, 0)), blocks.add(block(6, BLOCK))), (2, 0, 2));
    }

    #[test]
    fn the_check_notices_what_is_broken() {
        let breaks: [fn(&mut Blocks); 3] = [
            |blocks| blocks.vacant.push(1),
            |blocks| _ = blocks.vacant.pop(),
            |blocks| blocks.by_number[1] = Block::NO_BLOCK,
        ];
        for (number, break_it) in breaks.into_iter().enumerate() {
            let mut blocks = Blocks::default();
            (0..3).for_each(|shard| _ = blocks.add(block(shard, 0)));
            blocks.remove(0);
            blocks.check_invariants();
            break_it(&mut blocks);
            let check = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| blocks.check_invariants()));
            assert!(check.is_err(), "break {number} went unnoticed");
        }
    }
}
