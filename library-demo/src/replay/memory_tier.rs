//! A tier in memory, for processes that are only played.

use std::{
    collections::HashMap,
    future::ready,
    sync::{Arc, OnceLock},
    time::Duration,
};

use cache_core::{
    Follower, LeaseTime, LogPosition, Publication, PublishError, PutOutcome, Restart, SharedTier, StoredValue,
    TierError, TierFuture,
};
use parking_lot::Mutex;

/// Longer than any replay: nobody loses the connection to memory.
const MAX_LAG: Duration = Duration::from_hours(24);

/// A log and a second level in memory: the server of several caches of this process.
///
/// All have heard of an invalidation when it returns. Values are kept for ever: a replay takes less time than they live.
///
/// ```
/// use cache_core::Cache;
/// use library_demo::replay::MemoryServer;
///
/// let server = MemoryServer::default();
/// let [one, other] = [(); 2].map(|()| Cache::builder().shared(server.tier()).build());
/// one.invalidate_tags(["artist:7"]);
/// assert_eq!(other.mutations().last().map(|last| last.function), Some("another process"));
/// ```
#[derive(Clone, Default)]
pub struct MemoryServer(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    followers: Vec<Follower>,
    /// The number of the last record.
    last: u64,
    values: HashMap<Vec<u8>, (Vec<u8>, Duration)>,
}

impl State {
    fn position(&self) -> LogPosition {
        // Nothing is ever lost: there is one epoch.
        LogPosition { epoch: 1, id: self.last }
    }
}

impl MemoryServer {
    /// A tier for one cache.
    pub fn tier(&self) -> MemoryTier {
        MemoryTier { server: self.clone(), own: OnceLock::new() }
    }
}

/// A [`MemoryServer`], as one cache knows it.
pub struct MemoryTier {
    server: MemoryServer,
    own: OnceLock<Follower>,
}

impl SharedTier for MemoryTier {
    fn max_lag(&self) -> Duration {
        MAX_LAG
    }

    fn follow(&self, follower: Follower) {
        let mut state = self.server.0.lock();
        follower.restart(state.position(), Restart::First);
        follower.prove(LeaseTime::now());
        state.followers.push(follower.clone());
        assert!(self.own.set(follower).is_ok(), "a tier follows for one cache");
    }

    fn get<'a>(&'a self, key: &'a [u8]) -> TierFuture<'a, Result<Option<StoredValue>, TierError>> {
        let found = self.server.0.lock().values.get(key).cloned();
        Box::pin(ready(Ok(found.map(|(value, expires_in)| StoredValue { value, expires_in }))))
    }

    fn put<'a>(
        &'a self,
        key: &'a [u8],
        value: Vec<u8>,
        expires_in: Duration,
    ) -> TierFuture<'a, Result<PutOutcome, TierError>> {
        self.server.0.lock().values.insert(key.to_vec(), (value, expires_in));
        Box::pin(ready(Ok(PutOutcome::Stored)))
    }

    fn remove<'a>(&'a self, key: &'a [u8]) -> TierFuture<'a, Result<(), TierError>> {
        self.server.0.lock().values.remove(key);
        Box::pin(ready(Ok(())))
    }

    fn publish(&self, publication: Publication) -> TierFuture<'static, Result<LogPosition, PublishError>> {
        // Under the lock: all hear of all records in one order.
        let mut state = self.server.0.lock();
        state.last += 1;
        let position = state.position();
        if let Some(own) = self.own.get() {
            own.acknowledge(publication.token, position);
        }
        for follower in &state.followers {
            follower.hear(position, &publication.record);
            follower.prove(LeaseTime::now());
        }
        Box::pin(ready(Ok(position)))
    }
}
