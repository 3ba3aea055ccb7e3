//! Allocations per hit.

use allocation_counter::measure;
use indicatif::ProgressBar;

use super::{filled, hit};
use crate::contenders::OURS;
use crate::results::{Bound, Effort, Figure, Goal, Results, Table};
use crate::workload::Batch;

const CALLS: usize = 1_000;

/// Counts allocations, which do not vary between rounds.
#[expect(clippy::cast_precision_loss, reason = "few allocations")]
pub fn run(_: Effort, progress: &ProgressBar) -> Results {
    let trials = filled(progress, hit::trials);
    progress.set_length(trials.len() as u64);
    let figures: Vec<Figure> = progress
        .wrap_iter(trials.into_iter())
        .map(|trial| {
            let batch = Batch { thread: 0, number: 0, calls: CALLS };
            // The first hits of a thread initialize thread-local state.
            (trial.batch)(batch);
            let counted = measure(|| {
                (trial.batch)(batch);
            })
            .count_total;
            Figure { contender: trial.contender, case: trial.case, samples: vec![counted as f64 / CALLS as f64] }
        })
        .collect();
    let goals = figures
        .iter()
        .filter(|figure| figure.contender == OURS)
        .map(|figure| Goal {
            what: format!("Allocations on a hit, {}", figure.case),
            bound: Bound::AtMost(0.0),
            measured: figure.median(),
            unit: "allocations",
        })
        .collect();
    let table = Table {
        title: "Allocations on a hit".into(),
        unit: "allocations".into(),
        notes: vec![format!("The mean of {CALLS} hits, including owned arguments where a contender requires them.")],
        figures,
    };
    Results { tables: vec![table], goals }
}
