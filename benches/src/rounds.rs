//! Interleaved rounds: what disturbs the machine for a while disturbs everybody.

use std::hint::{black_box, spin_loop};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use parking_lot::Mutex;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use crate::results::Figure;
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
        Self { contender: contender.into(), case: case.into(), threads: 1, calls: 32_768, batch }
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

    /// How long so many calls take; with several threads, the mean of theirs.
    ///
    /// # Panics
    ///
    /// If a batch does.
    #[must_use]
    pub fn time(&self, calls: usize) -> Duration {
        let gate = Gate::default();
        let work = |thread| {
            gate.wait(self.threads);
            let laps = (0..calls.div_ceil(self.calls)).map(|number| {
                let calls = self.calls.min(calls - number * self.calls);
                (self.batch)(Lap { thread, number, calls })
            });
            laps.sum::<Duration>()
        };
        let times: Duration = thread::scope(|scope| {
            let workers: Vec<_> = (0..self.threads).map(|thread| scope.spawn(move || work(thread))).collect();
            workers.into_iter().map(|worker| worker.join().expect("a batch panicked")).sum()
        });
        times / u32::try_from(self.threads).expect("few threads")
    }

    /// Fewer calls, if as many would take longer than this.
    fn within(&self, longest: Duration) -> usize {
        let mut calls = self.calls.min(64);
        loop {
            // The shortest of some: of one that was disturbed there would be far too few calls in all rounds.
            let times = (0..5).map(|number| (self.batch)(Lap { thread: 0, number, calls }));
            let time = times.min().unwrap_or_default();
            if calls == self.calls || time > longest / 4 {
                let affordable = longest.as_nanos() * calls as u128 / time.as_nanos().max(1);
                return self.calls.min(usize::try_from(affordable).unwrap_or(usize::MAX)).max(self.calls.min(64));
            }
            calls = self.calls.min(4 * calls);
        }
    }
}

/// What came of the rounds.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Nanoseconds a call, of each entrant; with several threads, the mean of the threads.
    pub figures: Vec<Figure>,
    /// Who loaded in calls that were timed, and how often.
    loads: Vec<(String, u64)>,
    /// All of all rounds.
    batches: usize,
    /// Those that were disturbed at each try.
    disturbed: usize,
    /// Of whom there are too few that were not, so that all count.
    doubtful: Vec<String>,
}

impl Outcome {
    /// Of calls that are to load: it is nothing to be said that they did.
    #[must_use]
    pub fn of_misses(self) -> Self {
        Self { loads: Vec::new(), ..self }
    }

    /// What is to be said if calls that were to hit did not, or if the machine was busy with something else.
    pub fn caveats(&self) -> Vec<String> {
        let mut caveats = Vec::new();
        if !self.loads.is_empty() {
            let named: Vec<String> = self.loads.iter().map(|(name, loads)| format!("{name} {loads}")).collect();
            caveats.push(format!("Not all were hits. Loads in the timed calls: {}.", named.join(", ")));
        }
        if self.disturbed > 0 {
            let share = 100 * self.disturbed / self.batches;
            let doubtful = match self.doubtful.as_slice() {
                [] => String::new(),
                names @ ([_] | [_, _] | [_, _, _]) => {
                    format!(" Of these nearly all were, and all of them count: {}.", names.join("; "))
                }
                names => format!(
                    " Of {} of the {} figures nearly all were, and all of them count: do not rely on these.",
                    names.len(),
                    self.figures.len()
                ),
            };
            caveats.push(format!(
                "{share} % of the batches were disturbed {TRIES} times by what else ran on the machine, and are left out.{doubtful}"
            ));
        }
        caveats
    }
}

/// No batch is to take longer: the slow get fewer calls.
const LONGEST: Duration = Duration::from_millis(4);

/// So often is a batch run that was disturbed each time.
pub(crate) const TRIES: usize = 4;

/// From one number of a lap to that of the next try, and to that of the calls that are not timed: other keys.
const AGAIN: usize = 11;
const UNTIMED: usize = 5;

/// With so few samples that were not disturbed, the others count as well.
pub(crate) const ENOUGH: usize = 7;

/// Runs every entrant once in each round, in an order that is another in every round.
///
/// Before its calls are timed an entrant makes twice as many that are not, so that the processor's caches hold
/// what is its own, and not its predecessor's: with half as many a hit cost up to twice as much. A batch in which
/// another program got the processor is run again, and so is one whose threads did not run at once: contention is
/// cheap where there is none.
///
/// # Panics
///
/// If a batch does.
pub fn run(entrants: &[Entrant], rounds: usize, progress: &ProgressBar) -> Outcome {
    progress.inc_length(rounds as u64);
    let calls: Vec<usize> = entrants.iter().map(|entrant| entrant.within(LONGEST)).collect();
    let threads = entrants.iter().map(|entrant| entrant.threads).max().unwrap_or(1);
    let schedule = schedule(entrants.len(), rounds);
    let together = Together::new(threads);
    let work = |thread: usize| {
        let mut laps = Vec::with_capacity(schedule.len());
        for (number, &index) in schedule.iter().enumerate() {
            let lap = Lap { thread, number, calls: calls[index] };
            laps.push((index, together.lap(&entrants[index], lap)));
            if thread == 0 && (number + 1) % entrants.len() == 0 {
                progress.inc(1);
            }
        }
        laps
    };
    let laps: Vec<Vec<(usize, Option<Timed>)>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|thread| scope.spawn(move || work(thread))).collect();
        workers.into_iter().map(|worker| worker.join().expect("a batch panicked")).collect()
    });
    collect(entrants, &laps)
}

/// One batch of one thread.
#[derive(Clone, Copy, Debug)]
struct Timed {
    /// Nanoseconds.
    a_call: f64,
    loads: u64,
    undisturbed: bool,
}

/// When a thread ran, and whether nothing else ran in its place.
#[derive(Clone, Debug, Default)]
struct Span {
    at: Range<Duration>,
    preempted: bool,
}

/// What the threads share.
struct Together {
    epoch: Instant,
    barrier: Barrier,
    gate: Gate,
    spans: Mutex<Vec<Span>>,
}

impl Together {
    fn new(threads: usize) -> Self {
        let spans = Mutex::new(vec![Span::default(); threads]);
        Self { epoch: Instant::now(), barrier: Barrier::new(threads), gate: Gate::default(), spans }
    }

    /// All threads come here, also those that have nothing to do: an entrant is for one, or for all.
    fn lap(&self, entrant: &Entrant, lap: Lap) -> Option<Timed> {
        self.barrier.wait();
        if lap.thread >= entrant.threads {
            return None;
        }
        let mut last = None;
        for again in 0..TRIES {
            // Never with the same keys: the processor would have learned them.
            let number = lap.number + AGAIN * again;
            let (timed, span) = self.try_lap(entrant, Lap { number, ..lap });
            let undisturbed = if entrant.threads == 1 {
                !span.preempted
            } else {
                self.spans.lock()[lap.thread] = span;
                self.barrier.wait();
                let undisturbed = at_once(&self.spans.lock());
                self.barrier.wait();
                undisturbed
            };
            last = Some(Timed { undisturbed, ..timed });
            if undisturbed {
                break;
            }
        }
        last
    }

    #[expect(clippy::cast_precision_loss, reason = "few nanoseconds")]
    fn try_lap(&self, entrant: &Entrant, lap: Lap) -> (Timed, Span) {
        (entrant.batch)(Lap { number: lap.number + UNTIMED, calls: 2 * lap.calls, ..lap });
        let loads_before = loads();
        self.gate.wait(entrant.threads);
        let preemptions_before = preemptions();
        let start = self.epoch.elapsed();
        let time = (entrant.batch)(lap);
        let at = start..self.epoch.elapsed();
        let preempted = preemptions() != preemptions_before;
        let a_call = time.as_nanos() as f64 / lap.calls as f64;
        (Timed { a_call, loads: loads() - loads_before, undisturbed: !preempted }, Span { at, preempted })
    }
}

/// How often this thread lost its processor without waiting for anything; nothing where the system does not tell.
fn preemptions() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/thread-self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:"))?.trim().parse().ok()
}

/// Whether nobody lost the processor, and the shortest ran beside all others but for a tenth of its time.
fn at_once(spans: &[Span]) -> bool {
    let first_end = spans.iter().map(|span| span.at.end).min().unwrap_or_default();
    let last_start = spans.iter().map(|span| span.at.start).max().unwrap_or_default();
    let shortest = spans.iter().map(|span| span.at.end.saturating_sub(span.at.start)).min().unwrap_or_default();
    spans.iter().all(|span| !span.preempted) && first_end.saturating_sub(last_start) >= shortest.mul_f64(0.9)
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
fn collect(entrants: &[Entrant], laps: &[Vec<(usize, Option<Timed>)>]) -> Outcome {
    let mut outcome = Outcome::default();
    for (index, entrant) in entrants.iter().enumerate() {
        let name = format!("{} ({})", entrant.contender, entrant.case);
        let of_thread = |laps: &Vec<(usize, Option<Timed>)>| -> Vec<Timed> {
            laps.iter().filter(|(of, _)| *of == index).filter_map(|(_, timed)| *timed).collect()
        };
        let threads: Vec<Vec<Timed>> = laps[..entrant.threads].iter().map(of_thread).collect();
        let laps = || (0..threads[0].len()).map(|round| threads.iter().map(move |laps| laps[round]));
        let sample =
            |laps: &mut dyn Iterator<Item = Timed>| laps.map(|timed| timed.a_call).sum::<f64>() / threads.len() as f64;
        let undisturbed = laps().filter(|laps| laps.clone().all(|timed| timed.undisturbed)).count();
        let some = undisturbed < ENOUGH;
        let samples = laps()
            .filter(|laps| some || laps.clone().all(|timed| timed.undisturbed))
            .map(|mut laps| sample(&mut laps))
            .collect();
        outcome.batches += threads[0].len();
        outcome.disturbed += threads[0].len() - undisturbed;
        if some && undisturbed < threads[0].len() {
            outcome.doubtful.push(name.clone());
        }
        let loads = threads.iter().flatten().map(|timed| timed.loads).sum();
        if loads > 0 {
            outcome.loads.push((name, loads));
        }
        let (contender, case) = (entrant.contender.clone(), entrant.case.clone());
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
                laps.lock().push(lap);
                Duration::from_nanos(threads * 10 * lap.calls as u64)
            });
            Entrant::new(format!("{threads} threads"), "case", batch)
                .threads(usize::try_from(threads).unwrap())
                .calls(100)
        };
        let outcome = run(&[entrant(1), entrant(2)], 3, &ProgressBar::hidden());
        assert_eq!(outcome.figures[0].samples, [10.0; 3]);
        assert_eq!(outcome.figures[1].samples, [20.0; 3]);
        assert!(outcome.loads.is_empty());
        let timed = laps.lock().iter().filter(|lap| lap.calls == 100).count();
        // Five of each to see how long it takes; and more in the rounds, if something else ran.
        assert!((10 + 3 + 2 * 3..=10 + TRIES * (3 + 2 * 3)).contains(&timed), "{timed}");
    }

    #[test]
    fn threads_run_at_once_if_the_shorter_time_is_within_the_longer() {
        let span = |from, to| Span { at: Duration::from_micros(from)..Duration::from_micros(to), preempted: false };
        assert!(at_once(&[span(0, 100), span(2, 102)]));
        assert!(at_once(&[span(0, 100), span(2, 402)]));
        assert!(!at_once(&[span(0, 100), span(20, 120)]));
        assert!(!at_once(&[span(0, 100), span(100, 200)]));
        assert!(!at_once(&[span(0, 100), Span { preempted: true, ..span(0, 100) }]));
    }
}
