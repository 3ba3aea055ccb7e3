//! Stress-tests the caches for a given time, and reports wrong answers.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use cache_tests::oracle::{self, Budget, Report, SCENARIOS, Workers};
use clap::Parser;

/// Threads or tasks read and write through caches in several configurations, and check every answer.
///
/// Exits with an error if an answer is wrong or a worker hangs.
#[derive(Parser)]
struct Cli {
    /// How long to run, in seconds
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Number of threads
    #[arg(long, default_value_t = 4)]
    threads: usize,
    /// Run tasks on this many threads (four tasks per thread, many of them cancelled), and half as many blocking
    /// threads
    #[arg(long = "async")]
    is_async: bool,
    /// Seed of the workers' choices [default: random]
    #[arg(long)]
    seed: Option<u64>,
}

/// After this time the caches of a scenario are dropped. Its next turn begins with new ones.
const ROUND: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    let cli = Cli::parse();
    let seed = cli.seed.unwrap_or_else(|| fastrand::u64(..));
    let workers = if cli.is_async { Workers::Tasks(cli.threads) } else { Workers::Threads(cli.threads) };
    match workers {
        Workers::Threads(threads) => print!("{threads} threads"),
        Workers::Tasks(on) => {
            print!("{} tasks on {on} threads, and {} blocking threads,", workers.tasks(), workers.threads());
        }
    }
    println!(" for {} s, seed {seed}", cli.seconds);
    let (start, end) = (Instant::now(), Duration::from_secs(cli.seconds));
    let mut reports: [Report; SCENARIOS.len()] = Default::default();
    let mut first_violation = None;
    let mut seeds = fastrand::Rng::with_seed(seed);
    for turn in 0.. {
        let left = end.saturating_sub(start.elapsed());
        if left.is_zero() {
            break;
        }
        let scenario = turn % SCENARIOS.len();
        let report = oracle::run(&SCENARIOS[scenario], seeds.u64(..), workers, Budget::Time(ROUND.min(left)));
        reports[scenario].add(&report);
        if report.violations > 0 && first_violation.is_none() {
            first_violation = Some(start.elapsed());
        }
        show_progress(start.elapsed(), &reports);
    }
    print_table(&reports);
    print_violations(&reports);
    let Some(after) = first_violation else {
        let has_stale = sum(&reports).stale > 0;
        if !has_stale {
            println!("no answer had expired: that only allowed ones have was not checked");
        }
        return if has_stale { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    };
    println!("the first violation was found after {:.1} s", after.as_secs_f64());
    ExitCode::FAILURE
}

fn show_progress(elapsed: Duration, reports: &[Report]) {
    let mut stderr = io::stderr();
    if stderr.is_terminal() {
        let sum = sum(reports);
        let _ = write!(
            stderr,
            "\r{:>4} s  {} operations, {} violations ",
            elapsed.as_secs(),
            grouped(sum.operations),
            sum.violations
        );
        let _ = stderr.flush();
    }
}

fn print_table(reports: &[Report]) {
    const HEADINGS: [&str; 12] = [
        "operations",
        "cancelled",
        "writes",
        "hits",
        "loads",
        "shared",
        "failed",
        "discarded",
        "evicted",
        "expired",
        "stale",
        "violations",
    ];
    if io::stderr().is_terminal() {
        eprintln!();
    }
    print!("\n{:<15}", "");
    for heading in HEADINGS {
        print!("{heading:>13}");
    }
    println!();
    let sum = sum(reports);
    let names = SCENARIOS.iter().map(|scenario| scenario.name).chain(["total"]);
    for (name, report) in names.zip(reports.iter().chain([&sum])) {
        print!("{name:<15}");
        let figures = [
            report.operations,
            report.cancelled,
            report.writes,
            report.hits,
            report.loads,
            report.shared,
            report.load_errors,
            report.discarded_loads,
            report.evictions,
            report.expirations,
            report.stale,
            report.violations,
        ];
        for figure in figures {
            print!("{:>13}", grouped(figure));
        }
        println!();
    }
    println!();
}

/// The first two of each kind in each scenario: rare kinds must not be lost among frequent ones.
fn print_violations(reports: &[Report]) {
    let mut printed = BTreeMap::<_, u32>::new();
    for violation in reports.iter().flat_map(|report| &report.first_violations) {
        let kind: Vec<_> = violation.splitn(3, ": ").take(2).collect();
        let count = printed.entry(kind).or_default();
        *count += 1;
        if *count <= 2 {
            println!("{violation}");
        }
    }
}

fn sum(reports: &[Report]) -> Report {
    let mut sum = Report::default();
    for report in reports {
        sum.add(report);
    }
    sum
}

/// With separators, as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
