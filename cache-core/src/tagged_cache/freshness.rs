//! The options of a [`TaggedCache`](crate::TaggedCache) for values near or past their expiry.

use std::time::Duration;

use super::TaggedCacheBuilder;
use crate::runtime::Runtime;
use crate::sync::Arc;

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

    /// How long a caller that has an expired value waits for a load in the background; to its end by default. For
    /// [`or_load_in_background_async`](crate::TaggedEntry::or_load_in_background_async) and its like.
    pub fn soft_timeout(mut self, span: Duration) -> Self {
        self.freshness.soft_timeout = Some(span);
        self
    }

    /// Where loads run that no caller waits for, those of
    /// [`or_load_in_background`](crate::TaggedEntry::or_load_in_background) and its like. Without one, the cache starts no
    /// thread and no task.
    ///
    /// Loads in the background end with the last handle of the cache: futures are dropped, and work that has begun is
    /// finished.
    ///
    /// ```
    /// use std::thread;
    /// use std::time::Duration;
    /// use cache_core::{ManualClock, Runtime, TaggedCache, Task};
    ///
    /// struct Threads;
    ///
    /// impl Runtime for Threads {
    ///     fn spawn(&self, task: Task) {
    ///         thread::spawn(|| futures_lite::future::block_on(task));
    ///     }
    ///
    ///     fn sleep(&self, duration: Duration) -> Task {
    ///         Box::pin(async move { thread::sleep(duration) })
    ///     }
    /// }
    ///
    /// let clock = ManualClock::new();
    /// let rates: TaggedCache<&str, u32> = TaggedCache::builder()
    ///     .default_ttl(Duration::from_secs(300))
    ///     .stale_while_revalidate(Duration::from_secs(60))
    ///     .runtime(Threads)
    ///     .clock(clock.clone())
    ///     .build();
    /// let rate = |rate| rates.entry("EUR").or_load_in_background(move || rate);
    /// assert_eq!(rate(110), 110);
    /// clock.advance(Duration::from_secs(301));
    /// assert_eq!(rate(120), 110); // and 120 is being loaded
    /// while rate(120) == 110 {
    ///     thread::yield_now();
    /// }
    /// ```
    pub fn runtime(mut self, runtime: impl Runtime) -> Self {
        self.settings.runtime = Some(Arc::new(runtime));
        self
    }

    /// So long after a failed load nobody loads while there is a value to serve; one second by default.
    pub fn retry_after(mut self, span: Duration) -> Self {
        self.freshness.retry_after = span;
        self
    }
}
