//! What is asked: each question of everybody who can do its work, in interleaved rounds.

pub mod hit;

use indicatif::ProgressBar;

use crate::figure::{Answer, Bound, Effort, Goal, Table};

/// A question.
pub struct Question {
    /// What it is called on the command line.
    pub name: &'static str,
    /// Asks it. The bar is its own: it says how far it has got.
    pub ask: fn(Effort, &ProgressBar) -> Answer,
}

/// All of them, in the order of the report.
pub const QUESTIONS: [Question; 1] = [Question { name: "hit", ask: hit::ask }];

/// A goal that compares two contenders in one case of a table; none if one of them was not measured.
pub(crate) fn compared(table: &Table, contender: &str, bound: Bound, other: &str, case: &str) -> Option<Goal> {
    let measured = table.ratio(contender, other, case)?;
    Some(Goal { what: format!("{}, {case}: {contender} / {other}", table.title), bound, measured, unit: "x" })
}
