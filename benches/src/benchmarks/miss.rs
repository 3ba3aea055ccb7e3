//! What a miss costs, with all that comes of it: the load, the insertion, and an eviction.

use indicatif::ProgressBar;

use super::{compared, of_hits, throughput_of_two};
use crate::contenders::{CACHED_LRU_TTL, MISSES, OURS, QUICK, QUICK_ONE_LOAD};
use crate::results::{Answer, Bound, Effort, Figure, Goal, Table};
use crate::rounds::{Entrant, run};

const CASE: &str = "u64";

/// Everybody who misses.
pub fn entrants() -> Vec<Entrant> {
    MISSES.iter().map(|peer| Entrant::new(peer.name, CASE, (peer.batch)()).calls(8_192)).collect()
}

/// One thread, a full cache.
pub fn ask(effort: Effort, progress: &ProgressBar) -> Answer {
    let rounds = match effort {
        Effort::Full => 101,
        Effort::Quick => 31,
    };
    let table = Table {
        title: "Miss and insert".into(),
        unit: "ns".into(),
        notes: vec![
            "Capacity 10,000, and keys drawn evenly from 1,000,000: 99 of 100 calls miss. The body makes an \
             `Arc<Vec<u64>>`, which is in everybody's figure. What bounds nothing is emptied before each batch."
                .into(),
            "The program's allocator counts (see the allocations of a hit), which costs everybody the same few \
             nanoseconds an allocation."
                .into(),
        ],
        figures: run(&entrants(), rounds, progress).figures,
    };
    let mut goals = vec![
        compared(&table, OURS, Bound::AtMost(1.5), &[CACHED_LRU_TTL], CASE),
        compared(&table, OURS, Bound::AtMost(2.5), &[QUICK_ONE_LOAD], CASE),
    ];
    let (throughput, goal) = throughput(rounds, progress);
    goals.push(goal);
    Answer { tables: vec![table, throughput], goals }
}

const ONE_THREAD: &str = "one thread";
const TWO_THREADS: &str = "two threads";
/// Whom two threads are expected to use.
const SHARED: [&str; 4] = [OURS, QUICK, QUICK_ONE_LOAD, CACHED_LRU_TTL];

/// One thread, and two that miss different keys of one cache.
fn throughput(rounds: usize, progress: &ProgressBar) -> (Table, Goal) {
    const TITLE: &str = "Miss and insert, two threads";
    let entrants: Vec<Entrant> = MISSES
        .iter()
        .filter(|peer| SHARED.contains(&peer.name))
        .flat_map(|peer| {
            [(ONE_THREAD, 1), (TWO_THREADS, 2)]
                .map(|(case, threads)| Entrant::new(peer.name, case, (peer.batch)()).threads(threads).calls(8_192))
        })
        .collect();
    let notes =
        ["Of one call in each thread; each thread draws other keys. The value is made by each call, so that threads \
                  meet in the cache and in the allocator alone."];
    let table = of_hits(TITLE, &notes, run(&entrants, rounds, progress).of_misses());
    let [one, two] = [ONE_THREAD, TWO_THREADS].map(|case| table.figure(OURS, case).map_or(f64::NAN, Figure::median));
    (table, throughput_of_two(TITLE, 1.6, one, two))
}
