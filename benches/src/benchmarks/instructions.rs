//! Instructions per call, which do not depend on the load of the machine.

use std::path::Path;
use std::process::Command;

use indicatif::ProgressBar;

use crate::results::{Effort, Figure, Results, Table};
use crate::{programs, progress};

/// The kinds of calls that `calls-of` makes, with their names in the report.
pub const KINDS: [(&str, &str); 13] = [
    ("u64", "hit, u64"),
    ("u64-all-on", "hit, u64, observed, 1 in 100 audited"),
    ("str", "hit, &str of 12"),
    ("pair", "hit, (u32, u32)"),
    ("tags4", "hit, u64, 4 tags"),
    ("async", "async hit, u64"),
    ("miss", "miss + insert at capacity, u64"),
    ("invalidate-tag", "invalidate a tag"),
    ("invalidate-query", "invalidate a query"),
    ("invalidate-key", "invalidate a key"),
    ("quick_cache-u64", "quick_cache, get, u64"),
    ("quick_cache-str", "quick_cache, get, &str of 12"),
    ("loop", "the loop around the calls, included in every figure"),
];

const NOTES: [&str; 2] = [
    "Counted by callgrind, with 1,000 entries and values `Arc<Vec<u64>>`: the difference between 60,000 and 20,000 calls, divided \
     by 40,000. A get of quick_cache has no time to live, no tags and no statistics.",
    "`benches/instructions.txt` has the accepted counts. `.ci/run` fails if one rises by more than 5%.",
];

const FEW: u32 = 20_000;
const MANY: u32 = 60_000;

/// Why there are no counts.
#[derive(Debug)]
pub enum Failure {
    /// valgrind is not installed.
    NoValgrind,
    /// Another error.
    Other(String),
}

/// Counts instructions.
pub fn run(_: Effort, progress: &ProgressBar) -> Results {
    let mut table = Table {
        title: "Instructions".into(),
        unit: "per call".into(),
        notes: NOTES.map(String::from).into(),
        figures: Vec::new(),
    };
    match count_all(progress) {
        Ok(counts) => {
            let figure = |((_, what), count): (&(&str, &str), f64)| Figure {
                contender: (*what).into(),
                case: "instructions".into(),
                samples: vec![count],
            };
            table.figures = KINDS.iter().zip(counts).map(figure).collect();
        }
        Err(Failure::NoValgrind) => table.notes.push("Nothing was counted: valgrind is not installed.".into()),
        Err(Failure::Other(error)) => table.notes.push(format!("Nothing was counted. {error}")),
    }
    Results { tables: vec![table], goals: Vec::new() }
}

/// The instructions per call of each of the [`KINDS`].
///
/// # Errors
///
/// If they cannot be counted.
pub fn count_all(progress: &ProgressBar) -> Result<Vec<f64>, Failure> {
    programs::output(Command::new("valgrind").arg("--version")).map_err(|_| Failure::NoValgrind)?;
    progress.set_length(KINDS.len() as u64);
    progress::untimed(progress, "count", || count_kinds(progress)).map_err(Failure::Other)
}

fn count_kinds(progress: &ProgressBar) -> Result<Vec<f64>, String> {
    let program = programs::built("calls-of")?;
    let count_kind = |(kind, _): &(&str, &str)| {
        let count = (count(&program, kind, MANY)? - count(&program, kind, FEW)?) / f64::from(MANY - FEW);
        progress.inc(1);
        Ok(count)
    };
    KINDS.iter().map(count_kind).collect()
}

fn count(program: &Path, kind: &str, calls: u32) -> Result<f64, String> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--log-fd=1"]);
    let output = programs::output(valgrind.arg(program).args([kind, &calls.to_string()]))?;
    let collected = output.lines().find_map(|line| line.split_once("Collected :"));
    let count = collected.and_then(|(_, count)| count.trim().parse().ok());
    count.ok_or_else(|| format!("no count in the output of callgrind: {output}"))
}
