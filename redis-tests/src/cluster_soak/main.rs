//! Several processes with one cache on Redis while everything fails that can fail, against an oracle that knows each write:
//!
//! ```text
//! cargo run --profile models -p redis-tests --bin cluster-soak -- --seconds 120 --processes 4 --seed 1
//! ```
//!
//! The parent has the database (counters), the servers, and a proxy for each process. The processes are children that
//! read and write through annotated functions, and report what they saw and when their writes were acknowledged, by one
//! clock. No answer may be older than a write that was acknowledged `MAX_LAG` before its call. Each fault that loses
//! records has to be counted by each process that it may concern, and all has to be well by itself in the end.
//!
//! It exits with 1 if anything is wrong, and also if it has tested too little.

mod child;
mod children;
mod cluster;
mod database;
mod faults;
mod library;
mod oracle;
mod report;
mod run;
mod world;

use std::{env, process::ExitCode, str::FromStr};

use crate::{child::ChildOptions, run::Options};

const USAGE: &str = "cluster-soak [--seconds 120] [--processes 4] [--seed 1]";

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    if let Some(url) = value::<String>(&words, "--child") {
        let required = "the parent says it";
        let port = value(&words, "--database").expect(required);
        let (number, seed) = (value(&words, "--number").expect(required), value(&words, "--seed").expect(required));
        child::run(&ChildOptions { url, database: port, number, seed });
        return ExitCode::SUCCESS;
    }
    if words.iter().step_by(2).any(|word| !["--seconds", "--processes", "--seed"].contains(&&**word)) {
        println!("{USAGE}");
        return ExitCode::FAILURE;
    }
    let seconds = value(&words, "--seconds").unwrap_or(120);
    let (processes, seed) = (value(&words, "--processes").unwrap_or(4), value(&words, "--seed").unwrap_or(1));
    // A process alone hears of no other.
    let processes = usize::max(processes, 2);
    if run::run(&Options { seconds, processes, seed }) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The value after a word, if it is there and can be read.
fn value<T: FromStr>(words: &[String], name: &str) -> Option<T> {
    let at = words.iter().position(|word| word == name)?;
    words.get(at + 1)?.parse().ok()
}
