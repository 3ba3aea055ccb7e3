//! What a hit costs on one thread.

use indicatif::ProgressBar;

use super::{compared, of_hits};
use cache_core::TickingClock;

use crate::contenders::{CACHED_TTL, HITS, OURS, OURS_4_TAGS, OURS_GET, QUICK, ours};
use crate::results::{Answer, Bound, Effort, Table};
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
                compared(&table, OURS, Bound::AtMost(1.2), &[QUICK], case),
                compared(&table, OURS, Bound::AtMost(0.6), &[CACHED_TTL], case),
                compared(&table, OURS_GET, Bound::AtMost(1.1), &[QUICK], case),
                compared(&table, OURS_4_TAGS, Bound::AtMost(1.1), &[OURS], case),
            ]
        })
        .collect();
    let ticking = beside_a_ticking_clock("Hit, one thread, beside a ticking clock", 1, rounds, progress);
    Answer { tables: vec![table, ticking], goals }
}

/// With a clock that a thread moves on, and beside it with none. It has a table of its own, so that the thread takes no
/// processor from the others.
pub(super) fn beside_a_ticking_clock(title: &str, threads: usize, rounds: usize, progress: &ProgressBar) -> Table {
    let clock = TickingClock::start();
    let plain = entrants().into_iter().filter(|entrant| [OURS, QUICK].contains(&entrant.contender.as_str()));
    let entrants: Vec<Entrant> = ours::ticking_hits(&clock)
        .into_iter()
        .chain(plain)
        .map(|entrant| entrant.threads(threads).calls(BETWEEN_TICKS))
        .collect();
    let note = "As above, with `TickingClock::start()`. Its thread runs beside all of them, once in a millisecond, and a batch \
                is short enough to fit in between: what the thread itself takes is not in these figures.";
    of_hits(title, &[note], run(&entrants, rounds, progress))
}

/// A few tenths of a millisecond.
const BETWEEN_TICKS: usize = 8_192;
