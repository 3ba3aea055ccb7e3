//! Hits of two threads at once.

use indicatif::ProgressBar;

use super::{comparison_goal, filled, hit, throughput_goal};
use crate::contenders::{HITS, OURS, QUICK, ours};
use crate::results::{Bound, Effort, Goal, Results, Table};
use crate::rounds::{self, Trial};
use crate::workload::{Key, Keys, Pair, Text};

const ONE_HOT: &str = "one hot &str";

/// Two threads: each kind of key, and one key for both.
pub fn run(effort: Effort, progress: &ProgressBar) -> Results {
    let rounds = match effort {
        Effort::Full => 81,
        Effort::Quick => 15,
    };
    let table = super::table(
        "Hit, two threads",
        &[
            "Per call, in each of two threads; keys by zipf 0.99 as with one thread, in a different order on each thread. \
           One hot key: both threads get this key only, so that they also share the value's reference count.",
        ],
        rounds::run(&filled(progress, trials), rounds, progress),
    );
    let kinds = [Pair::KIND, u64::KIND, Text::KIND];
    let mut goals: Vec<Goal> = kinds
        .into_iter()
        .map(|case| comparison_goal(&table, OURS, Bound::AtMost(0.9), &[QUICK], case))
        .chain([comparison_goal(&table, OURS, Bound::AtMost(0.4), &[QUICK], ONE_HOT)])
        .collect();
    let (throughput, goal) = throughput(rounds, progress);
    goals.push(goal);
    let ticking = hit::with_ticking_clock("Hit, two threads, with a ticking clock", 2, rounds, progress);
    Results { tables: vec![table, throughput, ticking], goals }
}

/// All contenders, with two threads: each kind of key, and one key for both.
pub fn trials() -> Vec<Trial> {
    let hot = Keys::one_hot();
    let hot = HITS.iter().map(|peer| Trial::new(peer.name, ONE_HOT, (peer.text)(&hot)));
    hit::trials().into_iter().chain(hot).map(|trial| trial.threads(2)).collect()
}

/// The value is a number: clones of one `Arc` contend in any cache.
fn throughput(rounds: usize, progress: &ProgressBar) -> (Table, Goal) {
    const TITLE: &str = "Throughput, u64 to u64";
    let keys = Keys::<u64>::zipf();
    let trials = [1, 2].map(|threads| {
        let case = if threads == 1 { "one thread" } else { "two threads" };
        Trial::new(OURS, case, ours::unshared(&keys)).threads(threads)
    });
    let table = super::table(
        TITLE,
        &["Per call in each thread; the value is not an `Arc`."],
        rounds::run(&trials, rounds, progress),
    );
    let [one, two] = [0, 1].map(|case: usize| table.figures[case].median());
    (table, throughput_goal(TITLE, 1.7, one, two))
}
