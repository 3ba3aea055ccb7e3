//! Plays tracks of a shop in transactions of a real database, with and without the cache's transactions.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use cache_tests::transactions::{Driver, Load, Mode, Report, run};
use clap::{Parser, value_parser};
use library_demo::output::{Progress, left, right, table};

/// Transactions write to a file of `SQLite`, and readers check that each answer is committed and the newest.
///
/// Fails if an answer is wrong although units of work use the handle of a transaction, or if none is where they do not.
#[derive(Parser)]
struct Cli {
    /// Transactions with the handle, a third of them with sqlx, which is slower
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = value_parser!(u64).range(1_000..))]
    transactions: u64,
    /// The seed of what is written and read; how threads and tasks interleave still varies [default: random]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// Transactions that a reader reads before and after their end.
const WINDOWS: u32 = 200;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let seed = cli.seed.unwrap_or_else(|| fastrand::u64(..));
    let progress = Progress::stderr();
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    let sqlx = cli.transactions / 3;
    for (library, driver, transactions) in
        [("rusqlite", Driver::Rusqlite, cli.transactions - sqlx), ("sqlx", Driver::Sqlx, sqlx)]
    {
        for (name, mode) in [
            ("the handle of a transaction", Mode::Handle),
            ("writes through the ordinary handle", Mode::WritesOutside),
            ("reads through the ordinary handle", Mode::ReadsOutside),
        ] {
            let at_once = if mode == Mode::Handle { transactions - u64::from(WINDOWS) } else { 0 };
            let load = Load { driver, mode, at_once, windows: WINDOWS, seed };
            let report = run(load, &progress.step(format!("{library}, {name}"), Some(0)));
            if report.is_right() != (mode == Mode::Handle) {
                failed.push(format!("{library}, {name}: {report:?}"));
            }
            rows.push(row(library, name, &report));
        }
    }
    let columns = [
        left("library"),
        left("units of work use"),
        right("transactions"),
        right("rolled back"),
        right("dropped"),
        right("savepoints rolled back"),
        right("reads"),
        right("hits"),
        right("stale"),
        right("dirty"),
    ];
    println!("Transactions on an SQLite file, seed {seed}.\n\n{}\n", table(columns, rows));
    for failure in &failed {
        println!("{failure}");
    }
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn row(library: &str, name: &str, report: &Report) -> [String; 10] {
    let Report { transactions, rolled_back, dropped, savepoints, reads, hits, stale, dirty, unseen: _ } = report;
    let figures = [transactions, rolled_back, dropped, savepoints, reads, hits, stale, dirty].map(u64::to_string);
    let [transactions, rolled_back, dropped, savepoints, reads, hits, stale, dirty] = figures;
    let (library, name) = (library.to_owned(), name.to_owned());
    [library, name, transactions, rolled_back, dropped, savepoints, reads, hits, stale, dirty]
}
