//! Compares the instructions of each kind of call with the accepted counts (`instructions --check`), or accepts the current
//! counts (`instructions --write`).
#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, ExitCode};

use cache_benches::benchmarks::instructions::{Failure, KINDS, count_all};
use cache_benches::{programs, progress};

const ACCEPTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.txt");

const HEADER: &str = "\
# Instructions per call, counted by callgrind. `.ci/run` fails if one rises by more than 5%. To accept a rise:
# cargo run --release -p cache-benches --bin instructions -- --write
";

/// The greatest accepted rise, as a factor.
const TOLERANCE: f64 = 1.05;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match &arguments[..] {
        [flag] if flag == "--check" => check(),
        [flag] if flag == "--write" => write(),
        _ => Err("usage: instructions --check | --write".into()),
    };
    match done {
        Ok(message) => {
            println!("{message}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn write() -> Result<String, String> {
    let counts = count_all(&progress::bar("instructions")).map_err(|failure| match failure {
        Failure::NoValgrind => "valgrind is not installed".into(),
        Failure::Other(error) => error,
    })?;
    let mut text = format!("{HEADER}{}\n", compiler()?);
    for ((kind, _), count) in KINDS.iter().zip(counts) {
        writeln!(text, "{kind} {count:.1}").expect("a String takes all");
    }
    fs::write(ACCEPTED, &text).map_err(|error| format!("{ACCEPTED}: {error}"))?;
    Ok(text)
}

fn check() -> Result<String, String> {
    let accepted = fs::read_to_string(ACCEPTED).map_err(|error| format!("{ACCEPTED}: {error}"))?;
    let mut lines = accepted.lines().filter(|line| !line.starts_with('#'));
    let (theirs, ours) = (lines.next().unwrap_or_default(), compiler()?);
    if theirs != ours {
        return Ok(format!("skipped: the accepted counts are of {theirs}, and this is {ours}"));
    }
    let counts = match count_all(&progress::bar("instructions")) {
        Ok(counts) => counts,
        Err(Failure::NoValgrind) => return Ok("skipped: valgrind is not installed".into()),
        Err(Failure::Other(error)) => return Err(error),
    };
    let lines: Vec<_> = lines.collect();
    let (mut report, mut failed) = (String::new(), false);
    for ((kind, _), count) in KINDS.iter().zip(counts) {
        let line = lines.iter().find_map(|line| line.strip_prefix(kind)?.strip_prefix(' '));
        let Some(accepted) = line.and_then(|accepted| accepted.parse::<f64>().ok()) else {
            failed = true;
            writeln!(report, "{kind:16} {count:>8.1}, no accepted count").expect("a String takes all");
            continue;
        };
        let is_too_much = count > accepted * TOLERANCE;
        failed |= is_too_much;
        let mark = if is_too_much { ", too much" } else { "" };
        let change = (count / accepted - 1.0) * 100.0;
        writeln!(report, "{kind:16} {count:>8.1}, accepted {accepted:>8.1} ({change:+.1}%){mark}")
            .expect("a String takes all");
    }
    if failed {
        report.push_str("To accept: cargo run --release -p cache-benches --bin instructions -- --write");
        return Err(report);
    }
    Ok(report)
}

/// What the counts depend on: compiler, target, and processors, because a cache has more shards with more processors.
fn compiler() -> Result<String, String> {
    let version = programs::output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or("an unknown host");
    let version = version.lines().next().unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(format!("{version}, {host}, {processors} processors"))
}
