//! What one call in a thousand takes, beside a thread that makes it hard.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::compared;
use crate::contenders::latency::{Beside, Case, Scene, scenes};
use crate::contenders::{OURS, QUICK, QUICK_ONE_LOAD};
use crate::results::{Answer, Bound, Effort, Figure, Goal, Table};
use crate::rounds::{ENOUGH, TRIES};
use crate::workload::Lap;

const NOTES: [&str; 3] = [
    "The time that 999 calls of 1,000 do not exceed. Each call is timed alone, with two readings of the clock in its figure; \
     a round is 10,000 of them, and a figure is the median of the rounds. 10,000 keys by zipf 0.99; a call that had to load is \
     no hit, a call that had not is no miss, and neither counts.",
    "Beside reloads: the other thread forgets other keys of the same cache, one after another, and loads each again. Beside \
     inserts when full: it inserts keys that nobody asks for, which evict. Beside slow clones: it asks for one value over \
     and over whose clone takes 50 µs, and the misses are of keys drawn from 1,000,000, with room for 10,000.",
    "There are two processors for the two threads, and the system's own work, other programs and interrupts take them away for \
     some of the time. A call that is interrupted takes 2 µs to 20 µs, and one whose processor is given to somebody else \
     some milliseconds; so does a call that waits for a lock whose holder lost its processor. These are fewer than \
     10 in a batch, so that the figure is not theirs. A batch in which a thread waited for a processor for more than a tenth \
     of the time is run again. Compare figures of one run only.",
];

/// Each contender in each case, beside the other thread.
pub fn ask(effort: Effort, progress: &ProgressBar) -> Answer {
    let rounds = match effort {
        Effort::Full => 201,
        Effort::Quick => 41,
    };
    let (figures, caveat) = run(&scenes(), rounds, progress);
    let table = Table {
        title: "Latency, 99.9 of 100 calls".into(),
        unit: "ns".into(),
        notes: NOTES.map(String::from).into_iter().chain(caveat).collect(),
        figures,
    };
    let goals = goals(&table);
    Answer { tables: vec![table], goals }
}

/// A miss is compared with the better of `quick_cache`'s two ways.
fn goals(table: &Table) -> Vec<Goal> {
    Case::ALL
        .into_iter()
        .filter(|case| *case != Case::HitAlone)
        .map(|case| compared(table, OURS, Bound::AtMost(1.0), &[QUICK, QUICK_ONE_LOAD], case.name()))
        .collect()
}

const CALLS: usize = 10_000;

/// What came of one scene in one round.
#[derive(Clone, Copy, Debug)]
struct Sample {
    /// Nanoseconds.
    time: f64,
    undisturbed: bool,
}

/// Every scene once in each round, in an order that is another in every round; and what has to be said of it.
///
/// A batch in which one of the threads had no processor for a tenth of the time is run again: who is beside nobody waits for
/// nobody.
fn run(scenes: &[Scene], rounds: usize, progress: &ProgressBar) -> (Vec<Figure>, Option<String>) {
    progress.inc_length(rounds as u64);
    let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); scenes.len()];
    let mut order: Vec<usize> = (0..scenes.len()).collect();
    let mut rng = StdRng::seed_from_u64(1);
    for round in 0..rounds {
        order.shuffle(&mut rng);
        for &index in &order {
            let tries = (0..TRIES).map(|again| sample(&scenes[index], TRIES * round + again));
            let mut last = None;
            for sample in tries {
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
        let share = 100 * disturbed / (scenes.len() * rounds);
        format!(
            "{share} % of the batches were disturbed {TRIES} times by what else ran on the machine, and are left out where \
             there are {ENOUGH} others."
        )
    });
    (scenes.iter().zip(samples).map(|(scene, samples)| figure(scene, &samples)).collect(), caveat)
}

fn figure(scene: &Scene, samples: &[Sample]) -> Figure {
    let some = samples.iter().filter(|sample| sample.undisturbed).count() < ENOUGH;
    let samples = samples.iter().filter(|sample| some || sample.undisturbed).map(|sample| sample.time).collect();
    Figure { contender: scene.contender.into(), case: scene.case.name().into(), samples }
}

fn sample(Scene { calls, beside, .. }: &Scene, number: usize) -> Sample {
    let mut times = Vec::with_capacity(CALLS);
    let (mut waited, mut took) = (Duration::ZERO, Duration::ZERO);
    let other_waited = beside_of(beside.as_ref(), || {
        // Not counted: they fill the processor's caches with what is this scene's.
        calls(Lap { thread: 0, number: 2 * number, calls: CALLS / 4 }, &mut times);
        times.clear();
        let (start, queued_before) = (Instant::now(), queued());
        calls(Lap { thread: 0, number: 2 * number + 1, calls: CALLS }, &mut times);
        (waited, took) = (queued().saturating_sub(queued_before), start.elapsed());
    });
    // The other's wait is compared with the time in which it is needed: it may have run alone for long before that.
    let undisturbed = 10 * waited.max(other_waited) <= took;
    Sample { time: one_in_a_thousand(&mut times), undisturbed }
}

/// Measures while another thread does something, over and over; says how long that thread waited for a processor. It may
/// also have waited for a lock: that is what is measured.
fn beside_of(beside: Option<&Beside>, measure: impl FnOnce()) -> Duration {
    let Some(beside) = beside else {
        measure();
        return Duration::ZERO;
    };
    let (has_begun, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            beside();
            let queued_before = queued();
            has_begun.store(true, Ordering::Release);
            while !is_over.load(Ordering::Acquire) {
                beside();
            }
            queued().saturating_sub(queued_before)
        });
        while !has_begun.load(Ordering::Acquire) {
            spin_loop();
        }
        {
            // Also if it panics: the scope waits for the other thread.
            let _over = SetOnDrop(&is_over);
            measure();
        }
        other.join().expect("the other thread panicked")
    })
}

/// How long this thread has waited for a processor, in all its life; zero where the system does not tell.
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

/// What is exceeded by one in a thousand.
///
/// # Panics
///
/// If there is none.
#[expect(clippy::cast_precision_loss, reason = "less than 2^52 ns")]
fn one_in_a_thousand(times: &mut [u64]) -> f64 {
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
        assert!((one_in_a_thousand(&mut times) - 19_980.0).abs() < f64::EPSILON);
        assert!((one_in_a_thousand(&mut [7]) - 7.0).abs() < f64::EPSILON);
    }

    #[test]
    fn the_other_thread_works_before_and_while_is_measured() {
        let done = std::sync::Arc::new(AtomicU64::new(0));
        let counter = done.clone();
        let beside: Beside = Box::new(move || {
            counter.fetch_add(1, Ordering::Release);
        });
        beside_of(Some(&beside), || {
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
