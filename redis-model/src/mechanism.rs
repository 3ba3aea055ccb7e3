//! What the protocol consists of. Each part can be taken out, to see that the walks find what it is for.

/// A part of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mechanism {
    /// A record is heard only if its id follows the last one's. (The nonces are compared of neighbours.)
    GapCheck,
    /// The log's last id must not be below what was heard.
    StepBackCheck,
    /// A record names the nonce of its predecessor, and the head that of the last record.
    PredecessorNonce,
    /// Each poll answers the head of the log, not only a new connection's first one.
    HeadInEachPoll,
    /// The head names the run of the server that it was written on; on another run a new epoch begins.
    RunId,
    /// A value of the second level is of one epoch.
    EpochOfEntries,
    /// A value of the second level is refused if a dependency was invalidated after its loader's position.
    BornOfEntries,
    /// A value of the second level is refused if its loader's position is older than the history.
    HistoryFloor,
    /// What a process has invalidated itself counts as invalidated until the publication is acknowledged.
    PendingMark,
    /// That mark is made before the local invalidation, not after it.
    MarkBeforeForgetting,
    /// Memory and second level answer only while a proof is at most `max_lag` old.
    Lease,
    /// A restart reaches loads in flight, and does not only clear the memory.
    RestartFencesLoads,
    /// A restart in the same epoch, after a gap, keeps the history: it may have a write of its own that is acknowledged, but not heard.
    RestartKeepsHistory,
    /// A process publishes in a new epoch only once it has restarted in it.
    PublishAfterRestart,
    /// What was published is published again in a new epoch.
    PublishAgain,
    /// The script that publishes creates neither a head nor a stream.
    RefuseToCreate,
    /// Without a lease, callers join only loads that know everything until `max_lag` ago.
    BoundedJoins,
    /// For these joins, a load is as old as the oldest answer that it has got from the cache, or waits for.
    AgeOfNestedAnswers,
    /// A record is in the history before the memory forgets what it names.
    HistoryBeforeRaise,
    /// A record counts as applied only after the memory has forgotten what it names; so does a restart.
    AppliedAfterRaise,
    /// What an intent names is neither stored nor taken from the second level until the outcome.
    IntentsHold,
    /// A load depends on what the answers that it has read depend on.
    DependenciesOfNestedAnswers,
    /// Nobody waits for Redis for longer than a bound.
    Timeouts,
}

/// Which parts are in.
#[derive(Clone, Copy, Default, Debug)]
pub struct Mechanisms {
    out: Option<Mechanism>,
}

impl Mechanisms {
    /// All but one.
    #[must_use]
    pub fn without(mechanism: Mechanism) -> Self {
        Self { out: Some(mechanism) }
    }

    pub(crate) fn has(self, mechanism: Mechanism) -> bool {
        self.out != Some(mechanism)
    }
}
