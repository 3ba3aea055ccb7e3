//! What a hit allocates.

use allocation_counter::measure;
use indicatif::ProgressBar;

use super::hit;
use crate::contenders::OURS;
use crate::results::{Answer, Bound, Effort, Figure, Goal, Table};
use crate::workload::Lap;

const CALLS: usize = 1_000;

/// Counted, and therefore the same every time.
#[expect(clippy::cast_precision_loss, reason = "few allocations")]
pub fn ask(_: Effort, progress: &ProgressBar) -> Answer {
    let figures: Vec<Figure> = progress
        .wrap_iter(hit::entrants().into_iter())
        .map(|entrant| {
            let lap = Lap { thread: 0, number: 0, calls: CALLS };
            // What is made once on a thread's first hits is not a hit's.
            (entrant.batch)(lap);
            let counted = measure(|| {
                (entrant.batch)(lap);
            })
            .count_total;
            Figure { contender: entrant.contender, case: entrant.case, samples: vec![counted as f64 / CALLS as f64] }
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
        notes: vec![format!(
            "The mean of {CALLS} hits. Arguments that a contender takes owned are counted: it asks for them."
        )],
        figures,
    };
    Answer { tables: vec![table], goals }
}
