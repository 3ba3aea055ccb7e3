//! Compares the instructions of our calls to those that were accepted: `instructions --check`, or accepts
//! what they are now: `instructions --write`.
#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, ExitCode};

use cache_benches::benchmarks::instructions::{Failure, KINDS, count_all};
use cache_benches::programs;
use indicatif::ProgressBar;

const ACCEPTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.txt");

const HEADER: &str = "\
# Instructions a call, counted by callgrind. A change that adds more than 5% to one fails `.ci/run`. To accept it:
# cargo run --release -p cache-benches --bin instructions -- --write
";

/// What a change may add, as a factor.
const TOLERATED: f64 = 1.05;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match &arguments[..] {
        [flag] if flag == "--check" => check(),
        [flag] if flag == "--write" => write(),
        _ => Err("usage: instructions --check | --write".into()),
    };
    match done {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn write() -> Result<String, String> {
    let counts = count_all(&bar()).map_err(|failure| match failure {
        Failure::NoValgrind => "there is no valgrind here".into(),
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
    let (of, here) = (lines.next().unwrap_or_default(), compiler()?);
    if of != here {
        return Ok(format!("skipped: the accepted figures are of {of}, and this is {here}"));
    }
    let counts = match count_all(&bar()) {
        Ok(counts) => counts,
        Err(Failure::NoValgrind) => return Ok("skipped: there is no valgrind here".into()),
        Err(Failure::Other(error)) => return Err(error),
    };
    let lines: Vec<_> = lines.collect();
    let (mut said, mut rose) = (String::new(), false);
    for ((kind, _), count) in KINDS.iter().zip(counts) {
        let line = lines.iter().find_map(|line| line.strip_prefix(kind)?.strip_prefix(' '));
        let Some(was) = line.and_then(|was| was.parse::<f64>().ok()) else {
            rose = true;
            writeln!(said, "{kind:16} {count:>8.1}, and no figure was accepted").expect("a String takes all");
            continue;
        };
        let is_too_much = count > was * TOLERATED;
        rose |= is_too_much;
        let mark = if is_too_much { ", too much" } else { "" };
        writeln!(said, "{kind:16} {count:>8.1}, was {was:>8.1} ({:+.1}%){mark}", (count / was - 1.0) * 100.0)
            .expect("a String takes all");
    }
    if rose {
        said.push_str("If it is worth it: cargo run --release -p cache-benches --bin instructions -- --write");
        return Err(said);
    }
    Ok(said)
}

fn bar() -> ProgressBar {
    ProgressBar::new(0)
}

/// The compiler, what it compiles for, and how many processors there are: with others the figures are others, for a
/// cache has more locks where there are more processors.
fn compiler() -> Result<String, String> {
    let said = programs::output(Command::new("rustc").arg("-vV"))?;
    let version = said.lines().next().unwrap_or_default();
    let host = said.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or("an unknown host");
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(format!("{version}, {host}, {processors} processors"))
}
