use redis_model::{Mechanism::*, Mechanisms, walk};
#[test]
fn all() {
    match walk(0..20000, Mechanisms::default()) { Ok(c) => println!("{c:?}"), Err(v) => println!("{v}") }
    for m in [GapCheck, StepBackCheck, PredecessorNonce, HeadInEachPoll, RunId, EpochOfEntries, BornOfEntries, HistoryFloor, PendingMark, MarkBeforeForgetting, Lease, RestartFencesLoads, RestartKeepsHistory, PublishAfterRestart, PublishAgain, RefuseToCreate, BoundedJoins, AgeOfNestedAnswers, HistoryBeforeRaise, AppliedAfterRaise, IntentsHold, DependenciesOfNestedAnswers, Timeouts] {
        match walk(0..300_000, Mechanisms::without(m)) {
            Ok(_) => println!("{m:?}: NOT FOUND"),
            Err(v) => println!("{m:?}: {} {}", v.walks, &v.what[..150.min(v.what.len())]),
        }
    }
}
