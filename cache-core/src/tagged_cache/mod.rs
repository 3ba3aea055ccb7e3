//! The cache without the attributes.

mod get_or_load;

use std::any::TypeId;
use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe, resume_unwind};
use std::time::Duration;

use crate::clock::{Clock, TimeSource};
use crate::engine::Engine;
use crate::engine::invalidation::Target;
use crate::engine::settings::Settings;
use crate::entry::info::EntryInfo;
use crate::entry::options::EntryOptions;
use crate::eviction::segment::Entries;
use crate::load::call::Call;
use crate::query::state::QueryState;
use crate::stats::Stats;
use crate::stats::counters::Event;
use crate::store::{Absent, Store, Wanted};
use crate::sync::Arc;
use crate::sync::unwind::catch;
use crate::version::scope::Scope;
use crate::version::scope::{ScopeRef, scope_id};

/// A concurrent, bounded cache whose entries expire and have tags: what the attributes use, without the attributes.
///
/// A clone is the same cache. Keys are looked up by anything that they borrow as, so that a cache with
/// `String` keys is asked with a `&str`; to load, that must turn into the key by `to_owned` (where keys are
/// `&'static str`, write `&"key"`). A hit allocates nothing and takes no exclusive lock, unless it is part of a load.
///
/// `{:?}` shows how many loads are in flight and how many callers wait for one, in all scopes; `None` if a lock
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
/// # Composition
///
/// What a load reads from caches, this one or others, counts as read by it, also a [`get`](TaggedCache::get) that found
/// nothing: its entry is forgotten with that, and expires no later. See *Queries made from queries* in the guide, and
/// [`LoadContext`](crate::LoadContext) for threads and tasks that a load spawns.
///
/// # Locking
///
/// Loads, closures, `Clone`, `Drop`, `Debug` and `Hash` run with no lock held that another call waits for, and may use
/// the cache like any other code. `Eq` of keys is the one exception: it may run under the lock of a shard, and must not
/// use the cache. A hit clones the value where it is stored, and delays nobody, however long the `Clone` takes: see
/// [`Cache`](crate::Cache#locking).
///
/// What is said of memory at [`Cache`](crate::Cache) holds here too.
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

    /// How long a value may be served if its options don't say; 300 seconds if not set. It is counted from the start of the
    /// load, and a value that was made from cached ones expires no later than they do: see
    /// [`EntryOptions::own_ttl`].
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
    pub fn build(self) -> TaggedCache<K, V> {
        let engine = Engine::new(self.settings);
        let (query, instance) = (Arc::new(QueryState::anonymous()), TypeId::of::<()>());
        let store = engine.make_store(query, instance, |_, _, _| Ok(()));
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

    /// A builder, for other settings than the default ones.
    pub fn builder() -> TaggedCacheBuilder<K, V> {
        TaggedCacheBuilder { settings: Settings::default(), types: PhantomData }
    }

    /// The value of a key, if there is a live entry for it.
    ///
    /// In a load, also that there is none counts as read: when the key is inserted or invalidated, what the load made is
    /// forgotten.
    ///
    /// *Locking*: as for [`Cache`](crate::Cache#locking). The `Clone` of the value may take long, and may use the
    /// cache.
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let (call, wanted) = (self.call(), self.wanted(self.hash(key), key));
        match call.look_up(&wanted) {
            Ok(value) => Some(value),
            Err(miss) => {
                call.attach_absence(&miss);
                if miss.absent == Absent::Dead {
                    self.store.remove_if_dead(&self.engine.storage, &wanted, miss.now);
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
    /// The value counts as loaded now, and replaces also what a load of the key in flight will make. What was made from the
    /// value that the key had, or from that it had none, is forgotten.
    ///
    /// If the value was read before an invalidation that has returned since, it is stale, and the cache cannot know that:
    /// with [`get_or_load`](TaggedCache::get_or_load) it does.
    pub fn insert(&self, key: K, value: V) {
        self.insert_with(key, value, EntryOptions::new());
    }

    /// Stores a value, like [`insert`](TaggedCache::insert), with tags or a time to live of its own.
    pub fn insert_with(&self, key: K, value: V, options: EntryOptions) {
        let (hash, now) = (self.hash(&key), self.engine.timeline().time.now());
        let candidate = self.engine.candidate(self.scope_ref(), &self.store, hash, options).with_key(key);
        // What was made from the value before is not served any more. Before, so that it makes room first; and after, as
        // somebody may have read the value before in between.
        self.engine.invalidate_dependents(self.scope_ref(), &self.store, hash);
        let version = self.engine.timeline().versions.now();
        if self.store.insert(&self.engine.storage, candidate, value, version, now) {
            // Callers that come later do not join a load that was in flight.
            self.engine.invalidate_key_of(self.scope_ref(), &self.store, hash);
        } else {
            self.engine.invalidate_dependents(self.scope_ref(), &self.store, hash);
        }
    }

    /// Forgets one key, and all that was made from its value. Returns whether it had a live entry.
    ///
    /// It is the key in the scope of this handle, or in none: the same key in another scope is another key.
    ///
    /// The value of a load of the key in flight is not stored, and no later call waits for that load. When this
    /// returns, no call that starts later gets a value whose load began before, nor one that was made from such a value.
    ///
    /// # Panics
    ///
    /// When `Eq` of a key does. It is not known then which entry is meant: all keys are forgotten, through a scoped handle
    /// those in the scope, before the panic goes on.
    pub fn invalidate_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.store.query.counters.count(Event::Invalidation);
        let hash = self.hash(key);
        let wanted = self.wanted(hash, key);
        let mut removed = Entries::new();
        // Comparing keys may panic: then it is not known which are the same, and all keys are forgotten.
        let compared = catch(|| self.store.forget(&self.engine.storage, &wanted, |entry| removed.push(entry)));
        let was_valid = removed.iter().any(|entry| self.engine.storage.is_valid(&self.store.query, entry.meta()));
        match &compared {
            Ok(()) => self.engine.invalidate_key_of(self.scope_ref(), &self.store, hash),
            Err(_) => self.engine.invalidate_query_of(self.scope_ref(), &self.store),
        }
        let expires_at = removed.iter().map(|entry| entry.meta().expires_at).max();
        let now = self.engine.storage.count_and_discard(removed);
        if let Err(panic) = compared {
            resume_unwind(panic);
        }
        was_valid && expires_at.is_some_and(|expires_at| now < expires_at)
    }

    /// Forgets all entries that have one of these tags, and all that was made from them, at one version. When this returns,
    /// no call that starts later gets a value whose load began before, nor one that was made from such a value. The cost
    /// doesn't depend on the number of entries.
    ///
    /// # Panics
    ///
    /// When the iterator or an `AsRef` does. All other tags that the iterator gave are forgotten before the panic goes on.
    pub fn invalidate_tags<T: AsRef<str>>(&self, tags: impl IntoIterator<Item = T>) {
        self.engine.invalidate_tags(self.scope_ref(), tags);
    }

    /// Forgets everything, or through a scoped handle everything in the scope. Otherwise like
    /// [`invalidate_tags`](TaggedCache::invalidate_tags).
    pub fn invalidate_all(&self) {
        self.engine.invalidate(&[(self.scope_ref(), Target::Everything)]);
    }

    /// Frees the memory of all entries that have expired or were invalidated, in all scopes, and of tables that have become
    /// too large. There is no need to call it in a cache that goes on inserting: see [`Cache::purge`](crate::Cache::purge).
    pub fn purge(&self) {
        self.engine.purge();
    }

    /// The number of live entries: neither expired nor invalidated. Through a scoped handle, of those in the scope.
    /// It looks at every entry, and is exact when no other thread adds or removes any.
    pub fn len(&self) -> usize {
        self.engine.storage.len(self.scope_ref())
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
    /// *Locking*: the `Debug` of keys runs with no lock held, and may use the cache.
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
        let mut list = Vec::new();
        self.engine.storage.for_each_live(self.scope_ref(), |entry, now| {
            list.extend(self.store.info_with(entry, now, |key, _, out| write!(out, "{key:?}")));
        });
        list
    }

    /// Panics if something in the cache contradicts something else: for tests.
    #[doc(hidden)]
    pub fn check_invariants(&self) {
        self.engine.storage.check_invariants();
    }

    #[cfg(test)]
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    fn call(&self) -> Call<'_, K, V> {
        Call { engine: &self.engine, store: &self.store, scope: self.scope_ref() }
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
        let flights = self.engine.storage.count_flights();
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
