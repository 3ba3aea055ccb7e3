//! What it costs to forget, and what comes after.

use indicatif::ProgressBar;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::compared;
use crate::contenders::invalidation::{Numbers, Target, one_atomic_operation};
use crate::contenders::query_invalidation::{FORGETFUL, Forget};
use crate::report::markdown::number;
use crate::results::{Answer, Bound, Effort, Figure, Goal, Table};
use crate::rounds::{Entrant, run};
use crate::workload::{ENTRIES, Sequence};

const YARDSTICK: &str = "one atomic read-modify-write";

/// At each size, the gets after, and the peers.
pub fn ask(effort: Effort, progress: &ProgressBar) -> Answer {
    let (calls, mut goals) = calls(effort, progress);
    let (after, more) = gets_after(effort, progress);
    goals.extend(more);
    Answer { tables: vec![calls, after, peers(effort, progress)], goals }
}

/// The cost of each kind of invalidation, by the number of entries.
pub fn entrants(sizes: &[u64]) -> Vec<Entrant> {
    sizes
        .iter()
        .flat_map(|&size| {
            // What most of them forget is forgotten by the first call: the others have a cache of their own.
            let (forgotten, live) = (Numbers::new(size), Numbers::new(size));
            let targets = Target::ALL.into_iter().map(move |target| {
                let numbers = if target.leaves_others_alive() { &live } else { &forgotten };
                Entrant::new(target.name(), grouped(size), numbers.forgetting(target)).calls(512)
            });
            [Entrant::new(YARDSTICK, grouped(size), one_atomic_operation()).calls(4_096)].into_iter().chain(targets)
        })
        .collect()
}

fn calls(effort: Effort, progress: &ProgressBar) -> (Table, Vec<Goal>) {
    const TITLE: &str = "An invalidation, by the number of entries";
    let (sizes, rounds): (&[u64], _) = match effort {
        Effort::Full => (&[1_000, 100_000, 1_000_000, 10_000_000], 101),
        Effort::Quick => (&[1_000, 100_000, 1_000_000], 31),
    };
    progress.set_message("entries are made");
    let entrants = entrants(sizes);
    progress.set_message("");
    let table = Table {
        title: TITLE.into(),
        unit: "ns".into(),
        notes: vec![
            "By `#[invalidates(..)]` on a method of a repository of u64 to u64, whose entries bear two tags; the tags of \
             16 entries by `cache.invalidate_tags`. The first call of \"a query\", \"a tag that every entry bears\" and \
             \"everything\" kills all entries, and the others find them dead: nothing is walked either way."
                .into(),
            "\"A key\" and \"a tag of 16 entries\" forget entries that live: 128 of them, which are loaded again while the \
             clock is stopped. They are few in every size, so that what differs is the number of the others, and not \
             what the processor has in its caches. \"A key, of all in turn\" is the other case: each is far from the last \
             in a large memory, and what grows with the size is the time to reach it, as with a `get`. It has no goal."
                .into(),
        ],
        figures: run(&entrants, rounds, progress).figures,
    };
    let goals = Target::ALL
        .into_iter()
        .filter(|target| *target != Target::AnyKey)
        .flat_map(|target| {
            // A key is looked up, and its entry removed: that grows with what it takes to get there, not with the yardstick.
            let at_worst = (target != Target::LiveKey).then(|| at_worst(&table, target, sizes));
            [beside_the_yardstick(&table, target, sizes), the_same(&table, target, sizes)].into_iter().chain(at_worst)
        })
        .collect();
    (table, goals)
}

/// The worst of all sizes.
fn beside_the_yardstick(table: &Table, target: Target, sizes: &[u64]) -> Goal {
    let ratios = sizes.iter().filter_map(|&size| table.ratio(target.name(), YARDSTICK, &grouped(size)));
    Goal {
        what: format!("Forget {}: / {YARDSTICK}, at the worst of the sizes", target.name()),
        bound: Bound::AtMost(if target == Target::LiveKey { 27.0 } else { 10.0 }),
        measured: ratios.fold(f64::NAN, f64::max),
        unit: "x",
    }
}

/// What the yardstick was thought to come to, of which there are slower ones.
fn at_worst(table: &Table, target: Target, sizes: &[u64]) -> Goal {
    let medians = sizes.iter().filter_map(|&size| table.figure(target.name(), &grouped(size))).map(Figure::median);
    Goal {
        what: format!("Forget {}: at the worst of the sizes", target.name()),
        bound: Bound::AtMost(100.0),
        measured: medians.fold(f64::NAN, f64::max),
        unit: "ns",
    }
}

fn the_same(table: &Table, target: Target, sizes: &[u64]) -> Goal {
    let medians = || sizes.iter().filter_map(|&size| table.figure(target.name(), &grouped(size))).map(Figure::median);
    let [first, .., last] = sizes else { unreachable!("there are several") };
    Goal {
        what: format!(
            "Forget {}: the dearest / the cheapest size, from {} to {} entries",
            target.name(),
            grouped(*first),
            grouped(*last)
        ),
        bound: Bound::AtMost(1.2),
        measured: medians().fold(f64::NAN, f64::max) / medians().fold(f64::NAN, f64::min),
        unit: "x",
    }
}

const SOMETHING_ELSE: [(&str, Target); 3] =
    [("another query", Target::Query), ("another tag", Target::Tag), ("a key of another query", Target::LiveKey)];
const ZIPF: &str = "1,000 gets by zipf";
const EACH_ONCE: &str = "each of 10,000 entries once";
const ZIPF_TWO_TAGS: &str = "1,000 gets by zipf, two tags";
const EACH_ONCE_TWO_TAGS: &str = "each of 10,000 entries once, two tags";
const BEFORE: &str = "nothing forgotten before";

fn gets_after(effort: Effort, progress: &ProgressBar) -> (Table, Vec<Goal>) {
    let rounds = match effort {
        Effort::Full => 101,
        Effort::Quick => 31,
    };
    // Room for the entries with one tag, those with two, and the one that is forgotten.
    let numbers = Numbers::with_room(ENTRIES as u64, 3 * ENTRIES);
    let keys = Sequence::zipf();
    let rows = [(BEFORE, None)].into_iter().chain(SOMETHING_ELSE.map(|(name, target)| (name, Some(target))));
    let entrants: Vec<Entrant> = rows
        .flat_map(|(name, target)| {
            [
                Entrant::new(name, ZIPF, numbers.gets_after(&keys, target, 1)),
                Entrant::new(name, ZIPF_TWO_TAGS, numbers.gets_after(&keys, target, 2)),
                Entrant::new(name, EACH_ONCE, numbers.each_once_after(target, 1)).calls(ENTRIES),
                Entrant::new(name, EACH_ONCE_TWO_TAGS, numbers.each_once_after(target, 2)).calls(ENTRIES),
            ]
        })
        .collect();
    let outcome = run(&entrants, rounds, progress);
    let notes =
        ["Of one get. Something else is forgotten before each 1,000 gets, or before each round of all entries."];
    let table = super::of_hits("Gets after an invalidation", &notes, outcome);
    let goals = [ZIPF, ZIPF_TWO_TAGS, EACH_ONCE, EACH_ONCE_TWO_TAGS]
        .into_iter()
        .flat_map(|case| SOMETHING_ELSE.map(|(name, _)| compared(&table, name, Bound::AtMost(1.1), &[BEFORE], case)))
        .collect();
    (table, goals)
}

/// Microseconds until one function's entries are forgotten.
fn peers(effort: Effort, progress: &ProgressBar) -> Table {
    let sizes: &[(u64, usize)] = match effort {
        Effort::Full => &[(1_000, 61), (100_000, 15), (1_000_000, 5)],
        Effort::Quick => &[(1_000, 11), (100_000, 5)],
    };
    let mut figures: Vec<Figure> = Vec::new();
    let mut notes = vec![
        "A tenth of the entries are of one function, and are loaded again while the clock is stopped. Where each \
         function has a cache of its own, only that one is there."
            .to_owned(),
    ];
    for &(size, rounds) in sizes {
        progress.inc_length(rounds as u64);
        let mut served = Vec::new();
        let mut forgetting: Vec<(&str, Forget)> =
            FORGETFUL.iter().map(|peer| (peer.name, (peer.build)(size))).collect();
        let mut rng = StdRng::seed_from_u64(size);
        let case = grouped(size);
        for _ in 0..rounds {
            // The order of the table is that of the first round.
            for (name, forget) in &mut forgetting {
                let forgot = forget();
                add(&mut figures, name, &case, forgot.called.as_secs_f64() * 1e6);
                if let Some(gone) = forgot.gone {
                    add(
                        &mut figures,
                        &format!("{name}, until its maintenance is done"),
                        &case,
                        gone.as_secs_f64() * 1e6,
                    );
                    served.push(forgot.served);
                }
            }
            forgetting.shuffle(&mut rng);
            progress.inc(1);
        }
        let rounds_with = served.iter().filter(|&&served| served > 0).count();
        if rounds_with > 0 {
            notes.push(format!(
                "Of {case} entries, moka still served some that were invalidated when its maintenance was done: in \
                 {rounds_with} of {} rounds, up to {} of {}.",
                served.len(),
                served.iter().max().expect("some"),
                grouped(size / 10)
            ));
        }
    }
    Table { title: "Forget one function of ten, by the number of entries".into(), unit: "µs".into(), notes, figures }
}

fn add(figures: &mut Vec<Figure>, contender: &str, case: &str, sample: f64) {
    match figures.iter_mut().find(|figure| figure.contender == contender && figure.case == case) {
        Some(figure) => figure.samples.push(sample),
        None => figures.push(Figure { contender: contender.into(), case: case.into(), samples: vec![sample] }),
    }
}

/// For the head of a column.
#[expect(clippy::cast_precision_loss, reason = "round numbers")]
fn grouped(size: u64) -> String {
    number(size as f64)
}
