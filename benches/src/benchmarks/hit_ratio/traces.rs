//! Reproducible sequences of operations, and the optimal number of hits.

use std::collections::{BTreeSet, HashMap};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rand_distr::{Distribution as _, Zipf};

/// The number of keys that repeat.
pub(super) const KEYS: u64 = 100_000;

/// The number of tags: each belongs to 1% of the keys.
pub(super) const TAGS: u64 = 100;

/// The tag of a key. The most popular keys have different tags.
pub(super) fn tag_of(key: u64) -> u64 {
    key % TAGS
}

/// One step of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// Gets a key.
    Get(u64),
    /// Invalidates all entries with a tag.
    Invalidate(u64),
}

/// Keys with Zipf's distribution: the n-th has a probability proportional to 1 / n^`exponent`.
pub(super) fn zipf(exponent: f64, len: usize, seed: u64) -> Vec<Operation> {
    let mut keys = zipf_keys(exponent, seed);
    (0..len).map(|_| Operation::Get(keys())).collect()
}

/// All keys in turn, repeatedly.
pub(super) fn cycle(len: usize) -> Vec<Operation> {
    (0..KEYS).cycle().take(len).map(Operation::Get).collect()
}

/// Zipf with scans: after every 20,000 operations follow 10,000 keys that never repeat.
pub(super) fn scans(exponent: f64, len: usize, seed: u64) -> Vec<Operation> {
    const BETWEEN: usize = 20_000;
    const SCAN: usize = 10_000;
    let mut keys = zipf_keys(exponent, seed);
    let mut scanned = KEYS;
    let mut next = |at: usize| {
        if at % (BETWEEN + SCAN) < BETWEEN {
            return keys();
        }
        scanned += 1;
        scanned
    };
    (0..len).map(|at| Operation::Get(next(at))).collect()
}

/// Zipf, with one operation in 20 that invalidates a tag, uniformly chosen.
pub(super) fn invalidations(exponent: f64, len: usize, seed: u64) -> Vec<Operation> {
    let mut keys = zipf_keys(exponent, seed);
    let mut rng = StdRng::seed_from_u64(seed + 1);
    let mut next = || {
        if rng.random_ratio(1, 20) { Operation::Invalidate(rng.random_range(0..TAGS)) } else { Operation::Get(keys()) }
    };
    (0..len).map(|_| next()).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to KEYS")]
#[expect(clippy::cast_precision_loss, reason = "few keys")]
fn zipf_keys(exponent: f64, seed: u64) -> impl FnMut() -> u64 {
    let zipf = Zipf::new(KEYS as f64, exponent).expect("an exponent above zero");
    let mut rng = StdRng::seed_from_u64(seed);
    move || zipf.sample(&mut rng) as u64 - 1
}

/// The hits from operation `counted` on of a cache that knows the future, and need not store what it loads (Belady's algorithm).
pub(super) fn optimal_hits(trace: &[Operation], capacity: usize, counted: usize) -> usize {
    let next_gets = next_gets(trace);
    // The entry whose next get is last is evicted first.
    let mut by_next_get = BTreeSet::new();
    let mut stored = HashMap::new();
    let mut hits = 0;
    for (at, operation) in trace.iter().enumerate() {
        let Operation::Get(key) = *operation else { continue };
        if let Some(next) = stored.remove(&key) {
            by_next_get.remove(&(next, key));
            // An entry that is invalidated before its next get is not stored.
            hits += usize::from(at >= counted);
        }
        let Some(next) = next_gets[at] else { continue };
        by_next_get.insert((next, key));
        stored.insert(key, next);
        if by_next_get.len() > capacity
            && let Some((_, last)) = by_next_get.pop_last()
        {
            stored.remove(&last);
        }
    }
    hits
}

/// For each get, the next get of its key, unless the key is invalidated before.
fn next_gets(trace: &[Operation]) -> Vec<Option<usize>> {
    let mut next = vec![None; trace.len()];
    let mut gets = HashMap::new();
    let mut invalidations = HashMap::new();
    for (at, operation) in trace.iter().enumerate().rev() {
        match *operation {
            Operation::Get(key) => {
                let invalidated = invalidations.get(&tag_of(key)).copied();
                next[at] = gets.insert(key, at).filter(|&get| invalidated.is_none_or(|invalidated| get < invalidated));
            }
            Operation::Invalidate(tag) => _ = invalidations.insert(tag, at),
        }
    }
    next
}

#[cfg(test)]
mod tests {
    use super::Operation::{Get, Invalidate};
    use super::*;

    #[test]
    fn the_optimum_stores_the_next_gets() {
        let trace = [Get(1), Get(2), Get(3), Get(2), Get(1)];
        assert_eq!(optimal_hits(&trace, 1, 0), 1);
        assert_eq!(optimal_hits(&trace, 2, 0), 2);
        assert_eq!(optimal_hits(&trace, 2, 4), 1, "the first four operations are not counted");
    }

    #[test]
    fn a_get_after_an_invalidation_is_a_miss() {
        assert_eq!(optimal_hits(&[Get(1), Invalidate(1), Get(1), Get(1)], 9, 0), 1);
        assert_eq!(optimal_hits(&[Get(1), Invalidate(2), Get(1), Get(1)], 9, 0), 2);
    }

    #[test]
    fn traces_are_reproducible() {
        assert_eq!(invalidations(0.99, 1_000, 7), invalidations(0.99, 1_000, 7));
        assert_ne!(zipf(0.99, 1_000, 7), zipf(0.99, 1_000, 8));
        assert!(scans(0.99, 30_000, 7)[20_000..].iter().all(|operation| matches!(operation, Get(KEYS..))));
    }
}
