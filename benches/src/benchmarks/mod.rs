//! What is asked: each question of everybody who can do its work, in interleaved rounds.

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

use indicatif::ProgressBar;

use crate::results::{Answer, Bound, Effort, Goal, Table};
use crate::rounds::Outcome;

/// A question.
pub struct Question {
    /// What it is called on the command line.
    pub name: &'static str,
    /// Asks it. The bar is its own, and says how far it has got: it starts without a length.
    pub ask: fn(Effort, &ProgressBar) -> Answer,
}

/// All of them, in the order of the report.
pub const QUESTIONS: [Question; 11] = [
    Question { name: "hit", ask: hit::ask },
    Question { name: "contended", ask: contended::ask },
    Question { name: "async_hit", ask: async_hit::ask },
    Question { name: "miss", ask: miss::ask },
    Question { name: "latency", ask: latency::ask },
    Question { name: "invalidate", ask: invalidate::ask },
    Question { name: "allocations", ask: allocations::ask },
    Question { name: "instructions", ask: instructions::ask },
    Question { name: "memory", ask: memory::ask },
    Question { name: "hit_ratio", ask: hit_ratio::ask },
    Question { name: "compile_time", ask: compile_time::ask },
];

/// A table in nanoseconds a call; it says so if not all were hits, or not all threads ran at once.
fn of_hits(title: &str, notes: &[&str], outcome: Outcome) -> Table {
    Table {
        title: title.into(),
        unit: "ns".into(),
        notes: notes.iter().map(|&note| note.to_owned()).chain(outcome.caveats()).collect(),
        figures: outcome.figures,
    }
}

/// A goal for the calls in a second that two threads make, beside those of one. Given are nanoseconds a call in a thread.
fn throughput_of_two(title: &str, at_least: f64, one_thread: f64, two_threads: f64) -> Goal {
    Goal {
        what: format!("{title}: calls in a second by two threads / by one"),
        bound: Bound::AtLeast(at_least),
        measured: 2.0 * one_thread / two_threads,
        unit: "x",
    }
}

/// A goal that compares a contender with the fastest of others, in one case.
fn compared(table: &Table, contender: &str, bound: Bound, others: &[&str], case: &str) -> Goal {
    let other = others
        .iter()
        .filter_map(|other| table.figure(other, case))
        .min_by(|one, another| one.median().total_cmp(&another.median()));
    let other = other.map_or(others[0], |figure| figure.contender.as_str());
    // A figure that is not there is not left out.
    let measured = table.ratio(contender, other, case).unwrap_or(f64::NAN);
    Goal { what: format!("{}, {case}: {contender} / {other}", table.title), bound, measured, unit: "x" }
}
