//! How often an entry was hit, for listings and for the eviction policy.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

/// The hits of an entry, and its *frequency*: those that the policy has not yet accounted for. Both are in one word, so
/// that a hit writes once.
///
/// A hit is a plain store, at a third of the cost of an atomic addition: of two concurrent hits one may not be counted,
/// and a concurrent record of the policy may be lost. After the first hits an entry is not written to by each: other
/// threads would have to fetch the cache line, and even one thread pays for writing to very many entries. One hit in
/// [`SAMPLE`], drawn at random, stands for all. Neither listings nor the policy need exact counts.
///
/// The frequency is in the lowest bits, and stays at [`MAX_FREQUENCY`]. The hits are above it, and stay at half a billion.
#[derive(Debug)]
pub(crate) struct Hits(AtomicU32);

/// A higher frequency makes no difference to the policy.
pub(crate) const MAX_FREQUENCY: u32 = 7;

const ONE_HIT: u32 = MAX_FREQUENCY + 1;
const ONCE: u32 = 1;

/// The hits that are counted one by one.
const COUNTED_SINGLY: u32 = 32 * ONE_HIT;

/// How many hits a counted one stands for after that.
const SAMPLE: u32 = 64;

/// No hits are added to more than this.
const FULL: u32 = u32::MAX - SAMPLE * ONE_HIT;

thread_local! {
    static DRAWN: Cell<u32> = const { Cell::new(0) };
}

/// True once in [`SAMPLE`] times: by a linear congruential generator, whose high bits are good enough for that.
#[inline]
fn is_drawn() -> bool {
    DRAWN.with(|last| {
        let drawn = last.get().wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        last.set(drawn);
        drawn < u32::MAX / SAMPLE
    })
}

impl Hits {
    /// No hits, and a frequency to begin with.
    pub(crate) fn new(frequency: u32) -> Self {
        Self(AtomicU32::new(frequency))
    }

    #[inline]
    pub(crate) fn record(&self) {
        let before = self.0.load(Ordering::Relaxed);
        if before & MAX_FREQUENCY < MAX_FREQUENCY {
            self.add(before, ONE_HIT + ONCE);
        } else if before < COUNTED_SINGLY {
            self.add(before, ONE_HIT);
        } else if is_drawn() {
            self.add(before, SAMPLE * ONE_HIT);
        }
    }

    #[inline]
    fn add(&self, before: u32, more: u32) {
        if before < FULL {
            self.0.store(before + more, Ordering::Relaxed);
        }
    }

    pub(crate) fn total(&self) -> u64 {
        u64::from(self.0.load(Ordering::Relaxed) / ONE_HIT)
    }

    /// Hits since the policy last accounted for them, up to [`MAX_FREQUENCY`].
    pub(crate) fn frequency(&self) -> u32 {
        self.0.load(Ordering::Relaxed) & MAX_FREQUENCY
    }

    /// Records what the policy has left of the frequency.
    pub(crate) fn set_frequency(&self, left: u32) {
        debug_assert!(left <= MAX_FREQUENCY);
        self.0.store(self.0.load(Ordering::Relaxed) & !MAX_FREQUENCY | left, Ordering::Relaxed);
    }
}

const _: () = assert!(ONE_HIT.is_power_of_two(), "frequency and hits are different bits");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frequency_has_a_maximum_and_hits_go_on() {
        let entry = Hits::new(0);
        for hits in 0..32 {
            assert_eq!((u64::from(entry.frequency()), entry.total()), (hits.min(MAX_FREQUENCY.into()), hits));
            entry.record();
        }
        entry.set_frequency(1);
        assert_eq!((entry.frequency(), entry.total()), (1, 32));
        entry.record();
        assert_eq!((entry.frequency(), entry.total()), (2, 33), "each hit counts");
        assert_eq!((Hits::new(2).frequency(), Hits::new(2).total()), (2, 0));
    }

    #[test]
    fn many_hits_are_counted_nearly() {
        let entry = Hits::new(0);
        (0..100_000).for_each(|_| entry.record());
        assert!((92_000..108_000).contains(&entry.total()), "{} hits", entry.total());
        entry.set_frequency(0);
        entry.record();
        assert_eq!(entry.frequency(), 1, "each hit counts");
    }

    #[test]
    fn hits_stop_before_they_would_start_again() {
        for before in (FULL - 20..).take(20) {
            let full = Hits::new(before);
            let hits = full.total();
            (0..1_000).for_each(|_| full.record());
            assert!(hits > 500_000_000 && (hits..=hits + 2 * u64::from(SAMPLE)).contains(&full.total()));
        }
    }
}
