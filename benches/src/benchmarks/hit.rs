//! Hits of one thread.

use cache_core::TickingClock;
use indicatif::ProgressBar;

use super::{comparison_goal, filled, table};
use crate::contenders::{CACHED_TTL, HITS, OURS, OURS_4_TAGS, OURS_GET, QUICK, ours};
use crate::results::{Bound, Effort, Results, Table};
use crate::rounds::{self, Trial};
use crate::workload::{Key, Keys, Pair, Text};

/// All contenders, with each kind of key.
pub fn trials() -> Vec<Trial> {
    let (pairs, ids, texts) = (Keys::zipf(), Keys::zipf(), Keys::zipf());
    HITS.iter()
        .flat_map(|peer| {
            [
                Trial::new(peer.name, Pair::KIND, (peer.pair)(&pairs)),
                Trial::new(peer.name, u64::KIND, (peer.id)(&ids)),
                Trial::new(peer.name, Text::KIND, (peer.text)(&texts)),
            ]
        })
        .collect()
}

/// One thread, each kind of key.
pub fn run(effort: Effort, progress: &ProgressBar) -> Results {
    let rounds = match effort {
        Effort::Full => 101,
        Effort::Quick => 31,
    };
    let outcome = rounds::run(&filled(progress, trials), rounds, progress);
    let table = table("Hit, one thread", &["10,000 entries, keys by zipf 0.99, values `Arc<Vec<u64>>`."], outcome);
    let goals = [Pair::KIND, u64::KIND, Text::KIND]
        .into_iter()
        .flat_map(|case| {
            [
                comparison_goal(&table, OURS, Bound::AtMost(1.2), &[QUICK], case),
                comparison_goal(&table, OURS, Bound::AtMost(0.6), &[CACHED_TTL], case),
                comparison_goal(&table, OURS_GET, Bound::AtMost(1.1), &[QUICK], case),
                comparison_goal(&table, OURS_4_TAGS, Bound::AtMost(1.1), &[OURS], case),
            ]
        })
        .collect();
    let ticking = with_ticking_clock("Hit, one thread, with a ticking clock", 1, rounds, progress);
    Results { tables: vec![table, ticking], goals }
}

/// With a clock that a thread advances, compared with none. In a table of its own, so that the thread takes no processor time
/// from the other contenders.
pub(super) fn with_ticking_clock(title: &str, threads: usize, rounds: usize, progress: &ProgressBar) -> Table {
    let clock = TickingClock::start();
    let plain = filled(progress, trials).into_iter().filter(|trial| [OURS, QUICK].contains(&trial.contender.as_str()));
    let trials: Vec<Trial> = ours::ticking_hits(&clock)
        .into_iter()
        .chain(plain)
        .map(|trial| trial.threads(threads).calls(BETWEEN_TICKS))
        .collect();
    let note = "As above, with `TickingClock::start()`. Its thread runs once per millisecond during all batches, which are \
                short enough to fit in between: the figures do not include the thread's own time.";
    table(title, &[note], rounds::run(&trials, rounds, progress))
}

/// Calls that take a few tenths of a millisecond.
const BETWEEN_TICKS: usize = 8_192;
