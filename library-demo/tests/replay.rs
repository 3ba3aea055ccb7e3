//! The replay: its bounds hold, and its check for stale answers finds some when there are some.

#![forbid(unsafe_code)]

use indicatif::ProgressBar;
use library_demo::{
    CsvFiles, Database, TrackId,
    replay::{Check, Mutation, Player, Policy, Step, replay},
    workload::trace,
};

/// The whole trace is for a release build. In this part every kind of mutation happens.
const VISITS: usize = 200;

fn sample_trace(visits: usize) -> Vec<Step> {
    let database = Database::open_in_memory().unwrap();
    database.import(&CsvFiles::embedded(), &ProgressBar::hidden()).unwrap();
    trace(&database, visits).unwrap()
}

#[test]
fn every_bound_holds() {
    let mut out = Vec::new();
    assert_eq!(replay(&mut out, VISITS).unwrap(), [""; 0]);
    let out = String::from_utf8(out).unwrap();
    for figure in ["2 of 3", "0 of 3", "89 of 90", "80 of 90", "27 of 40", "11 of 40"] {
        assert!(out.contains(figure), "{figure} in\n{out}");
    }
}

#[test]
fn the_trace_is_every_purchase_and_the_same_every_time() {
    let steps = sample_trace(usize::MAX);
    let count = |kind: fn(&Step) -> bool| steps.iter().filter(|step| kind(step)).count();
    assert_eq!(count(|step| matches!(step, Step::Read(_))), 6 * 2240);
    assert_eq!(count(|step| matches!(step, Step::Mutation(Mutation::Play(_)))), 2240);
    assert_eq!(count(|step| matches!(step, Step::Mutation(Mutation::Favorite(..)))), 224);
    assert_eq!(count(|step| matches!(step, Step::Mutation(Mutation::Update(..)))), 44);
    assert_eq!(count(|step| matches!(step, Step::Mutation(Mutation::Add(_)))), 22);
    assert_eq!(count(|step| matches!(step, Step::Mutation(Mutation::Delete(_)))), 11);
    assert_eq!(format!("{steps:?}"), format!("{:?}", sample_trace(usize::MAX)));
}

#[test]
fn the_check_finds_answers_that_a_change_behind_the_cache_made_stale() {
    let broken = Policy {
        name: "broken",
        after_mutation: |manager, _| manager.database().set_track_favorite(TrackId(1), true),
        ..Policy::FORGET_BY_KEY
    };
    let steps = sample_trace(VISITS);
    let stale = |policy| Player::new(policy).unwrap().play(&steps, Check::Stale).unwrap().stale;
    assert!(stale(broken) > 0);
    assert_eq!(stale(Policy::FORGET_BY_NAME), 0);
    assert_eq!(stale(Policy::FORGET_BY_KEY), 0);
    // Without a cache there is nothing that the same change could make stale.
    assert_eq!(stale(Policy { after_mutation: broken.after_mutation, ..Policy::NO_CACHE }), 0);
}
