//! The benchmarks, each of all contenders that can do the work.

pub mod allocations;
pub mod async_hit;
pub mod compile_time;
pub mod contended;
pub mod hit;
pub mod hit_ratio;
pub mod instructions;
pub mod invalidate;
pub mod latency;
pub mod memory;
pub mod miss;
pub mod seeing;

use indicatif::ProgressBar;

use crate::progress::untimed;
use crate::results::{Bound, Effort, Goal, Results, Table};
use crate::rounds::Outcome;

/// A benchmark.
pub struct Benchmark {
    /// Its name on the command line.
    pub name: &'static str,
    /// Runs it. The bar is for its progress, and has no length yet.
    pub run: fn(Effort, &ProgressBar) -> Results,
}

/// All benchmarks, in the order of the report.
pub const BENCHMARKS: [Benchmark; 12] = [
    Benchmark { name: "hit", run: hit::run },
    Benchmark { name: "seeing", run: seeing::run },
    Benchmark { name: "contended", run: contended::run },
    Benchmark { name: "async_hit", run: async_hit::run },
    Benchmark { name: "miss", run: miss::run },
    Benchmark { name: "latency", run: latency::run },
    Benchmark { name: "invalidate", run: invalidate::run },
    Benchmark { name: "allocations", run: allocations::run },
    Benchmark { name: "instructions", run: instructions::run },
    Benchmark { name: "memory", run: memory::run },
    Benchmark { name: "hit_ratio", run: hit_ratio::run },
    Benchmark { name: "compile_time", run: compile_time::run },
];

/// Fills the caches of trials.
fn filled<T>(progress: &ProgressBar, trials: impl FnOnce() -> T) -> T {
    untimed(progress, "fill the caches", trials)
}

/// A table in nanoseconds per call, with the caveats of the outcome.
fn table(title: &str, notes: &[&str], outcome: Outcome) -> Table {
    Table {
        title: title.into(),
        unit: "ns".into(),
        notes: notes.iter().map(|&note| note.to_owned()).chain(outcome.caveats()).collect(),
        figures: outcome.figures,
    }
}

/// A goal for the throughput of two threads, from nanoseconds per call in each thread.
fn throughput_goal(title: &str, at_least: f64, one_thread: f64, two_threads: f64) -> Goal {
    Goal {
        what: format!("{title}: calls per second, two threads / one"),
        bound: Bound::AtLeast(at_least),
        measured: 2.0 * one_thread / two_threads,
        unit: "x",
    }
}

/// A goal that compares a contender with the fastest of others, in one case.
fn comparison_goal(table: &Table, contender: &str, bound: Bound, others: &[&str], case: &str) -> Goal {
    let other = others
        .iter()
        .filter_map(|other| table.figure(other, case))
        .min_by(|one, another| one.median().total_cmp(&another.median()));
    let other = other.map_or(others[0], |figure| figure.contender.as_str());
    // Without a figure the goal is reported as not measured.
    let measured = table.ratio(contender, other, case).unwrap_or(f64::NAN);
    Goal { what: format!("{}, {case}: {contender} / {other}", table.title), bound, measured, unit: "x" }
}
