//! The choices of a worker.

use std::sync::atomic::{AtomicU64, Ordering};

use fastrand::Rng;

/// A source of chance that goes with a task from thread to thread. Only one worker uses it, so there is nothing to
/// lose between reading and writing.
pub(super) struct Dice(AtomicU64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    fn roll<R>(&self, roll: impl FnOnce(&mut Rng) -> R) -> R {
        let mut rng = Rng::with_seed(self.0.load(Ordering::Relaxed));
        let rolled = roll(&mut rng);
        self.0.store(rng.get_seed(), Ordering::Relaxed);
        rolled
    }

    pub(super) fn below(&self, end: u32) -> u32 {
        self.roll(|rng| rng.u32(..end))
    }

    pub(super) fn index(&self, len: usize) -> usize {
        self.roll(|rng| rng.usize(..len))
    }

    pub(super) fn one_in(&self, times: u32) -> bool {
        self.below(times) == 0
    }

    /// For other dice.
    pub(super) fn seed(&self) -> u64 {
        self.roll(|rng| rng.u64(..))
    }
}
