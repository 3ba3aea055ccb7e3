//! Interleaved rounds: a disturbance of the machine affects all contenders.

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
use crate::workload::{Batch, Key, Keys, loads};

/// Makes the calls of a batch, and times them. The loop is inside: its calls are static, only the loop is behind a pointer.
pub(crate) type BatchFn = Box<dyn Fn(Batch) -> Duration + Send + Sync>;

/// Batches of one call with different keys.
pub(crate) fn calls<K: Key, R>(keys: &Arc<Keys<K>>, call: impl Fn(K) -> R + Send + Sync + 'static) -> BatchFn {
    let keys = Arc::clone(keys);
    Box::new(move |batch| timed(keys.of(batch), &call))
}

/// The time of one call for each key, dropping the results included.
pub(crate) fn timed<K: Copy, R>(keys: &[K], mut call: impl FnMut(K) -> R) -> Duration {
    let start = Instant::now();
    for &key in keys {
        black_box(call(black_box(key)));
    }
    start.elapsed()
}

/// A contender in a case.
pub struct Trial {
    /// The row.
    pub contender: String,
    /// The column.
    pub case: String,
    pub(crate) threads: usize,
    /// Calls per thread and round; slow contenders make fewer.
    pub(crate) calls: usize,
    pub(crate) batch: BatchFn,
}

impl Trial {
    /// One thread, with a number of calls for calls of about 50 ns.
    pub(crate) fn new(contender: impl Into<String>, case: impl Into<String>, batch: BatchFn) -> Self {
        Self { contender: contender.into(), case: case.into(), threads: 1, calls: 32_768, batch }
    }

    #[must_use]
    pub(crate) fn threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    #[must_use]
    pub(crate) fn calls(self, calls: usize) -> Self {
        Self { calls, ..self }
    }

    /// The time of a number of calls; with several threads, their mean.
    ///
    /// # Panics
    ///
    /// If a batch panics.
    #[must_use]
    pub fn time(&self, calls: usize) -> Duration {
        let barrier = SpinBarrier::default();
        let work = |thread| {
            barrier.wait(self.threads);
            let batches = (0..calls.div_ceil(self.calls)).map(|number| {
                let calls = self.calls.min(calls - number * self.calls);
                (self.batch)(Batch { thread, number, calls })
            });
            batches.sum::<Duration>()
        };
        let times: Duration = thread::scope(|scope| {
            let workers: Vec<_> = (0..self.threads).map(|thread| scope.spawn(move || work(thread))).collect();
            workers.into_iter().map(|worker| worker.join().expect("a batch panicked")).sum()
        });
        times / u32::try_from(self.threads).expect("few threads")
    }

    /// The number of calls, reduced to what takes at most this long.
    fn calls_within(&self, limit: Duration) -> usize {
        let mut calls = self.calls.min(64);
        loop {
            // The shortest of five: a disturbed one would leave far too few calls for all rounds.
            let times = (0..5).map(|number| (self.batch)(Batch { thread: 0, number, calls }));
            let time = times.min().unwrap_or_default();
            if calls == self.calls || time > limit / 4 {
                let affordable = limit.as_nanos() * calls as u128 / time.as_nanos().max(1);
                return self.calls.min(usize::try_from(affordable).unwrap_or(usize::MAX)).max(self.calls.min(64));
            }
            calls = self.calls.min(4 * calls);
        }
    }
}

/// The figures of all rounds, and what to know about them.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Nanoseconds per call, for each trial; with several threads, the mean of the threads.
    pub(crate) figures: Vec<Figure>,
    /// Trials that loaded in timed calls, and how often.
    loads: Vec<(String, u64)>,
    batches: usize,
    /// Batches disturbed in every attempt.
    disturbed: usize,
    /// Trials whose disturbed batches count, because too few others are left.
    unreliable: Vec<String>,
}

impl Outcome {
    /// Removes the count of loads, where every call is expected to load.
    #[must_use]
    pub(crate) fn of_misses(self) -> Self {
        Self { loads: Vec::new(), ..self }
    }

    /// Notes on hits that loaded, and on disturbances.
    pub(crate) fn caveats(&self) -> Vec<String> {
        let mut caveats = Vec::new();
        if !self.loads.is_empty() {
            let loads: Vec<String> = self.loads.iter().map(|(name, loads)| format!("{name} {loads}")).collect();
            caveats.push(format!("Not all calls were hits. Loads in timed calls: {}.", loads.join(", ")));
        }
        if self.disturbed > 0 {
            let share = 100 * self.disturbed / self.batches;
            let unreliable = match self.unreliable.as_slice() {
                [] => String::new(),
                names @ ([_] | [_, _] | [_, _, _]) => {
                    format!(" Nearly all batches of these were disturbed, and all count: {}.", names.join("; "))
                }
                names => format!(
                    " Nearly all batches of {} of the {} figures were disturbed, and all count: do not rely on these.",
                    names.len(),
                    self.figures.len()
                ),
            };
            caveats.push(format!(
                "{share}% of the batches were disturbed by other work in all {ATTEMPTS} attempts, and are left out.{unreliable}"
            ));
        }
        caveats
    }
}

const LIMIT: Duration = Duration::from_millis(4);

/// How often a disturbed batch is run in all.
pub(crate) const ATTEMPTS: usize = 4;

/// Added to the number of a batch for the next attempt, and for the warm-up: both use other keys.
const NEXT_ATTEMPT: usize = 11;
const WARM_UP: usize = 5;

/// With fewer undisturbed samples, the disturbed ones count too.
pub(crate) const ENOUGH: usize = 7;

/// Runs every trial once per round, in an order that changes with every round.
///
/// Each batch follows a warm-up of twice as many calls, which fills the processor's caches: after half as many, a hit cost up
/// to twice as much. A batch is repeated if a thread was preempted, or if its threads did not overlap: without overlap there
/// is no contention.
pub(crate) fn run(trials: &[Trial], rounds: usize, progress: &ProgressBar) -> Outcome {
    progress.inc_length(rounds as u64);
    let calls: Vec<usize> = trials.iter().map(|trial| trial.calls_within(LIMIT)).collect();
    let threads = trials.iter().map(|trial| trial.threads).max().unwrap_or(1);
    let schedule = schedule(trials.len(), rounds);
    let coordinator = Coordinator::new(threads);
    let work = |thread: usize| {
        let mut batches = Vec::with_capacity(schedule.len());
        for (number, &index) in schedule.iter().enumerate() {
            let batch = Batch { thread, number, calls: calls[index] };
            batches.push((index, coordinator.run(&trials[index], batch)));
            if thread == 0 && (number + 1) % trials.len() == 0 {
                progress.inc(1);
            }
        }
        batches
    };
    let batches: Vec<Vec<(usize, Option<Timed>)>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|thread| scope.spawn(move || work(thread))).collect();
        workers.into_iter().map(|worker| worker.join().expect("a batch panicked")).collect()
    });
    collect(trials, &batches)
}

/// A batch of one thread.
#[derive(Clone, Copy, Debug)]
struct Timed {
    /// Nanoseconds.
    per_call: f64,
    loads: u64,
    undisturbed: bool,
}

/// When a thread ran, and whether it was preempted.
#[derive(Clone, Debug, Default)]
struct Span {
    at: Range<Duration>,
    preempted: bool,
}

/// Starts the batches of all threads together.
struct Coordinator {
    epoch: Instant,
    barrier: Barrier,
    start: SpinBarrier,
    spans: Mutex<Vec<Span>>,
}

impl Coordinator {
    fn new(threads: usize) -> Self {
        let spans = Mutex::new(vec![Span::default(); threads]);
        Self { epoch: Instant::now(), barrier: Barrier::new(threads), start: SpinBarrier::default(), spans }
    }

    /// Called by all threads; a trial runs on the first or on all of them.
    fn run(&self, trial: &Trial, batch: Batch) -> Option<Timed> {
        self.barrier.wait();
        if batch.thread >= trial.threads {
            return None;
        }
        let mut last = None;
        for attempt in 0..ATTEMPTS {
            // With other keys: the branch predictor has learned these.
            let number = batch.number + NEXT_ATTEMPT * attempt;
            let (timed, span) = self.attempt(trial, Batch { number, ..batch });
            let undisturbed = if trial.threads == 1 {
                !span.preempted
            } else {
                self.spans.lock()[batch.thread] = span;
                self.barrier.wait();
                let undisturbed = overlap(&self.spans.lock());
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
    fn attempt(&self, trial: &Trial, batch: Batch) -> (Timed, Span) {
        (trial.batch)(Batch { number: batch.number + WARM_UP, calls: 2 * batch.calls, ..batch });
        let loads_before = loads();
        self.start.wait(trial.threads);
        let preemptions_before = preemptions();
        let start = self.epoch.elapsed();
        let time = (trial.batch)(batch);
        let at = start..self.epoch.elapsed();
        let preempted = preemptions() != preemptions_before;
        let per_call = time.as_nanos() as f64 / batch.calls as f64;
        (Timed { per_call, loads: loads() - loads_before, undisturbed: !preempted }, Span { at, preempted })
    }
}

/// How often this thread was preempted; none where the system does not report it.
fn preemptions() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/thread-self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:"))?.trim().parse().ok()
}

/// Whether no thread was preempted, and all ran at once for nine tenths of the shortest time.
fn overlap(spans: &[Span]) -> bool {
    let first_end = spans.iter().map(|span| span.at.end).min().unwrap_or_default();
    let last_start = spans.iter().map(|span| span.at.start).max().unwrap_or_default();
    let shortest = spans.iter().map(|span| span.at.end.saturating_sub(span.at.start)).min().unwrap_or_default();
    spans.iter().all(|span| !span.preempted) && first_end.saturating_sub(last_start) >= shortest.mul_f64(0.9)
}

fn schedule(trials: usize, rounds: usize) -> Vec<usize> {
    let mut rng = StdRng::seed_from_u64(1);
    let mut order: Vec<usize> = (0..trials).collect();
    (0..rounds)
        .flat_map(|_| {
            order.shuffle(&mut rng);
            order.clone()
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "few threads")]
fn collect(trials: &[Trial], batches: &[Vec<(usize, Option<Timed>)>]) -> Outcome {
    let mut outcome = Outcome::default();
    for (index, trial) in trials.iter().enumerate() {
        let name = format!("{} ({})", trial.contender, trial.case);
        let of_thread = |batches: &Vec<(usize, Option<Timed>)>| -> Vec<Timed> {
            batches.iter().filter(|(of, _)| *of == index).filter_map(|(_, timed)| *timed).collect()
        };
        let threads: Vec<Vec<Timed>> = batches[..trial.threads].iter().map(of_thread).collect();
        let rounds = || (0..threads[0].len()).map(|round| threads.iter().map(move |batches| batches[round]));
        let sample = |batches: &mut dyn Iterator<Item = Timed>| {
            batches.map(|timed| timed.per_call).sum::<f64>() / threads.len() as f64
        };
        let undisturbed = rounds().filter(|batches| batches.clone().all(|timed| timed.undisturbed)).count();
        let too_few = undisturbed < ENOUGH;
        let samples = rounds()
            .filter(|batches| too_few || batches.clone().all(|timed| timed.undisturbed))
            .map(|mut batches| sample(&mut batches))
            .collect();
        outcome.batches += threads[0].len();
        outcome.disturbed += threads[0].len() - undisturbed;
        if too_few && undisturbed < threads[0].len() {
            outcome.unreliable.push(name.clone());
        }
        let loads = threads.iter().flatten().map(|timed| timed.loads).sum();
        if loads > 0 {
            outcome.loads.push((name, loads));
        }
        let (contender, case) = (trial.contender.clone(), trial.case.clone());
        outcome.figures.push(Figure { contender, case, samples });
    }
    outcome
}

/// Releases threads together: [`Barrier`] wakes them microseconds apart.
#[derive(Default)]
struct SpinBarrier {
    arrived: AtomicUsize,
}

impl SpinBarrier {
    /// Waits until as many threads have called it, all with the same number. A single thread does not wait.
    fn wait(&self, threads: usize) {
        if threads == 1 {
            return;
        }
        let arrived = self.arrived.fetch_add(1, Ordering::AcqRel) + 1;
        let all = arrived.next_multiple_of(threads);
        let mut spins = 0_u32;
        while self.arrived.load(Ordering::Acquire) < all {
            spins += 1;
            // The other thread may need this processor.
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
    fn every_round_has_each_trial_once() {
        let schedule = schedule(5, 20);
        for round in schedule.chunks(5) {
            let mut round = round.to_vec();
            round.sort_unstable();
            assert_eq!(round, [0, 1, 2, 3, 4]);
        }
        assert!(schedule.chunks(5).any(|round| round != &schedule[..5]));
    }

    #[test]
    fn a_trial_has_one_sample_per_round_from_all_its_threads() {
        let batches: Arc<Mutex<Vec<Batch>>> = Arc::default();
        let trial = |threads: u64| {
            let batches = batches.clone();
            let run: BatchFn = Box::new(move |batch| {
                batches.lock().push(batch);
                Duration::from_nanos(threads * 10 * batch.calls as u64)
            });
            Trial::new(format!("{threads} threads"), "case", run).threads(usize::try_from(threads).unwrap()).calls(100)
        };
        let outcome = run(&[trial(1), trial(2)], 3, &ProgressBar::hidden());
        assert_eq!(outcome.figures[0].samples, [10.0; 3]);
        assert_eq!(outcome.figures[1].samples, [20.0; 3]);
        assert!(outcome.loads.is_empty());
        let timed = batches.lock().iter().filter(|batch| batch.calls == 100).count();
        // Five of each calibrate the number of calls; disturbed batches are repeated.
        assert!((10 + 3 + 2 * 3..=10 + ATTEMPTS * (3 + 2 * 3)).contains(&timed), "{timed}");
    }

    #[test]
    fn spans_overlap_if_the_longer_includes_the_shorter() {
        let span = |from, to| Span { at: Duration::from_micros(from)..Duration::from_micros(to), preempted: false };
        assert!(overlap(&[span(0, 100), span(2, 102)]));
        assert!(overlap(&[span(0, 100), span(2, 402)]));
        assert!(!overlap(&[span(0, 100), span(20, 120)]));
        assert!(!overlap(&[span(0, 100), span(100, 200)]));
        assert!(!overlap(&[span(0, 100), Span { preempted: true, ..span(0, 100) }]));
    }
}
