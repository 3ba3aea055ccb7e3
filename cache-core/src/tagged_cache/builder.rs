//! The builder of a [`TaggedCache`].

use std::any::TypeId;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::time::Duration;

use super::TaggedCache;
use super::values::ValueRules;
use crate::clock::{Clock, TimeSource};
use crate::engine::Engine;
use crate::engine::handle::EngineHandle;
use crate::engine::settings::Settings;
use crate::query::MILLION;
use crate::query::state::QueryState;
use crate::query::windows::{Freshness, Windows};
use crate::runtime::Runtime;
use crate::sync::Arc;

/// Builds a [`TaggedCache`].
///
/// ```
/// use std::time::Duration;
/// use cache_core::TaggedCache;
///
/// let cache: TaggedCache<u64, String> =
///     TaggedCache::builder().capacity(500).default_ttl(Duration::from_secs(60)).build();
/// assert_eq!(cache.stats().capacity, 500);
/// ```
#[must_use = "it builds nothing until `build` is called"]
pub struct TaggedCacheBuilder<K, V> {
    settings: Settings,
    freshness: Freshness,
    rules: ValueRules<V>,
    /// In millionths.
    jitter: u32,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> TaggedCacheBuilder<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The most entries; 10,000 by default. With 0 nothing is stored.
    pub fn capacity(mut self, entries: usize) -> Self {
        self.settings.capacity = entries;
        self
    }

    /// The time to live of entries whose options set none; 300 seconds by default. It is counted from the start of the
    /// load. A value made from cached values expires no later than they do: see
    /// [`EntryOptions::own_ttl`](crate::EntryOptions::own_ttl).
    pub fn default_ttl(mut self, ttl: Duration) -> Self {
        self.settings.default_ttl = ttl;
        self
    }

    /// The clock to use instead of [`SystemClock`](crate::SystemClock).
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.settings.time = TimeSource::new(clock);
        self
    }

    /// The most that the weights of all entries may sum up to, in any unit: see
    /// [`CacheBuilder::max_weight`](crate::CacheBuilder::max_weight). Without it nothing is weighed.
    pub fn max_weight(mut self, weight: u64) -> Self {
        self.settings.max_weight = Some(weight);
        self
    }

    /// The weight of an entry, from its value; 1 by default. Of an entry whose options say a weight it is not asked, and of
    /// none if the cache has no [`max_weight`](TaggedCacheBuilder::max_weight).
    ///
    /// It is called once for each value that is to be stored, by the call that loads or inserts it, with no lock held.
    ///
    /// # Panics
    ///
    /// A load or an insert panics if it does, and stores nothing.
    ///
    /// ```
    /// use cache_core::TaggedCache;
    ///
    /// let texts: TaggedCache<u32, String> = TaggedCache::builder().max_weight(10).weight(String::len).build();
    /// texts.insert(1, "sixteen letters!".into());
    /// assert_eq!((texts.get(&1), texts.stats().too_heavy), (None, 1));
    /// for key in 0..100 {
    ///     texts.insert(key, "four".into());
    ///     assert!(texts.stats().weight <= 10);
    /// }
    /// assert_eq!(texts.len(), 2);
    /// ```
    pub fn weight(mut self, weight: impl Fn(&V) -> usize + Send + Sync + 'static) -> Self {
        self.rules.weight = Some(Box::new(weight));
        self
    }

    /// The time to live of an entry, from its value, instead of the default. Options that say one are followed.
    ///
    /// It is counted from the start of the load, or from the insert. With zero the value is not stored. A value made from
    /// cached values expires no later than they do: see [`EntryOptions::own_ttl`](crate::EntryOptions::own_ttl). While a
    /// load is in flight nobody knows how long its value lives, so callers join the load however long it takes.
    ///
    /// # Panics
    ///
    /// A load or an insert panics if it does, and stores nothing.
    ///
    /// ```
    /// use std::time::Duration;
    /// use cache_core::TaggedCache;
    ///
    /// let ttl = |track: &Option<String>| Duration::from_secs(if track.is_some() { 300 } else { 5 });
    /// let tracks: TaggedCache<u32, Option<String>> = TaggedCache::builder().ttl_from(ttl).build();
    /// tracks.insert(1, None);
    /// assert!(tracks.entries()[0].expires_in <= Duration::from_secs(5));
    /// ```
    pub fn ttl_from(mut self, ttl: impl Fn(&V) -> Duration + Send + Sync + 'static) -> Self {
        self.rules.ttl = Some(Box::new(ttl));
        self
    }

    /// Shortens each time to live at random by up to this share of it, so that what was stored together does not expire
    /// together: with 0.1 an entry of 300 seconds lives 270 to 300 seconds. It is rounded to millionths.
    ///
    /// # Panics
    ///
    /// If the share is not in `0.0..1.0`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use cache_core::TaggedCache;
    ///
    /// let cache = TaggedCache::builder().default_ttl(Duration::from_secs(300)).jitter(0.1).jitter_seed(7).build();
    /// cache.insert("a", 1);
    /// assert!((269..300).contains(&cache.entries()[0].expires_in.as_secs()));
    /// ```
    pub fn jitter(mut self, share: f64) -> Self {
        assert!((0.0..1.0).contains(&share), "a jitter of {share} is not in 0.0..1.0");
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is less than a million")]
        let jitter = (share * f64::from(MILLION)).round() as u32;
        self.jitter = jitter.min(MILLION - 1);
        self
    }

    /// The seed of the jitter, for tests: see [`CacheBuilder::jitter_seed`](crate::CacheBuilder::jitter_seed).
    pub fn jitter_seed(mut self, seed: u64) -> Self {
        self.settings.jitter_seed = Some(seed);
        self
    }

    /// Builds the cache.
    pub fn build(self) -> TaggedCache<K, V> {
        let Self { settings, mut rules, jitter, freshness, .. } = self;
        // There is no query that would be told apart.
        let engine = Engine::new(Settings { mutation_log: 0, ..settings });
        if !engine.storage.limits_weight() {
            rules.weight = None;
        }
        let windows = Windows::of(freshness);
        let mut query = QueryState { windows, jitter, ..QueryState::anonymous() };
        query.counters.tell_drop_panics(engine.storage.observers.tell_drop_panic(&query));
        let store = engine.make_store(Arc::new(query), TypeId::of::<()>(), |_, _, _| Ok(()));
        TaggedCache { engine: EngineHandle::new(Arc::new(engine)), store, scope: None, rules: Arc::new(rules) }
    }
}

/// For values near or past their expiry.
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
    /// assert_eq!(rates.entry(&"EUR").or_try_load(|| Ok::<_, &str>(1.1)), Ok(1.1));
    /// clock.advance(Duration::from_secs(600));
    /// assert_eq!(rates.entry(&"EUR").or_try_load(|| Err("the service is down")), Ok(1.1));
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
    /// let rate = |rate| rates.entry(&"EUR").or_load_in_background(move || rate);
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

impl<K, V> Default for TaggedCacheBuilder<K, V> {
    fn default() -> Self {
        let (settings, freshness) = (Settings::default(), Freshness::NONE);
        Self { settings, freshness, rules: ValueRules::NONE, jitter: 0, types: PhantomData }
    }
}

impl<K, V> fmt::Debug for TaggedCacheBuilder<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaggedCacheBuilder")
            .field("settings", &self.settings)
            .field("freshness", &self.freshness)
            .finish_non_exhaustive()
    }
}
