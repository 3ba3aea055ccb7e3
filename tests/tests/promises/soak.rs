//! P1 and most of the others, for a short while under stress. `cargo run --release -p cache-tests --bin soak`
//! goes on for as long as one likes.

use cache_tests::oracle::{self, Budget, ROOMS, Report};

const SEED: u64 = 0x00DD_BA11;
const THREADS: usize = 4;

#[test]
fn p1_an_oracle_under_stress_finds_no_answer_that_must_not_be() {
    let mut sum = Report::default();
    for room in &ROOMS {
        let report = oracle::run(room, SEED, THREADS, Budget::Operations(3_000));
        assert_eq!(report.violations, 0, "{}", report.first_violations.join("\n"));
        assert!(report.loads > 0, "nothing was loaded: {}", room.name);
        sum.add(&report);
    }
    let Report { operations, writes, hits, loads, load_errors, discarded_loads, evictions, expirations, .. } = sum;
    assert!(operations >= 3_000 * (ROOMS.len() * THREADS) as u64);
    for (what, count) in [
        ("writes", writes),
        ("hits", hits),
        ("loads", loads),
        ("load errors", load_errors),
        // Some bodies invalidate what they are loading.
        ("discarded loads", discarded_loads),
        ("evictions", evictions),
        ("expirations", expirations),
    ] {
        assert!(count > 0, "no {what}");
    }
}
