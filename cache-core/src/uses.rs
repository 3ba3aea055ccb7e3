//! How often an entry was served, for people and for the eviction policy.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::policy::MAX_USES;

/// The hits of an entry, and how many of them the policy has still to account for: in one word, so that a hit
/// writes once.
///
/// The uses are the lowest bits, and stay at [`MAX_USES`]. The hits are above them, and stay at some billion.
#[derive(Debug)]
pub(crate) struct Uses(AtomicU32);

const ONE_HIT: u32 = MAX_USES + 1;
const ONE_USE: u32 = 1;

/// So far below the end that no number of threads that add at once comes there.
const FULL: u32 = u32::MAX - (1 << 24);

impl Uses {
    /// Of an entry without hits, which begins with some uses to its credit.
    pub(crate) fn new(uses: u32) -> Self {
        Self(AtomicU32::new(uses))
    }

    #[inline]
    pub(crate) fn count_hit(&self) {
        let before = self.0.load(Ordering::Relaxed);
        if before & MAX_USES < MAX_USES {
            self.count_use();
        } else if before < FULL {
            self.0.fetch_add(ONE_HIT, Ordering::Relaxed);
        }
    }

    /// One of the few hits that change the number of uses.
    fn count_use(&self) {
        let count = |before: u32| {
            let use_it = if before & MAX_USES < MAX_USES { ONE_USE } else { 0 };
            (before < FULL).then(|| before + ONE_HIT + use_it)
        };
        // There is nothing to do if it is full.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count);
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
        let spend = |before: u32| Some(before & !MAX_USES | left);
        // The closure never returns `None`, so there is no failure to handle.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend);
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
        for uses in [0, MAX_USES] {
            let full = Uses::new(FULL & !MAX_USES | uses);
            let hits = full.hits();
            (0..10).for_each(|_| full.count_hit());
            assert!(hits > 1_000_000_000 && (hits..=hits + 1).contains(&full.hits()));
        }
    }

    #[test]
    fn no_hit_is_lost_between_threads() {
        let uses = Uses::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|_| uses.count_hit()));
            }
            (0..100).for_each(|_| uses.spend(0));
        });
        assert_eq!(uses.hits(), 40_000);
    }
}
