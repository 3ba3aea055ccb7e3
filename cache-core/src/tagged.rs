//! The cache without the attributes.

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use crate::builder::Settings;
use crate::clock::{Clock, TimeSource};
use crate::engine::Engine;
use crate::load::{Load, Miss};
use crate::query::QueryState;
use crate::scope::ROOT;
use crate::stats::{Event, Stats};
use crate::store::{Absent, Store, Wanted};
use crate::sync::Arc;
use crate::tag::Tag;

/// A concurrent, bounded cache whose entries expire and bear tags: what the attributes use, for use by hand.
///
/// A clone is the same cache. Keys are looked up by anything that they borrow as, so that a cache with
/// `String` keys is asked with a `&str`. A hit allocates nothing and takes no exclusive lock.
///
/// ```
/// use cache_core::{EntryOptions, TaggedCache};
///
/// let albums: TaggedCache<String, u32> = TaggedCache::new();
/// let tracks = albums.get_or_load_with("Back in Black", || EntryOptions::new().tag("artist:1"), || 10);
/// assert_eq!(tracks, 10);
/// assert_eq!(albums.get("Back in Black"), Some(10));
///
/// albums.invalidate_tags(["artist:1"]);
/// assert_eq!(albums.get("Back in Black"), None);
/// ```
///
/// *Locking*: on a hit the value is cloned under a read lock. Its `Clone` may use the cache, but nothing that
/// it loads or inserts is stored, `purge` does nothing, and `invalidate_key` forgets all keys. `Eq` of keys
/// runs under locks, and must not use the cache. No other code of yours runs under one.
pub struct TaggedCache<K, V> {
    engine: Arc<Engine>,
    store: Arc<Store<K, V>>,
}

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
    types: PhantomData<fn() -> (K, V)>,
}

/// What is particular to one entry: its tags, and how long it may be served.
///
/// ```
/// use std::time::Duration;
/// use cache_core::EntryOptions;
///
/// let options = EntryOptions::new().ttl(Duration::from_secs(10)).tag("catalogue").tags(["artist:1", "artist:2"]);
/// # let _ = options;
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "it changes nothing by itself"]
pub struct EntryOptions {
    ttl: Option<Duration>,
    tags: Vec<Tag>,
}

impl EntryOptions {
    /// No tags, and the time to live that is the cache's default.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long the value may be served, counted from the start of the load.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// One more tag.
    pub fn tag(mut self, tag: impl Into<Tag>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// More tags.
    pub fn tags<T: Into<Tag>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags.extend(tags.into_iter().map(Into::into));
        self
    }
}

impl<K, V> TaggedCacheBuilder<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The most entries there may be; 10,000 if not set. With 0 nothing is stored.
    pub fn capacity(mut self, entries: usize) -> Self {
        self.settings.capacity = entries;
        self
    }

    /// How long a value may be served if its options don't say; 300 seconds if not set.
    pub fn default_ttl(mut self, ttl: Duration) -> Self {
        self.settings.default_ttl = ttl;
        self
    }

    /// The clock to use instead of [`SystemClock`](crate::SystemClock).
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.settings.time = TimeSource::Custom(Box::new(clock));
        self
    }

    /// Builds the cache.
    pub fn build(self) -> TaggedCache<K, V> {
        let engine = Engine::new(self.settings);
        let store = engine.make_store(Arc::new(QueryState::anonymous()), |_, _, _| Ok(()));
        TaggedCache { engine: Arc::new(engine), store }
    }
}

impl<K, V> TaggedCache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// A cache with the default settings: 10,000 entries, 300 seconds.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Sets what the default settings don't suit.
    pub fn builder() -> TaggedCacheBuilder<K, V> {
        TaggedCacheBuilder { settings: Settings::default(), types: PhantomData }
    }

    /// The value of a key, if there is a live entry for it.
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        match self.look_up(key) {
            Ok(value) => Some(value),
            Err(miss) => {
                if miss.found_dead {
                    self.store.bury(&self.engine, &wanted(miss.hash, key), miss.now);
                }
                None
            }
        }
    }

    /// Stores a value, in place of any that the key had.
    ///
    /// The value counts as loaded now. If it was read before an invalidation that has returned since, it is
    /// stale, and nothing here can know: [`get_or_load`](TaggedCache::get_or_load) does.
    pub fn insert(&self, key: K, value: V) {
        self.insert_with(key, value, EntryOptions::new());
    }

    /// Stores a value, like [`insert`](TaggedCache::insert), with tags or a time to live of its own.
    pub fn insert_with(&self, key: K, value: V, options: EntryOptions) {
        let hash = self.hash(&key);
        let miss = Miss { key, hash, now: self.engine.time.now(), found_dead: false };
        self.load(miss, options).finish(|| value);
    }

    /// The value of a key; if there is no live entry for it, `load` makes one, which is stored.
    ///
    /// The value is returned to this caller in any case. It is not stored if it was invalidated while it
    /// was made.
    ///
    /// # Panics
    ///
    /// When `load` does. Nothing is stored then.
    ///
    /// ```
    /// use cache_core::TaggedCache;
    ///
    /// let cache: TaggedCache<String, usize> = TaggedCache::new();
    /// assert_eq!(cache.get_or_load("four", || 4), 4);
    /// assert_eq!(cache.get_or_load("four", || unreachable!()), 4);
    /// ```
    pub fn get_or_load<Q>(&self, key: &Q, load: impl FnOnce() -> V) -> V
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.get_or_load_with(key, EntryOptions::new, load)
    }

    /// Like [`get_or_load`](TaggedCache::get_or_load), with tags or a time to live. `options` is called
    /// only if a value has to be loaded, before `load`.
    pub fn get_or_load_with<Q>(&self, key: &Q, options: impl FnOnce() -> EntryOptions, load: impl FnOnce() -> V) -> V
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let load = || Ok::<V, std::convert::Infallible>(load());
        match self.try_get_or_load_with(key, options, load) {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    /// Like [`get_or_load`](TaggedCache::get_or_load), for a load that can fail.
    ///
    /// # Errors
    ///
    /// That of `load`. It is not stored: the next call loads again.
    ///
    /// ```
    /// use cache_core::TaggedCache;
    ///
    /// let cache: TaggedCache<String, i32> = TaggedCache::new();
    /// assert!(cache.try_get_or_load("seven", || "seven".parse::<i32>()).is_err());
    /// assert_eq!(cache.try_get_or_load("seven", || "7".parse::<i32>()), Ok(7));
    /// ```
    pub fn try_get_or_load<Q, E>(&self, key: &Q, load: impl FnOnce() -> Result<V, E>) -> Result<V, E>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.try_get_or_load_with(key, EntryOptions::new, load)
    }

    /// Like [`try_get_or_load`](TaggedCache::try_get_or_load), with tags or a time to live. `options` is
    /// called only if a value has to be loaded, before `load`.
    ///
    /// # Errors
    ///
    /// That of `load`.
    pub fn try_get_or_load_with<Q, E>(
        &self,
        key: &Q,
        options: impl FnOnce() -> EntryOptions,
        load: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, E>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let miss = match self.look_up(key) {
            Ok(value) => return Ok(value),
            Err(miss) => miss,
        };
        let pending = self.load(miss.of(key.to_owned()), options());
        self.store.query.counters.count(Event::Load);
        match load() {
            Ok(value) => {
                pending.finish(|| value.clone());
                Ok(value)
            }
            Err(error) => {
                pending.fail();
                Err(error)
            }
        }
    }

    /// Forgets one key. Returns whether it had a live entry.
    ///
    /// A load of the key that is under way is not stored, nor is, for the time being, one of another key
    /// that shares its shard. When this returns, no call that starts later gets a value whose load began
    /// before.
    pub fn invalidate_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.store.query.counters.count(Event::Invalidation);
        let (hash, now) = (self.hash(key), self.engine.time.now());
        self.engine.versions.invalidate(|version| self.store.invalidate(&self.engine, &wanted(hash, key), version, now))
    }

    /// Forgets all entries that bear one of these tags. When this returns, no call that starts later gets a
    /// value whose load began before. The cost doesn't depend on the number of entries.
    pub fn invalidate_tags<T: AsRef<str>>(&self, tags: impl IntoIterator<Item = T>) {
        self.engine.invalidate_tags(None, tags);
    }

    /// Forgets everything. Otherwise like [`invalidate_tags`](TaggedCache::invalidate_tags).
    pub fn invalidate_all(&self) {
        self.engine.invalidate_all(None);
    }

    /// Frees the memory of all entries that have expired or were invalidated. There is no need to call it:
    /// they make room when room is needed. It looks at every entry.
    pub fn purge(&self) {
        self.engine.purge();
    }

    /// The number of live entries: neither expired nor invalidated. It looks at every entry, and is exact
    /// when no other thread adds or removes any.
    pub fn len(&self) -> usize {
        self.engine.len(None)
    }

    /// Whether there is no live entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The figures since the cache was built. Its `entries` are counted one by one.
    pub fn stats(&self) -> Stats {
        self.engine.stats_of(&self.store.query)
    }

    /// Panics if something in the cache contradicts something else: for tests.
    #[doc(hidden)]
    pub fn check_invariants(&self) {
        self.engine.check_invariants();
    }

    #[cfg(test)]
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    fn look_up<Q>(&self, key: &Q) -> Result<V, Miss<()>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let (hash, now) = (self.hash(key), self.engine.time.now());
        let found = self.store.look_up(&self.engine, &wanted(hash, key), now);
        found.map_err(|absent| Miss { key: (), hash, now, found_dead: absent == Absent::Dead })
    }

    fn load(&self, miss: Miss<K>, options: EntryOptions) -> Load<K, V> {
        Load::begin(self.engine.clone(), self.store.clone(), None, miss, options.ttl, options.tags)
    }

    fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u64 {
        self.engine.hash(ROOT, |hasher| key.hash(hasher))
    }
}

fn wanted<K: Borrow<Q>, Q: Eq + ?Sized>(hash: u64, key: &Q) -> Wanted<impl Fn(&K) -> bool> {
    Wanted { hash, scope: ROOT, is_key: move |stored: &K| stored.borrow() == key }
}

// A panic in code of the user's leaves a cache as it was: no invariant is broken while such code runs.
impl<K, V> UnwindSafe for TaggedCache<K, V> {}
impl<K, V> RefUnwindSafe for TaggedCache<K, V> {}

impl<K, V> Clone for TaggedCache<K, V> {
    fn clone(&self) -> Self {
        Self { engine: self.engine.clone(), store: self.store.clone() }
    }
}

impl<K, V> Default for TaggedCache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> fmt::Debug for TaggedCache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaggedCache").field("capacity", &self.engine.capacity()).finish_non_exhaustive()
    }
}

impl<K, V> fmt::Debug for TaggedCacheBuilder<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaggedCacheBuilder").field("settings", &self.settings).finish_non_exhaustive()
    }
}
