//! What a hit costs on one thread.

use indicatif::ProgressBar;

use super::compared;
use crate::contenders::{FLOOR, HITS, OURS, OURS_4_TAGS, QUICK};
use crate::figure::{Answer, Bound, Effort, Table};
use crate::rounds::{Entrant, run};
use crate::workload::{Key, Pair, Sequence, Text};

/// One thread, each kind of key.
pub fn ask(effort: Effort, progress: &ProgressBar) -> Answer {
    let (pairs, ids, texts) = (Sequence::zipf(), Sequence::zipf(), Sequence::zipf());
    let entrants: Vec<Entrant> = HITS
        .iter()
        .flat_map(|peer| {
            [
                Entrant::new(peer.name, Pair::KIND, (peer.pair)(&pairs)),
                Entrant::new(peer.name, u64::KIND, (peer.id)(&ids)),
                Entrant::new(peer.name, Text::KIND, (peer.text)(&texts)),
            ]
        })
        .collect();
    let rounds = match effort {
        Effort::Full => 61,
        Effort::Quick => 31,
    };
    let outcome = run(&entrants, rounds, progress);
    let table = Table {
        title: "Hit, one thread".into(),
        unit: "ns".into(),
        notes: outcome.misses().into_iter().collect(),
        figures: outcome.figures,
    };
    let goals = [Pair::KIND, u64::KIND, Text::KIND]
        .into_iter()
        .flat_map(|case| {
            [(OURS, 1.0, QUICK), (OURS, 2.5, FLOOR), (OURS_4_TAGS, 1.1, OURS)]
                .into_iter()
                .filter_map(|(ours, bound, other)| compared(&table, ours, Bound::AtMost(bound), other, case))
                .collect::<Vec<_>>()
        })
        .collect();
    Answer { tables: vec![table], goals }
}
