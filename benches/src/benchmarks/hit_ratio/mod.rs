//! What part of the questions is answered without a load, with nothing forgotten and with much of it.

mod contenders;
mod traces;

use std::hint::black_box;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use crate::results::{Answer, Bound, Effort, Figure, Goal, Table};
use contenders::{Contender, Make, Source};
use traces::{KEYS, Operation};

const OURS: &str = "ours";
const MOKA: &str = "moka";
const QUICK_CACHE: &str = "quick_cache";
const OPTIMUM: &str = "optimum";

/// How many entries there is room for, of a hundred keys.
const CAPACITIES: [u64; 2] = [1, 10];

/// Without invalidations it makes no difference how a peer forgets.
const CONTENDERS: [(&str, Make); 6] = [
    (OURS, contenders::ours),
    (MOKA, contenders::moka_keys),
    (QUICK_CACHE, contenders::quick_cache_keys),
    ("mini-moka", contenders::mini_moka),
    ("foyer S3-FIFO", contenders::foyer),
    ("LRU", contenders::lru),
];

const MOKA_WAYS: [&str; 2] = ["moka, keys from an index", "moka, invalidate_entries_if"];
const QUICK_CACHE_WAYS: [&str; 2] = ["quick_cache, keys from an index", "quick_cache, retain"];

const FORGETFUL: [(&str, Make); 8] = [
    (OURS, contenders::ours),
    (MOKA_WAYS[0], contenders::moka_keys),
    (MOKA_WAYS[1], contenders::moka_predicates),
    (QUICK_CACHE_WAYS[0], contenders::quick_cache_keys),
    (QUICK_CACHE_WAYS[1], contenders::quick_cache_retain),
    ("mini-moka, keys from an index", contenders::mini_moka),
    ("foyer S3-FIFO, keys from an index", contenders::foyer),
    ("LRU, keys from an index", contenders::lru),
];

/// A trace, made anew for each round.
type Trace = (&'static str, fn(usize, u64) -> Vec<Operation>);

const PLAIN: [Trace; 4] = [
    ("zipf 0.8", |len, seed| traces::zipf(0.8, len, seed)),
    ("zipf 0.99", |len, seed| traces::zipf(0.99, len, seed)),
    ("loop", |len, _| traces::cycle(len)),
    ("scan + zipf", |len, seed| traces::scans(0.99, len, seed)),
];

const WITH_INVALIDATIONS: [Trace; 2] = [
    ("zipf 0.8", |len, seed| traces::invalidations(0.8, len, seed)),
    ("zipf 0.99", |len, seed| traces::invalidations(0.99, len, seed)),
];

/// Counts hits.
pub fn ask(effort: Effort, progress: &ProgressBar) -> Answer {
    let (rounds, len) = match effort {
        Effort::Full => (3, 1_000_000),
        Effort::Quick => (1, 400_000),
    };
    let work = PLAIN.len() * (CONTENDERS.len() + 1) + WITH_INVALIDATIONS.len() * (FORGETFUL.len() + 1);
    progress.set_length((work * CAPACITIES.len() * rounds) as u64);
    let plain = table("Hit ratio, nothing invalidated", &PLAIN, &CONTENDERS, (rounds, len), progress);
    let forgetful = table(
        "Hit ratio, 5% of operations forget a tag that 1% of the entries bear",
        &WITH_INVALIDATIONS,
        &FORGETFUL,
        (rounds, len),
        progress,
    );
    let mut goals = plain_goals(&plain);
    goals.extend(forgetful_goals(&forgetful));
    Answer { tables: vec![noted(plain, PLAIN_NOTES), noted(forgetful, FORGETFUL_NOTES)], goals }
}

const PLAIN_NOTES: &[&str] = &[
    "100,000 keys; the cache has room for 1% or 10% of them. A round is another seed; the first fifth of a trace fills \
     the cache and is not counted.",
    "loop: all keys in turn, over and over. scan + zipf: after every 20,000 operations of zipf 0.99 come 10,000 \
     keys that are never asked for again, and are counted as the misses that they are.",
    "All run in one thread. moka and mini-moka run their maintenance after each insertion, which serves them best. \
     The optimum is Belady's, which knows the future.",
];

const FORGETFUL_NOTES: &[&str] = &[
    "Each key bears one of 100 tags. A hit is a current value that was not loaded: one that was served stale is counted \
     as a miss.",
    "A peer without tags is invalidated in the best ways that it has: by its own search through all entries, or key by key \
     from an index that is kept beside it, as a careful user would. Goals are judged by the better way.",
    "Whoever forgets exactly misses what was forgotten: the optimum, which is told what will be forgotten when, is the most \
     that any cache can have. What is left to tell contenders apart is what they evict, how soon the room of \
     dead entries is used again, and whether a key that was much used before it was forgotten is known when it comes back.",
];

fn noted(mut table: Table, notes: &[&str]) -> Table {
    table.notes = notes.iter().map(ToString::to_string).collect();
    table
}

fn table(
    title: &str,
    traces: &[Trace],
    contenders: &[(&str, Make)],
    (rounds, len): (usize, usize),
    progress: &ProgressBar,
) -> Table {
    let mut table =
        Table { title: title.into(), unit: "hits in 100 questions".into(), notes: Vec::new(), figures: Vec::new() };
    for round in 0..rounds {
        for (trace_name, make_trace) in traces {
            let trace = make_trace(len, 2 * round as u64);
            for percent in CAPACITIES {
                let capacity = usize::try_from(KEYS * percent / 100).expect("few");
                let case = case(trace_name, percent);
                for (contender, make) in contenders {
                    record(&mut table, contender, &case, ratio(*make, capacity, &trace));
                    progress.inc(1);
                }
                record(&mut table, OPTIMUM, &case, optimum(capacity, &trace));
                progress.inc(1);
            }
        }
    }
    table
}

fn case(trace: &str, percent: u64) -> String {
    format!("{trace}, {percent}%")
}

fn record(table: &mut Table, contender: &str, case: &str, sample: f64) {
    let known = table.figures.iter_mut().find(|figure| figure.contender == contender && figure.case == case);
    if let Some(figure) = known {
        figure.samples.push(sample);
    } else {
        table.figures.push(Figure { contender: contender.into(), case: case.into(), samples: vec![sample] });
    }
}

/// The first operation that is counted.
fn counted(trace: &[Operation]) -> usize {
    trace.len() / 5
}

#[expect(clippy::cast_precision_loss, reason = "less than 2^52 of each")]
fn percentage(hits: usize, trace: &[Operation]) -> f64 {
    let asked = trace[counted(trace)..].iter().filter(|operation| matches!(operation, Operation::Ask(_)));
    100.0 * hits as f64 / asked.count() as f64
}

fn optimum(capacity: usize, trace: &[Operation]) -> f64 {
    percentage(traces::most_hits(trace, capacity, counted(trace)), trace)
}

fn ratio(make: Make, capacity: usize, trace: &[Operation]) -> f64 {
    let source = Source::new();
    percentage(hits(&*make(capacity, source.clone()), &source, trace), trace)
}

/// The contenders that are timed by [`time`].
pub fn contenders() -> impl Iterator<Item = &'static str> {
    CONTENDERS.iter().map(|(name, _)| *name)
}

/// How long a contender takes over so many operations of zipf 0.99, with room for 1% of the keys.
///
/// # Panics
///
/// If there is no such contender.
pub fn time(contender: &str, operations: u64) -> Duration {
    let (_, make) = CONTENDERS.iter().find(|(name, _)| *name == contender).expect("one of `contenders`");
    let source = Source::new();
    let cache = make(usize::try_from(KEYS / 100).expect("few"), source.clone());
    let trace = traces::zipf(0.99, usize::try_from(operations).expect("as many as fit into memory"), 0);
    let start = Instant::now();
    black_box(hits(&*cache, &source, &trace));
    start.elapsed()
}

fn hits(cache: &dyn Contender, source: &Source, trace: &[Operation]) -> usize {
    let mut hits = 0;
    for (at, operation) in trace.iter().enumerate() {
        match *operation {
            Operation::Ask(key) => {
                let before = source.loads();
                let is_current = cache.ask(key) == source.current(key);
                hits += usize::from(at >= counted(trace) && is_current && source.loads() == before);
            }
            Operation::Forget(tag) => {
                source.change(tag);
                cache.forget(tag);
            }
        }
    }
    hits
}

fn plain_goals(table: &Table) -> Vec<Goal> {
    let cases: Vec<_> = cases(&PLAIN).collect();
    let mut goals: Vec<_> = cases
        .iter()
        .map(|case| Goal {
            what: format!("hit ratio, {case}: behind the better of moka and quick_cache"),
            bound: Bound::AtMost(1.0),
            measured: best(table, &[MOKA, QUICK_CACHE], case) - best(table, &[OURS], case),
            unit: "points",
        })
        .collect();
    goals.extend([MOKA, QUICK_CACHE].map(|peer| Goal {
        what: format!("hit ratio, mean of all traces: ahead of {peer}"),
        bound: Bound::AtLeast(0.0),
        measured: mean(table, &[OURS], &cases) - mean(table, &[peer], &cases),
        unit: "points",
    }));
    goals
}

fn forgetful_goals(table: &Table) -> Vec<Goal> {
    let cases: Vec<_> = cases(&WITH_INVALIDATIONS).collect();
    let peers = [(MOKA, MOKA_WAYS), (QUICK_CACHE, QUICK_CACHE_WAYS)];
    let goal = |(peer, ways): (&str, [&str; 2])| Goal {
        what: format!("hit ratio with invalidations, mean of all traces: ahead of {peer}"),
        bound: Bound::AtLeast(2.0),
        measured: mean(table, &[OURS], &cases) - mean(table, &ways, &cases),
        unit: "points",
    };
    peers.map(goal).into()
}

fn cases(traces: &[Trace]) -> impl Iterator<Item = String> {
    traces.iter().flat_map(|(trace, _)| CAPACITIES.map(|percent| case(trace, percent)))
}

/// The hit ratio of whoever of these has the highest.
fn best(table: &Table, contenders: &[&str], case: &str) -> f64 {
    let ratio = |contender: &&str| table.figure(contender, case).expect("all ran all").median();
    contenders.iter().map(ratio).fold(0.0, f64::max)
}

#[expect(clippy::cast_precision_loss, reason = "few cases")]
fn mean(table: &Table, contenders: &[&str], cases: &[String]) -> f64 {
    cases.iter().map(|case| best(table, contenders, case)).sum::<f64>() / cases.len() as f64
}
