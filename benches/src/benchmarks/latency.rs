//! The slowest call in a thousand, while another thread interferes.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::{comparison_goal, filled};
use crate::contenders::latency::{Case, Interference, Trial, trials};
use crate::contenders::{OURS, QUICK, QUICK_SINGLE_FLIGHT};
use crate::results::{Bound, Effort, Figure, Goal, Results, Table};
use crate::rounds::{ATTEMPTS, ENOUGH};
use crate::workload::Batch;

const NOTES: [&str; 3] = [
    "The time that 999 of 1,000 calls do not exceed. Each call is timed alone, including two readings of the clock; a round has \
     10,000 calls, and a figure is the median of the rounds. 10,000 keys by zipf 0.99; hits that load and misses that do not \
     are not counted.",
    "During reloads: the other thread invalidates other keys of the same cache, and loads each again. During inserts when full: \
     it inserts new keys, which evict. During slow clones: it gets one value repeatedly, whose clone takes 50 µs, and the misses \
     are of keys drawn from 1,000,000, with a capacity of 10,000.",
    "The two threads share two processors with the system, other programs and interrupts. An interrupted call takes 2 µs to \
     20 µs; a preempted one takes milliseconds, as does a wait for a lock whose holder is preempted. These are fewer than 10 in \
     a batch, so that they do not affect the figure. A batch in which a thread waits for a processor for more than a tenth of \
     the time is repeated. Compare figures of one run only.",
];

/// Each contender in each case.
pub fn run(effort: Effort, progress: &ProgressBar) -> Results {
    let rounds = match effort {
        Effort::Full => 201,
        Effort::Quick => 41,
    };
    let (figures, caveat) = run_trials(&filled(progress, trials), rounds, progress);
    let table = Table {
        title: "Latency, 99.9th percentile".into(),
        unit: "ns".into(),
        notes: NOTES.map(String::from).into_iter().chain(caveat).collect(),
        figures,
    };
    let goals = goals(&table);
    Results { tables: vec![table], goals }
}

/// A miss is compared with the better of `quick_cache`'s two variants.
fn goals(table: &Table) -> Vec<Goal> {
    Case::ALL
        .into_iter()
        .filter(|case| *case != Case::HitAlone)
        .map(|case| comparison_goal(table, OURS, Bound::AtMost(1.0), &[QUICK, QUICK_SINGLE_FLIGHT], case.name()))
        .collect()
}

const CALLS: usize = 10_000;

/// A trial in one round.
#[derive(Clone, Copy, Debug)]
struct Sample {
    /// Nanoseconds.
    time: f64,
    undisturbed: bool,
}

/// Runs every trial once per round, in an order that changes with every round. Returns the figures, and a caveat.
///
/// A batch is repeated if a thread waited for a processor for a tenth of the time.
fn run_trials(trials: &[Trial], rounds: usize, progress: &ProgressBar) -> (Vec<Figure>, Option<String>) {
    progress.inc_length(rounds as u64);
    let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); trials.len()];
    let mut order: Vec<usize> = (0..trials.len()).collect();
    let mut rng = StdRng::seed_from_u64(1);
    for round in 0..rounds {
        order.shuffle(&mut rng);
        for &index in &order {
            let attempts = (0..ATTEMPTS).map(|attempt| sample(&trials[index], ATTEMPTS * round + attempt));
            let mut last = None;
            for sample in attempts {
                last = Some(sample);
                if sample.undisturbed {
                    break;
                }
            }
            samples[index].extend(last);
        }
        progress.inc(1);
    }
    let disturbed = samples.iter().flatten().filter(|sample| !sample.undisturbed).count();
    let caveat = (disturbed > 0).then(|| {
        let share = 100 * disturbed / (trials.len() * rounds);
        format!(
            "{share}% of the batches were disturbed by other work in all {ATTEMPTS} attempts, and are left out where \
             there are {ENOUGH} others."
        )
    });
    (trials.iter().zip(samples).map(|(trial, samples)| figure(trial, &samples)).collect(), caveat)
}

fn figure(trial: &Trial, samples: &[Sample]) -> Figure {
    let too_few = samples.iter().filter(|sample| sample.undisturbed).count() < ENOUGH;
    let samples = samples.iter().filter(|sample| too_few || sample.undisturbed).map(|sample| sample.time).collect();
    Figure { contender: trial.contender.into(), case: trial.case.name().into(), samples }
}

fn sample(Trial { calls, interference, .. }: &Trial, number: usize) -> Sample {
    let mut times = Vec::with_capacity(CALLS);
    let (mut waited, mut took) = (Duration::ZERO, Duration::ZERO);
    let other_waited = interfered(interference.as_ref(), || {
        // A warm-up, which fills the processor's caches.
        calls(Batch { thread: 0, number: 2 * number, calls: CALLS / 4 }, &mut times);
        times.clear();
        let (start, queued_before) = (Instant::now(), queued());
        calls(Batch { thread: 0, number: 2 * number + 1, calls: CALLS }, &mut times);
        (waited, took) = (queued().saturating_sub(queued_before), start.elapsed());
    });
    // The other thread's wait is compared with the measured time, not with its own, which is longer.
    let undisturbed = 10 * waited.max(other_waited) <= took;
    Sample { time: percentile_99_9(&mut times), undisturbed }
}

/// Measures while another thread repeats the interference. Returns how long that thread waited for a processor; a wait for a
/// lock is not included.
fn interfered(interference: Option<&Interference>, measure: impl FnOnce()) -> Duration {
    let Some(interference) = interference else {
        measure();
        return Duration::ZERO;
    };
    let (has_begun, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            interference();
            let queued_before = queued();
            has_begun.store(true, Ordering::Release);
            while !is_over.load(Ordering::Acquire) {
                interference();
            }
            queued().saturating_sub(queued_before)
        });
        while !has_begun.load(Ordering::Acquire) {
            spin_loop();
        }
        {
            // Also after a panic, because the scope joins the other thread.
            let _over = SetOnDrop(&is_over);
            measure();
        }
        other.join().expect("the other thread panicked")
    })
}

/// How long this thread has waited for a processor since its start; zero where the system does not report it.
fn queued() -> Duration {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = times.split_whitespace().nth(1).and_then(|nanos| nanos.parse().ok());
    nanos.map_or(Duration::ZERO, Duration::from_nanos)
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The time that one in a thousand exceeds.
///
/// # Panics
///
/// If there is no time.
#[expect(clippy::cast_precision_loss, reason = "less than 2^52 ns")]
fn percentile_99_9(times: &mut [u64]) -> f64 {
    let rank = times.len() - 1 - times.len() / 1_000;
    *times.select_nth_unstable(rank).1 as f64
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    #[test]
    fn one_call_in_a_thousand_takes_longer() {
        let mut times: Vec<u64> = (1..=20_000).rev().collect();
        assert!((percentile_99_9(&mut times) - 19_980.0).abs() < f64::EPSILON);
        assert!((percentile_99_9(&mut [7]) - 7.0).abs() < f64::EPSILON);
    }

    #[test]
    fn the_other_thread_interferes_before_and_during_the_measurement() {
        let done = std::sync::Arc::new(AtomicU64::new(0));
        let counter = done.clone();
        let interference: Interference = Box::new(move || {
            counter.fetch_add(1, Ordering::Release);
        });
        interfered(Some(&interference), || {
            let before = done.load(Ordering::Acquire);
            assert!(before > 0);
            while done.load(Ordering::Acquire) == before {
                thread::yield_now();
            }
        });
        let at_the_end = done.load(Ordering::Acquire);
        assert!(at_the_end >= 2, "{at_the_end}");
    }
}
