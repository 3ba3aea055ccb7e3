//! The text of a table, written as Markdown for the page and drawn with lines for a terminal.

use std::fmt::Write as _;

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{CellAlignment, Table as Drawing};

use crate::results::{Bound, Figure, Goal, Table};

/// Rows of text under a header. All columns but the first are aligned to the right.
pub struct Grid {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Grid {
    /// Medians with their spreads: a row for each contender, a column for each case.
    pub fn of_table(table: &Table) -> Self {
        let contenders = distinct(table.figures.iter().map(|figure| figure.contender.as_str()));
        let cases = distinct(table.figures.iter().map(|figure| figure.case.as_str()));
        let row = |contender: &str| {
            let cells = cases.iter().map(|case| table.figure(contender, case).map_or(MISSING.to_owned(), cell));
            [contender.to_owned()].into_iter().chain(cells).collect()
        };
        let header = [table.unit.as_str()].into_iter().chain(cases.iter().copied()).map(String::from).collect();
        Self { header, rows: contenders.into_iter().map(row).collect() }
    }

    /// Each goal with its bound, what was measured, and the verdict.
    pub fn of_goals(goals: &[Goal]) -> Self {
        let row = |goal: &Goal| {
            let bound = match goal.bound {
                Bound::AtMost(bound) => format!("≤ {bound} {}", goal.unit),
                Bound::AtLeast(bound) => format!("≥ {bound} {}", goal.unit),
            };
            let measured = format!("{} {}", number(goal.measured), goal.unit);
            let (measured, verdict) = match (goal.measured.is_nan(), goal.is_met()) {
                (true, _) => (MISSING.to_owned(), "**not measured**"),
                (_, true) => (measured, "met"),
                (_, false) => (measured, "**missed**"),
            };
            vec![goal.what.clone(), bound, measured, verdict.to_owned()]
        };
        let header = ["goal", "bound", "measured", "result"].map(String::from).into();
        Self { header, rows: goals.iter().map(row).collect() }
    }

    /// A Markdown table.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        let mut line = |cells: &[String]| writeln!(text, "| {} |", cells.join(" | ")).expect("a String takes all");
        line(&self.header);
        let alignment = |column| if column == 0 { "---" } else { "---:" };
        line(&(0..self.header.len()).map(|column| alignment(column).to_owned()).collect::<Vec<_>>());
        self.rows.iter().for_each(|row| line(row));
        text
    }

    /// A table for a terminal.
    pub fn terminal(&self) -> String {
        let mut drawing = Drawing::new();
        drawing.load_style(UTF8_BORDERS_ONLY).set_header(&self.header).add_rows(&self.rows);
        for column in drawing.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        drawing.to_string()
    }
}

/// A contender that cannot do the work of a case.
pub(super) const MISSING: &str = "-";
/// Between a median and its spread.
pub(super) const SPREAD: &str = " ± ";

fn cell(figure: &Figure) -> String {
    let median = number(figure.median());
    if figure.samples.len() < 2 { median } else { format!("{median}{SPREAD}{:.0}%", figure.spread() * 100.0) }
}

/// Each name once, in order of first appearance.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}

/// About three significant digits, with commas between thousands.
pub(crate) fn number(value: f64) -> String {
    let decimals = match value.abs() {
        0.0 => 0,
        ..0.1 => 3,
        ..1.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    let plain = format!("{value:.decimals$}");
    let digits = plain.trim_start_matches('-').split('.').next().map_or(0, str::len);
    if decimals > 0 || digits < 4 { plain } else { with_commas(&plain) }
}

fn with_commas(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_about_three_significant_digits() {
        let numbers = [0.0, 0.0123, 0.5, 3.26, 99.96, 1_234.5, 1_234_567.0, -1_234.0];
        let texts = ["0", "0.012", "0.50", "3.3", "100.0", "1,234", "1,234,567", "-1,234"];
        assert_eq!(numbers.map(number), texts);
    }

    #[test]
    fn a_terminal_table_has_aligned_columns() {
        let rows = vec![vec!["one".into(), "1,234 ± 5%".into()], vec!["another".into(), "2.0".into()]];
        let text = Grid { header: vec!["ns".into(), "u64".into()], rows }.terminal();
        let widths: Vec<_> = text.lines().map(|line| line.chars().count()).collect();
        assert!(widths.iter().all(|width| *width == widths[0]), "{text}");
        assert!(text.contains("another          2.0 │"), "{text}");
    }
}
