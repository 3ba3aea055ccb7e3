//! Single calls of one thread, while another thread interferes.

use std::convert::Infallible;
use std::hint::{black_box, spin_loop};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cache_core::{Cache, HasCache, cached_query, invalidates};

use super::{MissingKeys, OURS, QUICK, QUICK_SINGLE_FLIGHT};
use crate::workload::{Batch, ENTRIES, Key, Keys, Value, load, loads};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    HitAlone,
    /// A hit, while the other thread invalidates other keys of the cache and loads them again.
    HitDuringReloads,
    /// A hit, while the other thread inserts into the full cache.
    HitDuringInserts,
    /// A miss, while the other thread clones a value of the cache, which takes [`SLOW_CLONE`].
    MissDuringClones,
}

impl Case {
    pub(crate) const ALL: [Self; 4] =
        [Self::HitAlone, Self::HitDuringReloads, Self::HitDuringInserts, Self::MissDuringClones];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::HitAlone => "hit, alone",
            Self::HitDuringReloads => "hit, during reloads",
            Self::HitDuringInserts => "hit, during inserts when full",
            Self::MissDuringClones => "miss, during slow clones",
        }
    }
}

/// Two readings of the clock, which every figure includes.
pub(crate) const CLOCK: &str = "the clock alone";

pub(crate) const SLOW_CLONE: Duration = Duration::from_micros(50);

/// Times a batch call by call, and appends the nanoseconds of each call that counts.
pub(crate) type TimedCalls = Box<dyn Fn(Batch, &mut Vec<u64>) + Send + Sync>;

pub(crate) type Interference = Box<dyn Fn() + Send + Sync>;

pub(crate) struct Trial {
    pub(crate) contender: &'static str,
    pub(crate) case: Case,
    pub(crate) calls: TimedCalls,
    /// The other thread's work, if there is any.
    pub(crate) interference: Option<Interference>,
}

pub(crate) fn trials() -> Vec<Trial> {
    let keys = Keys::zipf();
    let hits = [Case::HitAlone, Case::HitDuringReloads, Case::HitDuringInserts].map(|case| {
        let clock = Trial {
            contender: CLOCK,
            case,
            calls: with_keys(&keys, |key| {
                black_box(key);
                true
            }),
            interference: None,
        };
        [hits_of(OURS, case, &keys, Ours::new), hits_of(QUICK, case, &keys, Quick::new), clock]
    });
    let misses = [
        misses_of(OURS, Ours::new),
        misses_of(QUICK, Quick::new),
        misses_of(QUICK_SINGLE_FLIGHT, |capacity| QuickSingleFlight(Quick::new(capacity))),
    ];
    // No interference affects the clock: one case is enough.
    let hits = hits.into_iter().flatten().filter(|trial| trial.contender != CLOCK || trial.case == Case::HitAlone);
    hits.chain(misses).collect()
}

/// Added to the keys of the other thread, which uses the same cache.
const OTHER_KEYS: u64 = 1 << 40;

/// Capacity for the keys of both threads, however uneven the shards are.
const CAPACITY_FOR_BOTH: usize = 4 * ENTRIES;

fn hits_of<C: Contender>(
    contender: &'static str,
    case: Case,
    keys: &Arc<Keys<u64>>,
    build: impl Fn(usize) -> C,
) -> Trial {
    let capacity = if case == Case::HitDuringInserts { 2 * ENTRIES } else { CAPACITY_FOR_BOTH };
    let cache = Arc::new(build(capacity));
    for key in u64::all() {
        cache.get_or_load(key);
    }
    let (other, turn) = (Arc::clone(&cache), AtomicU64::new(0));
    let next = move || turn.fetch_add(1, Ordering::Relaxed);
    let interference: Option<Interference> = match case {
        Case::HitDuringReloads => Some(Box::new(move || {
            let key = OTHER_KEYS + next() % ENTRIES as u64;
            other.invalidate(key);
            black_box(other.get_or_load(key));
        })),
        Case::HitDuringInserts => Some(Box::new(move || {
            black_box(other.get_or_load(OTHER_KEYS + next()));
        })),
        Case::HitAlone | Case::MissDuringClones => None,
    };
    // A call that loads because its key was evicted does not count.
    let calls = with_keys(keys, move |key| cache.get_or_load(key).hit);
    Trial { contender, case, calls, interference }
}

fn misses_of<C: Contender>(contender: &'static str, build: impl Fn(usize) -> C) -> Trial {
    let cache = Arc::new(build(ENTRIES));
    let other = Arc::clone(&cache);
    let interference: Interference = Box::new(move || {
        black_box(other.get_or_load(SLOW_KEY));
    });
    let missing_keys = MissingKeys::default();
    // Fills the cache, so that misses evict.
    for &key in missing_keys.next(2 * ENTRIES) {
        cache.get_or_load(key);
    }
    let calls: TimedCalls = Box::new(move |batch, times| {
        time_each(missing_keys.next(batch.calls), times, |key| !cache.get_or_load(key).hit);
    });
    Trial { contender, case: Case::MissDuringClones, calls, interference: Some(interference) }
}

fn with_keys(keys: &Arc<Keys<u64>>, call: impl Fn(u64) -> bool + Send + Sync + 'static) -> TimedCalls {
    let keys = Arc::clone(keys);
    Box::new(move |batch, times| time_each(keys.of(batch), times, &call))
}

/// Times each call, and keeps the times of those that return true.
fn time_each(keys: &[u64], times: &mut Vec<u64>, call: impl Fn(u64) -> bool) {
    for &key in keys {
        let start = Instant::now();
        let counts = black_box(call(black_box(key)));
        let time = start.elapsed();
        if counts {
            times.push(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        }
    }
}

const SLOW_KEY: u64 = u64::MAX;

/// A cached value; that of one key is slow to clone.
#[derive(Debug)]
struct SlowValue {
    value: Value,
    is_slow: bool,
}

impl SlowValue {
    fn load(id: u64) -> Self {
        Self { value: load(id), is_slow: id == SLOW_KEY }
    }
}

impl Clone for SlowValue {
    fn clone(&self) -> Self {
        if self.is_slow {
            let start = Instant::now();
            while start.elapsed() < SLOW_CLONE {
                spin_loop();
            }
        }
        Self { value: Arc::clone(&self.value), is_slow: self.is_slow }
    }
}

struct Lookup {
    hit: bool,
    /// Dropped by the caller, within the timed call.
    _value: SlowValue,
}

trait Contender: Send + Sync + 'static {
    fn get_or_load(&self, id: u64) -> Lookup;
    fn invalidate(&self, id: u64);
}

#[derive(HasCache)]
struct Ours {
    cache: Cache,
}

impl Ours {
    fn new(capacity: usize) -> Self {
        Self { cache: Cache::builder().capacity(capacity).build() }
    }

    #[cached_query(ttl = "5m", tags("t"))]
    fn by_id(&self, id: u64) -> SlowValue {
        SlowValue::load(id)
    }

    #[invalidates(by_id(id))]
    fn invalidate_id(&self, id: u64) {}
}

impl Contender for Ours {
    fn get_or_load(&self, id: u64) -> Lookup {
        let before = loads();
        let value = self.by_id(id);
        Lookup { hit: loads() == before, _value: value }
    }

    fn invalidate(&self, id: u64) {
        self.invalidate_id(id);
    }
}

struct Quick(quick_cache::sync::Cache<u64, SlowValue>);

impl Quick {
    fn new(capacity: usize) -> Self {
        Self(quick_cache::sync::Cache::new(capacity))
    }
}

impl Contender for Quick {
    fn get_or_load(&self, id: u64) -> Lookup {
        let before = loads();
        let value = self.0.get(&id).unwrap_or_else(|| {
            let value = SlowValue::load(id);
            self.0.insert(id, value.clone());
            value
        });
        Lookup { hit: loads() == before, _value: value }
    }

    fn invalidate(&self, id: u64) {
        self.0.remove(&id);
    }
}

struct QuickSingleFlight(Quick);

impl Contender for QuickSingleFlight {
    fn get_or_load(&self, id: u64) -> Lookup {
        let before = loads();
        let Ok(value) = self.0.0.get_or_insert_with(&id, || Ok::<_, Infallible>(SlowValue::load(id)));
        Lookup { hit: loads() == before, _value: value }
    }

    fn invalidate(&self, id: u64) {
        self.0.invalidate(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Batch {
        Batch { thread: 0, number: 0, calls: 1_000 }
    }

    #[test]
    fn timed_calls_are_those_of_the_case() {
        for trial in trials() {
            let mut times = Vec::new();
            let before = loads();
            (trial.calls)(batch(), &mut times);
            let is_miss = trial.case == Case::MissDuringClones;
            // One missing key in a hundred is present.
            assert!(times.len() >= if is_miss { 900 } else { 1_000 }, "{}: {}", trial.contender, times.len());
            assert_eq!(loads() - before, if is_miss { times.len() as u64 } else { 0 }, "{}", trial.contender);
        }
    }

    #[test]
    fn each_step_of_the_interference_is_that_of_the_case() {
        for trial in trials() {
            let Some(interference) = trial.interference else { continue };
            interference();
            let (before, start) = (loads(), Instant::now());
            interference();
            let name = trial.case.name();
            if trial.case == Case::MissDuringClones {
                assert!(start.elapsed() >= SLOW_CLONE, "{}, {name}", trial.contender);
            } else {
                assert_eq!(loads() - before, 1, "{}, {name}", trial.contender);
            }
        }
    }
}
