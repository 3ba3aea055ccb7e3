//! P20, P21 and P22 in random walks of the model, and that each part of the protocol is needed for them.

use redis_model::{Mechanism, Mechanisms, walk};

/// `MODEL_WALKS` says how many.
#[test]
fn p20_p21_p22_hold_in_random_walks() {
    let walks = std::env::var("MODEL_WALKS").map_or(20_000, |walks| walks.parse().expect("a number of walks"));
    let counts = walk(0..walks, Mechanisms::default()).unwrap_or_else(|violation| panic!("{violation}"));
    println!("{walks} walks: {counts:?}");
    for (count, of) in [
        (counts.hits, "hits"),
        (counts.joins, "joined loads"),
        (counts.second_level_hits, "hits of the second level"),
        (counts.loads, "loads"),
        (counts.excused.died.into(), "writes whose writer died"),
        (counts.excused.went_back.into(), "writes that a server lost in the same run"),
    ] {
        assert!(count > walks / 1_000, "{count} {of} in {walks} walks");
    }
}

/// Fails if that many walks find no violation of that promise without the mechanism.
#[track_caller]
fn assert_found(without: Mechanism, walks: u64, promises: &[&str]) {
    let Err(violation) = walk(0..walks, Mechanisms::without(without)) else {
        panic!("{walks} walks without {without:?} find nothing");
    };
    println!("without {without:?}:\n{violation}");
    assert!(promises.iter().any(|promise| violation.what.starts_with(promise)), "{violation}");
}

macro_rules! found_when_out {
    ($($name:ident: $mechanism:ident within $walks:literal;)*) => {$(
        #[test]
        fn $name() {
            assert_found(Mechanism::$mechanism, $walks, &["P20", "P21"]);
        }
    )*};
}

found_when_out! {
    p20_the_gap_check_is_found_when_it_is_out: GapCheck within 10_000;
    p20_the_step_back_check_is_found_when_it_is_out: StepBackCheck within 10_000;
    p20_the_nonce_of_the_predecessor_is_found_when_it_is_out: PredecessorNonce within 200_000;
    p20_the_run_id_is_found_when_it_is_out: RunId within 20_000;
    p21_the_epoch_of_entries_is_found_when_it_is_out: EpochOfEntries within 1_000;
    p21_the_birth_of_entries_is_found_when_it_is_out: BornOfEntries within 1_000;
    p21_the_floor_of_the_history_is_found_when_it_is_out: HistoryFloor within 10_000;
    p21_the_mark_of_pending_publications_is_found_when_it_is_out: PendingMark within 10_000;
    p21_the_mark_before_the_local_invalidation_is_found_when_it_comes_after: MarkBeforeForgetting within 20_000;
    p20_the_lease_is_found_when_it_is_out: Lease within 1_000;
    p20_fenced_loads_at_a_restart_are_found_when_they_are_not: RestartFencesLoads within 10_000;
    p21_the_history_that_a_restart_keeps_is_found_when_it_is_cleared: RestartKeepsHistory within 100_000;
    p20_publishing_after_the_restart_is_found_when_it_comes_before: PublishAfterRestart within 100_000;
    p20_publishing_again_is_found_when_it_is_out: PublishAgain within 100_000;
    p21_the_script_that_creates_no_stream_is_found_when_it_does: RefuseToCreate within 100_000;
    p20_bounded_joins_are_found_when_they_are_not: BoundedJoins within 10_000;
    p20_the_age_of_nested_answers_is_found_when_it_does_not_count: AgeOfNestedAnswers within 100_000;
    p20_the_history_before_the_raise_is_found_when_it_comes_after: HistoryBeforeRaise within 100_000;
    p21_the_position_after_the_raise_is_found_when_it_comes_before: AppliedAfterRaise within 100_000;
    p20_intents_that_hold_are_found_when_they_do_not: IntentsHold within 100_000;
    p20_the_dependencies_of_nested_answers_are_found_when_they_are_out: DependenciesOfNestedAnswers within 1_000;
}

/// After a flush, ids begin at 1 again: a process that only waits for the next one hears nothing, and publishes nothing.
#[test]
fn p22_the_head_in_each_poll_is_found_when_it_is_out() {
    assert_found(Mechanism::HeadInEachPoll, 1_000, &["P20", "P21", "P22"]);
}

#[test]
fn p22_timeouts_are_found_when_they_are_out() {
    assert_found(Mechanism::Timeouts, 1_000, &["P22"]);
}
