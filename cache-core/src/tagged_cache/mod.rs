//! The cache without the attributes.

mod background;
pub(crate) mod builder;
mod each;
pub(crate) mod entry;
mod get_or_load;
mod values;

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::panic::{RefUnwindSafe, UnwindSafe, resume_unwind};

use crate::engine::handle::EngineHandle;
use crate::engine::target::{ScopedTarget, TargetRef};
use crate::entry::info::EntryInfo;
use crate::entry::options::EntryOptions;
use crate::entry::{Entry, clone_value, discard_value};
use crate::eviction::segment::RemovedEntries;
use crate::eviction::weight::weight_of;
use crate::flight::context::{self, Lifetime};
use crate::history::Writer;
use crate::history::departed::Gone;
use crate::load::attach::Answer;
use crate::load::call::Call;
use crate::stats::Stats;
use crate::stats::counters::{Counters, Event};
use crate::store::{Held, Made, Store, Wanted};
use crate::sync::Arc;
use crate::sync::unwind::catch;
use crate::version::Version;
use crate::version::registry::TagRef;
use crate::version::scope::{Scope, ScopeRef, scope_id};
use crate::version::tag_set::TagSet;
use builder::TaggedCacheBuilder;
use values::ValueRules;

/// A concurrent, bounded cache whose entries expire and have tags: [`Cache`](crate::Cache) without the attributes.
///
/// A clone is the same cache. Keys are looked up in borrowed form: `String` keys by `&str`. For a load, `to_owned` must
/// make the key (for `&'static str` keys, pass `&"key"`). A hit allocates nothing and takes no exclusive lock, unless
/// it is part of a load.
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
/// An entry is invalidated with what its load read from any cache, also a [`get`](TaggedCache::get) that found nothing,
/// and expires no later. See [`guide::composition`](crate::guide::composition), and [`LoadContext`](crate::LoadContext)
/// for threads and tasks that a load spawns.
///
/// # Locking
///
/// As for [`Cache`](crate::Cache#locking): user code runs with no lock held that another call waits for, and may use
/// the cache. Only `Eq` of keys may run under the lock of a shard, and must not use the cache. A hit delays no other
/// call, however long its `Clone` takes.
///
/// Memory and `{:?}` are as for [`Cache`](crate::Cache).
pub struct TaggedCache<K, V> {
    engine: EngineHandle,
    store: Arc<Store<K, V>>,
    scope: Option<Arc<Scope>>,
    rules: Arc<ValueRules<V>>,
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

    /// A builder, for other settings.
    pub fn builder() -> TaggedCacheBuilder<K, V> {
        TaggedCacheBuilder::default()
    }

    /// The value of a key, if there is a live entry for it.
    ///
    /// ```
    /// let cache = cache_core::TaggedCache::new();
    /// cache.insert("a", 1);
    /// assert_eq!((cache.get("a"), cache.get("b")), (Some(1), None));
    /// ```
    ///
    /// In a load, a miss counts as read: when the key is inserted or invalidated, what the load made is invalidated.
    ///
    /// *Locking*: as for [`Cache`](crate::Cache#locking). The `Clone` of the value may take long, and may use the
    /// cache.
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.call().get(&self.wanted(self.hash(key), key))
    }

    /// A handle on a part of this cache whose entries are separate: see [`Cache::scope`](crate::Cache::scope).
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
    /// It counts as loaded now, and replaces the result of a load in flight. What was made from the key's former value,
    /// or from its absence, is invalidated.
    ///
    /// A value that was read before an invalidation is stale, and the cache cannot know; with
    /// [`get_or_load`](TaggedCache::get_or_load) it does.
    ///
    /// ```
    /// let cache = cache_core::TaggedCache::new();
    /// cache.insert("a", 1);
    /// assert_eq!(cache.get("a"), Some(1));
    /// ```
    pub fn insert(&self, key: K, value: V) {
        self.insert_with(key, value, EntryOptions::new());
    }

    /// Like [`insert`](TaggedCache::insert), with tags, a time to live or a weight.
    ///
    /// ```
    /// use cache_core::{EntryOptions, TaggedCache};
    ///
    /// let cache = TaggedCache::new();
    /// cache.insert_with("a", 1, EntryOptions::new().tag("letters"));
    /// cache.invalidate_tags(["letters"]);
    /// assert_eq!(cache.get("a"), None);
    /// ```
    pub fn insert_with(&self, key: K, value: V, options: EntryOptions) {
        let (hash, now) = (self.hash(&key), self.engine.timeline().time.now());
        let options = self.rules.complete(options, &value);
        let weight = weight_of(options.weight);
        let candidate = self.engine.candidate(self.scope_ref(), &self.store, hash, options).with_key(key);
        // Dependents of the former value are invalidated before, to make room first, and after, because another call
        // may have read it in between.
        self.engine.invalidate_dependents(self.scope_ref(), &self.store, hash);
        let version = self.engine.timeline().versions.now();
        let made = Made { valid_as_of: version, began: now, weight, now, replaces: true };
        if self.store.insert(&self.engine.storage, candidate, value, made).was_in_flight {
            // Later callers do not join a load in flight.
            self.engine.invalidate_key_of(self.scope_ref(), &self.store, hash);
        } else {
            self.engine.invalidate_dependents(self.scope_ref(), &self.store, hash);
        }
    }

    /// Whether there is a live entry for a key. It counts as no hit or miss, and does not keep the entry from being
    /// evicted.
    ///
    /// To read the value use [`get`](TaggedCache::get), to load it [`get_or_load`](TaggedCache::get_or_load): other
    /// threads may make the answer stale.
    ///
    /// In a load it counts as read: when the key is inserted, invalidated or expires, what the load made is
    /// invalidated.
    ///
    /// *Locking*: as for a hit, see [`Cache`](crate::Cache#locking). It clones no value.
    ///
    /// ```
    /// let cache = cache_core::TaggedCache::new();
    /// cache.insert("a", 1);
    /// assert!(cache.contains_key("a") && !cache.contains_key("b"));
    /// assert_eq!((cache.stats().hits, cache.stats().misses), (0, 0));
    /// ```
    #[must_use = "it changes nothing"]
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.call().contains(&self.wanted(self.hash(key), key))
    }

    /// Removes and returns the value of a key; `None` if it had no live entry.
    ///
    /// It does what [`invalidate_key`](TaggedCache::invalidate_key) does, also where it finds no entry, and counts as
    /// one invalidation, and as no hit or miss. If nothing else reads the value just then, it is moved out and not
    /// cloned.
    ///
    /// In a load it counts as read, and invalidates what it read: the value made from it is not stored.
    ///
    /// # Panics
    ///
    /// As [`invalidate_key`](TaggedCache::invalidate_key), and when the value has to be cloned and its `Clone` panics: the
    /// key is invalidated then.
    ///
    /// ```
    /// let cache = cache_core::TaggedCache::new();
    /// cache.insert("a", 1);
    /// assert_eq!((cache.remove("a"), cache.remove("a")), (Some(1), None));
    /// ```
    pub fn remove<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.hash(key);
        let read = self.key_read_in_a_load(hash);
        self.store.query.counters.count(Event::Invalidation);
        let entry = self.take_out(hash, key).entry.take();
        if let Some((key_node, since)) = read {
            self.call().attach(&key_node, Answer { tags: TagSet::default(), since, lifetime: Lifetime::Unlimited });
        }
        entry.map(|entry| into_value(entry, &self.store.query.counters))
    }

    /// Invalidates one key, and all that was made from its value. Returns whether it had a live entry.
    ///
    /// The same key in another scope is another key. To get the value as well, use [`remove`](TaggedCache::remove).
    ///
    /// The result of a load in flight is not stored, and no later call waits for it. Otherwise the guarantees are those
    /// of [`Cache::invalidate`](crate::Cache::invalidate).
    ///
    /// # Panics
    ///
    /// When `Eq` of a key does. All keys are invalidated first (through a scoped handle, those in the scope), as the
    /// entry is not known.
    ///
    /// ```
    /// let cache = cache_core::TaggedCache::new();
    /// cache.insert("a", 1);
    /// assert!(cache.invalidate_key("a"));
    /// assert_eq!(cache.get("a"), None);
    /// ```
    pub fn invalidate_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.store.query.counters.count(Event::Invalidation);
        self.take_out(self.hash(key), key).entry.is_some()
    }

    /// Invalidates all entries that have one of these tags, and all that was made from them: see
    /// [`Cache::invalidate`](crate::Cache::invalidate) for guarantees and cost.
    ///
    /// # Panics
    ///
    /// When the iterator or an `AsRef` does, after all other tags that the iterator gave are invalidated.
    ///
    /// ```
    /// use cache_core::{EntryOptions, TaggedCache};
    ///
    /// let cache = TaggedCache::new();
    /// cache.insert_with("a", 1, EntryOptions::new().tag("letters"));
    /// cache.invalidate_tags(["letters", "digits"]);
    /// assert!(cache.is_empty());
    /// ```
    pub fn invalidate_tags<T: AsRef<str>>(&self, tags: impl IntoIterator<Item = T>) {
        self.engine.invalidate_tags(self.scope_ref(), tags, Writer::call("invalidate_tags")).wait();
    }

    /// Invalidates everything; through a scoped handle, everything in the scope.
    pub fn invalidate_all(&self) {
        let by = Writer::call("invalidate_all");
        self.engine.invalidate(&[ScopedTarget { scope: self.scope_ref(), target: TargetRef::Everything, by }]).wait();
    }

    /// Frees dead entries in all scopes, and shrinks tables: see [`Cache::purge`](crate::Cache::purge).
    pub fn purge(&self) {
        self.engine.purge();
    }

    /// The number of live entries; through a scoped handle, of those in the scope.
    ///
    /// *Locking*, cost and user code: as for [`Cache::len`](crate::Cache::len).
    ///
    /// ```
    /// let cache = cache_core::TaggedCache::new();
    /// cache.insert("a", 1);
    /// cache.scope("tenant:7").insert("a", 2);
    /// assert_eq!((cache.len(), cache.scope("tenant:7").len()), (2, 1));
    /// ```
    pub fn len(&self) -> usize {
        self.engine.storage.len(self.scope_ref())
    }

    /// The number of entries that may be served: the live ones, and those that have expired and are kept for
    /// [`stale_if_error`](TaggedCacheBuilder::stale_if_error) or
    /// [`stale_while_revalidate`](TaggedCacheBuilder::stale_while_revalidate). Otherwise like [`len`](TaggedCache::len).
    pub fn len_with_stale(&self) -> usize {
        self.engine.storage.len_with_stale(self.scope_ref())
    }

    /// Whether there is no live entry; through a scoped handle, none in the scope.
    ///
    /// It stops at the first live entry. Otherwise like [`len`](TaggedCache::len).
    pub fn is_empty(&self) -> bool {
        !self.engine.storage.any_live(self.scope_ref())
    }

    /// Statistics of the whole cache since it was built, also through a scoped handle.
    ///
    /// They cost what [`Cache::stats`](crate::Cache::stats) costs.
    ///
    /// ```
    /// let cache = cache_core::TaggedCache::new();
    /// cache.get_or_load("a", || 1);
    /// cache.get_or_load("a", || 1);
    /// assert_eq!((cache.stats().hits, cache.stats().misses, cache.stats().entries), (1, 1, 1));
    /// ```
    pub fn stats(&self) -> Stats {
        self.engine.stats_of(&self.store.query)
    }

    /// All live entries; through a scoped handle, those in the scope. Concurrent changes may be listed or not.
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

    /// For tests: panics if the cache is inconsistent.
    #[doc(hidden)]
    pub fn check_invariants(&self) {
        self.engine.storage.check_invariants();
    }

    #[cfg(test)]
    pub(crate) fn engine(&self) -> &crate::engine::Engine {
        &self.engine
    }

    /// Invalidates a key, and returns its entry if it was live.
    fn take_out<Q>(&self, hash: u64, key: &Q) -> Held<'_, K, V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let counters = &self.store.query.counters;
        let wanted = self.wanted(hash, key);
        let (mut removed, mut live) = (RemovedEntries::new(), Held { entry: None, counters });
        // If `Eq` panics, it is not known which keys are the same: all are invalidated.
        let compared = catch(|| {
            self.store.forget(&self.engine.storage, &wanted, |entry| {
                live.entry.get_or_insert_with(|| entry.clone());
                removed.push(entry);
            })
        });
        let was_valid =
            live.entry.as_ref().is_some_and(|entry| self.engine.storage.is_valid(&self.store.query, &entry.meta));
        let version = match &compared {
            Ok(_) => self.engine.invalidate_key_of(self.scope_ref(), &self.store, hash),
            Err(_) => self.engine.invalidate_query_of(self.scope_ref(), &self.store),
        };
        if matches!(compared, Ok(fenced) if fenced > 0) {
            self.engine.storage.history.departed.record(self.store.number, hash, Gone::Invalidated(version));
        }
        let now = self.engine.storage.count_and_discard(removed, version);
        if let Err(panic) = compared {
            resume_unwind(panic);
        }
        let is_live = was_valid && live.entry.as_ref().is_some_and(|entry| now < entry.meta.expires_at);
        if is_live { live } else { Held { entry: None, counters } }
    }

    /// In a load: the node of a key that is read next, and a version as of which it is read.
    fn key_read_in_a_load(&self, hash: u64) -> Option<(TagRef, Version)> {
        context::is_inside().then(|| self.call().key_node_as_of_now(hash))
    }

    fn call(&self) -> Call<'_, K, V> {
        Call { engine: &self.engine, store: &self.store, scope: self.scope_ref() }
    }

    fn wanted<Q>(&self, hash: u64, key: &Q) -> Wanted<impl Fn(&K) -> bool + Copy>
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

fn into_value<K, V: Clone>(entry: Arc<Entry<K, V>>, counters: &Counters) -> V {
    match Arc::try_unwrap(entry) {
        Ok(Entry { key, value, .. }) => {
            discard_value(counters, key);
            value
        }
        Err(entry) => clone_value(entry, counters),
    }
}

impl<K, V> TaggedCache<K, V> {
    fn scope_ref(&self) -> ScopeRef<'_> {
        self.scope.as_ref()
    }
}

// No invariant is broken while user code runs.
impl<K, V> UnwindSafe for TaggedCache<K, V> {}
impl<K, V> RefUnwindSafe for TaggedCache<K, V> {}

impl<K, V> Clone for TaggedCache<K, V> {
    fn clone(&self) -> Self {
        let Self { engine, store, scope, rules } = self;
        Self { engine: engine.clone(), store: store.clone(), scope: scope.clone(), rules: rules.clone() }
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
            .field("loads_in_flight", &flights.map(|(loads, _)| loads))
            .field("callers_waiting", &flights.map(|(_, waiting)| waiting))
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ManualClock;

    #[derive(Debug, PartialEq)]
    struct Unique(u32);

    impl Clone for Unique {
        fn clone(&self) -> Self {
            panic!("{self:?} is moved")
        }
    }

    const MINUTE: Duration = Duration::from_secs(60);

    fn numbers() -> (TaggedCache<u32, u32>, ManualClock) {
        let clock = ManualClock::new();
        (TaggedCache::builder().default_ttl(MINUTE).clock(clock.clone()).build(), clock)
    }

    #[test]
    fn what_is_removed_is_moved_out_and_counts_as_an_invalidation() {
        let cache = TaggedCache::new();
        cache.insert(1, Unique(1));
        assert_eq!((cache.remove(&1), cache.remove(&1)), (Some(Unique(1)), None));
        let stats = cache.stats();
        assert_eq!((stats.invalidations, stats.hits, stats.misses, stats.entries), (2, 0, 0, 0));
        cache.check_invariants();
    }

    #[test]
    fn a_dead_value_is_removed_and_not_returned() {
        let (cache, clock) = numbers();
        cache.insert(1, 1);
        clock.advance(MINUTE);
        assert_eq!((cache.remove(&1), cache.stats().expirations), (None, 1));
        cache.insert(2, 2);
        cache.invalidate_all();
        assert_eq!(cache.remove(&2), None);
        cache.check_invariants();
    }

    #[test]
    fn a_key_is_removed_in_its_scope_alone() {
        let (cache, _) = numbers();
        let tenant = cache.scope("tenant");
        cache.insert(1, 1);
        tenant.insert(1, 2);
        assert_eq!((tenant.remove(&1), tenant.contains_key(&1), cache.contains_key(&1)), (Some(2), false, true));
    }

    #[test]
    fn p15_what_was_made_from_a_removed_value_is_invalidated_with_it() {
        let ((inner, _), (outer, _)) = (numbers(), numbers());
        let read = |key| outer.get_or_load(&key, || inner.get_or_load(&key, || key));
        assert_eq!((read(1), read(2)), (1, 2));
        assert_eq!(inner.remove(&1), Some(1));
        assert_eq!((outer.get(&1), outer.get(&2)), (None, Some(2)));
    }

    #[test]
    fn p1_a_load_in_flight_of_a_removed_key_is_not_stored() {
        let (cache, _) = numbers();
        let value = cache.get_or_load(&1, || {
            assert_eq!(cache.remove(&1), None);
            1
        });
        assert_eq!((value, cache.get(&1)), (1, None));
    }

    #[test]
    fn p1_what_a_load_makes_from_a_value_that_it_removed_is_not_stored() {
        let ((inner, _), (outer, _)) = (numbers(), numbers());
        inner.insert(1, 1);
        assert_eq!(outer.get_or_load(&1, || inner.remove(&1).unwrap_or_default()), 1);
        assert_eq!(outer.get(&1), None);
        outer.check_invariants();
    }

    #[test]
    fn p11_a_removed_value_reaches_its_caller_although_its_key_panics() {
        #[derive(PartialEq, Eq, Hash)]
        struct Key;

        impl Drop for Key {
            fn drop(&mut self) {
                if !std::thread::panicking() {
                    resume_unwind(Box::new("as the test wants it"));
                }
            }
        }

        let (cache, key) = (TaggedCache::new(), std::mem::ManuallyDrop::new(Key));
        cache.insert(Key, Unique(1));
        assert_eq!((cache.remove(&*key), cache.stats().drop_panics), (Some(Unique(1)), 1));
    }

    #[test]
    fn whether_a_key_is_there_counts_as_nothing() {
        let (cache, clock) = numbers();
        cache.insert(1, 1);
        assert!(cache.contains_key(&1) && !cache.contains_key(&2) && !cache.scope("tenant").contains_key(&1));
        assert_eq!(cache.entries()[0].hits, 0);
        clock.advance(MINUTE);
        assert!(!cache.contains_key(&1), "it has expired");
        assert_eq!((cache.stats().hits, cache.stats().misses, cache.stats().expirations), (0, 0, 0));
        cache.insert(2, 2);
        cache.invalidate_all();
        assert!(!cache.contains_key(&2), "it is invalidated");
    }

    #[test]
    fn p15_whether_a_key_is_there_counts_as_read_by_a_load() {
        let ((inner, clock), outer) = (numbers(), TaggedCache::<u32, bool>::new());
        let asks = || outer.get_or_load(&1, || inner.contains_key(&1));
        assert!(!asks());
        inner.insert(1, 1);
        assert!(asks(), "it was invalidated by the insert");
        inner.insert(2, 2);
        assert!(outer.contains_key(&1), "another key matters not");
        inner.invalidate_key(&1);
        assert!(!asks());
        inner.insert_with(1, 1, EntryOptions::new().tag("a"));
        assert!(asks());
        inner.invalidate_tags(["a"]);
        assert!(!asks());
        inner.insert(1, 1);
        assert!(asks() && outer.entries()[0].expires_in <= MINUTE);
        clock.advance(MINUTE);
        inner.check_invariants();
        outer.check_invariants();
    }

    #[test]
    fn a_cache_of_dead_entries_is_empty() {
        let (cache, clock) = numbers();
        assert!(cache.is_empty());
        cache.insert(1, 1);
        assert!(!cache.is_empty());
        clock.advance(MINUTE);
        assert!(cache.is_empty(), "it has expired");
        (0..1_000).for_each(|key| cache.insert(key, key));
        cache.invalidate_all();
        assert!(cache.is_empty());
        cache.insert(1_000, 1);
        assert!(!cache.is_empty(), "the live one is found among the dead ones");
    }

    /// A batch that is listed is visited to its end, as each visit discards a reference. No other is listed.
    #[test]
    fn a_walk_that_ends_lists_no_more_entries() {
        let (cache, _) = numbers();
        (0..1_000).for_each(|key| cache.insert(key, key));
        let mut visits = 0;
        cache.engine.storage.eviction.for_each_while(|_| {
            visits += 1;
            false
        });
        assert!((1..=128).contains(&visits), "{visits}");
    }

    #[test]
    fn a_scope_is_empty_for_itself() {
        let (cache, _) = numbers();
        let (first, second) = (cache.scope("1"), cache.scope("2"));
        first.insert(1, 1);
        assert!(!cache.is_empty() && !first.is_empty() && second.is_empty());
        first.invalidate_all();
        assert!(cache.is_empty() && first.is_empty());
    }

    #[test]
    fn a_cache_without_capacity_is_empty() {
        let cache = TaggedCache::<u32, u32>::builder().capacity(0).build();
        cache.insert(1, 1);
        assert_eq!(cache.get_or_load(&1, || 2), 2);
        assert!(cache.is_empty() && !cache.contains_key(&1));
        assert_eq!((cache.remove(&1), cache.len(), cache.stats().entries), (None, 0, 0));
    }

    #[test]
    fn an_entry_is_shown_by_its_key() {
        let (cache, _) = numbers();
        assert_eq!(format!("{:?}", cache.entry(&1)), "TaggedEntry { key: 1, share_errors: false, .. }");
        assert!(format!("{:?}", cache.entry(&1).share_errors()).contains("share_errors: true"));
    }

    #[test]
    fn the_last_options_count_and_all_tags_of_the_value() {
        let (cache, _) = numbers();
        let load = |key: u32| {
            cache
                .entry(&key)
                .with(|| unreachable!("others follow"))
                .with(|| EntryOptions::new().tag("known"))
                .tags_from(|value| [format!("is:{value}")])
                .tags_from(|value| (*value > 1).then_some("large"))
                .or_load(|| key)
        };
        assert_eq!((load(1), load(2)), (1, 2));
        let mut tags: Vec<_> = cache.entries().into_iter().map(|entry| entry.tags).collect();
        tags.sort_by_key(Vec::len);
        assert_eq!(
            tags.concat().iter().map(crate::Tag::as_str).collect::<Vec<_>>(),
            ["known", "is:1", "known", "is:2", "large"]
        );
    }
}
