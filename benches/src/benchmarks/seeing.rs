//! Hits of one thread, while somebody wants to see what the cache does.

use indicatif::ProgressBar;

use super::{comparison_goal, filled, table};
use crate::contenders::{OURS, OURS_ALL_ON, OURS_OBSERVED, ours};
use crate::results::{Bound, Effort, Results};
use crate::rounds;
use crate::workload::{Key, Pair, Text};

const NOTES: [&str; 2] = [
    "As *Hit, one thread*. Invalidations are kept, as by default, and the feature `tracing` is built in, without a subscriber.",
    "*Observed*: with `CacheMetrics`. *All on*: also with `Audit::sample(0.01)`; the body of an audited hit makes a vector of four numbers.",
];

/// Each kind of key.
pub fn run(effort: Effort, progress: &ProgressBar) -> Results {
    let rounds = match effort {
        Effort::Full => 101,
        Effort::Quick => 31,
    };
    let outcome = rounds::run(&filled(progress, ours::seen_hits), rounds, progress);
    let table = table("Hit, while somebody watches", &NOTES, outcome);
    let goals = [Pair::KIND, u64::KIND, Text::KIND]
        .into_iter()
        .flat_map(|case| {
            [
                comparison_goal(&table, OURS_OBSERVED, Bound::AtMost(1.05), &[OURS], case),
                comparison_goal(&table, OURS_ALL_ON, Bound::AtMost(1.15), &[OURS], case),
            ]
        })
        .collect();
    Results { tables: vec![table], goals }
}
