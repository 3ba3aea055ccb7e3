//! An append-only table that is read without a lock.

use crate::sync::OnceLock;

/// The first items are inline. The others are made a bucket at a time, when first read.
pub(crate) struct Table<T> {
    near: [T; NEAR],
    /// Bucket `n` has the `2^n` items from number `2^n` on.
    far: [OnceLock<Box<[T]>>; u32::BITS as usize],
}

/// The stacks of models have little room.
const NEAR: usize = if cfg!(shuttle) { 2 } else { 32 };

impl<T: Default> Table<T> {
    pub(crate) fn new() -> Self {
        Self { near: std::array::from_fn(|_| T::default()), far: std::array::from_fn(|_| OnceLock::new()) }
    }

    #[inline]
    pub(crate) fn get(&self, number: u32) -> &T {
        match self.near.get(number as usize) {
            Some(item) => item,
            None => self.get_far(number),
        }
    }

    #[cold]
    #[inline(never)]
    fn get_far(&self, number: u32) -> &T {
        let bucket = number.ilog2();
        &self.far[bucket as usize].get_or_init(|| items(1 << bucket))[(number - (1 << bucket)) as usize]
    }
}

fn items<T: Default>(count: usize) -> Box<[T]> {
    (0..count).map(|_| T::default()).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn each_number_has_its_own_item() {
        let table = Table::<Cell<u32>>::new();
        for number in 0..200 {
            table.get(number).set(number);
        }
        assert!((0..200).all(|number| table.get(number).get() == number));
        assert_eq!(table.get(1 << 12).get(), 0);
    }
}
