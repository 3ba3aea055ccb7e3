//! Sequences of operations, the same in every run, and the best that any cache could make of them.

use std::collections::{BTreeSet, HashMap};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rand_distr::{Distribution as _, Zipf};

/// How many keys are asked for again and again.
pub(super) const KEYS: u64 = 100_000;

/// How many tags there are: each is borne by 1% of the keys.
pub(super) const TAGS: u64 = 100;

/// The tag that a key's entry bears. The most popular keys have different ones.
pub(super) fn tag_of(key: u64) -> u64 {
    key % TAGS
}

/// What is done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// The value of a key is asked for.
    Ask(u64),
    /// All entries with a tag are forgotten.
    Forget(u64),
}

/// Keys by popularity: the n-th is asked for as often as 1 / n to the power of `exponent`.
pub(super) fn zipf(exponent: f64, len: usize, seed: u64) -> Vec<Operation> {
    let mut keys = zipf_keys(exponent, seed);
    (0..len).map(|_| Operation::Ask(keys())).collect()
}

/// All keys in turn, over and over.
pub(super) fn cycle(len: usize) -> Vec<Operation> {
    (0..KEYS).cycle().take(len).map(Operation::Ask).collect()
}

/// Zipf with scans in between: after every 20,000 operations come 10,000 keys in turn that are never asked for
/// again.
pub(super) fn scans(exponent: f64, len: usize, seed: u64) -> Vec<Operation> {
    const APART: usize = 20_000;
    const SCAN: usize = 10_000;
    let mut keys = zipf_keys(exponent, seed);
    let mut scanned = KEYS;
    let mut next = |at: usize| {
        if at % (APART + SCAN) < APART {
            return keys();
        }
        scanned += 1;
        scanned
    };
    (0..len).map(|at| Operation::Ask(next(at))).collect()
}

/// Zipf, with one operation in 20 that forgets a tag, each as often as the others.
pub(super) fn invalidations(exponent: f64, len: usize, seed: u64) -> Vec<Operation> {
    let mut keys = zipf_keys(exponent, seed);
    let mut dice = StdRng::seed_from_u64(seed + 1);
    let mut next = || {
        if dice.random_ratio(1, 20) { Operation::Forget(dice.random_range(0..TAGS)) } else { Operation::Ask(keys()) }
    };
    (0..len).map(|_| next()).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to KEYS")]
#[expect(clippy::cast_precision_loss, reason = "not so many keys")]
fn zipf_keys(exponent: f64, seed: u64) -> impl FnMut() -> u64 {
    let zipf = Zipf::new(KEYS as f64, exponent).expect("an exponent above zero");
    let mut dice = StdRng::seed_from_u64(seed);
    move || zipf.sample(&mut dice) as u64 - 1
}

/// How many of the questions from `counted` on could be hits in a cache that knows the future, and never has to store
/// what it is asked for (Belady's algorithm).
pub(super) fn most_hits(trace: &[Operation], capacity: usize, counted: usize) -> usize {
    let next_asked = next_asked(trace);
    // The entry that is needed last goes first.
    let mut by_need = BTreeSet::new();
    let mut needed = HashMap::new();
    let mut hits = 0;
    for (at, operation) in trace.iter().enumerate() {
        let Operation::Ask(key) = *operation else { continue };
        if let Some(need) = needed.remove(&key) {
            by_need.remove(&(need, key));
            // What was forgotten is needed for nothing, and was not there to be asked for.
            hits += usize::from(at >= counted);
        }
        let Some(need) = next_asked[at] else { continue };
        by_need.insert((need, key));
        needed.insert(key, need);
        if by_need.len() > capacity
            && let Some((_, last)) = by_need.pop_last()
        {
            needed.remove(&last);
        }
    }
    hits
}

/// For each question, when its key is asked for again, unless it is forgotten before.
fn next_asked(trace: &[Operation]) -> Vec<Option<usize>> {
    let mut next = vec![None; trace.len()];
    let mut asked = HashMap::new();
    let mut forgotten = HashMap::new();
    for (at, operation) in trace.iter().enumerate().rev() {
        match *operation {
            Operation::Ask(key) => {
                let forgotten = forgotten.get(&tag_of(key)).copied();
                next[at] = asked.insert(key, at).filter(|&again| forgotten.is_none_or(|forgotten| again < forgotten));
            }
            Operation::Forget(tag) => _ = forgotten.insert(tag, at),
        }
    }
    next
}

#[cfg(test)]
mod tests {
    use super::Operation::{Ask, Forget};
    use super::*;

    #[test]
    fn the_optimum_keeps_what_is_needed_next() {
        let trace = [Ask(1), Ask(2), Ask(3), Ask(2), Ask(1)];
        assert_eq!(most_hits(&trace, 1, 0), 1);
        assert_eq!(most_hits(&trace, 2, 0), 2);
        assert_eq!(most_hits(&trace, 2, 4), 1, "the first four are not counted");
    }

    #[test]
    fn what_is_forgotten_is_no_hit() {
        assert_eq!(most_hits(&[Ask(1), Forget(1), Ask(1), Ask(1)], 9, 0), 1);
        assert_eq!(most_hits(&[Ask(1), Forget(2), Ask(1), Ask(1)], 9, 0), 2);
    }

    #[test]
    fn traces_are_the_same_each_time() {
        assert_eq!(invalidations(0.99, 1_000, 7), invalidations(0.99, 1_000, 7));
        assert_ne!(zipf(0.99, 1_000, 7), zipf(0.99, 1_000, 8));
        assert!(scans(0.99, 30_000, 7)[20_000..].iter().all(|asked| matches!(asked, Ask(KEYS..))));
    }
}
