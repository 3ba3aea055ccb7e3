//! The options of a [`TaggedCache`](crate::TaggedCache) for values near or past their expiry.

use std::time::Duration;

use super::TaggedCacheBuilder;

impl<K, V> TaggedCacheBuilder<K, V> {
    /// So long before a value expires, one caller that can load does, and the others are served the value: also the
    /// caller that loads, if its load fails. None by default.
    ///
    /// ```
    /// use std::time::Duration;
    /// use cache_core::{ManualClock, TaggedCache};
    ///
    /// let clock = ManualClock::new();
    /// let rates: TaggedCache<&str, f64> = TaggedCache::builder()
    ///     .default_ttl(Duration::from_secs(300))
    ///     .refresh_ahead(Duration::from_secs(60))
    ///     .clock(clock.clone())
    ///     .build();
    /// rates.get_or_load(&"EUR", || 1.1);
    /// clock.advance(Duration::from_secs(241));
    /// assert_eq!(rates.get_or_load(&"EUR", || 1.2), 1.2);
    /// ```
    pub fn refresh_ahead(mut self, span: Duration) -> Self {
        self.freshness.refresh_ahead = span;
        self
    }

    /// So long after a value has expired, it is served as in [`refresh_ahead`](Self::refresh_ahead): one caller loads.
    /// None by default.
    pub fn stale_while_revalidate(mut self, span: Duration) -> Self {
        self.freshness.stale_while_revalidate = span;
        self
    }

    /// So long after a value has expired, it is served instead of the error of a load. An invalidated value is not. None
    /// by default.
    ///
    /// ```
    /// use std::time::Duration;
    /// use cache_core::{ManualClock, TaggedCache};
    ///
    /// let clock = ManualClock::new();
    /// let rates: TaggedCache<&str, f64> = TaggedCache::builder()
    ///     .default_ttl(Duration::from_secs(300))
    ///     .stale_if_error(Duration::from_secs(3_600))
    ///     .clock(clock.clone())
    ///     .build();
    /// assert_eq!(rates.entry("EUR").or_try_load(|| Ok::<_, &str>(1.1)), Ok(1.1));
    /// clock.advance(Duration::from_secs(600));
    /// assert_eq!(rates.entry("EUR").or_try_load(|| Err("the service is down")), Ok(1.1));
    /// ```
    pub fn stale_if_error(mut self, span: Duration) -> Self {
        self.freshness.stale_if_error = span;
        self
    }

    /// So long after a failed load nobody loads while there is a value to serve; one second by default.
    pub fn retry_after(mut self, span: Duration) -> Self {
        self.freshness.retry_after = span;
        self
    }
}
