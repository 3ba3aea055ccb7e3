//! What a hit costs on one thread.

use indicatif::ProgressBar;

use super::{compared, of_hits};
use crate::contenders::{CACHED, FLOOR, HITS, MOKA, OURS, OURS_4_TAGS, QUICK};
use crate::figure::{Answer, Bound, Effort};
use crate::rounds::{Entrant, run};
use crate::workload::{Key, Pair, Sequence, Text};

/// Everybody who hits, with each kind of key.
pub fn entrants() -> Vec<Entrant> {
    let (pairs, ids, texts) = (Sequence::zipf(), Sequence::zipf(), Sequence::zipf());
    HITS.iter()
        .flat_map(|peer| {
            [
                Entrant::new(peer.name, Pair::KIND, (peer.pair)(&pairs)),
                Entrant::new(peer.name, u64::KIND, (peer.id)(&ids)),
                Entrant::new(peer.name, Text::KIND, (peer.text)(&texts)),
            ]
        })
        .collect()
}

/// One thread, each kind of key.
pub fn ask(effort: Effort, progress: &ProgressBar) -> Answer {
    let rounds = match effort {
        Effort::Full => 101,
        Effort::Quick => 31,
    };
    let outcome = run(&entrants(), rounds, progress);
    let table = of_hits("Hit, one thread", &["10,000 entries, keys by zipf 0.99, values `Arc<Vec<u64>>`."], outcome);
    let goals = [Pair::KIND, u64::KIND, Text::KIND]
        .into_iter()
        .flat_map(|case| {
            [
                compared(&table, OURS, Bound::AtMost(1.0), &[QUICK], case),
                compared(&table, OURS, Bound::AtMost(0.5), &CACHED, case),
                compared(&table, OURS, Bound::AtMost(0.12), &[MOKA], case),
                compared(&table, OURS, Bound::AtMost(2.5), &[FLOOR], case),
                compared(&table, OURS_4_TAGS, Bound::AtMost(1.1), &[OURS], case),
            ]
        })
        .collect();
    Answer { tables: vec![table], goals }
}
