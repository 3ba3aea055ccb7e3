//! The random choices of a worker.

use std::sync::atomic::{AtomicU64, Ordering};

use fastrand::Rng;

/// A random number generator that can move between threads with its task. Only one worker uses it, so the load and the
/// store need not be one atomic operation.
pub(super) struct Random(AtomicU64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    fn with_rng<R>(&self, with_rng: impl FnOnce(&mut Rng) -> R) -> R {
        let mut rng = Rng::with_seed(self.0.load(Ordering::Relaxed));
        let result = with_rng(&mut rng);
        self.0.store(rng.get_seed(), Ordering::Relaxed);
        result
    }

    pub(super) fn below(&self, end: u32) -> u32 {
        self.with_rng(|rng| rng.u32(..end))
    }

    pub(super) fn index(&self, len: usize) -> usize {
        self.with_rng(|rng| rng.usize(..len))
    }

    pub(super) fn one_in(&self, times: u32) -> bool {
        self.below(times) == 0
    }

    pub(super) fn seed(&self) -> u64 {
        self.with_rng(|rng| rng.u64(..))
    }
}
