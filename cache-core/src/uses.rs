//! How often an entry was served, for people and for the eviction policy.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::policy::MAX_USES;

/// The hits of an entry, and how many of them the policy has still to account for: in one word, so that a hit
/// writes once.
///
/// It is a plain store, which costs a third of an atomic addition: of two hits at the very same time one may not be
/// counted, nor what the policy took note of just then. Neither is worth more.
///
/// The uses are the lowest bits, and stay at [`MAX_USES`]. The hits are above them, and stay at half a billion.
#[derive(Debug)]
pub(crate) struct Uses(AtomicU32);

const ONE_HIT: u32 = MAX_USES + 1;
const ONE_USE: u32 = 1;

/// The last count from which another is taken.
const FULL: u32 = u32::MAX - ONE_HIT;

impl Uses {
    /// Of an entry without hits, which begins with some uses to its credit.
    pub(crate) fn new(uses: u32) -> Self {
        Self(AtomicU32::new(uses))
    }

    #[inline]
    pub(crate) fn count_hit(&self) {
        let before = self.0.load(Ordering::Relaxed);
        if before < FULL {
            let is_used = before & MAX_USES == MAX_USES;
            self.0.store(before + if is_used { ONE_HIT } else { ONE_HIT + ONE_USE }, Ordering::Relaxed);
        }
    }

    pub(crate) fn hits(&self) -> u64 {
        u64::from(self.0.load(Ordering::Relaxed) / ONE_HIT)
    }

    /// Hits since the policy last looked, as far as they matter to it.
    pub(crate) fn uses(&self) -> u32 {
        self.0.load(Ordering::Relaxed) & MAX_USES
    }

    /// Takes note that the policy has looked, and left so many.
    pub(crate) fn spend(&self, left: u32) {
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
        for hits in 0..100 {
            assert_eq!((u64::from(uses.uses()), uses.hits()), (hits.min(MAX_USES.into()), hits));
            uses.count_hit();
        }
        uses.spend(1);
        assert_eq!((uses.uses(), uses.hits()), (1, 100));
        uses.count_hit();
        assert_eq!((uses.uses(), uses.hits()), (2, 101));
        assert_eq!((Uses::new(2).uses(), Uses::new(2).hits()), (2, 0));
    }

    #[test]
    fn hits_stop_before_they_would_start_again() {
        for before in (FULL - 20..).take(20) {
            let full = Uses::new(before);
            let hits = full.hits();
            (0..10).for_each(|_| full.count_hit());
            assert!(hits > 500_000_000 && (hits..=hits + 10).contains(&full.hits()));
        }
    }
}
