//! Keys whose last load failed, and until when nobody loads them while there is a value to serve.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::clock::Nanos;
use crate::version::scope::ScopeId;

/// Of one shard. Keys are known by their hashes: a key with the hash of another (probability 2^-64) may be loaded later
/// by `retry_after`.
#[derive(Default)]
pub(crate) struct Failures {
    until: HashMap<(u64, ScopeId), Nanos, RandomState>,
    /// At this length, those that are over are removed.
    full_at: usize,
}

impl Failures {
    /// Smaller tables are not cleaned.
    const FEW: usize = 16;

    pub(crate) fn record(&mut self, hash: u64, scope: ScopeId, until: Nanos, now: Nanos) {
        if self.until.len() >= self.full_at.max(Self::FEW) {
            self.until.retain(|_, until| *until > now);
            self.until.shrink_to(self.until.len() * 2);
            // At least half of the records of the next clean-up are new: it costs each of them a constant.
            self.full_at = self.until.len() * 2;
        }
        self.until.insert((hash, scope), until);
    }

    pub(crate) fn has(&self, hash: u64, scope: ScopeId, now: Nanos) -> bool {
        !self.until.is_empty() && self.until.get(&(hash, scope)).is_some_and(|until| now < *until)
    }

    /// A load has succeeded.
    pub(crate) fn forget(&mut self, hash: u64, scope: ScopeId) {
        if !self.until.is_empty() {
            self.until.remove(&(hash, scope));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p18_a_failure_counts_for_a_while_or_until_a_success() {
        let mut failures = Failures::default();
        failures.record(1, 0, 10, 5);
        assert!(failures.has(1, 0, 9) && !failures.has(1, 0, 10));
        assert!(!failures.has(1, 7, 9) && !failures.has(2, 0, 9));
        failures.forget(2, 0);
        assert!(failures.has(1, 0, 9));
        failures.forget(1, 0);
        assert!(!failures.has(1, 0, 9));
    }

    #[test]
    fn p9_failures_that_are_over_are_removed() {
        let mut failures = Failures::default();
        for now in 0..10_000 {
            failures.record(now, 0, now + 10, now);
            assert!(failures.until.len() <= 32, "{} records", failures.until.len());
        }
        assert!(failures.until.capacity() < 100);
    }
}
