//! Single calls of one thread, beside another thread that makes it hard for them.

use std::convert::Infallible;
use std::hint::{black_box, spin_loop};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cache_core::{Cache, HasCache, cached_query, invalidates};

use super::{OURS, QUICK, QUICK_ONE_LOAD, Strangers};
use crate::workload::{ENTRIES, Key, Lap, Sequence, Value, load, loads};

/// What is measured, and beside what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// A hit, with nobody beside it.
    HitAlone,
    /// A hit, while the other thread forgets other keys of the cache and loads them again.
    HitBesideReloads,
    /// A hit, while the other thread inserts into the cache, which is full.
    HitBesideInserts,
    /// A miss, while the other thread clones one value of the cache, over and over, for [`SLOW`] each.
    MissBesideClones,
}

impl Case {
    /// In the order of the table.
    pub const ALL: [Self; 4] = [Self::HitAlone, Self::HitBesideReloads, Self::HitBesideInserts, Self::MissBesideClones];

    /// For the head of a column.
    pub fn name(self) -> &'static str {
        match self {
            Self::HitAlone => "hit, alone",
            Self::HitBesideReloads => "hit, beside reloads",
            Self::HitBesideInserts => "hit, beside inserts when full",
            Self::MissBesideClones => "miss, beside slow clones",
        }
    }
}

/// Two readings of the clock with nothing in between: what every figure has in it.
pub const NOTHING: &str = "nothing but the clock";

/// How long the slow value takes to be cloned.
pub const SLOW: Duration = Duration::from_micros(50);

/// Calls that are timed one by one: nanoseconds of each that counts are pushed.
pub type Singly = Box<dyn Fn(Lap, &mut Vec<u64>) + Send + Sync>;

/// What the other thread does, once.
pub type Beside = Box<dyn Fn() + Send + Sync>;

/// One contender in one case.
pub struct Scene {
    /// The row.
    pub contender: &'static str,
    /// The column.
    pub case: Case,
    /// The calls that are measured.
    pub calls: Singly,
    /// What goes on meanwhile, if anything does.
    pub beside: Option<Beside>,
}

/// Everybody, in every case.
pub fn scenes() -> Vec<Scene> {
    let keys = Sequence::zipf();
    let hits = [Case::HitAlone, Case::HitBesideReloads, Case::HitBesideInserts].map(|case| {
        let nothing = Scene {
            contender: NOTHING,
            case,
            calls: with_keys(&keys, |key| {
                black_box(key);
                true
            }),
            beside: None,
        };
        [hits_of(OURS, case, &keys, Ours::new), hits_of(QUICK, case, &keys, Quick::new), nothing]
    });
    let misses = [
        misses_of(OURS, Ours::new),
        misses_of(QUICK, Quick::new),
        misses_of(QUICK_ONE_LOAD, |capacity| QuickOneLoad(Quick::new(capacity))),
    ];
    // Of what is done beside it, two readings of the clock know nothing: once is enough.
    let hits = hits.into_iter().flatten().filter(|scene| scene.contender != NOTHING || scene.case == Case::HitAlone);
    hits.chain(misses).collect()
}

/// The other thread's keys are others, but of the same cache.
const OTHERS: u64 = 1 << 40;

/// Room for those that are asked for and for those that the other thread loads again, however uneven the shards are.
const ROOM_FOR_BOTH: usize = 4 * ENTRIES;

fn hits_of<P: Peer>(
    contender: &'static str,
    case: Case,
    keys: &Arc<Sequence<u64>>,
    make: impl Fn(usize) -> P,
) -> Scene {
    let capacity = if case == Case::HitBesideInserts { 2 * ENTRIES } else { ROOM_FOR_BOTH };
    let peer = Arc::new(make(capacity));
    for key in u64::all() {
        peer.get_or_load(key);
    }
    let (other, turn) = (Arc::clone(&peer), AtomicU64::new(0));
    let next = move || turn.fetch_add(1, Ordering::Relaxed);
    let beside: Option<Beside> = match case {
        Case::HitBesideReloads => Some(Box::new(move || {
            let key = OTHERS + next() % ENTRIES as u64;
            other.forget(key);
            black_box(other.get_or_load(key));
        })),
        Case::HitBesideInserts => Some(Box::new(move || {
            black_box(other.get_or_load(OTHERS + next()));
        })),
        Case::HitAlone | Case::MissBesideClones => None,
    };
    // A call that loads, because a key was evicted, is no hit.
    let calls = with_keys(keys, move |key| peer.get_or_load(key).hit);
    Scene { contender, case, calls, beside }
}

fn misses_of<P: Peer>(contender: &'static str, make: impl Fn(usize) -> P) -> Scene {
    let peer = Arc::new(make(ENTRIES));
    let other = Arc::clone(&peer);
    let beside: Beside = Box::new(move || {
        black_box(other.get_or_load(THE_SLOW_ONE));
    });
    let strangers = Strangers::default();
    // Until it is full, nothing is evicted.
    for &key in strangers.next(2 * ENTRIES) {
        peer.get_or_load(key);
    }
    let calls: Singly = Box::new(move |lap, times| {
        singly(strangers.next(lap.calls), times, |key| !peer.get_or_load(key).hit);
    });
    Scene { contender, case: Case::MissBesideClones, calls, beside: Some(beside) }
}

fn with_keys(keys: &Arc<Sequence<u64>>, call: impl Fn(u64) -> bool + Send + Sync + 'static) -> Singly {
    let keys = Arc::clone(keys);
    Box::new(move |lap, times| singly(keys.lap(lap), times, &call))
}

/// Times each call, and keeps the times of those that say that they count.
fn singly(keys: &[u64], times: &mut Vec<u64>, call: impl Fn(u64) -> bool) {
    for &key in keys {
        let start = Instant::now();
        let counts = black_box(call(black_box(key)));
        let time = start.elapsed();
        if counts {
            times.push(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        }
    }
}

const THE_SLOW_ONE: u64 = u64::MAX;

/// What is cached: of one key, something that is slow to clone.
#[derive(Debug)]
struct Cloned {
    value: Value,
    is_slow: bool,
}

impl Cloned {
    fn load(id: u64) -> Self {
        Self { value: load(id), is_slow: id == THE_SLOW_ONE }
    }
}

impl Clone for Cloned {
    fn clone(&self) -> Self {
        if self.is_slow {
            let start = Instant::now();
            while start.elapsed() < SLOW {
                spin_loop();
            }
        }
        Self { value: Arc::clone(&self.value), is_slow: self.is_slow }
    }
}

struct Answer {
    hit: bool,
    /// Dropped by the caller, as values are.
    _value: Cloned,
}

/// Who can do that.
trait Peer: Send + Sync + 'static {
    fn get_or_load(&self, id: u64) -> Answer;
    fn forget(&self, id: u64);
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
    fn by_id(&self, id: u64) -> Cloned {
        Cloned::load(id)
    }

    #[invalidates(by_id(id))]
    fn forget_id(&self, id: u64) {}
}

impl Peer for Ours {
    fn get_or_load(&self, id: u64) -> Answer {
        let before = loads();
        let value = self.by_id(id);
        Answer { hit: loads() == before, _value: value }
    }

    fn forget(&self, id: u64) {
        self.forget_id(id);
    }
}

struct Quick(quick_cache::sync::Cache<u64, Cloned>);

impl Quick {
    fn new(capacity: usize) -> Self {
        Self(quick_cache::sync::Cache::new(capacity))
    }
}

impl Peer for Quick {
    fn get_or_load(&self, id: u64) -> Answer {
        let before = loads();
        let value = self.0.get(&id).unwrap_or_else(|| {
            let value = Cloned::load(id);
            self.0.insert(id, value.clone());
            value
        });
        Answer { hit: loads() == before, _value: value }
    }

    fn forget(&self, id: u64) {
        self.0.remove(&id);
    }
}

struct QuickOneLoad(Quick);

impl Peer for QuickOneLoad {
    fn get_or_load(&self, id: u64) -> Answer {
        let before = loads();
        let Ok(value) = self.0.0.get_or_insert_with(&id, || Ok::<_, Infallible>(Cloned::load(id)));
        Answer { hit: loads() == before, _value: value }
    }

    fn forget(&self, id: u64) {
        self.0.forget(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lap() -> Lap {
        Lap { thread: 0, number: 0, calls: 1_000 }
    }

    #[test]
    fn what_is_timed_is_what_the_case_says() {
        for scene in scenes() {
            let mut times = Vec::new();
            let before = loads();
            (scene.calls)(lap(), &mut times);
            let is_miss = scene.case == Case::MissBesideClones;
            // One stranger in a hundred is there.
            assert!(times.len() >= if is_miss { 900 } else { 1_000 }, "{}: {}", scene.contender, times.len());
            assert_eq!(loads() - before, if is_miss { times.len() as u64 } else { 0 }, "{}", scene.contender);
        }
    }

    #[test]
    fn each_step_beside_it_does_what_the_case_says() {
        for scene in scenes() {
            let Some(beside) = scene.beside else { continue };
            beside();
            let (before, start) = (loads(), Instant::now());
            beside();
            let name = scene.case.name();
            if scene.case == Case::MissBesideClones {
                assert!(start.elapsed() >= SLOW, "{}, {name}", scene.contender);
            } else {
                assert_eq!(loads() - before, 1, "{}, {name}", scene.contender);
            }
        }
    }
}
