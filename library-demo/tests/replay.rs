//! The replay: its expectations hold, and its check finds stale answers.

#![forbid(unsafe_code)]

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use indicatif::ProgressBar;
use library_demo::{
    Database, TrackId,
    output::Progress,
    replay::{Check, Processes, Runner, replay, tiers_in_memory},
    workload::{Mutation, Policy, Step, trace},
};

/// Enough for each kind of mutation. The whole trace takes too long in a debug build.
const VISITS: usize = 200;

fn sample_trace(visits: usize) -> Vec<Step> {
    trace(&Database::open_sample(&ProgressBar::hidden()).unwrap(), visits).unwrap()
}

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn every_expectation_holds_and_each_step_reports_progress() {
    let (mut out, lines) = (Vec::new(), Buffer::default());
    let progress = Progress::lines(lines.clone(), Duration::from_hours(1));
    assert_eq!(replay(&mut out, VISITS, &progress).unwrap(), [""; 0]);
    let out = String::from_utf8(out).unwrap();
    for figure in ["2 of 3", "0 of 3", "89 of 90", "80 of 90", "27 of 40", "11 of 40"] {
        assert!(out.contains(figure), "{figure} in\n{out}");
    }

    let lines = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let steps: Vec<_> = lines.lines().map(|line| line.split_once(": 0 %, ").unwrap().0).collect();
    assert_eq!(
        steps,
        [
            "example",
            "benchmarks",
            "trace, no cache",
            "trace, invalidate all",
            "trace, invalidate by name",
            "trace, invalidate by key",
            "playlists, no cache",
            "playlists, invalidate all",
            "playlists, invalidate by name",
            "playlists, invalidate by key",
        ]
    );
}

#[test]
fn the_trace_has_every_purchase_and_is_deterministic() {
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
fn the_check_finds_what_a_mutation_behind_the_cache_makes_stale() {
    let broken = Policy {
        name: "broken",
        after_mutation: |manager, _| manager.database().set_track_favorite(TrackId(1), true),
        ..Policy::INVALIDATE_BY_KEY
    };
    let steps = sample_trace(VISITS);
    let stale =
        |policy| Runner::new(policy).unwrap().run(&steps, Check::Answers, &ProgressBar::hidden()).unwrap().stale;
    assert!(stale(broken) > 0);
    assert_eq!(stale(Policy::INVALIDATE_BY_NAME), 0);
    assert_eq!(stale(Policy::INVALIDATE_BY_KEY), 0);
    // Without a cache, the same mutation makes nothing stale.
    assert_eq!(stale(Policy { after_mutation: broken.after_mutation, ..Policy::NO_CACHE }), 0);
}

#[test]
fn p20_processes_with_a_log_answer_nothing_stale_and_a_second_level_saves_loads() {
    let mut out = Vec::new();
    let processes = Processes { count: 3, visits: 40 };
    // Among the expectations: without a log, answers are stale.
    assert_eq!(processes.replay(&mut out, tiers_in_memory, &Progress::hidden()).unwrap(), [""; 0]);
    let out = String::from_utf8(out).unwrap();
    for setup in ["one process", "no tier", "log ", "log and second level"] {
        assert_eq!(out.matches(&format!("\n  {setup}")).count(), 2 + 2 * usize::from(setup == "log "), "{out}");
    }
}
