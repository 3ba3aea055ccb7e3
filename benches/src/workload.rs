//! The work of all contenders: the keys, their order, and the loaded values.

use std::borrow::Borrow;
use std::cell::Cell;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_distr::Zipf;

pub(crate) const ENTRIES: usize = 10_000;

/// The capacity where nothing is to be evicted, however uneven the shards are.
pub(crate) const AMPLE_CAPACITY: usize = 2 * ENTRIES;

/// The skew of the keys: YCSB's constant.
pub(crate) const EXPONENT: f64 = 0.99;

/// The time to live, where a contender has one.
pub(crate) const TTL: Duration = Duration::from_mins(5);

pub(crate) const THREADS: usize = 2;

/// The period of the keys: longer than the branch predictor can learn.
const LENGTH: usize = 1 << 18;

const SEED: u64 = 0x5EED;

pub(crate) type Value = Arc<Vec<u64>>;

/// A page: a limit and an offset.
pub(crate) type Pair = (u32, u32);

/// A text of 12 bytes.
pub(crate) type Text = &'static str;

thread_local! {
    static LOADS: Cell<u64> = const { Cell::new(0) };
}

/// The body of every cached function.
pub(crate) fn load(number: u64) -> Value {
    LOADS.set(LOADS.get() + 1);
    Arc::new(vec![number; 4])
}

pub(crate) fn loads() -> u64 {
    LOADS.get()
}

/// A key, in the forms that caches take.
pub(crate) trait Key: Copy + Debug + Hash + Eq + Send + Sync + 'static {
    /// The form that a cache stores.
    type Owned: Borrow<Self::Borrowed> + Clone + Debug + Hash + Eq + Send + Sync + 'static;
    /// The form that a lookup takes without an allocation.
    type Borrowed: ?Sized + Hash + Eq + ToOwned<Owned = Self::Owned>;

    const KIND: &'static str;

    fn of(number: usize) -> Self;
    /// A number derived from it.
    fn number(self) -> u64;
    fn owned(self) -> Self::Owned;
    fn borrowed(&self) -> &Self::Borrowed;

    fn all() -> impl Iterator<Item = Self> {
        (0..ENTRIES).map(Self::of)
    }
}

impl Key for u64 {
    type Owned = Self;
    type Borrowed = Self;
    const KIND: &'static str = "u64";

    fn of(number: usize) -> Self {
        number as Self
    }
    fn number(self) -> u64 {
        self
    }
    fn owned(self) -> Self {
        self
    }
    fn borrowed(&self) -> &Self {
        self
    }
}

impl Key for Pair {
    type Owned = Self;
    type Borrowed = Self;
    const KIND: &'static str = "(u32, u32)";

    fn of(number: usize) -> Self {
        (50, u32::try_from(50 * number).expect("few entries"))
    }
    fn number(self) -> u64 {
        self.1.into()
    }
    fn owned(self) -> Self {
        self
    }
    fn borrowed(&self) -> &Self {
        self
    }
}

static TEXTS: LazyLock<Vec<String>> =
    LazyLock::new(|| (0..ENTRIES).map(|number| format!("name-{number:07}")).collect());

impl Key for Text {
    type Owned = String;
    type Borrowed = str;
    const KIND: &'static str = "&str";

    fn of(number: usize) -> Self {
        &TEXTS[number]
    }
    fn number(self) -> u64 {
        self.len() as u64
    }
    fn owned(self) -> String {
        self.into()
    }
    fn borrowed(&self) -> &str {
        self
    }
}

/// The keys of all calls of each thread, generated before anything is timed.
#[derive(Debug)]
pub(crate) struct Keys<K> {
    of_threads: Vec<Vec<K>>,
}

impl<K: Key> Keys<K> {
    /// Zipf-distributed. Which keys are hot is independent of the order of insertion.
    pub(crate) fn zipf() -> Arc<Self> {
        let mut by_rank: Vec<K> = K::all().collect();
        by_rank.shuffle(&mut StdRng::seed_from_u64(SEED));
        let ranks = Ranks::new(ENTRIES, EXPONENT);
        let of_threads = (0..THREADS as u64)
            .map(|thread| {
                let mut rng = StdRng::seed_from_u64(SEED + 1 + thread);
                (0..LENGTH).map(|_| by_rank[ranks.draw(&mut rng)]).collect()
            })
            .collect();
        Arc::new(Self { of_threads })
    }

    pub(crate) fn one_hot() -> Arc<Self> {
        Arc::new(Self { of_threads: vec![vec![K::of(ENTRIES / 2); LENGTH]; THREADS] })
    }

    /// The keys of a batch. Batches with different numbers start at different places.
    pub(crate) fn of(&self, batch: Batch) -> &[K] {
        let keys = &self.of_threads[batch.thread];
        let from = (batch.number * 12_289) % (keys.len() - batch.calls + 1);
        &keys[from..from + batch.calls]
    }
}

/// 1 in 100 keys is present in a cache of [`ENTRIES`].
const POPULATION: u64 = 100 * ENTRIES as u64;

/// Keys that mostly miss.
pub(crate) static MISSING_KEYS: LazyLock<Vec<u64>> = LazyLock::new(|| {
    let mut rng = StdRng::seed_from_u64(SEED);
    (0..1 << 20).map(|_| rng.random_range(0..POPULATION)).collect()
});

/// The calls of one thread in one round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch {
    pub(crate) thread: usize,
    /// Chooses the keys.
    pub(crate) number: usize,
    pub(crate) calls: usize,
}

/// Zipf-distributed ranks from 0, the most frequent.
#[derive(Debug)]
pub(crate) struct Ranks(Zipf<f64>);

impl Ranks {
    #[expect(clippy::cast_precision_loss, reason = "few entries")]
    pub(crate) fn new(entries: usize, exponent: f64) -> Self {
        Self(Zipf::new(entries as f64, exponent).expect("entries and a positive exponent"))
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number from 1 on")]
    pub(crate) fn draw(&self, rng: &mut StdRng) -> usize {
        rng.sample(self.0) as usize - 1
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn batch(thread: usize) -> Batch {
        Batch { thread, number: 0, calls: 100_000 }
    }

    #[test]
    fn keys_are_reproducible_and_differ_between_threads() {
        let (once, again) = (Keys::<u64>::zipf(), Keys::<u64>::zipf());
        assert_eq!(once.of(batch(0)), again.of(batch(0)));
        assert_ne!(once.of(batch(0)), once.of(batch(1)));
        assert_ne!(once.of(batch(0)), once.of(Batch { number: 1, ..batch(0) }));
    }

    /// With exponent s, the key of rank r has the share (1 / r^s) / H.
    #[test]
    #[expect(clippy::cast_precision_loss, reason = "few keys")]
    fn keys_are_zipf_distributed() {
        let mut counts = HashMap::new();
        let keys = Keys::<Pair>::zipf();
        for key in keys.of(batch(0)) {
            *counts.entry(key).or_insert(0_u32) += 1;
        }
        let mut counts: Vec<f64> = counts.into_values().map(f64::from).collect();
        counts.sort_by(|a, b| b.total_cmp(a));
        let harmonic: f64 = (1..=ENTRIES).map(|rank| (rank as f64).powf(-EXPONENT)).sum();
        for (rank, tolerance) in [(1, 0.05), (2, 0.05), (10, 0.1), (100, 0.25)] {
            let expected = 100_000.0 * f64::powf(f64::from(rank), -EXPONENT) / harmonic;
            let counted = counts[usize::try_from(rank).unwrap() - 1];
            assert!((counted / expected - 1.0).abs() < tolerance, "rank {rank}: {counted}, not {expected}");
        }
    }

    #[test]
    fn all_keys_differ_and_texts_have_12_bytes() {
        assert_eq!(Pair::all().collect::<std::collections::HashSet<_>>().len(), ENTRIES);
        assert!(Text::all().all(|text| text.len() == 12));
    }
}
