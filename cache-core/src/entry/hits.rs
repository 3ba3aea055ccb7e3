//! Counts the hits of an entry.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

/// The hits of an entry, and its *frequency*: hits since the eviction policy last inspected it. Both share a word, so
/// that a hit writes once.
///
/// A hit is a plain store, at a third of the cost of an atomic addition: one of two concurrent hits may be lost, or a
/// concurrent write of the policy. After 32 hits, one in [`SAMPLE`], at random, is written: threads would contend for
/// the cache line, and even one thread pays for writing to very many entries.
///
/// The frequency is in the lowest bits, and saturates at [`MAX_FREQUENCY`]; the hits above it at half a billion.
#[derive(Debug)]
pub(crate) struct Hits(AtomicU32);

/// The policy does not distinguish higher frequencies.
pub(crate) const MAX_FREQUENCY: u32 = 7;

const ONE_HIT: u32 = MAX_FREQUENCY + 1;
const ONCE: u32 = 1;

/// Below this, each hit is counted.
const COUNTED_SINGLY: u32 = 32 * ONE_HIT;

/// After that, one hit in so many is counted.
const SAMPLE: u32 = 64;

/// Above this, no hits are added: the word would overflow.
const FULL: u32 = u32::MAX - SAMPLE * ONE_HIT;

thread_local! {
    static DRAWN: Cell<u32> = const { Cell::new(0) };
}

/// True once in [`SAMPLE`] times, by high bits of a linear congruential generator.
#[inline]
fn is_drawn() -> bool {
    DRAWN.with(|last| {
        let drawn = last.get().wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        last.set(drawn);
        drawn < u32::MAX / SAMPLE
    })
}

impl Hits {
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

    pub(crate) fn frequency(&self) -> u32 {
        self.0.load(Ordering::Relaxed) & MAX_FREQUENCY
    }

    pub(crate) fn set_frequency(&self, frequency: u32) {
        debug_assert!(frequency <= MAX_FREQUENCY);
        self.0.store(self.0.load(Ordering::Relaxed) & !MAX_FREQUENCY | frequency, Ordering::Relaxed);
    }
}

const _: () = assert!(ONE_HIT.is_power_of_two(), "frequency and hits are different bits");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frequency_saturates_and_hits_are_still_counted() {
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
    fn many_hits_are_counted_approximately() {
        let entry = Hits::new(0);
        (0..100_000).for_each(|_| entry.record());
        assert!((92_000..108_000).contains(&entry.total()), "{} hits", entry.total());
        entry.set_frequency(0);
        entry.record();
        assert_eq!(entry.frequency(), 1, "each hit counts");
    }

    #[test]
    fn hits_saturate_before_they_overflow() {
        for before in (FULL - 20..).take(20) {
            let full = Hits::new(before);
            let hits = full.total();
            (0..1_000).for_each(|_| full.record());
            assert!(hits > 500_000_000 && (hits..=hits + 2 * u64::from(SAMPLE)).contains(&full.total()));
        }
    }
}
