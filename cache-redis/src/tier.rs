//! The handle of a tier.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cache_core::{
    Follower, LeaseTime, LogPosition, Publication, PublishError, PutOutcome, SharedTier, StoredValue, TierError,
    TierFuture,
};

use crate::hub::Hub;
use crate::listener::Listener;
use crate::thread::Worker;

/// A second level on Redis, and a log of invalidations: for `CacheBuilder::shared`.
///
/// A thread named `cache-redis` does all its I/O; another one, `cache-redis-log`, tells the cache of invalidations, as that
/// may drop values and run observers. They end after the cache, or when the last clone is dropped: after
/// what is queued was published, or that was tried for a second. A drop does not wait for that.
///
/// ```no_run
/// # async fn example() -> Result<(), cache_redis::ConnectError> {
/// use cache_redis::RedisTier;
///
/// let tier = RedisTier::builder("redis://localhost").namespace("shop").schema("3").connect().await?;
/// # drop(tier); Ok(()) }
/// ```
#[derive(Clone)]
pub struct RedisTier {
    worker: Arc<Worker>,
}

impl RedisTier {
    pub(crate) fn new(worker: Worker) -> Self {
        Self { worker: Arc::new(worker) }
    }

    /// [`follow`](SharedTier::follow), for tests of the tier without a cache.
    #[doc(hidden)]
    pub fn follow_with(&self, listener: impl Listener) {
        self.worker.hub.set_listener(Arc::new(listener));
    }

    /// [`publish`](SharedTier::publish), for tests of the tier without a cache.
    #[doc(hidden)]
    pub fn publish_record(
        &self,
        token: u64,
        record: Vec<u8>,
        is_intent: bool,
    ) -> TierFuture<'static, Result<LogPosition, PublishError>> {
        // At once: the tier may be dropped before its thread has looked.
        let queued = self.worker.hub.queue(token, record, is_intent);
        let published = self.run(|hub| async move { hub.wait_until_published(queued?).await });
        Box::pin(async { published.await.map_err(PublishError::from) })
    }

    /// Runs on the thread of the tier, from now on, whether or not the future is polled.
    fn run<T, F>(&self, operation: impl FnOnce(Arc<Hub>) -> F) -> TierFuture<'static, Result<T, TierError>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, TierError>> + Send + 'static,
    {
        let task = self.worker.runtime.spawn(operation(self.worker.hub.clone()));
        // Without a budget of polls: a caller that blocks its thread within a task of tokio does not return to what renews it,
        // and would wait for ever.
        let task = tokio::task::unconstrained(task);
        Box::pin(async { task.await.unwrap_or_else(|_| Err(TierError::new("the cache of this tier is gone"))) })
    }
}

impl fmt::Debug for RedisTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisTier").field("settings", &self.worker.hub.settings).finish_non_exhaustive()
    }
}

impl SharedTier for RedisTier {
    fn max_lag(&self) -> Duration {
        self.worker.hub.settings.max_lag
    }

    /// # Panics
    ///
    /// If the tier follows for another cache already.
    fn follow(&self, follower: Follower) {
        self.follow_with(follower);
    }

    fn get<'a>(&'a self, key: &'a [u8]) -> TierFuture<'a, Result<Option<StoredValue>, TierError>> {
        let key = key.to_vec();
        self.run(|hub| async move { hub.get(&key).await })
    }

    fn put<'a>(
        &'a self,
        key: &'a [u8],
        value: Vec<u8>,
        expires_in: Duration,
    ) -> TierFuture<'a, Result<PutOutcome, TierError>> {
        let called = LeaseTime::now();
        let key = key.to_vec();
        self.run(move |hub| async move { hub.put(&key, &value, expires_in, called).await })
    }

    fn remove<'a>(&'a self, key: &'a [u8]) -> TierFuture<'a, Result<(), TierError>> {
        let key = key.to_vec();
        self.run(|hub| async move { hub.remove(&key).await })
    }

    fn publish(&self, publication: Publication) -> TierFuture<'static, Result<LogPosition, PublishError>> {
        self.publish_record(publication.token, publication.record, publication.is_intent)
    }
}
