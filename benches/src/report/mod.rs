//! What is made of the answers: one page with tables and plots.

pub mod environment;
pub mod markdown;
pub mod plot;

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::results::{Answer, Effort, Goal};

/// A question and what was answered.
pub struct Section {
    /// What the question is called.
    pub name: &'static str,
    /// What was answered.
    pub answer: Answer,
    /// How long that took.
    pub took: Duration,
}

/// Writes `REPORT.md` and its `plots` into a folder.
///
/// # Errors
///
/// If that cannot be written.
pub fn write(folder: &Path, sections: &[Section], effort: Effort) -> io::Result<()> {
    let plots = folder.join("plots");
    std::fs::create_dir_all(&plots)?;
    let mut body = String::new();
    for section in sections {
        for (index, table) in section.answer.tables.iter().enumerate() {
            let file = plot_name(section.name, index);
            plot::draw(&plots.join(&file), table).map_err(io::Error::other)?;
            let _ = write!(body, "\n## {}\n\n{}\n", table.title, markdown::table(table));
            for note in &table.notes {
                let _ = write!(body, "{note}\n\n");
            }
            let _ = writeln!(body, "![{}](plots/{file})", table.title);
        }
    }
    std::fs::write(folder.join("REPORT.md"), head(sections, effort) + &body)
}

/// The first plot of a question has its name.
fn plot_name(question: &str, index: usize) -> String {
    if index == 0 { format!("{question}.svg") } else { format!("{question}-{}.svg", index + 1) }
}

/// What was measured, on what, and what came of the goals.
fn head(sections: &[Section], effort: Effort) -> String {
    let goals: Vec<Goal> = sections.iter().flat_map(|section| section.answer.goals.clone()).collect();
    let met = goals.iter().filter(|goal| goal.is_met()).count();
    let (command, caution) = match effort {
        Effort::Full => ("cargo run --release -p cache-benches --bin report", ""),
        Effort::Quick => (
            "cargo run --release -p cache-benches --bin report -- --quick",
            " It was a quick one, with few rounds: read it for the order of magnitude.",
        ),
    };
    let took: Duration = sections.iter().map(|section| section.took).sum();
    let asked: Vec<String> =
        sections.iter().map(|section| format!("{} {:.0} s", section.name, section.took.as_secs_f64())).collect();
    format!(
        "# What the cache costs, beside its peers\n\n\
         Written by `{command}` in {:.0} s ({}).{caution}\n\n\
         Every figure is a median of rounds, and ± is half the distance between the quartiles. In each round every \
         contender runs once, in an order that is another in every round, in one process: what disturbs the machine \
         disturbs all. A goal is a ratio of two such medians.\n\n\
         ## Goals: {met} of {} met\n\n{}\n\
         ## Where and with what\n\n{}",
        took.as_secs_f64(),
        asked.join(", "),
        goals.len(),
        markdown::goals(&goals),
        markdown::facts(&environment::of_this_machine(), &environment::versions()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Bound, Figure, Table};

    fn section() -> Section {
        let figure = |contender: &str, case: &str, sample: f64| Figure {
            contender: contender.into(),
            case: case.into(),
            samples: vec![sample; 3],
        };
        let table = Table {
            title: "Hit & run".into(),
            unit: "ns".into(),
            notes: vec!["A caveat.".into()],
            figures: vec![figure("one", "a", 1_234.0), figure("one", "&b", 0.5), figure("two", "a", 2.0)],
        };
        let goal = |what: &str, measured| Goal { what: what.into(), bound: Bound::AtMost(1.0), measured, unit: "x" };
        let goals = vec![goal("easy", 0.5), goal("hard", 1.5), goal("not measured", f64::NAN)];
        Section { name: "hit", answer: Answer { tables: vec![table], goals }, took: Duration::from_secs(2) }
    }

    #[test]
    fn a_report_says_what_was_missed() {
        let folder = std::env::temp_dir().join(format!("cache-benches-{}", std::process::id()));
        write(&folder, &[section()], Effort::Quick).unwrap();
        let report = std::fs::read_to_string(folder.join("REPORT.md")).unwrap();
        let plot = std::fs::read_to_string(folder.join("plots/hit.svg")).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(report.contains("1 of 3 met"), "{report}");
        assert!(report.contains("| easy | ≤ 1 x | 0.50 x | met |"), "{report}");
        assert!(report.contains("| hard | ≤ 1 x | 1.5 x | **missed** |"), "{report}");
        assert!(report.contains("| not measured | ≤ 1 x | - | **not measured** |"), "{report}");
        assert!(report.contains("| one | 1,234 ± 0% | 0.50 ± 0% |"), "{report}");
        assert!(report.contains("| two | 2.0 ± 0% | - |"), "{report}");
        assert!(report.contains("A caveat.") && report.contains("(plots/hit.svg)"), "{report}");
        assert!(plot.contains("Hit &amp; run") && plot.contains("&amp;b") && plot.contains("one"), "{plot}");
    }

    #[test]
    fn versions_are_those_of_the_lock_file() {
        let versions = environment::versions();
        let of = |name: &str| versions.iter().find(|(package, _)| package == name).map(|(_, version)| version.as_str());
        assert!(of("quick_cache").is_some_and(|version| version.starts_with("0.7.")), "{versions:?}");
        assert!(of("dashmap").is_some_and(|version| version.starts_with("6.")), "{versions:?}");
    }
}
