//! An append-only table that is read without a lock.

use crate::sync::OnceLock;

/// Items by numbers from 1 on, made when they are first asked for.
///
/// Bucket `n` has the `2^n` items from number `2^n` on.
pub(crate) struct Table<T> {
    buckets: [OnceLock<Box<[T]>>; u32::BITS as usize],
}

impl<T: Default> Table<T> {
    pub(crate) fn new() -> Self {
        Self { buckets: std::array::from_fn(|_| OnceLock::new()) }
    }

    pub(crate) fn get(&self, number: u32) -> &T {
        let bucket = number.ilog2();
        let items =
            self.buckets[bucket as usize].get_or_init(|| (0..1_usize << bucket).map(|_| T::default()).collect());
        &items[(number - (1 << bucket)) as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn every_number_has_an_item_of_its_own() {
        let table = Table::<Cell<u32>>::new();
        for number in 1..200 {
            table.get(number).set(number);
        }
        assert!((1..200).all(|number| table.get(number).get() == number));
        assert_eq!(table.get(1 << 12).get(), 0);
    }
}
