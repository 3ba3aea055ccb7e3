//! P1 and most of the others, for a short while under stress. `cargo run --release -p cache-tests --bin soak`
//! goes on for as long as one likes, and with `--async` by tasks.

use cache_tests::oracle::{self, Budget, Crew, ROOMS, Report};

const SEED: u64 = 0x00DD_BA11;
const THREADS: usize = 4;

/// Lets each worker do so many operations in each room.
fn soak(crew: Crew, operations: u64) -> Report {
    let mut sum = Report::default();
    for room in &ROOMS {
        let report = oracle::run(room, SEED, crew, Budget::Operations(operations));
        assert_eq!(report.violations, 0, "{}", report.first_violations.join("\n"));
        assert!(report.loads > 0, "nothing was loaded: {}", room.name);
        sum.add(&report);
    }
    let workers = crew.threads() + crew.tasks();
    assert!(sum.operations >= operations * (ROOMS.len() * workers) as u64);
    for (what, count) in [
        ("writes", sum.writes),
        ("hits", sum.hits),
        ("loads", sum.loads),
        ("load errors", sum.load_errors),
        // Some bodies invalidate what they are loading.
        ("discarded loads", sum.discarded_loads),
        ("evictions", sum.evictions),
        ("expirations", sum.expirations),
    ] {
        assert!(count > 0, "no {what}");
    }
    sum
}

#[test]
fn p1_an_oracle_under_stress_finds_no_answer_that_must_not_be() {
    let report = soak(Crew::Threads(THREADS), 3_000);
    assert_eq!(report.cancelled, 0, "a function that blocks can't be dropped half-done");
}

#[test]
fn p1_an_oracle_under_stress_by_tasks_many_of_them_cancelled_finds_no_answer_that_must_not_be() {
    let report = soak(Crew::Tasks(THREADS), 600);
    assert!(report.cancelled > 0 && report.shared > 0, "{report:?}");
}
