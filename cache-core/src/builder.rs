//! The settings of a cache.

use std::time::Duration;

use crate::cache::{Cache, install};
use crate::clock::{Clock, TimeSource};
use crate::engine::settings::Settings;
use crate::error::GlobalCacheInUse;

/// Builds a [`Cache`].
///
/// ```
/// use std::time::Duration;
/// use cache_core::Cache;
///
/// let cache = Cache::builder().capacity(100_000).default_ttl(Duration::from_secs(60)).build();
/// assert_eq!(cache.stats().capacity, 100_000);
/// ```
#[derive(Debug, Default)]
#[must_use = "it builds nothing until `build` is called"]
pub struct CacheBuilder {
    settings: Settings,
}

impl CacheBuilder {
    /// The most entries there may be, of all queries together; 10,000 if not set.
    ///
    /// An entry counts as one, whatever its size. With 0 nothing is stored, and every call loads. Above 268,435,456 (2^28)
    /// it makes no difference.
    pub fn capacity(mut self, entries: usize) -> Self {
        self.settings.capacity = entries;
        self
    }

    /// How long a value may be served if its query has no `ttl`; 300 seconds if not set.
    ///
    /// It is counted from the start of the load. A value that was made from other cached values expires no later than they
    /// do, unless its query says `own_ttl`. With zero no value is ever served from the cache; more than 584 years are
    /// forever.
    pub fn default_ttl(mut self, ttl: Duration) -> Self {
        self.settings.default_ttl = ttl;
        self
    }

    /// The clock to use instead of [`SystemClock`](crate::SystemClock).
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.settings.time = TimeSource::new(clock);
        self
    }

    /// Builds the cache.
    pub fn build(self) -> Cache {
        Cache::from_settings(self.settings)
    }

    /// Builds the cache that [`Cache::global`] returns, for annotated functions that are not methods.
    ///
    /// # Errors
    ///
    /// If there is a global cache already: one was installed, or [`Cache::global`] was called.
    ///
    /// ```
    /// use cache_core::Cache;
    ///
    /// let cache = Cache::builder().capacity(500).install_global()?;
    /// assert_eq!(cache.stats().capacity, 500);
    /// assert!(Cache::builder().install_global().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn install_global(self) -> Result<&'static Cache, GlobalCacheInUse> {
        install(self.build())
    }
}
