//! Random operations on a real cache and on a naive model of one, which must not be told apart.
//!
//! They come one after the other, also those that happen while a load is under way: what threads do to each
//! other is not seen here.
//!
//! Each test draws cases for a capacity, over a matrix of what else matters. They are the same in every run.
//! To see others, give a seed, and more of them: `PROPTEST_RNG_SEED=7 PROPTEST_CASES=5000`.
#![forbid(unsafe_code)]

mod annotated;
mod by_hand;
mod model;
mod ops;
mod run;

use std::cell::Cell;
use std::time::Duration;

use cache_core::ManualClock;
use proptest::collection::vec;
use proptest::test_runner::{Config, RngAlgorithm, RngSeed, TestError, TestRunner};

use crate::annotated::Annotated;
use crate::by_hand::ByHand;
use crate::model::{Model, Needless};
use crate::ops::{Domain, Op, Query};
use crate::run::{Face, Run};

/// How deep loads are in loads.
const DEPTH: u32 = 2;

const ALL_QUERIES: &[Query] = &[
    Query::FirstPlain,
    Query::SecondPlain,
    Query::FirstFallible,
    Query::SecondFallible,
    Query::Tagged,
    Query::GenericU8,
    Query::GenericU16,
];

#[test]
fn by_hand_with_no_capacity() {
    by_hand(0);
}

#[test]
fn by_hand_with_room_for_one() {
    by_hand(1);
}

#[test]
fn by_hand_with_room_for_three() {
    by_hand(3);
}

#[test]
fn by_hand_with_room_for_all() {
    by_hand(100);
}

#[test]
fn annotated_with_no_capacity() {
    annotated(0);
}

#[test]
fn annotated_with_room_for_one() {
    annotated(1);
}

#[test]
fn annotated_with_room_for_three() {
    annotated(3);
}

#[test]
fn annotated_with_room_for_all() {
    annotated(100);
}

fn by_hand(capacity: usize) {
    let make = |ttl, clock: &ManualClock| Box::new(ByHand::new(capacity, ttl, clock)) as Box<dyn Face>;
    let Needless { possible, refused } = compare_all(capacity, 200, &[&[Query::ByHand]], make);
    // Few tags share 64 floors: one in fifty is to be expected.
    assert!(refused * 8 <= possible + 20, "{refused} of {possible} values were refused without need");
}

fn annotated(capacity: usize) {
    let make = |ttl, clock: &ManualClock| Box::new(Annotated::new(capacity, ttl, clock)) as Box<dyn Face>;
    compare_all(capacity, 40, &[&[Query::FirstFallible], ALL_QUERIES], make);
}

/// Compares in each configuration, with as many cases.
fn compare_all(
    capacity: usize,
    cases: u32,
    queries: &[&'static [Query]],
    make: impl Fn(Duration, &ManualClock) -> Box<dyn Face>,
) -> Needless {
    let needless = Cell::new(Needless::default());
    for &queries in queries {
        for mortal in [true, false] {
            for scopes in [0, 2] {
                let domain = Domain { queries, keys: 4, scopes, mortal };
                let default_ttl = Duration::from_secs(if mortal { 3 } else { 1_000_000 });
                compare(&format!("capacity {capacity}, {domain:?}"), cases, &domain, |ops| {
                    let clock = ManualClock::new();
                    let face = make(default_ttl, &clock);
                    let run = Run::new(&*face, &clock, domain.scopes(), Model::new(capacity, default_ttl));
                    run.steps(ops);
                    needless.set(needless.get() + run.needless());
                });
            }
        }
    }
    needless.get()
}

fn compare(of: &str, cases: u32, domain: &Domain, run: impl Fn(&[Op])) {
    let config = config(cases);
    let ops = vec(domain.op(DEPTH), 1..25);
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

/// The environment may say otherwise.
fn config(cases: u32) -> Config {
    let of_environment = Config::default();
    let is_set = |name| std::env::var_os(name).is_some();
    Config {
        cases: if is_set("PROPTEST_CASES") { of_environment.cases } else { cases },
        rng_seed: if is_set("PROPTEST_RNG_SEED") { of_environment.rng_seed } else { RngSeed::Fixed(1) },
        // Several times as fast as the default where nothing is optimized.
        rng_algorithm: RngAlgorithm::XorShift,
        // A case that fails is printed, and becomes a test of its own.
        failure_persistence: None,
        ..of_environment
    }
}
