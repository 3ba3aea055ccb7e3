//! Compares a cache with a naive model, under random operations.
//!
//! The operations are sequential, also those inside loads: this does not test concurrency. The test sets the time, and
//! the source of the values fails for a while now and then.
//!
//! Each test generates cases for one capacity, over a matrix of other settings. They are the same in every run; for
//! others, and more of them: `PROPTEST_RNG_SEED=7 PROPTEST_CASES=5000`.
#![forbid(unsafe_code)]

mod annotated;
mod direct;
mod lists;
mod model;
mod ops;
mod run;
mod windows;

use std::cell::Cell;
use std::time::Duration;

use cache_core::ManualClock;
use proptest::collection::vec;
use proptest::test_runner::{Config, RngAlgorithm, RngSeed, TestError, TestRunner};

use crate::annotated::Annotated;
use crate::direct::Direct;
use crate::model::{FalseRefusals, Model, Settings};
use crate::ops::{Domain, Op, Query};
use crate::run::{Run, Subject};
use crate::windows::Windows;

/// The maximum depth of nested loads.
const DEPTH: u32 = 2;

/// With windows, a load holds the value that it replaces. Of one such load it can be told whether that was evicted.
const DEPTH_WITH_WINDOWS: u32 = 1;

const ALL_QUERIES: &[Query] = &[
    Query::FirstPlain,
    Query::SecondPlain,
    Query::FirstFallible,
    Query::SecondFallible,
    Query::Tagged,
    Query::GenericU8,
    Query::GenericU16,
];

const AGED_QUERIES: &[Query] = &[Query::KeptAndRefreshed, Query::Kept, Query::Refreshed, Query::FirstPlain];

/// Less than the heaviest value weighs.
const MAX_WEIGHT: u64 = 4;

/// Of a cache without queries.
const WINDOWS: [Windows; 4] =
    [Windows::NONE, Windows::of_seconds(0, 0, 3, 2), Windows::of_seconds(1, 2, 0, 1), Windows::of_seconds(1, 2, 4, 3)];

#[test]
fn direct_without_capacity() {
    direct(0);
}

#[test]
fn direct_with_a_capacity_of_one() {
    direct(1);
}

#[test]
fn direct_with_a_capacity_of_three() {
    direct(3);
}

#[test]
fn direct_with_a_capacity_for_all() {
    direct(100);
}

#[test]
fn annotated_without_capacity() {
    annotated(0);
}

#[test]
fn annotated_with_a_capacity_of_one() {
    annotated(1);
}

#[test]
fn annotated_with_a_capacity_of_three() {
    annotated(3);
}

#[test]
fn annotated_with_a_capacity_for_all() {
    annotated(100);
}

fn direct(capacity: usize) {
    let make = |settings, clock: &ManualClock| Box::new(Direct::new(settings, clock)) as Box<dyn Subject>;
    let mut all = FalseRefusals::default();
    for windows in WINDOWS {
        all = all + compare_all(200, &[Query::Direct], windows.is_any(), of(capacity, windows, None), make);
    }
    all = all + compare_all(200, &[Query::Direct], false, of(capacity, Windows::NONE, Some(MAX_WEIGHT)), make);
    let FalseRefusals { possible, refused } = all;
    // The model's tags share 64 floors: about one in fifty is expected.
    assert!(refused * 8 <= possible + 20, "{refused} of {possible} values were refused without a reason");
}

fn annotated(capacity: usize) {
    let make = |settings, clock: &ManualClock| Box::new(Annotated::new(settings, clock)) as Box<dyn Subject>;
    for (queries, cases, has_windows, max_weight) in [
        ([Query::FirstFallible].as_slice(), 40, false, None),
        (ALL_QUERIES, 40, false, None),
        (ALL_QUERIES, 40, false, Some(MAX_WEIGHT)),
        (AGED_QUERIES, 100, true, None),
    ] {
        compare_all(cases, queries, has_windows, of(capacity, Windows::NONE, max_weight), make);
    }
}

fn of(capacity: usize, windows: Windows, max_weight: Option<u64>) -> Settings {
    Settings { capacity, default_ttl: Duration::from_secs(3), windows, max_weight }
}

/// Compares each configuration, with the same number of cases.
fn compare_all(
    cases: u32,
    queries: &'static [Query],
    has_windows: bool,
    settings: Settings,
    make: impl Fn(Settings, &ManualClock) -> Box<dyn Subject>,
) -> FalseRefusals {
    let (false_refusals, stale_hits) = (Cell::new(FalseRefusals::default()), Cell::new(0));
    // What does not expire is served as it is without windows.
    let expiries: &[bool] = if has_windows { &[true] } else { &[true, false] };
    for &expires in expiries {
        for scopes in [0, 2] {
            let domain = Domain { queries, keys: 4, scopes, expires, has_windows };
            let default_ttl = if expires { settings.default_ttl } else { Duration::from_secs(1_000_000) };
            let settings = Settings { default_ttl, ..settings };
            compare(&format!("{settings:?}, {domain:?}"), cases, &domain, |ops| {
                let clock = ManualClock::new();
                let subject = make(settings, &clock);
                let run = Run::new(&*subject, &clock, domain.scopes(), Model::new(settings));
                run.steps(ops);
                false_refusals.set(false_refusals.get() + run.false_refusals());
                stale_hits.set(stale_hits.get() + subject.stats().stale_hits);
            });
        }
    }
    let serves_expired = has_windows && settings.capacity > 0;
    assert_eq!(stale_hits.get() > 0, serves_expired, "{} expired answers", stale_hits.get());
    false_refusals.get()
}

fn compare(of: &str, cases: u32, domain: &Domain, run: impl Fn(&[Op])) {
    let config = config(cases);
    let depth = if domain.has_windows { DEPTH_WITH_WINDOWS } else { DEPTH };
    let ops = vec(domain.op(depth), 1..25);
    let outcome = TestRunner::new(config.clone()).run(&ops, |ops| {
        run(&ops);
        Ok(())
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(why, ops)) => panic!("{of}, seed {}: {why}\n{ops:#?}", config.rng_seed),
        Err(error) => panic!("{of}: {error}"),
    }
}

/// Environment variables override these.
fn config(cases: u32) -> Config {
    let of_environment = Config::default();
    let is_set = |name| std::env::var_os(name).is_some();
    Config {
        cases: if is_set("PROPTEST_CASES") { of_environment.cases } else { cases },
        rng_seed: if is_set("PROPTEST_RNG_SEED") { of_environment.rng_seed } else { RngSeed::Fixed(1) },
        // Several times as fast as the default in unoptimized builds.
        rng_algorithm: RngAlgorithm::XorShift,
        // A failing case is printed, and becomes a test of its own.
        failure_persistence: None,
        ..of_environment
    }
}
