//! Where a shard's entries are: in slots that they keep while they are stored, in blocks that have numbers.

use crate::blocks::{BLOCK, BlockId};
use crate::queues::EntryId;

/// Where an entry is in its shard, for as long as it is stored.
pub(crate) type Index = u32;

const NIL: Index = Index::MAX;

enum Slot<T> {
    Occupied(T),
    Vacant { next: Index },
}

pub(crate) struct Slots<T> {
    entries: Vec<Slot<T>>,
    /// The numbers that each [`BLOCK`] of them has in the whole cache.
    blocks: Vec<BlockId>,
    /// The first of a list.
    vacant: Index,
    /// How many entries there will be, if this is what the cache is used for.
    expected: usize,
}

impl<T> Slots<T> {
    /// The bytes that an entry takes up.
    #[cfg(test)]
    pub(crate) const SLOT: usize = size_of::<Slot<T>>();

    pub(crate) fn new(expected: usize) -> Self {
        Self { entries: Vec::new(), blocks: Vec::new(), vacant: NIL, expected }
    }

    /// How many there are, vacant ones too.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn get(&self, index: Index) -> &T {
        match &self.entries[index as usize] {
            Slot::Occupied(entry) => entry,
            Slot::Vacant { .. } => unreachable!("slot {index} holds no entry"),
        }
    }

    pub(crate) fn get_mut(&mut self, index: Index) -> &mut T {
        match &mut self.entries[index as usize] {
            Slot::Occupied(entry) => entry,
            Slot::Vacant { .. } => unreachable!("slot {index} holds no entry"),
        }
    }

    /// The number that an entry has in the whole cache.
    pub(crate) fn id(&self, index: Index) -> EntryId {
        self.blocks[(index / BLOCK) as usize] * BLOCK + index % BLOCK
    }

    /// Puts an entry into a vacant slot. If one more block is needed, `number` gives it one; it is told with which
    /// slot that begins.
    pub(crate) fn insert(&mut self, entry: T, number: impl FnOnce(Index) -> BlockId) -> Index {
        if self.vacant == NIL {
            let index = Index::try_from(self.entries.len()).expect("there are fewer slots than ids");
            if index.is_multiple_of(BLOCK) {
                let blocks = self.blocks.len() + 1;
                reserve_gently(&mut self.blocks, blocks, self.expected.div_ceil(BLOCK as usize));
                self.blocks.push(number(index));
            }
            reserve_gently(&mut self.entries, index as usize + 1, self.expected);
            self.entries.push(Slot::Occupied(entry));
            return index;
        }
        let index = self.vacant;
        let slot = &mut self.entries[index as usize];
        let Slot::Vacant { next } = *slot else { unreachable!("slot {index} is listed as vacant") };
        self.vacant = next;
        *slot = Slot::Occupied(entry);
        index
    }

    pub(crate) fn remove(&mut self, index: Index) -> T {
        let slot = &mut self.entries[index as usize];
        let Slot::Occupied(entry) = std::mem::replace(slot, Slot::Vacant { next: self.vacant }) else {
            unreachable!("slot {index} holds no entry")
        };
        self.vacant = index;
        entry
    }

    /// Frees the vacant slots. Entries move, and `moved` is told for each its number and what it becomes. Returns
    /// the blocks that have no slot any more.
    pub(crate) fn compact(&mut self, mut moved: impl FnMut(EntryId, EntryId)) -> Vec<BlockId> {
        let mut kept: Index = 0;
        for index in (0..).take(self.entries.len()) {
            if let Slot::Occupied(_) = self.entries[index as usize] {
                if index != kept {
                    self.entries.swap(kept as usize, index as usize);
                    moved(self.id(index), self.id(kept));
                }
                kept += 1;
            }
        }
        self.entries.truncate(kept as usize);
        self.entries.shrink_to_fit();
        self.vacant = NIL;
        let freed = self.blocks.split_off(kept.div_ceil(BLOCK) as usize);
        self.blocks.shrink_to_fit();
        freed
    }

    /// Those in use at and after `from`, with what is in them.
    pub(crate) fn entries_from(&self, from: Index) -> impl Iterator<Item = (Index, &T)> {
        (from..).zip(self.entries.iter().skip(from as usize)).filter_map(|(index, slot)| match slot {
            Slot::Occupied(entry) => Some((index, entry)),
            Slot::Vacant { .. } => None,
        })
    }

    /// Panics if the slots, the list of vacant ones and the blocks disagree.
    pub(crate) fn check_invariants(&self) {
        let (mut vacant, mut index) = (0, self.vacant);
        while index != NIL {
            let Slot::Vacant { next } = self.entries[index as usize] else {
                panic!("slot {index} is listed as vacant");
            };
            vacant += 1;
            assert!(vacant <= self.entries.len(), "the list of vacant slots has no end");
            index = next;
        }
        let entries = self.entries_from(0).count();
        assert_eq!(entries + vacant, self.entries.len(), "a slot is neither in use nor vacant");
        assert_eq!(
            self.blocks.len(),
            self.entries.len().div_ceil(BLOCK as usize),
            "slots have no block, or a block no slots"
        );
    }
}

/// Makes room for a vector to grow to a length. Most often it ends at about `expected`.
///
/// It grows by a quarter, where `Vec` itself would double, but not past what is expected, and from there on by as
/// little as a sixteenth. All that grows with the entries of a cache grows so.
pub(crate) fn reserve_gently<T>(vec: &mut Vec<T>, len: usize, expected: usize) {
    /// Fewer than these aren't worth an allocation.
    const FEW: usize = 4;
    if len > vec.capacity() {
        let spare = if len > expected { len / 16 } else { (len / 4).min(expected - len) };
        vec.reserve_exact(len + spare.max(FEW) - vec.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(entries: u32) -> Slots<u32> {
        let mut slots = Slots::new(1_000);
        for entry in 0..entries {
            assert_eq!(slots.insert(entry, |index| 100 - index / BLOCK), entry);
        }
        slots
    }

    #[test]
    fn an_entry_has_the_number_of_its_block_and_its_place_there() {
        let slots = filled(40);
        assert_eq!([0, 15, 16, 39].map(|index| slots.id(index)), [1_600, 1_615, 1_584, 1_575]);
        assert_eq!(slots.blocks, [100, 99, 98]);
        slots.check_invariants();
    }

    #[test]
    fn p9_vacant_slots_are_taken_before_there_are_more() {
        let mut slots = filled(32);
        assert_eq!([slots.remove(3), slots.remove(20)], [3, 20]);
        slots.check_invariants();
        let no_block = |_| unreachable!("there is room");
        assert_eq!([slots.insert(50, no_block), slots.insert(51, no_block)], [20, 3]);
        assert_eq!(slots.insert(52, |index| index), 32);
        slots.check_invariants();
    }

    #[test]
    fn p9_what_is_vacant_is_freed() {
        let mut slots = filled(40);
        for index in (0..40).filter(|index| index % 2 == 0) {
            slots.remove(index);
        }
        let mut moves = Vec::new();
        let freed = slots.compact(|from, to| moves.push((from, to)));
        slots.check_invariants();
        assert_eq!((slots.len(), slots.entries.capacity(), freed), (20, 20, vec![98]));
        assert_eq!((moves.len(), moves[0], moves[19]), (20, (1_601, 1_600), (1_575, 1_587)));
        assert!(slots.entries_from(0).map(|(_, &entry)| entry).eq((0..40).filter(|entry| entry % 2 == 1)));
    }

    #[test]
    fn p9_slots_grow_by_little_and_least_where_it_is_known_how_many_there_will_be() {
        let mut slots = filled(0);
        for entry in 0..10_000 {
            slots.insert(entry, |index| index);
            let (len, spare) = (slots.len(), slots.entries.capacity() - slots.len());
            assert!(spare <= len / 4 + 4, "{spare} of {len}");
            assert!(!(900..1_000).contains(&len) || spare <= 1_004 - len, "{spare} of {len}");
            assert!(len <= 1_005 || spare <= len / 16, "{spare} of {len}");
        }
    }

    #[test]
    fn the_check_notices_what_is_broken() {
        let breaks: [fn(&mut Slots<u32>); 5] = [
            |slots| slots.vacant = NIL,
            |slots| slots.vacant = 1,
            |slots| slots.entries.push(Slot::Vacant { next: NIL }),
            |slots| slots.entries[0] = Slot::Vacant { next: 0 },
            |slots| slots.blocks.push(7),
        ];
        for (number, break_it) in breaks.into_iter().enumerate() {
            let mut slots = filled(3);
            slots.remove(0);
            slots.check_invariants();
            break_it(&mut slots);
            let check = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| slots.check_invariants()));
            assert!(check.is_err(), "break {number} went unnoticed");
        }
    }
}
