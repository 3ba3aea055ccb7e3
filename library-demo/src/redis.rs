//! Several processes with one cache, on Redis.

use std::{error::Error, sync::Arc, time::Duration};

use cache_core::{CacheBuilder, SharedTier};
use cache_redis::RedisTier;
use library_demo::{ReplayError, replay::Tiers};

/// A cache that all services with this namespace share.
pub(super) async fn share(cache: CacheBuilder, url: &str, namespace: &str) -> Result<CacheBuilder, Box<dyn Error>> {
    Ok(cache.shared(RedisTier::builder(url).namespace(namespace).connect().await?))
}

/// Tiers with a namespace that nobody has used.
pub(super) fn tiers(count: usize, url: &str) -> Result<Tiers, ReplayError> {
    let namespace = format!("library-replay-{:016x}", fastrand::u64(..));
    let builder = RedisTier::builder(url)
        .namespace(&namespace)
        // So that the figures do not depend on how busy the machine is.
        .max_lag(Duration::from_secs(10))
        .timeout(Duration::from_secs(5));
    let tiers = (0..count).map(|_| Ok(Arc::new(builder.clone().connect_blocking()?) as Arc<dyn SharedTier>));
    tiers.collect::<Result<_, cache_redis::ConnectError>>().map_err(|error| ReplayError::Tier(error.to_string()))
}
