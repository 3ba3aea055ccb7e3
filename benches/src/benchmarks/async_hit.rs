//! Asynchronous hits.

use indicatif::ProgressBar;

use super::{comparison_goal, filled, table};
use crate::contenders::{ASYNC_HITS, OURS, QUICK};
use crate::results::{Bound, Effort, Results};
use crate::rounds::{self, Trial};
use crate::workload::{Key, Keys, Text};

/// All contenders, with each kind of key.
pub fn trials() -> Vec<Trial> {
    let (ids, texts) = (Keys::zipf(), Keys::zipf());
    ASYNC_HITS
        .iter()
        .flat_map(|peer| {
            [Trial::new(peer.name, u64::KIND, (peer.id)(&ids)), Trial::new(peer.name, Text::KIND, (peer.text)(&texts))]
        })
        .collect()
}

/// One task on tokio's current-thread runtime.
pub fn run(effort: Effort, progress: &ProgressBar) -> Results {
    let rounds = match effort {
        Effort::Full => 101,
        Effort::Quick => 31,
    };
    let notes = ["One task awaits one call after another, on tokio's current-thread runtime."];
    let table = table("Hit, asynchronous", &notes, rounds::run(&filled(progress, trials), rounds, progress));
    let goals = [u64::KIND, Text::KIND]
        .into_iter()
        .map(|case| comparison_goal(&table, OURS, Bound::AtMost(1.4), &[QUICK], case))
        .collect();
    Results { tables: vec![table], goals }
}
