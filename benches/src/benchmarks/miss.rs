//! Misses: the load, the insertion, and an eviction.

use indicatif::ProgressBar;

use super::{comparison_goal, filled, throughput_goal};
use crate::contenders::{CACHED_LRU_TTL, MISSES, OURS, QUICK, QUICK_SINGLE_FLIGHT};
use crate::results::{Bound, Effort, Figure, Goal, Results, Table};
use crate::rounds::{self, Trial};

const CASE: &str = "u64";

/// All contenders.
pub fn trials() -> Vec<Trial> {
    MISSES.iter().map(|peer| Trial::new(peer.name, CASE, (peer.batch)()).calls(8_192)).collect()
}

/// One thread, a full cache.
pub fn run(effort: Effort, progress: &ProgressBar) -> Results {
    let rounds = match effort {
        Effort::Full => 101,
        Effort::Quick => 31,
    };
    let table = Table {
        title: "Miss and insert".into(),
        unit: "ns".into(),
        notes: vec![
            "Capacity 10,000, and keys drawn uniformly from 1,000,000: 99 of 100 calls miss. Every figure includes the load, which \
             makes an `Arc<Vec<u64>>`. Unbounded contenders are cleared before each batch."
                .into(),
            "The program's allocator counts allocations, which costs every contender the same few nanoseconds per allocation."
                .into(),
        ],
        figures: rounds::run(&filled(progress, trials), rounds, progress).figures,
    };
    let mut goals = vec![
        comparison_goal(&table, OURS, Bound::AtMost(1.5), &[CACHED_LRU_TTL], CASE),
        comparison_goal(&table, OURS, Bound::AtMost(2.5), &[QUICK_SINGLE_FLIGHT], CASE),
    ];
    let (throughput, goal) = throughput(rounds, progress);
    goals.push(goal);
    Results { tables: vec![table, throughput], goals }
}

const ONE_THREAD: &str = "one thread";
const TWO_THREADS: &str = "two threads";
/// Contenders meant for several threads.
const SHARED: [&str; 4] = [OURS, QUICK, QUICK_SINGLE_FLIGHT, CACHED_LRU_TTL];

/// One thread, and two threads that miss different keys of one cache.
fn throughput(rounds: usize, progress: &ProgressBar) -> (Table, Goal) {
    const TITLE: &str = "Miss and insert, two threads";
    let trials: Vec<Trial> = MISSES
        .iter()
        .filter(|peer| SHARED.contains(&peer.name))
        .flat_map(|peer| {
            [(ONE_THREAD, 1), (TWO_THREADS, 2)]
                .map(|(case, threads)| Trial::new(peer.name, case, (peer.batch)()).threads(threads).calls(8_192))
        })
        .collect();
    let notes =
        ["Per call in each thread; each thread draws different keys. Each call makes its value, so that the threads \
                  share only the cache and the allocator."];
    let table = super::table(TITLE, &notes, rounds::run(&trials, rounds, progress).of_misses());
    let [one, two] = [ONE_THREAD, TWO_THREADS].map(|case| table.figure(OURS, case).map_or(f64::NAN, Figure::median));
    (table, throughput_goal(TITLE, 1.6, one, two))
}
