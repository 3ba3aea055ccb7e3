//! The report: a page of tables, and a plot of each.

mod chart;
pub mod environment;
pub mod grid;
mod plot;

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::results::{Effort, Goal, Results};
use grid::Grid;

const PAGE: &str = "REPORT.md";
const PLOTS: &str = "plots";

/// One benchmark of the report.
pub struct Section {
    /// The name of the benchmark.
    pub name: &'static str,
    /// Its results.
    pub results: Results,
    /// How long it ran.
    pub took: Duration,
}

/// Writes `REPORT.md` and its `plots` into a folder.
///
/// # Errors
///
/// If a file cannot be written.
pub fn write(folder: &Path, sections: &[Section], effort: Effort) -> io::Result<()> {
    let mut page = head(sections, effort);
    for section in sections {
        for (index, table) in section.results.tables.iter().enumerate() {
            let _ = write!(page, "\n## {}\n\n{}\n", table.title, Grid::of_table(table).markdown());
            for note in &table.notes {
                let _ = write!(page, "{note}\n\n");
            }
            let _ = writeln!(page, "![{}]({PLOTS}/{})", table.title, plot_name(section.name, index));
        }
    }
    fs::create_dir_all(folder)?;
    fs::write(folder.join(PAGE), page)?;
    draw_plots(folder)
}

/// Draws the plots of a `REPORT.md` again, from its tables.
///
/// # Errors
///
/// If there is no such page, a figure on it is not a number, or a plot cannot be written.
pub fn draw_plots(folder: &Path) -> io::Result<()> {
    let page = fs::read_to_string(folder.join(PAGE))?;
    fs::create_dir_all(folder.join(PLOTS))?;
    for (file, chart) in chart::read(&page).map_err(io::Error::other)? {
        fs::write(folder.join(PLOTS).join(file), plot::svg(&chart).map_err(io::Error::other)?)?;
    }
    Ok(())
}

/// The first plot of a benchmark has its name; the others have a number too.
fn plot_name(benchmark: &str, index: usize) -> String {
    if index == 0 { format!("{benchmark}.svg") } else { format!("{benchmark}-{}.svg", index + 1) }
}

/// How the figures came about, the goals, and the environment.
fn head(sections: &[Section], effort: Effort) -> String {
    let goals: Vec<Goal> = sections.iter().flat_map(|section| section.results.goals.clone()).collect();
    let met = goals.iter().filter(|goal| goal.is_met()).count();
    let (command, caution) = match effort {
        Effort::Full => ("cargo run --release -p cache-benches --bin report", ""),
        Effort::Quick => (
            "cargo run --release -p cache-benches --bin report -- --quick",
            " With few rounds: read the figures for their order of magnitude.",
        ),
    };
    let took: Duration = sections.iter().map(|section| section.took).sum();
    let times: Vec<String> =
        sections.iter().map(|section| format!("{} {:.0} s", section.name, section.took.as_secs_f64())).collect();
    format!(
        "# What the cache costs, compared with its peers\n\n\
         Written by `{command}` in {:.0} s ({}).{caution}\n\n\
         Every figure is a median over rounds; ± is half the interquartile range. Each round runs every contender once, \
         in random order and in one process, so that a disturbance of the machine affects all of them. A goal compares \
         two such medians.\n\n\
         ## Goals: {met} of {} met\n\n{}\n\
         ## Environment\n\n{}",
        took.as_secs_f64(),
        times.join(", "),
        goals.len(),
        Grid::of_goals(&goals).markdown(),
        environment::markdown(),
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
        let goals = vec![goal("easy", 0.5), goal("hard", 1.5), goal("skipped", f64::NAN)];
        Section { name: "hit", results: Results { tables: vec![table], goals }, took: Duration::from_secs(2) }
    }

    #[test]
    fn a_report_has_goals_tables_and_plots() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &[section()], Effort::Quick).unwrap();
        let report = fs::read_to_string(folder.path().join("REPORT.md")).unwrap();
        let plot = fs::read_to_string(folder.path().join("plots/hit.svg")).unwrap();
        assert!(report.contains("1 of 3 met"), "{report}");
        assert!(report.contains("| easy | ≤ 1 x | 0.50 x | met |"), "{report}");
        assert!(report.contains("| hard | ≤ 1 x | 1.5 x | **missed** |"), "{report}");
        assert!(report.contains("| skipped | ≤ 1 x | - | **not measured** |"), "{report}");
        assert!(report.contains("| one | 1,234 ± 0% | 0.50 ± 0% |"), "{report}");
        assert!(report.contains("| two | 2.0 ± 0% | - |"), "{report}");
        assert!(report.contains("A caveat.") && report.contains("(plots/hit.svg)"), "{report}");
        assert!(plot.contains("Hit &amp; run") && plot.contains("&amp;b") && plot.contains("1,234"), "{plot}");
    }
}
