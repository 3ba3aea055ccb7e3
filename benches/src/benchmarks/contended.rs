//! What a hit costs when two threads hit at once.

use indicatif::ProgressBar;

use super::{compared, hit, of_hits, throughput_of_two};
use crate::contenders::{HITS, OURS, QUICK, ours};
use crate::results::{Answer, Bound, Effort, Goal, Table};
use crate::rounds::{Entrant, run};
use crate::workload::{Key, Pair, Sequence, Text};

const ONE_HOT: &str = "one hot &str";

/// Two threads: each kind of key, and one key for both.
pub fn ask(effort: Effort, progress: &ProgressBar) -> Answer {
    let rounds = match effort {
        Effort::Full => 81,
        Effort::Quick => 15,
    };
    let table = of_hits(
        "Hit, two threads",
        &["Of one call, in each of two threads that call at once; keys by zipf 0.99 as with one thread, in another \
           order on each thread. One hot key: both threads ask for nothing else, so that they share also the \
           value's reference count."],
        run(&entrants(), rounds, progress),
    );
    let kinds = [Pair::KIND, u64::KIND, Text::KIND];
    let mut goals: Vec<Goal> = kinds
        .into_iter()
        .map(|case| compared(&table, OURS, Bound::AtMost(0.9), &[QUICK], case))
        .chain([compared(&table, OURS, Bound::AtMost(0.4), &[QUICK], ONE_HOT)])
        .collect();
    let (throughput, goal) = throughput(rounds, progress);
    goals.push(goal);
    let ticking = hit::beside_a_ticking_clock("Hit, two threads, beside a ticking clock", 2, rounds, progress);
    Answer { tables: vec![table, throughput, ticking], goals }
}

/// Everybody who hits, with two threads: each kind of key, and one key for both.
pub fn entrants() -> Vec<Entrant> {
    let hot = Sequence::one_hot();
    let hot = HITS.iter().map(|peer| Entrant::new(peer.name, ONE_HOT, (peer.text)(&hot)));
    hit::entrants().into_iter().chain(hot).map(|entrant| entrant.threads(2)).collect()
}

/// The value is a number: two clones of one `Arc` contend whatever the cache does.
fn throughput(rounds: usize, progress: &ProgressBar) -> (Table, Goal) {
    const TITLE: &str = "Throughput, u64 to u64";
    let keys = Sequence::<u64>::zipf();
    let entrants = [1, 2].map(|threads| {
        let case = if threads == 1 { "one thread" } else { "two threads" };
        Entrant::new(OURS, case, ours::unshared(&keys)).threads(threads)
    });
    let table =
        of_hits(TITLE, &["Of one call in each thread; the value is no `Arc`."], run(&entrants, rounds, progress));
    let [one, two] = [0, 1].map(|case: usize| table.figures[case].median());
    (table, throughput_of_two(TITLE, 1.7, one, two))
}
