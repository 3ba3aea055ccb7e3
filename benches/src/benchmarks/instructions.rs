//! How many instructions a call takes: a figure that no other work on the machine changes.

use std::path::Path;
use std::process::Command;

use indicatif::ProgressBar;

use crate::programs;
use crate::results::{Answer, Effort, Figure, Table};

/// The kinds of calls that `calls-of` knows, with what they are.
pub const KINDS: [(&str, &str); 12] = [
    ("u64", "hit, u64"),
    ("str", "hit, &str of 12"),
    ("pair", "hit, (u32, u32)"),
    ("tags4", "hit, u64, 4 tags"),
    ("async", "async hit, u64"),
    ("miss", "miss + insert at capacity, u64"),
    ("forget-tag", "invalidate a tag"),
    ("forget-query", "invalidate a query"),
    ("forget-key", "invalidate a key"),
    ("quick_cache-u64", "quick_cache, get, u64"),
    ("quick_cache-str", "quick_cache, get, &str of 12"),
    ("loop", "the loop around the calls, in every figure"),
];

const NOTES: [&str; 2] = [
    "Counted by callgrind in 1,000 entries with the value Arc<Vec<u64>>: the difference between 60,000 calls and 20,000, by 40,000. \
     What quick_cache does on a get has neither a time to live nor tags nor statistics in it.",
    "The figures of `benches/instructions.txt` are those of the last change that was accepted. `.ci/run` fails when one of ours \
     rises by more than 5%.",
];

const FEW: u32 = 20_000;
const MANY: u32 = 60_000;

/// Why there are no figures.
#[derive(Debug)]
pub enum Failure {
    /// There is no valgrind here.
    NoValgrind,
    /// Something went wrong.
    Other(String),
}

/// Counts instructions.
pub fn ask(_: Effort, progress: &ProgressBar) -> Answer {
    let mut table = Table {
        title: "Instructions".into(),
        unit: "instructions a call".into(),
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
        Err(Failure::NoValgrind) => table.notes.push("Nothing was counted: there is no valgrind here.".into()),
        Err(Failure::Other(error)) => table.notes.push(format!("Nothing was counted. {error}")),
    }
    Answer { tables: vec![table], goals: Vec::new() }
}

/// The instructions of a call of each of the [`KINDS`].
///
/// # Errors
///
/// If they can't be counted.
pub fn count_all(progress: &ProgressBar) -> Result<Vec<f64>, Failure> {
    programs::output(Command::new("valgrind").arg("--version")).map_err(|_| Failure::NoValgrind)?;
    progress.set_length(KINDS.len() as u64);
    let program = programs::built("calls-of").map_err(Failure::Other)?;
    let counted = KINDS.iter().map(|(kind, _)| {
        let count = (count(&program, kind, MANY)? - count(&program, kind, FEW)?) / f64::from(MANY - FEW);
        progress.inc(1);
        Ok(count)
    });
    counted.collect::<Result<_, _>>().map_err(Failure::Other)
}

fn count(program: &Path, kind: &str, calls: u32) -> Result<f64, String> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--log-fd=1"]);
    let said = programs::output(valgrind.arg(program).args([kind, &calls.to_string()]))?;
    let collected = said.lines().find_map(|line| line.split_once("Collected :"));
    let count = collected.and_then(|(_, count)| count.trim().parse().ok());
    count.ok_or_else(|| format!("callgrind did not say how many instructions it counted: {said}"))
}
