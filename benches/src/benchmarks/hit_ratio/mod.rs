//! Hit ratios, with and without invalidations.

mod contenders;
mod traces;

use std::hint::black_box;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use crate::progress::untimed;
use crate::results::{Bound, Effort, Goal, PERCENT, Results, Table};
use contenders::{Build, Contender, Source};
use traces::{KEYS, Operation};

const OURS: &str = "cache-core";
const MOKA: &str = "moka";
const QUICK_CACHE: &str = "quick_cache";
const OPTIMUM: &str = "optimum";

/// The capacities, in percent of the keys.
const CAPACITIES: [u64; 2] = [1, 10];

/// Without invalidations, a peer's way to invalidate makes no difference.
const CONTENDERS: [(&str, Build); 6] = [
    (OURS, contenders::ours),
    (MOKA, contenders::moka_keys),
    (QUICK_CACHE, contenders::quick_cache_keys),
    ("mini-moka", contenders::mini_moka),
    ("foyer S3-FIFO", contenders::foyer),
    ("LRU", contenders::lru),
];

const MOKA_VARIANTS: [&str; 2] = ["moka, keys from an index", "moka, invalidate_entries_if"];
const QUICK_CACHE_VARIANTS: [&str; 2] = ["quick_cache, keys from an index", "quick_cache, retain"];

const INVALIDATING_CONTENDERS: [(&str, Build); 8] = [
    (OURS, contenders::ours),
    (MOKA_VARIANTS[0], contenders::moka_keys),
    (MOKA_VARIANTS[1], contenders::moka_predicates),
    (QUICK_CACHE_VARIANTS[0], contenders::quick_cache_keys),
    (QUICK_CACHE_VARIANTS[1], contenders::quick_cache_retain),
    ("mini-moka, keys from an index", contenders::mini_moka),
    ("foyer S3-FIFO, keys from an index", contenders::foyer),
    ("LRU, keys from an index", contenders::lru),
];

/// A trace, generated again for each round.
type Trace = (&'static str, fn(usize, u64) -> Vec<Operation>);

const PLAIN_TRACES: [Trace; 4] = [
    ("zipf 0.8", |len, seed| traces::zipf(0.8, len, seed)),
    ("zipf 0.99", |len, seed| traces::zipf(0.99, len, seed)),
    ("loop", |len, _| traces::cycle(len)),
    ("scan + zipf", |len, seed| traces::scans(0.99, len, seed)),
];

const INVALIDATING_TRACES: [Trace; 2] = [
    ("zipf 0.8", |len, seed| traces::invalidations(0.8, len, seed)),
    ("zipf 0.99", |len, seed| traces::invalidations(0.99, len, seed)),
];

/// Traces, and the contenders that run them.
struct Experiment {
    title: &'static str,
    traces: &'static [Trace],
    contenders: &'static [(&'static str, Build)],
    notes: &'static [&'static str],
}

const PLAIN: Experiment = Experiment {
    title: "Hit ratio, no invalidations",
    traces: &PLAIN_TRACES,
    contenders: &CONTENDERS,
    notes: &PLAIN_NOTES,
};

const INVALIDATING: Experiment = Experiment {
    title: "Hit ratio, 5% of operations invalidate a tag of 1% of the keys",
    traces: &INVALIDATING_TRACES,
    contenders: &INVALIDATING_CONTENDERS,
    notes: &INVALIDATING_NOTES,
};

/// Counts hits: nothing is timed.
pub fn run(effort: Effort, progress: &ProgressBar) -> Results {
    let (rounds, len) = match effort {
        Effort::Full => (3, 1_000_000),
        Effort::Quick => (1, 400_000),
    };
    let [plain, invalidating] = [PLAIN, INVALIDATING]
        .map(|experiment| untimed(progress, "run traces", || table(&experiment, rounds, len, progress)));
    let mut goals = plain_goals(&plain);
    goals.extend(invalidating_goals(&invalidating));
    Results { tables: vec![plain, invalidating], goals }
}

const PLAIN_NOTES: [&str; 3] = [
    "100,000 keys; the capacity is 1% or 10% of them. Each round has its own seed; the first fifth of a trace fills the cache and \
     is not counted.",
    "loop: all keys in turn, repeatedly. scan + zipf: after every 20,000 operations of zipf 0.99 follow 10,000 keys that never \
     repeat, and count as misses.",
    "One thread. moka and mini-moka run their maintenance after each insertion, in their favour. The optimum is Belady's \
     algorithm, which knows the future.",
];

const INVALIDATING_NOTES: [&str; 3] = [
    "Each key has one of 100 tags. A hit is a current value that was not loaded; a stale value counts as a miss.",
    "Peers without tags are invalidated in their best ways: by a search of their own through all entries, or key by key from an \
     external index. Goals use the better one.",
    "Every exact invalidation causes misses: the optimum, which knows all future invalidations, is the upper limit. Contenders \
     differ in what they evict, in how soon the space of invalid entries is used again, and in whether the frequency of a key \
     outlives its invalidation.",
];

fn table(experiment: &Experiment, rounds: usize, len: usize, progress: &ProgressBar) -> Table {
    let &Experiment { title, traces, contenders, notes } = experiment;
    progress.inc_length((rounds * traces.len() * CAPACITIES.len() * (contenders.len() + 1)) as u64);
    let notes = notes.iter().map(ToString::to_string).collect();
    let mut table = Table { title: title.into(), unit: PERCENT.into(), notes, figures: Vec::new() };
    for round in 0..rounds {
        for (trace_name, generate) in traces {
            let trace = generate(len, 2 * round as u64);
            for percent in CAPACITIES {
                let capacity = usize::try_from(KEYS * percent / 100).expect("few");
                let case = case(trace_name, percent);
                for (contender, build) in contenders {
                    table.record(contender, &case, ratio(*build, capacity, &trace));
                    progress.inc(1);
                }
                table.record(OPTIMUM, &case, optimum(capacity, &trace));
                progress.inc(1);
            }
        }
    }
    table
}

fn case(trace: &str, percent: u64) -> String {
    format!("{trace}, {percent}%")
}

/// The first operation that is counted.
fn counted(trace: &[Operation]) -> usize {
    trace.len() / 5
}

#[expect(clippy::cast_precision_loss, reason = "less than 2^52 of each")]
fn percentage(hits: usize, trace: &[Operation]) -> f64 {
    let gets = trace[counted(trace)..].iter().filter(|operation| matches!(operation, Operation::Get(_)));
    100.0 * hits as f64 / gets.count() as f64
}

fn optimum(capacity: usize, trace: &[Operation]) -> f64 {
    percentage(traces::optimal_hits(trace, capacity, counted(trace)), trace)
}

fn ratio(build: Build, capacity: usize, trace: &[Operation]) -> f64 {
    let source = Source::new();
    percentage(hits(&*build(capacity, source.clone()), &source, trace), trace)
}

/// The contenders that [`time`] accepts.
pub fn contenders() -> impl Iterator<Item = &'static str> {
    CONTENDERS.iter().map(|(name, _)| *name)
}

/// The time of a number of operations of zipf 0.99, with a capacity of 1% of the keys.
///
/// # Panics
///
/// If there is no such contender.
pub fn time(contender: &str, operations: u64) -> Duration {
    let (_, build) = CONTENDERS.iter().find(|(name, _)| *name == contender).expect("one of `contenders`");
    let source = Source::new();
    let cache = build(usize::try_from(KEYS / 100).expect("few"), source.clone());
    let trace = traces::zipf(0.99, usize::try_from(operations).expect("as many as fit into memory"), 0);
    let start = Instant::now();
    black_box(hits(&*cache, &source, &trace));
    start.elapsed()
}

fn hits(cache: &dyn Contender, source: &Source, trace: &[Operation]) -> usize {
    let mut hits = 0;
    for (at, operation) in trace.iter().enumerate() {
        match *operation {
            Operation::Get(key) => {
                let before = source.loads();
                let is_current = cache.get(key) == source.current(key);
                hits += usize::from(at >= counted(trace) && is_current && source.loads() == before);
            }
            Operation::Invalidate(tag) => {
                source.change(tag);
                cache.invalidate(tag);
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

fn invalidating_goals(table: &Table) -> Vec<Goal> {
    let cases: Vec<_> = cases(&INVALIDATING).collect();
    let peers = [(MOKA, MOKA_VARIANTS), (QUICK_CACHE, QUICK_CACHE_VARIANTS)];
    let goal = |(peer, variants): (&str, [&str; 2])| Goal {
        what: format!("hit ratio with invalidations, mean of all traces: ahead of {peer}"),
        bound: Bound::AtLeast(2.0),
        measured: mean(table, &[OURS], &cases) - mean(table, &variants, &cases),
        unit: "points",
    };
    peers.map(goal).into()
}

fn cases(experiment: &Experiment) -> impl Iterator<Item = String> {
    experiment.traces.iter().flat_map(|(trace, _)| CAPACITIES.map(|percent| case(trace, percent)))
}

/// The highest hit ratio of some contenders.
fn best(table: &Table, contenders: &[&str], case: &str) -> f64 {
    let ratio =
        |contender: &&str| table.figure(contender, case).expect("a figure for each contender and case").median();
    contenders.iter().map(ratio).fold(0.0, f64::max)
}

#[expect(clippy::cast_precision_loss, reason = "few cases")]
fn mean(table: &Table, contenders: &[&str], cases: &[String]) -> f64 {
    cases.iter().map(|case| best(table, contenders, case)).sum::<f64>() / cases.len() as f64
}
