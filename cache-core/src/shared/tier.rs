//! What a store outside of the process must be able to do.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::shared::error::{PublishError, TierError};
use crate::shared::follower::Follower;
use crate::shared::record::LogPosition;

/// A second level of a cache, and a log of its invalidations, that several processes share: as a
/// [tier](crate::CacheBuilder::shared) of their caches. The crate `cache-redis` has one on Redis.
///
/// The cache decides what is valid. A tier stores bytes, and keeps a log of records in an order that is the same for all.
/// Both belong to an *epoch*: a random number that the processes agree on as long as nothing of the log was lost.
///
/// # What a tier has to keep
///
/// - [`publish`](Self::publish) is acknowledged only when every process will hear the record, or find out that it has lost
///   some.
/// - Records are [heard](Follower::hear) in the order of their numbers, which are consecutive in an epoch, by each process
///   each once, its own among them. If one may be missing, the tier [restarts](Follower::restart).
/// - [`Follower::prove`] is called with a time before the question to whose answer the log was complete. The proof holds for
///   [`max_lag`](Self::max_lag).
/// - A server that may have lost what it had acknowledged begins a new epoch, before anybody is told anything of it.
/// - No method blocks its caller, and no future takes longer than a bound that the tier states. They are polled by any
///   executor, or by a blocked thread: the tier needs threads of its own to make progress. They may be dropped at any time.
///
/// What is [stored](Self::put) may be forgotten at any time, and may come back later: the cache recognizes what is outdated.
pub trait SharedTier: Send + Sync + 'static {
    /// How much later than its acknowledgement an invalidation may be heard of. Must not change.
    fn max_lag(&self) -> Duration;

    /// Begins to follow the log. Called once, by [`CacheBuilder::build`](crate::CacheBuilder::build).
    ///
    /// It begins with a [`restart`](Follower::restart) at a record that is as old as possible: the cache may take from the
    /// second level only what is younger.
    fn follow(&self, follower: Follower);

    /// Reads what is stored under a key.
    fn get<'a>(&'a self, key: &'a [u8]) -> TierFuture<'a, Result<Option<StoredValue>, TierError>>;

    /// Stores bytes under a key for at most `expires_in`, counted from the call.
    fn put<'a>(
        &'a self,
        key: &'a [u8],
        value: Vec<u8>,
        expires_in: Duration,
    ) -> TierFuture<'a, Result<PutOutcome, TierError>>;

    /// Removes what is stored under a key: it cannot be read.
    fn remove<'a>(&'a self, key: &'a [u8]) -> TierFuture<'a, Result<(), TierError>>;

    /// Appends a record to the log. The call itself hands the record over: who drops the future does not take it back.
    ///
    /// The future ends when the record is acknowledged, or after the bound with an error. After an error the tier goes on
    /// trying, also in later epochs, unless the publication [is an intent](Publication::is_intent). Whenever it is
    /// acknowledged, also for this future, [`Follower::acknowledge`] is called before.
    ///
    /// For a [while](Follower::KEPT) the tier keeps what it has published, and publishes it again in each new epoch.
    fn publish(&self, publication: Publication) -> TierFuture<'static, Result<LogPosition, PublishError>>;
}

/// What the methods of a [`SharedTier`] return.
pub type TierFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A record that is to be appended to the log.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Publication {
    /// Unique among the publications of a cache. [`Follower::acknowledge`] takes it.
    pub token: u64,
    /// What is heard.
    pub record: Vec<u8>,
    /// Whether it announces a write that does not happen if this cannot be published: after an error, nobody may hear it
    /// later.
    pub is_intent: bool,
}

impl Publication {
    /// For the tests of a tier. A cache makes its own.
    pub fn new(token: u64, record: Vec<u8>, is_intent: bool) -> Self {
        Self { token, record, is_intent }
    }
}

/// What was stored under a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredValue {
    /// As it was [put](SharedTier::put).
    pub value: Vec<u8>,
    /// How long it may still be served, at least: never longer than what was left when it was put.
    pub expires_in: Duration,
}

/// What became of a value that was to be stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PutOutcome {
    /// It is stored.
    Stored,
    /// It is larger than the tier allows.
    TooLarge,
}
