//! P1 and most of the other promises, in a short stress test. `cargo run --release -p cache-tests --bin soak` runs for
//! any time, and with `--async` on tasks.

use cache_tests::oracle::{self, Budget, Report, SCENARIOS, Workers};

const SEED: u64 = 0x00DD_BA11;
const THREADS: usize = 4;

fn soak(workers: Workers, operations: u64) -> Report {
    let mut sum = Report::default();
    for scenario in &SCENARIOS {
        let report = oracle::run(scenario, SEED, workers, Budget::Operations(operations));
        assert_eq!(report.violations, 0, "{}", report.first_violations.join("\n"));
        assert!(report.loads > 0, "nothing was loaded: {}", scenario.name);
        sum.add(&report);
    }
    let workers = workers.threads() + workers.tasks();
    assert!(sum.operations >= operations * (SCENARIOS.len() * workers) as u64);
    for (what, count) in [
        ("writes", sum.writes),
        ("hits", sum.hits),
        ("loads", sum.loads),
        ("load errors", sum.load_errors),
        // Some bodies invalidate what they are loading.
        ("discarded loads", sum.discarded_loads),
        ("evictions", sum.evictions),
        ("expirations", sum.expirations),
        ("expired answers that were allowed to be", sum.stale),
    ] {
        assert!(count > 0, "no {what}");
    }
    sum
}

#[test]
fn p1_an_oracle_under_stress_finds_no_wrong_answer() {
    let report = soak(Workers::Threads(THREADS), 3_000);
    assert_eq!(report.cancelled, 0, "a blocking call cannot be cancelled");
}

#[test]
fn p1_an_oracle_under_stress_with_cancelled_tasks_finds_no_wrong_answer() {
    let report = soak(Workers::Tasks(THREADS), 600);
    assert!(report.cancelled > 0 && report.shared > 0, "{report:?}");
}
