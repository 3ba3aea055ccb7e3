//! The work that everybody does: which keys, in which order, and what a load makes.

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

/// How many different keys there are.
pub const ENTRIES: usize = 10_000;

/// Of the caches that are asked for hits: room enough that nobody evicts, however uneven its shards are.
pub const ROOM: usize = 2 * ENTRIES;

/// How skewed the keys are: YCSB's constant.
pub const EXPONENT: f64 = 0.99;

/// Of all caches that have one.
pub const TTL: Duration = Duration::from_mins(5);

/// At most as many threads call at once.
pub const THREADS: usize = 2;

/// Calls without a repeated sequence: more than the branch predictor learns by heart.
const LENGTH: usize = 1 << 18;

const SEED: u64 = 0x5EED;

/// What is cached.
pub type Value = Arc<Vec<u64>>;

/// A page: a limit and an offset.
pub type Pair = (u32, u32);

/// A text of 12 bytes.
pub type Text = &'static str;

thread_local! {
    static LOADS: Cell<u64> = const { Cell::new(0) };
}

/// The body of every cached function.
pub fn load(number: u64) -> Value {
    LOADS.set(LOADS.get() + 1);
    Arc::new(vec![number; 4])
}

/// How many loads this thread has made.
pub fn loads() -> u64 {
    LOADS.get()
}

/// What is looked up.
pub trait Key: Copy + Debug + Hash + Eq + Send + Sync + 'static {
    /// As a cache keeps it.
    type Owned: Borrow<Self::Borrowed> + Clone + Debug + Hash + Eq + Send + Sync + 'static;
    /// As a cache is asked for it without an allocation.
    type Borrowed: ?Sized + Hash + Eq + ToOwned<Owned = Self::Owned>;

    /// For the head of a column.
    const KIND: &'static str;

    /// The key of this number.
    fn of(number: usize) -> Self;
    /// Some number that comes from it.
    fn number(self) -> u64;
    /// To be kept.
    fn owned(self) -> Self::Owned;
    /// To be asked for.
    fn borrowed(&self) -> &Self::Borrowed;

    /// Every key there is.
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

/// The keys that each thread asks for, one after another: made before anything is timed.
#[derive(Debug)]
pub struct Sequence<K> {
    of_threads: Vec<Vec<K>>,
}

impl<K: Key> Sequence<K> {
    /// Zipf-distributed. Which keys are hot has nothing to do with when they were stored.
    ///
    /// # Panics
    ///
    /// Never: the parameters are in range.
    pub fn zipf() -> Arc<Self> {
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

    /// The same key, from all threads.
    pub fn one_hot() -> Arc<Self> {
        Arc::new(Self { of_threads: vec![vec![K::of(ENTRIES / 2); LENGTH]; THREADS] })
    }

    /// So many keys for one thread, from a place on that is another with each lap.
    ///
    /// # Panics
    ///
    /// If there are not so many.
    pub fn lap(&self, lap: Lap) -> &[K] {
        let keys = &self.of_threads[lap.thread];
        let from = (lap.number * 12_289) % (keys.len() - lap.calls + 1);
        &keys[from..from + lap.calls]
    }
}

/// Of the keys of a cache for [`ENTRIES`] of them, 1 in 100 is there.
const POPULATION: u64 = 100 * ENTRIES as u64;

/// Keys that are hardly ever there.
pub static STRANGERS: LazyLock<Vec<u64>> = LazyLock::new(|| {
    let mut rng = StdRng::seed_from_u64(SEED);
    (0..1 << 20).map(|_| rng.random_range(0..POPULATION)).collect()
});

/// Which calls are made: those of one thread, in one batch.
#[derive(Clone, Copy, Debug)]
pub struct Lap {
    /// From 0.
    pub thread: usize,
    /// Another for each batch, so that the keys are others.
    pub number: usize,
    /// How many calls.
    pub calls: usize,
}

/// Zipf-distributed ranks, from 0, the most frequent first.
#[derive(Debug)]
pub struct Ranks(Zipf<f64>);

impl Ranks {
    /// Of so many things, so skewed.
    ///
    /// # Panics
    ///
    /// If there is nothing, or the exponent is negative.
    #[expect(clippy::cast_precision_loss, reason = "few entries")]
    pub fn new(entries: usize, exponent: f64) -> Self {
        Self(Zipf::new(entries as f64, exponent).expect("some entries and a positive exponent"))
    }

    /// One rank.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number from 1 on")]
    pub fn draw(&self, rng: &mut StdRng) -> usize {
        rng.sample(self.0) as usize - 1
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn lap(thread: usize) -> Lap {
        Lap { thread, number: 0, calls: 100_000 }
    }

    #[test]
    fn keys_are_the_same_every_time_and_others_on_each_thread() {
        let (once, again) = (Sequence::<u64>::zipf(), Sequence::<u64>::zipf());
        assert_eq!(once.lap(lap(0)), again.lap(lap(0)));
        assert_ne!(once.lap(lap(0)), once.lap(lap(1)));
        assert_ne!(once.lap(lap(0)), once.lap(Lap { number: 1, ..lap(0) }));
    }

    /// With the exponent s the key of rank r has the share (1 / r^s) / H.
    #[test]
    #[expect(clippy::cast_precision_loss, reason = "few keys")]
    fn keys_are_as_skewed_as_they_should_be() {
        let mut counts = HashMap::new();
        let keys = Sequence::<Pair>::zipf();
        for key in keys.lap(lap(0)) {
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
    fn all_keys_differ_and_texts_are_of_12_bytes() {
        assert_eq!(Pair::all().collect::<std::collections::HashSet<_>>().len(), ENTRIES);
        assert!(Text::all().all(|text| text.len() == 12));
    }
}
