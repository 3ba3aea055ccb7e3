//! The cache without the attributes.

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use crate::builder::Settings;
use crate::clock::{Clock, Nanos, TimeSource};
use crate::engine::{Engine, ScopeRef, scope_id};
use crate::inspect::EntryInfo;
use crate::load::Attempt;
use crate::missed::Missed;
use crate::options::EntryOptions;
use crate::outcome::{Fallible, Outcome, Whole};
use crate::query::QueryState;
use crate::scope::Scope;
use crate::stats::{Event, Stats};
use crate::store::{Absent, Store, Wanted};
use crate::sync::Arc;
use crate::tag::Tag;

/// A concurrent, bounded cache whose entries expire and bear tags: what the attributes use, for use by hand.
///
/// A clone is the same cache. Keys are looked up by anything that they borrow as, so that a cache with
/// `String` keys is asked with a `&str`; to load, that must turn into the key by `to_owned` (where keys are
/// `&'static str`, write `&"key"`). A hit allocates nothing and takes no exclusive lock.
///
/// `{:?}` shows how many loads are under way and how many callers wait for one, in all scopes; `None` if a lock
/// was held just then. It never waits itself, and so tells what others wait for.
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
/// *Locking*: on a hit the value is cloned under a read lock. Its `Clone` may use this cache and others, but
/// nothing that it loads or inserts is stored, `purge` does nothing, and `invalidate_key` forgets all keys. `Eq` of keys
/// runs under locks, and must not use the cache. No other code of yours runs under one.
pub struct TaggedCache<K, V> {
    engine: Arc<Engine>,
    store: Arc<Store<K, V>>,
    scope: Option<Arc<Scope>>,
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
        TaggedCache { engine: Arc::new(engine), store, scope: None }
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
            Err(Miss { hash, now, found_dead }) => {
                if found_dead {
                    self.store.bury(&self.engine, &self.wanted(hash, key), now);
                }
                None
            }
        }
    }

    /// A handle on a part of this cache whose entries are apart from all others. See
    /// [`Cache::scope`](crate::Cache::scope).
    ///
    /// ```
    /// let cache = cache_core::TaggedCache::<u32, &str>::new();
    /// let tenant = cache.scope("tenant:7");
    /// tenant.insert(1, "theirs");
    /// assert_eq!((cache.get(&1), tenant.get(&1)), (None, Some("theirs")));
    /// ```
    #[must_use = "it changes nothing here: use the handle that it returns"]
    pub fn scope(&self, name: &str) -> Self {
        Self { scope: Some(self.engine.scope(name)), ..self.clone() }
    }

    /// Stores a value, in place of any that the key had.
    ///
    /// The value counts as loaded now, and replaces also what a load of the key that is under way will make.
    /// If it was read before an invalidation that has returned since, it is stale, and nothing here can know:
    /// [`get_or_load`](TaggedCache::get_or_load) does.
    pub fn insert(&self, key: K, value: V) {
        self.insert_with(key, value, EntryOptions::new());
    }

    /// Stores a value, like [`insert`](TaggedCache::insert), with tags or a time to live of its own.
    pub fn insert_with(&self, key: K, value: V, options: EntryOptions) {
        let (hash, now) = (self.hash(&key), self.engine.time.now());
        let EntryOptions { ttl, tags } = options;
        let candidate = self.engine.candidate(self.scope_ref(), &self.store.query, (key, hash), ttl, tags);
        drop(self.store.insert(&self.engine, candidate, value, now));
    }

    /// The value of a key; if there is no live entry for it, `load` makes one, which is stored.
    ///
    /// However many threads ask for a key at once, one of them loads and the others wait for its value. Keys
    /// don't wait for each other. Whoever asks after an invalidation doesn't wait for a load that began before
    /// it, but begins another. If a load panics or fails, one of those who waited loads next.
    ///
    /// The value is returned to the caller that loaded it in any case. It is not stored if it was invalidated
    /// while it was made.
    ///
    /// Whatever `load` returns is stored, a `Result` or an `Option` too:
    /// [`try_get_or_load`](TaggedCache::try_get_or_load) keeps errors out. Where nothing can be kept (capacity 0, a
    /// time to live that is zero, or over before the load is), each call loads.
    ///
    /// # Deadlocks
    ///
    /// `load` may use the cache. If it asks for the key that it is loading, directly or through the loads of
    /// other keys, of other caches or on other threads that wait for each other in a circle, then the call
    /// that would close the circle doesn't wait but loads for itself, and what it loads is not stored: the load
    /// that it is part of is. What can't be seen is a `load` that waits in its own way for *another* thread, as by
    /// joining it, which asks for the same key: let that thread use [`get`](TaggedCache::get).
    ///
    /// Nothing wakes those who wait but the end of the load: it should have a timeout of its own.
    ///
    /// # Panics
    ///
    /// When `load` does. Nothing is stored then, and nobody else is told of the panic.
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
    /// only on a miss, and before `load`.
    pub fn get_or_load_with<Q>(&self, key: &Q, options: impl FnOnce() -> EntryOptions, load: impl FnOnce() -> V) -> V
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.get_or_load_tagged(key, options, load, no_tags)
    }

    /// Like [`get_or_load_with`](TaggedCache::get_or_load_with), with more tags that only the value tells.
    ///
    /// `tags` is called with the value that was loaded, if it may be stored, and returns an array or another list, also of one. If one of its tags was invalidated after the load had
    /// begun, the value isn't stored, and who waited for it asks again.
    ///
    /// ```
    /// use cache_core::{EntryOptions, TaggedCache};
    ///
    /// let albums: TaggedCache<u32, (&str, u32)> = TaggedCache::new();
    /// let load = || ("Back in Black", 1);
    /// albums.get_or_load_tagged(&7, EntryOptions::new, load, |(_, artist)| [format!("artist:{artist}")]);
    /// albums.invalidate_tags(["artist:1"]);
    /// assert_eq!(albums.get(&7), None);
    /// ```
    pub fn get_or_load_tagged<Q, T>(
        &self,
        key: &Q,
        options: impl FnOnce() -> EntryOptions,
        load: impl FnOnce() -> V,
        tags: impl FnOnce(&V) -> T,
    ) -> V
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        T: IntoIterator<Item: Into<Tag>>,
    {
        self.load_tagged::<Whole<V>, _, _>(key, options, load, tags)
    }

    /// Like [`get_or_load`](TaggedCache::get_or_load), for a load that can fail.
    ///
    /// # Errors
    ///
    /// That of `load`, if this call ran it. It is not stored, and not shared: the next caller loads again, or
    /// the next of those who waited.
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
    /// called only on a miss, and before `load`.
    ///
    /// # Errors
    ///
    /// That of `load`, if this call ran it.
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
        self.try_get_or_load_tagged(key, options, load, no_tags)
    }

    /// Like [`get_or_load_tagged`](TaggedCache::get_or_load_tagged), for a load that can fail.
    ///
    /// # Errors
    ///
    /// That of `load`, if this call ran it.
    pub fn try_get_or_load_tagged<Q, E, T>(
        &self,
        key: &Q,
        options: impl FnOnce() -> EntryOptions,
        load: impl FnOnce() -> Result<V, E>,
        tags: impl FnOnce(&V) -> T,
    ) -> Result<V, E>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        T: IntoIterator<Item: Into<Tag>>,
    {
        self.load_tagged::<Fallible<V, E>, _, _>(key, options, load, tags)
    }

    fn load_tagged<O, Q, T>(
        &self,
        key: &Q,
        options: impl FnOnce() -> EntryOptions,
        load: impl FnOnce() -> O::Returned,
        tags: impl FnOnce(&V) -> T,
    ) -> O::Returned
    where
        O: Outcome<Value = V>,
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        T: IntoIterator<Item: Into<Tag>>,
    {
        match self.ask::<O, Q>(key, options) {
            Ok(result) => result,
            Err(missed) => missed.load_judged(load, |value| Some(list(tags(value)))),
        }
    }

    /// Like [`get_or_load`](TaggedCache::get_or_load), for tasks: `load` is asynchronous, and a task that has to wait
    /// for the load of another gives way meanwhile.
    ///
    /// Tasks and threads that ask for one key at once share one load, whichever of them began it: this and
    /// [`get_or_load`](TaggedCache::get_or_load) may be used side by side, on any executor or on several. `load` is
    /// called only on a miss. A hit does not wait for anything: the future is ready when it is first polled.
    ///
    /// The future is `Send` if that of `load` is, and nothing happens before it is polled.
    ///
    /// # Cancellation
    ///
    /// It may be dropped at any time. If it was loading, the load has failed, and one of those who waited loads
    /// next; if it was waiting, it leaves no trace.
    ///
    /// # Deadlocks
    ///
    /// As with [`get_or_load`](TaggedCache::get_or_load), a call that would wait for itself loads instead, also through
    /// awaits and between tasks. Three things can't be seen, and wait for as long as they are let:
    ///
    /// - A `load` that spawns a task which asks for the same key, and awaits it. Await it in place instead, or together
    ///   with others in a `join!`; or let the task use [`get`](TaggedCache::get).
    /// - A future that has begun to load and is then neither polled nor dropped, as by a `select!` that borrowed it, while
    ///   the same task asks for the key. Drop it first.
    /// - A task that *blocks* its thread, as [`get_or_load`](TaggedCache::get_or_load) does, on an executor that has no
    ///   other thread for the task that is loading.
    ///
    /// # Panics
    ///
    /// When `load` does. Nothing is stored then, and nobody else is told of the panic.
    ///
    /// ```
    /// # async fn fetch(id: u32) -> String { id.to_string() }
    /// # futures_lite::future::block_on(async {
    /// use cache_core::TaggedCache;
    ///
    /// let cache: TaggedCache<u32, String> = TaggedCache::new();
    /// assert_eq!(cache.get_or_load_async(&4, || fetch(4)).await, "4");
    /// assert_eq!(cache.get_or_load_async(&4, async || unreachable!()).await, "4");
    /// # });
    /// ```
    pub async fn get_or_load_async<Q, F>(&self, key: &Q, load: impl FnOnce() -> F) -> V
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        F: Future<Output = V>,
    {
        self.get_or_load_with_async(key, EntryOptions::new, load).await
    }

    /// Like [`get_or_load_async`](TaggedCache::get_or_load_async), with tags or a time to live. `options` is called
    /// only on a miss, and before `load`.
    pub async fn get_or_load_with_async<Q, F>(
        &self,
        key: &Q,
        options: impl FnOnce() -> EntryOptions,
        load: impl FnOnce() -> F,
    ) -> V
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        F: Future<Output = V>,
    {
        self.get_or_load_tagged_async(key, options, load, no_tags).await
    }

    /// Like [`get_or_load_tagged`](TaggedCache::get_or_load_tagged), for tasks: see
    /// [`get_or_load_async`](TaggedCache::get_or_load_async).
    pub async fn get_or_load_tagged_async<Q, F, T>(
        &self,
        key: &Q,
        options: impl FnOnce() -> EntryOptions,
        load: impl FnOnce() -> F,
        tags: impl FnOnce(&V) -> T,
    ) -> V
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        F: Future<Output = V>,
        T: IntoIterator<Item: Into<Tag>>,
    {
        self.load_tagged_async::<Whole<V>, _, _, _>(key, options, load, tags).await
    }

    /// Like [`get_or_load_async`](TaggedCache::get_or_load_async), for a load that can fail.
    ///
    /// # Errors
    ///
    /// That of `load`, if this call ran it. It is not stored, and not shared: the next caller loads again, or
    /// the next of those who waited.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use cache_core::TaggedCache;
    ///
    /// let cache: TaggedCache<String, i32> = TaggedCache::new();
    /// assert!(cache.try_get_or_load_async("seven", async || "seven".parse::<i32>()).await.is_err());
    /// assert_eq!(cache.try_get_or_load_async("seven", async || "7".parse::<i32>()).await, Ok(7));
    /// # });
    /// ```
    pub async fn try_get_or_load_async<Q, E, F>(&self, key: &Q, load: impl FnOnce() -> F) -> Result<V, E>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        F: Future<Output = Result<V, E>>,
    {
        self.try_get_or_load_with_async(key, EntryOptions::new, load).await
    }

    /// Like [`try_get_or_load_async`](TaggedCache::try_get_or_load_async), with tags or a time to live. `options` is
    /// called only on a miss, and before `load`.
    ///
    /// # Errors
    ///
    /// That of `load`, if this call ran it.
    pub async fn try_get_or_load_with_async<Q, E, F>(
        &self,
        key: &Q,
        options: impl FnOnce() -> EntryOptions,
        load: impl FnOnce() -> F,
    ) -> Result<V, E>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        F: Future<Output = Result<V, E>>,
    {
        self.try_get_or_load_tagged_async(key, options, load, no_tags).await
    }

    /// Like [`get_or_load_tagged_async`](TaggedCache::get_or_load_tagged_async), for a load that can fail.
    ///
    /// # Errors
    ///
    /// That of `load`, if this call ran it.
    pub async fn try_get_or_load_tagged_async<Q, E, F, T>(
        &self,
        key: &Q,
        options: impl FnOnce() -> EntryOptions,
        load: impl FnOnce() -> F,
        tags: impl FnOnce(&V) -> T,
    ) -> Result<V, E>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        F: Future<Output = Result<V, E>>,
        T: IntoIterator<Item: Into<Tag>>,
    {
        self.load_tagged_async::<Fallible<V, E>, _, _, _>(key, options, load, tags).await
    }

    async fn load_tagged_async<O, Q, F, T>(
        &self,
        key: &Q,
        options: impl FnOnce() -> EntryOptions,
        load: impl FnOnce() -> F,
        tags: impl FnOnce(&V) -> T,
    ) -> O::Returned
    where
        O: Outcome<Value = V>,
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        F: Future<Output = O::Returned>,
        T: IntoIterator<Item: Into<Tag>>,
    {
        let missed = match self.ask::<O, Q>(key, options) {
            Ok(result) => return result,
            Err(missed) => missed,
        };
        missed.load_judged_async(async { load().await }, |value| Some(list(tags(value)))).await
    }

    /// The value of a key, or what is needed to load it.
    fn ask<O, Q>(&self, key: &Q, options: impl FnOnce() -> EntryOptions) -> Result<O::Returned, Missed<K, V, O>>
    where
        O: Outcome<Value = V>,
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        match self.look_up(key) {
            Ok(value) => Ok(O::hit(value)),
            Err(miss) => self.attempt(key.to_owned(), miss, options()).step().map(O::hit).map_err(Missed::new),
        }
    }

    /// Forgets one key. Returns whether it had a live entry.
    ///
    /// It is the key in the scope of this handle, or in none: the same key in another scope is another key.
    ///
    /// A load of the key that is under way is not stored, nor joined by anyone who asks later. When this
    /// returns, no call that starts later gets a value whose load began before.
    pub fn invalidate_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.store.query.counters.count(Event::Invalidation);
        let (hash, now) = (self.hash(key), self.engine.time.now());
        let wanted = self.wanted(hash, key);
        self.engine.versions.invalidate(|version| self.store.invalidate(&self.engine, &wanted, version, now))
    }

    /// Forgets all entries that bear one of these tags. When this returns, no call that starts later gets a
    /// value whose load began before. The cost doesn't depend on the number of entries.
    pub fn invalidate_tags<T: AsRef<str>>(&self, tags: impl IntoIterator<Item = T>) {
        self.engine.invalidate_tags(self.scope_ref(), tags);
    }

    /// Forgets everything, or through a scoped handle everything in the scope. Otherwise like [`invalidate_tags`](TaggedCache::invalidate_tags).
    pub fn invalidate_all(&self) {
        self.engine.invalidate_all(self.scope_ref());
    }

    /// Frees the memory of all entries that have expired or were invalidated. There is no need to call it:
    /// they make room when room is needed. It looks at every entry.
    pub fn purge(&self) {
        self.engine.purge();
    }

    /// The number of live entries: neither expired nor invalidated. Through a scoped handle, of those in the scope.
    /// It looks at every entry, and is exact when no other thread adds or removes any.
    pub fn len(&self) -> usize {
        self.engine.len(self.scope_ref())
    }

    /// Whether there is no live entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The figures of the whole cache since it was built, also through a scoped handle. Its `entries` are counted
    /// one by one.
    pub fn stats(&self) -> Stats {
        self.engine.stats_of(&self.store.query)
    }

    /// All live entries: what is cached right now, and why. Through a scoped handle, those in the scope. It is no
    /// snapshot, if other threads add and remove meanwhile.
    ///
    /// *Locking*: the `Debug` of keys runs under a read lock. It may use the cache like the `Clone` of a value
    /// on a hit: see [`TaggedCache`].
    ///
    /// ```
    /// let cache = cache_core::TaggedCache::new();
    /// cache.insert("a", 1);
    /// assert_eq!(cache.entries()[0].arguments, "\"a\"");
    /// ```
    pub fn entries(&self) -> Vec<EntryInfo>
    where
        K: fmt::Debug,
    {
        let (now, only) = (self.engine.time.now(), self.scope_ref().map(|scope| scope.id));
        let mut list = Vec::new();
        self.store.list_with(&self.engine, now, only, |key, _, out| write!(out, "{key:?}"), &mut list);
        list
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

    fn look_up<Q>(&self, key: &Q) -> Result<V, Miss>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let (hash, now) = (self.hash(key), self.engine.time.now());
        let found = self.store.look_up(&self.engine, &self.wanted(hash, key), now);
        found.map_err(|absent| Miss { hash, now, found_dead: absent == Absent::Dead })
    }

    fn attempt(&self, key: K, miss: Miss, options: EntryOptions) -> Attempt<K, V> {
        let Miss { hash, now, found_dead } = miss;
        let EntryOptions { ttl, tags } = options;
        let candidate = self.engine.candidate(self.scope_ref(), &self.store.query, (key, hash), ttl, tags);
        Attempt::new(self.engine.clone(), self.store.clone(), self.scope_ref(), candidate, now, found_dead)
    }

    fn wanted<Q>(&self, hash: u64, key: &Q) -> Wanted<impl Fn(&K) -> bool>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        Wanted { hash, scope: scope_id(self.scope_ref()), is_key: move |stored: &K| stored.borrow() == key }
    }

    fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u64 {
        self.engine.hash(scope_id(self.scope_ref()), |hasher| key.hash(hasher))
    }
}

impl<K, V> TaggedCache<K, V> {
    fn scope_ref(&self) -> ScopeRef<'_> {
        self.scope.as_ref()
    }
}

/// What was asked for, and not found.
#[derive(Clone, Copy)]
struct Miss {
    hash: u64,
    /// When it was asked for.
    now: Nanos,
    /// Whether a dead entry was found.
    found_dead: bool,
}

fn list(tags: impl IntoIterator<Item: Into<Tag>>) -> Vec<Tag> {
    tags.into_iter().map(Into::into).collect()
}

/// Of a value that tells no tags.
fn no_tags<V>(_: &V) -> [Tag; 0] {
    []
}

// A panic in code of the user's leaves a cache as it was: no invariant is broken while such code runs.
impl<K, V> UnwindSafe for TaggedCache<K, V> {}
impl<K, V> RefUnwindSafe for TaggedCache<K, V> {}

impl<K, V> Clone for TaggedCache<K, V> {
    fn clone(&self) -> Self {
        Self { engine: self.engine.clone(), store: self.store.clone(), scope: self.scope.clone() }
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
        let flights = self.engine.count_flights();
        f.debug_struct("TaggedCache")
            .field("scope", &self.scope_ref().map(|scope| &scope.name))
            .field("capacity", &self.engine.capacity())
            .field("loads_under_way", &flights.map(|(loads, _)| loads))
            .field("callers_waiting", &flights.map(|(_, waiting)| waiting))
            .finish_non_exhaustive()
    }
}

impl<K, V> fmt::Debug for TaggedCacheBuilder<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaggedCacheBuilder").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whichever way the entries go.
    #[test]
    fn p9_shards_from_which_most_has_gone_give_back_their_room() {
        let leave: [fn(&TaggedCache<u32, u32>); 2] = [
            |cache| (100..2_000).for_each(|key| _ = cache.invalidate_key(&key)),
            |cache| {
                cache.invalidate_tags(["most"]);
                cache.purge();
            },
        ];
        for leave in leave {
            let cache = TaggedCache::new();
            for key in 0..2_000 {
                let options = EntryOptions::new().tags((key >= 100).then_some("most"));
                cache.insert_with(key, key, options);
            }
            leave(&cache);
            assert!(cache.store.shards.iter().all(|shard| !shard.read().is_sparse()));
            assert!((0..100).all(|key| cache.get(&key) == Some(key)));
            cache.check_invariants();
        }
    }
}
