//! Interleaved rounds: what disturbs the machine for a while disturbs everybody.

use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use crate::figure::Figure;
use crate::workload::{Key, Lap, Sequence, loads};

/// The calls of a lap, in a loop that knows what it calls: only the loop is behind a pointer, never a call.
pub type Batch = Box<dyn Fn(Lap) -> Duration + Send + Sync>;

/// A batch of calls with the keys of a sequence.
pub fn calls<K: Key, R>(keys: &Arc<Sequence<K>>, call: impl Fn(K) -> R + Send + Sync + 'static) -> Batch {
    let keys = Arc::clone(keys);
    Box::new(move |lap| timed(keys.lap(lap), &call))
}

/// How long all these calls take. Their results are dropped within that time.
pub fn timed<K: Copy, R>(keys: &[K], mut call: impl FnMut(K) -> R) -> Duration {
    let start = Instant::now();
    for &key in keys {
        black_box(call(black_box(key)));
    }
    start.elapsed()
}

/// Who is measured, at what.
pub struct Entrant {
    /// The row.
    pub contender: String,
    /// The column.
    pub case: String,
    /// How many threads call at once.
    pub threads: usize,
    /// How many calls each of them makes in a round, if they don't take too long.
    pub calls: usize,
    /// The calls.
    pub batch: Batch,
}

impl Entrant {
    /// With one thread, and as many calls as suit one of some 50 ns.
    pub fn new(contender: impl Into<String>, case: impl Into<String>, batch: Batch) -> Self {
        Self { contender: contender.into(), case: case.into(), threads: 1, calls: 16_384, batch }
    }

    /// With another number of threads.
    #[must_use]
    pub fn threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// With another number of calls.
    #[must_use]
    pub fn calls(self, calls: usize) -> Self {
        Self { calls, ..self }
    }

    /// Fewer calls, if as many would take longer than this.
    #[expect(clippy::cast_possible_truncation, reason = "few calls")]
    fn within(&self, longest: Duration) -> usize {
        let calls = self.calls.min(64);
        let time = (self.batch)(Lap { thread: 0, number: 0, calls });
        let affordable = longest.as_nanos() * calls as u128 / time.as_nanos().max(1);
        self.calls.min(affordable as usize).max(calls)
    }
}

/// What came of the rounds.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Nanoseconds a call, of each entrant; with several threads, the mean of the threads.
    pub figures: Vec<Figure>,
    /// Who loaded in calls that were timed, and how often.
    loads: Vec<(String, u64)>,
}

impl Outcome {
    /// What is to be said if calls that were to hit did not.
    pub fn misses(&self) -> Option<String> {
        let named: Vec<String> = self.loads.iter().map(|(name, loads)| format!("{name} {loads}")).collect();
        (!named.is_empty()).then(|| format!("Not all were hits. Loads in the timed calls: {}.", named.join(", ")))
    }
}

/// No batch is to take longer: the slow get fewer calls.
const LONGEST: Duration = Duration::from_millis(8);

/// Runs every entrant once in each round, in an order that is another in every round.
///
/// Before its calls are timed an entrant makes half as many that are not, so that the processor's caches hold
/// what is its own, and not its predecessor's.
///
/// # Panics
///
/// If a batch does.
#[expect(clippy::cast_precision_loss, reason = "few nanoseconds")]
pub fn run(entrants: &[Entrant], rounds: usize, progress: &ProgressBar) -> Outcome {
    let calls: Vec<usize> = entrants.iter().map(|entrant| entrant.within(LONGEST)).collect();
    let threads = entrants.iter().map(|entrant| entrant.threads).max().unwrap_or(1);
    let schedule = schedule(entrants.len(), rounds);
    progress.inc_length(rounds as u64);
    let (barrier, gate) = (Barrier::new(threads), Gate::default());
    let work = |thread: usize| {
        let mut times = Vec::with_capacity(schedule.len());
        for (number, &index) in schedule.iter().enumerate() {
            let entrant = &entrants[index];
            barrier.wait();
            if thread >= entrant.threads {
                continue;
            }
            let lap = Lap { thread, number, calls: calls[index] };
            (entrant.batch)(Lap { number: number + 1, calls: lap.calls.div_ceil(2), ..lap });
            let before = loads();
            gate.wait(entrant.threads);
            let time = (entrant.batch)(lap);
            times.push((index, time.as_nanos() as f64 / lap.calls as f64, loads() - before));
            if thread == 0 && (number + 1) % entrants.len() == 0 {
                progress.inc(1);
            }
        }
        times
    };
    let times: Vec<Vec<(usize, f64, u64)>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|thread| scope.spawn(move || work(thread))).collect();
        workers.into_iter().map(|worker| worker.join().expect("a batch panicked")).collect()
    });
    collect(entrants, &times)
}

fn schedule(entrants: usize, rounds: usize) -> Vec<usize> {
    let mut rng = StdRng::seed_from_u64(1);
    let mut order: Vec<usize> = (0..entrants).collect();
    (0..rounds)
        .flat_map(|_| {
            order.shuffle(&mut rng);
            order.clone()
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "few threads")]
fn collect(entrants: &[Entrant], times: &[Vec<(usize, f64, u64)>]) -> Outcome {
    let mut outcome = Outcome::default();
    for (index, entrant) in entrants.iter().enumerate() {
        let of = |thread: &Vec<(usize, f64, u64)>| -> Vec<(f64, u64)> {
            thread.iter().filter(|(of, ..)| *of == index).map(|&(_, time, loads)| (time, loads)).collect()
        };
        let threads: Vec<Vec<(f64, u64)>> = times[..entrant.threads].iter().map(of).collect();
        let samples = (0..threads[0].len())
            .map(|round| threads.iter().map(|times| times[round].0).sum::<f64>() / threads.len() as f64)
            .collect();
        let loads = threads.iter().flatten().map(|(_, loads)| loads).sum();
        let (contender, case) = (entrant.contender.clone(), entrant.case.clone());
        if loads > 0 {
            outcome.loads.push((format!("{contender} ({case})"), loads));
        }
        outcome.figures.push(Figure { contender, case, samples });
    }
    outcome
}

/// Lets threads start together: a barrier that sleeps wakes them up microseconds apart.
#[derive(Default)]
struct Gate {
    arrived: AtomicUsize,
}

impl Gate {
    /// All who wait at it give the same number, but for one: who is alone does not wait.
    fn wait(&self, threads: usize) {
        if threads == 1 {
            return;
        }
        let arrived = self.arrived.fetch_add(1, Ordering::AcqRel) + 1;
        let all = arrived.next_multiple_of(threads);
        let mut spins = 0_u32;
        while self.arrived.load(Ordering::Acquire) < all {
            spins += 1;
            // Someone else may need this processor to get here.
            if spins.is_multiple_of(1 << 14) {
                thread::yield_now();
            }
            spin_loop();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn every_round_has_everybody_once() {
        let schedule = schedule(5, 20);
        for round in schedule.chunks(5) {
            let mut round = round.to_vec();
            round.sort_unstable();
            assert_eq!(round, [0, 1, 2, 3, 4]);
        }
        assert!(schedule.chunks(5).any(|round| round != &schedule[..5]));
    }

    #[test]
    fn every_entrant_gets_one_sample_a_round_from_all_its_threads() {
        let laps: Arc<Mutex<Vec<Lap>>> = Arc::default();
        let entrant = |threads: u64| {
            let laps = laps.clone();
            let batch: Batch = Box::new(move |lap| {
                laps.lock().unwrap().push(lap);
                Duration::from_nanos(threads * 10 * lap.calls as u64)
            });
            Entrant::new(format!("{threads} threads"), "case", batch)
                .threads(usize::try_from(threads).unwrap())
                .calls(100)
        };
        let outcome = run(&[entrant(1), entrant(2)], 3, &ProgressBar::hidden());
        assert_eq!(outcome.figures[0].samples, [10.0; 3]);
        assert_eq!(outcome.figures[1].samples, [20.0; 3]);
        assert_eq!(outcome.misses(), None);
        let timed = laps.lock().unwrap().iter().filter(|lap| lap.calls == 100).count();
        assert_eq!(timed, 3 + 2 * 3);
    }
}
