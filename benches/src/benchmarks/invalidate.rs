//! The cost of invalidations, and of the gets after them.

use indicatif::ProgressBar;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::{comparison_goal, filled};
use crate::contenders::invalidation::{Numbers, Target, atomic_operations};
use crate::contenders::query_invalidation::Invalidate;
use crate::report::grid::number;
use crate::results::{Bound, Effort, Figure, Goal, Results, Table};
use crate::rounds::{self, Trial};
use crate::workload::{ENTRIES, Keys};

pub use crate::contenders::query_invalidation::CONTENDERS as QUERY_CONTENDERS;

const BASELINE: &str = "one atomic read-modify-write";

/// Invalidations by size, gets after them, and the peers.
pub fn run(effort: Effort, progress: &ProgressBar) -> Results {
    let (calls, mut goals) = by_size(effort, progress);
    let (after, more) = gets_after(effort, progress);
    goals.extend(more);
    Results { tables: vec![calls, after, peers(effort, progress)], goals }
}

/// Each kind of invalidation, at each number of entries.
pub fn trials(sizes: &[u64]) -> Vec<Trial> {
    sizes
        .iter()
        .flat_map(|&size| {
            // In one cache the first call invalidates all entries; in the other they are loaded again.
            let (invalidated, valid) = (Numbers::new(size), Numbers::new(size));
            let targets = Target::ALL.into_iter().map(move |target| {
                let numbers = if target.reloads() { &valid } else { &invalidated };
                Trial::new(target.name(), grouped(size), numbers.invalidations(target)).calls(512)
            });
            [Trial::new(BASELINE, grouped(size), atomic_operations()).calls(4_096)].into_iter().chain(targets)
        })
        .collect()
}

fn by_size(effort: Effort, progress: &ProgressBar) -> (Table, Vec<Goal>) {
    const TITLE: &str = "Invalidation, by number of entries";
    let (sizes, rounds): (&[u64], _) = match effort {
        Effort::Full => (&[1_000, 100_000, 1_000_000, 10_000_000], 101),
        Effort::Quick => (&[1_000, 100_000, 1_000_000], 31),
    };
    let trials = filled(progress, || trials(sizes));
    let table = Table {
        title: TITLE.into(),
        unit: "ns".into(),
        notes: vec![
            "By `#[invalidates(..)]` on a method of a repository of u64 to u64, whose entries have two tags; the tags of \
             16 entries by `cache.invalidate_tags`. The first call of \"a query\", \"a tag of every entry\" and \"everything\" \
             invalidates all entries, and later calls find them invalid: no call visits entries."
                .into(),
            "\"A key\" and \"a tag of 16 entries\" invalidate valid entries: the same 128 at every size, which are loaded again \
             outside the timed calls, so that the processor's caches hold them. \"A key, of all in turn\" is the opposite: each \
             key is far from the last one in memory, and the time to reach it grows with the size, as for a `get`. It has no goal."
                .into(),
        ],
        figures: rounds::run(&trials, rounds, progress).figures,
    };
    let goals = Target::ALL
        .into_iter()
        .filter(|target| *target != Target::AnyKey)
        .flat_map(|target| {
            // No absolute bound for a key: its lookup depends on the memory.
            let worst = (target != Target::ValidKey).then(|| worst_goal(&table, target, sizes));
            [baseline_goal(&table, target, sizes), growth_goal(&table, target, sizes)].into_iter().chain(worst)
        })
        .collect();
    (table, goals)
}

/// The worst ratio of all sizes.
fn baseline_goal(table: &Table, target: Target, sizes: &[u64]) -> Goal {
    let ratios = sizes.iter().filter_map(|&size| table.ratio(target.name(), BASELINE, &grouped(size)));
    Goal {
        what: format!("Invalidate {} / {BASELINE}, worst size", target.name()),
        bound: Bound::AtMost(if target == Target::ValidKey { 27.0 } else { 10.0 }),
        measured: ratios.fold(f64::NAN, f64::max),
        unit: "x",
    }
}

/// An absolute bound, because atomic operations differ between machines.
fn worst_goal(table: &Table, target: Target, sizes: &[u64]) -> Goal {
    let medians = sizes.iter().filter_map(|&size| table.figure(target.name(), &grouped(size))).map(Figure::median);
    Goal {
        what: format!("Invalidate {}, worst size", target.name()),
        bound: Bound::AtMost(100.0),
        measured: medians.fold(f64::NAN, f64::max),
        unit: "ns",
    }
}

fn growth_goal(table: &Table, target: Target, sizes: &[u64]) -> Goal {
    let medians = || sizes.iter().filter_map(|&size| table.figure(target.name(), &grouped(size))).map(Figure::median);
    let [first, .., last] = sizes else { unreachable!("several sizes") };
    Goal {
        what: format!(
            "Invalidate {}: slowest / fastest size, from {} to {} entries",
            target.name(),
            grouped(*first),
            grouped(*last)
        ),
        bound: Bound::AtMost(1.2),
        measured: medians().fold(f64::NAN, f64::max) / medians().fold(f64::NAN, f64::min),
        unit: "x",
    }
}

const OTHER_TARGETS: [(&str, Target); 3] =
    [("another query", Target::Query), ("another tag", Target::Tag), ("a key of another query", Target::ValidKey)];
const ZIPF: &str = "1,000 gets, zipf";
const EACH_ONCE: &str = "each of 10,000 entries once";
const ZIPF_TWO_TAGS: &str = "1,000 gets, zipf, two tags";
const EACH_ONCE_TWO_TAGS: &str = "each of 10,000 entries once, two tags";
const BEFORE: &str = "no invalidation";

fn gets_after(effort: Effort, progress: &ProgressBar) -> (Table, Vec<Goal>) {
    let rounds = match effort {
        Effort::Full => 101,
        Effort::Quick => 31,
    };
    // Capacity for the entries with one tag, those with two, and the invalidated one.
    let numbers = Numbers::with_capacity(ENTRIES as u64, 3 * ENTRIES);
    let keys = Keys::zipf();
    let rows = [(BEFORE, None)].into_iter().chain(OTHER_TARGETS.map(|(name, target)| (name, Some(target))));
    let trials: Vec<Trial> = rows
        .flat_map(|(name, target)| {
            [
                Trial::new(name, ZIPF, numbers.gets_after(&keys, target, 1)),
                Trial::new(name, ZIPF_TWO_TAGS, numbers.gets_after(&keys, target, 2)),
                Trial::new(name, EACH_ONCE, numbers.each_once_after(target, 1)).calls(ENTRIES),
                Trial::new(name, EACH_ONCE_TWO_TAGS, numbers.each_once_after(target, 2)).calls(ENTRIES),
            ]
        })
        .collect();
    let outcome = rounds::run(&trials, rounds, progress);
    let notes = ["Per get. Before each 1,000 gets, or each round of all entries, another target is invalidated."];
    let table = super::table("Gets after an invalidation", &notes, outcome);
    let goals = [ZIPF, ZIPF_TWO_TAGS, EACH_ONCE, EACH_ONCE_TWO_TAGS]
        .into_iter()
        .flat_map(|case| {
            OTHER_TARGETS.map(|(name, _)| comparison_goal(&table, name, Bound::AtMost(1.1), &[BEFORE], case))
        })
        .collect();
    (table, goals)
}

/// Microseconds until the entries of one query are invalidated.
fn peers(effort: Effort, progress: &ProgressBar) -> Table {
    let sizes: &[(u64, usize)] = match effort {
        Effort::Full => &[(1_000, 61), (100_000, 15), (1_000_000, 5)],
        Effort::Quick => &[(1_000, 11), (100_000, 5)],
    };
    let mut table = Table {
        title: "Invalidate one query of ten, by number of entries".into(),
        unit: "µs".into(),
        notes: vec![
            "A tenth of the entries belong to the query, and are loaded again outside the timed calls. Where each function has a \
             cache of its own, only that one is filled."
                .to_owned(),
        ],
        figures: Vec::new(),
    };
    for &(size, rounds) in sizes {
        progress.inc_length(rounds as u64);
        let mut stale = Vec::new();
        let mut contenders: Vec<(&str, Invalidate)> = filled(progress, || {
            QUERY_CONTENDERS.iter().map(|contender| (contender.name, (contender.fill)(size))).collect()
        });
        let mut rng = StdRng::seed_from_u64(size);
        let case = grouped(size);
        for _ in 0..rounds {
            // The first round is in the order of the table.
            for (name, invalidate) in &mut contenders {
                let times = invalidate();
                table.record(name, &case, times.call.as_secs_f64() * 1e6);
                if let Some(removal) = times.removal {
                    table.record(&format!("{name} and its maintenance"), &case, removal.as_secs_f64() * 1e6);
                    stale.push(times.stale);
                }
                progress.tick();
            }
            contenders.shuffle(&mut rng);
            progress.inc(1);
        }
        let rounds_with_stale = stale.iter().filter(|&&stale| stale > 0).count();
        if rounds_with_stale > 0 {
            table.notes.push(format!(
                "Of {case} entries, moka served some invalidated ones even after its maintenance: in {rounds_with_stale} of {} \
                 rounds, up to {} of {}.",
                stale.len(),
                stale.iter().max().expect("a round"),
                grouped(size / 10)
            ));
        }
    }
    table
}

/// The column.
#[expect(clippy::cast_precision_loss, reason = "round numbers")]
fn grouped(size: u64) -> String {
    number(size as f64)
}
