//! Tables, for people.

use std::fmt::Write;

use crate::results::{Bound, Figure, Goal, Table};

/// A table of medians, contenders down and cases across, each with its spread.
pub fn table(table: &Table) -> String {
    let contenders = in_order(table.figures.iter().map(|figure| figure.contender.as_str()));
    let cases = in_order(table.figures.iter().map(|figure| figure.case.as_str()));
    let mut text = format!("| {} |", table.unit);
    for case in &cases {
        let _ = write!(text, " {case} |");
    }
    text.push_str("\n|---|");
    text.push_str(&"---:|".repeat(cases.len()));
    for contender in contenders {
        let _ = write!(text, "\n| {contender} |");
        for case in &cases {
            let _ = write!(text, " {} |", table.figure(contender, case).map_or("-".to_owned(), cell));
        }
    }
    text.push('\n');
    text
}

/// Each once, in the order in which they come first.
pub(crate) fn in_order<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}

fn cell(figure: &Figure) -> String {
    if figure.samples.len() < 2 {
        return number(figure.median());
    }
    format!("{} ± {:.0}%", number(figure.median()), figure.spread() * 100.0)
}

/// With as many digits as are worth reading.
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
    if decimals > 0 || digits < 4 { plain } else { grouped(&plain) }
}

/// 1,234,567.
fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// All goals, with what came of them.
pub fn goals(goals: &[Goal]) -> String {
    let mut text = String::from("| goal | at most / at least | measured | |\n|---|---:|---:|---|\n");
    for goal in goals {
        let bound = match goal.bound {
            Bound::AtMost(bound) => format!("≤ {bound} {}", goal.unit),
            Bound::AtLeast(bound) => format!("≥ {bound} {}", goal.unit),
        };
        let (measured, verdict) = match (goal.measured.is_nan(), goal.is_met()) {
            (true, _) => ("-".to_owned(), "**not measured**"),
            (_, true) => (format!("{} {}", number(goal.measured), goal.unit), "met"),
            (_, false) => (format!("{} {}", number(goal.measured), goal.unit), "**missed**"),
        };
        let _ = writeln!(text, "| {} | {bound} | {measured} | {verdict} |", goal.what);
    }
    text
}

/// The machine, and the versions.
pub fn facts(machine: &[(&str, String)], versions: &[(String, String)]) -> String {
    let mut text = String::from("| | |\n|---|---|\n");
    for (name, fact) in machine {
        let _ = writeln!(text, "| {name} | {fact} |");
    }
    let versions: Vec<String> = versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let _ = writeln!(text, "| versions | {} |", versions.join(", "));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_as_many_digits_as_are_worth_reading() {
        let numbers = [0.0, 0.0123, 0.5, 3.26, 99.96, 1_234.5, 1_234_567.0, -1_234.0];
        let texts = ["0", "0.012", "0.50", "3.3", "100.0", "1,234", "1,234,567", "-1,234"];
        assert_eq!(numbers.map(number), texts);
    }
}
