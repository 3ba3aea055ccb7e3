//! What a hit costs that is awaited.

use indicatif::ProgressBar;

use super::{compared, of_hits};
use crate::contenders::{ASYNC_HITS, OURS, QUICK};
use crate::results::{Answer, Bound, Effort};
use crate::rounds::{Entrant, run};
use crate::workload::{Key, Sequence, Text};

/// Everybody who hits asynchronously, with each kind of key.
pub fn entrants() -> Vec<Entrant> {
    let (ids, texts) = (Sequence::zipf(), Sequence::zipf());
    ASYNC_HITS
        .iter()
        .flat_map(|peer| {
            [
                Entrant::new(peer.name, u64::KIND, (peer.id)(&ids)),
                Entrant::new(peer.name, Text::KIND, (peer.text)(&texts)),
            ]
        })
        .collect()
}

/// One task on a tokio runtime of the current thread.
pub fn ask(effort: Effort, progress: &ProgressBar) -> Answer {
    let rounds = match effort {
        Effort::Full => 101,
        Effort::Quick => 31,
    };
    let notes = ["One task awaits one call after another, on tokio's runtime of the current thread."];
    let table = of_hits("Hit, asynchronously", &notes, run(&entrants(), rounds, progress));
    let goals = [u64::KIND, Text::KIND]
        .into_iter()
        .map(|case| compared(&table, OURS, Bound::AtMost(1.4), &[QUICK], case))
        .collect();
    Answer { tables: vec![table], goals }
}
