//! What a miss costs, with all that comes of it: the load, the insertion, and an eviction.

use indicatif::ProgressBar;

use super::compared;
use crate::contenders::{MISSES, OURS, QUICK};
use crate::figure::{Answer, Bound, Effort, Table};
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
    let goals = vec![compared(&table, OURS, Bound::AtMost(1.5), &[QUICK], CASE)];
    Answer { tables: vec![table], goals }
}
