//! Random numbers, for the jitter of times to live.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::RandomState;

use crate::clock::Nanos;
use crate::query::MILLION;

/// `SplitMix64`, by Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014, with the
/// constants of Vigna's version in C: <https://prng.di.unimi.it/splitmix64.c>.
///
/// Its state is a counter, so that threads draw without a lock.
pub(crate) struct Random(AtomicU64);

impl Random {
    pub(crate) fn new(seed: Option<u64>) -> Self {
        // The hasher's seed is random.
        Self(AtomicU64::new(seed.unwrap_or_else(|| RandomState::default().hash_one(MILLION))))
    }

    fn draw(&self) -> u64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let state = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        let mixed = (state ^ state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// Shortens a time by a random part of up to `jitter` millionths. Draws nothing without jitter.
    pub(crate) fn shorten(&self, time: Nanos, jitter: u32) -> Nanos {
        if jitter == 0 {
            return time;
        }
        let most = u128::from(time) * u128::from(jitter) / u128::from(MILLION);
        let part = ((most + 1) * u128::from(self.draw())) >> 64;
        time - Nanos::try_from(part).expect("it is a part of the time")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed by the C version from the seed 1234567.
    #[test]
    fn it_draws_the_numbers_of_its_source() {
        let random = Random::new(Some(1_234_567));
        let drawn = [random.draw(), random.draw(), random.draw()];
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn a_time_is_shortened_by_up_to_the_jitter() {
        let random = Random::new(Some(0));
        let times: Vec<_> = (0..10_000).map(|_| random.shorten(1_000, 100_000)).collect();
        assert_eq!((times.iter().min(), times.iter().max()), (Some(&900), Some(&1_000)));
        assert!((940..960).contains(&(times.iter().sum::<Nanos>() / 10_000)), "all are as likely");
        assert!((0..100).all(|_| random.shorten(1, MILLION - 1) == 1), "something is left");
        assert!(random.shorten(Nanos::MAX, MILLION - 1) > 0);
    }

    #[test]
    fn nothing_is_drawn_without_jitter() {
        let random = Random::new(Some(7));
        assert_eq!(random.shorten(1_000, 0), 1_000);
        assert_eq!(random.draw(), Random::new(Some(7)).draw());
    }

    #[test]
    fn seeds_differ_unless_they_are_given() {
        assert_ne!(Random::new(None).draw(), Random::new(None).draw());
    }
}
