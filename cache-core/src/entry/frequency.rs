//! How often an entry was served, for people and for the eviction policy.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::eviction::s3_fifo::MAX_USES;

/// The hits of an entry, and how many of them the policy has still to account for: in one word, so that a hit
/// writes once.
///
/// It is a plain store, which costs a third of an atomic addition: of two hits at the very same time one may not be
/// counted, nor what the policy recorded just then. And an entry that has been hit some times is no longer written to
/// at each hit: other threads would have to fetch the cache line from the one that wrote it, and even one thread pays
/// for writing to very many entries. One hit in [`LOT`], drawn at random, stands for all. Nothing that uses the counts
/// needs them to be more exact.
///
/// The uses are the lowest bits, and stay at [`MAX_USES`]. The hits are above them, and stay at half a billion.
#[derive(Debug)]
pub(crate) struct Uses(AtomicU32);

const ONE_HIT: u32 = MAX_USES + 1;
const ONE_USE: u32 = 1;

/// The hits that are counted one by one.
const ONE_BY_ONE: u32 = 32 * ONE_HIT;

/// How many hits one stands for after that.
const LOT: u32 = 64;

/// The last count from which another is taken.
const FULL: u32 = u32::MAX - LOT * ONE_HIT;

thread_local! {
    static DRAWN: Cell<u32> = const { Cell::new(0) };
}

/// True once in [`LOT`] times: by a linear congruential generator, whose high bits are good enough for that.
#[inline]
fn is_drawn() -> bool {
    DRAWN.with(|last| {
        let drawn = last.get().wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        last.set(drawn);
        drawn < u32::MAX / LOT
    })
}

impl Uses {
    /// Of an entry without hits, which begins with some uses to its credit.
    pub(crate) fn new(uses: u32) -> Self {
        Self(AtomicU32::new(uses))
    }

    #[inline]
    pub(crate) fn count_hit(&self) {
        let before = self.0.load(Ordering::Relaxed);
        if before & MAX_USES < MAX_USES {
            self.set(before, ONE_HIT + ONE_USE);
        } else if before < ONE_BY_ONE {
            self.set(before, ONE_HIT);
        } else if is_drawn() {
            self.set(before, LOT * ONE_HIT);
        }
    }

    #[inline]
    fn set(&self, before: u32, more: u32) {
        if before < FULL {
            self.0.store(before + more, Ordering::Relaxed);
        }
    }

    pub(crate) fn hits(&self) -> u64 {
        u64::from(self.0.load(Ordering::Relaxed) / ONE_HIT)
    }

    /// Hits since the policy last looked, as far as they matter to it.
    pub(crate) fn uses(&self) -> u32 {
        self.0.load(Ordering::Relaxed) & MAX_USES
    }

    /// Records that the policy has looked, and how many uses are left.
    pub(crate) fn set_frequency(&self, left: u32) {
        debug_assert!(left <= MAX_USES);
        self.0.store(self.0.load(Ordering::Relaxed) & !MAX_USES | left, Ordering::Relaxed);
    }
}

const _: () = assert!(ONE_HIT.is_power_of_two(), "uses and hits are different bits");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_stop_where_more_make_no_difference_and_hits_go_on() {
        let uses = Uses::new(0);
        for hits in 0..32 {
            assert_eq!((u64::from(uses.uses()), uses.hits()), (hits.min(MAX_USES.into()), hits));
            uses.count_hit();
        }
        uses.set_frequency(1);
        assert_eq!((uses.uses(), uses.hits()), (1, 32));
        uses.count_hit();
        assert_eq!((uses.uses(), uses.hits()), (2, 33), "each use counts");
        assert_eq!((Uses::new(2).uses(), Uses::new(2).hits()), (2, 0));
    }

    #[test]
    fn many_hits_are_counted_nearly() {
        let uses = Uses::new(0);
        (0..100_000).for_each(|_| uses.count_hit());
        assert!((92_000..108_000).contains(&uses.hits()), "{} hits", uses.hits());
        uses.set_frequency(0);
        uses.count_hit();
        assert_eq!(uses.uses(), 1, "each use counts");
    }

    #[test]
    fn hits_stop_before_they_would_start_again() {
        for before in (FULL - 20..).take(20) {
            let full = Uses::new(before);
            let hits = full.hits();
            (0..1_000).for_each(|_| full.count_hit());
            assert!(hits > 500_000_000 && (hits..=hits + 2 * u64::from(LOT)).contains(&full.hits()));
        }
    }
}
