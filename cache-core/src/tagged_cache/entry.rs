//! One entry that is loaded on a miss: a builder with four ends.

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;

use super::TaggedCache;
use crate::entry::options::EntryOptions;
use crate::load::miss::{Miss, Request};
use crate::load::outcome::{Fallible, Outcome, SharedFallible, Whole};
use crate::tag::Tag;

/// One entry of a [`TaggedCache`], and how it is loaded on a miss. Made by [`TaggedCache::entry`].
///
/// Four ends look the key up: [`or_load`](TaggedEntry::or_load), [`or_load_async`](TaggedEntry::or_load_async),
/// and for a load that can fail [`or_try_load`](TaggedEntry::or_try_load) and
/// [`or_try_load_async`](TaggedEntry::or_try_load_async). What comes before them is used on a miss only, so a hit costs
/// what a [`get`](TaggedCache::get) costs.
///
/// `W` and `T` are the closures that were given, and `SHARED` says whether errors are shared.
///
/// ```
/// use std::time::Duration;
/// use cache_core::{EntryOptions, TaggedCache};
///
/// let plays: TaggedCache<String, u64> = TaggedCache::new();
/// let count = plays
///     .entry("Thunderstruck")
///     .with(|| EntryOptions::new().ttl(Duration::from_secs(60)).tag("artist:1"))
///     .tags_from(|count| [format!("thousands:{}", count / 1_000)])
///     .or_try_load(|| "5678".parse());
/// assert_eq!(count, Ok(5_678));
/// plays.invalidate_tags(["thousands:5"]);
/// assert_eq!(plays.get("Thunderstruck"), None);
/// ```
#[must_use = "it does nothing until it is ended by `or_load`, `or_try_load` or an async form of these"]
pub struct TaggedEntry<'a, K, V, Q: ?Sized, W, T, const SHARED: bool = false> {
    cache: &'a TaggedCache<K, V>,
    key: &'a Q,
    options: W,
    tags: T,
}

impl<K, V> TaggedCache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The entry of a key, to be loaded on a miss with options, with tags from the value, or by a load that can fail.
    ///
    /// ```
    /// use cache_core::TaggedCache;
    ///
    /// let cache: TaggedCache<String, i32> = TaggedCache::new();
    /// assert!(cache.entry("seven").or_try_load(|| "seven".parse::<i32>()).is_err());
    /// assert_eq!(cache.entry("seven").or_try_load(|| "7".parse::<i32>()), Ok(7));
    /// assert_eq!(cache.entry("seven").or_load(|| unreachable!()), 7);
    /// ```
    pub fn entry<'a, Q>(
        &'a self,
        key: &'a Q,
    ) -> TaggedEntry<'a, K, V, Q, impl FnOnce() -> EntryOptions, impl FnOnce(&V) -> Vec<Tag>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        TaggedEntry { cache: self, key, options: EntryOptions::new, tags: |_: &V| Vec::new() }
    }

    /// The value of a key, or a miss with these options.
    #[expect(clippy::result_large_err, reason = "a box would be one more allocation of each miss")]
    fn look_up<O, Q>(&self, key: &Q, options: impl FnOnce() -> EntryOptions) -> Result<V, Miss<K, V, O>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let hash = self.hash(key);
        let absence = match self.call().look_up(&self.wanted(hash, key)) {
            Ok(value) => return Ok(value),
            Err(absence) => absence,
        };
        let (key, options) = (key.to_owned(), options());
        let (engine, store, scope) = (self.engine.clone(), self.store.clone(), self.scope_ref().cloned());
        Err(Miss::new(Request { engine, store, scope, hash, key, absence }, options))
    }
}

impl<'a, K, V, Q, W, T, const SHARED: bool> TaggedEntry<'a, K, V, Q, W, T, SHARED>
where
    K: Borrow<Q> + Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    W: FnOnce() -> EntryOptions,
    T: FnOnce(&V) -> Vec<Tag>,
{
    /// The options of the entry. `options` is called only on a miss, and before the load. Of several calls of this method
    /// the last one counts.
    pub fn with<O: FnOnce() -> EntryOptions>(self, options: O) -> TaggedEntry<'a, K, V, Q, O, T, SHARED> {
        let Self { cache, key, tags, .. } = self;
        TaggedEntry { cache, key, options, tags }
    }

    /// More tags, from the value. `tags` is called when the load has ended, and returns an array or another list.
    ///
    /// If one of these tags was invalidated after the load had begun, the value is not stored, and waiters that came after
    /// the load began ask again. Invalidations of other tags do not matter, up to a few hundred unknown ones: see
    /// [`guide::by_tag`](crate::guide::by_tag). Called again, this method adds tags.
    pub fn tags_from<I>(
        self,
        tags: impl FnOnce(&V) -> I,
    ) -> TaggedEntry<'a, K, V, Q, W, impl FnOnce(&V) -> Vec<Tag>, SHARED>
    where
        I: IntoIterator<Item: Into<Tag>>,
    {
        let Self { cache, key, options, tags: earlier } = self;
        let tags = move |value: &V| {
            let mut all = earlier(value);
            all.extend(tags(value).into_iter().map(Into::into));
            all
        };
        TaggedEntry { cache, key, options, tags }
    }

    /// If the load fails, the callers that waited for it share its error, and none of them loads: for errors that are
    /// `Clone + Send + Sync + 'static`. It makes no difference to loads that cannot fail.
    ///
    /// Callers whose errors are of different types share values, and each makes its own errors.
    ///
    /// ```
    /// use cache_core::TaggedCache;
    ///
    /// let cache: TaggedCache<String, i32> = TaggedCache::new();
    /// let parse = |text: &str| cache.entry(text).share_errors().or_try_load(|| text.parse::<i32>());
    /// assert!(parse("seven").is_err()); // and so for each caller that waited for it
    /// assert_eq!(parse("7"), Ok(7));
    /// ```
    pub fn share_errors(self) -> TaggedEntry<'a, K, V, Q, W, T, true> {
        let Self { cache, key, options, tags } = self;
        TaggedEntry { cache, key, options, tags }
    }

    /// The value; if there is no live entry, `load` makes one, which is stored. See
    /// [`get_or_load`](TaggedCache::get_or_load), also for deadlocks and panics.
    pub fn or_load(self, load: impl FnOnce() -> V) -> V {
        self.load::<Whole<V>>(load)
    }

    /// Like [`or_load`](TaggedEntry::or_load), for tasks. See [`get_or_load_async`](TaggedCache::get_or_load_async), also
    /// for cancellation. Nothing happens before the future is polled.
    pub fn or_load_async<F>(self, load: impl FnOnce() -> F) -> impl Future<Output = V>
    where
        F: Future<Output = V>,
    {
        self.load_async::<Whole<V>, F>(load)
    }

    fn load<O: Outcome<Value = V>>(self, load: impl FnOnce() -> O::Returned) -> O::Returned {
        let Self { cache, key, options, tags } = self;
        match cache.look_up::<O, Q>(key, options) {
            Ok(value) => O::hit(value),
            Err(miss) => miss.tags_from(tags).load(load),
        }
    }

    async fn load_async<O, F>(self, load: impl FnOnce() -> F) -> O::Returned
    where
        O: Outcome<Value = V>,
        F: Future<Output = O::Returned>,
    {
        let Self { cache, key, options, tags } = self;
        // Not one `match`: a future has room for what is matched on while it waits in an arm.
        let miss = match cache.look_up::<O, Q>(key, options) {
            Ok(value) => return O::hit(value),
            Err(miss) => miss,
        };
        miss.tags_from(tags).load_async(async { load().await }).await
    }
}

impl<K, V, Q, W, T> TaggedEntry<'_, K, V, Q, W, T>
where
    K: Borrow<Q> + Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    W: FnOnce() -> EntryOptions,
    T: FnOnce(&V) -> Vec<Tag>,
{
    /// Like [`or_load`](TaggedEntry::or_load), for a load that can fail. Its `Ok` is stored, and its `Err` is not.
    ///
    /// # Errors
    ///
    /// That of `load`, if this call ran it. It is not shared: the waiters all load at once, each for itself, as without a
    /// cache. Of those loads at most eight at a time are stored and may be joined. See
    /// [`share_errors`](TaggedEntry::share_errors).
    pub fn or_try_load<E>(self, load: impl FnOnce() -> Result<V, E>) -> Result<V, E> {
        self.load::<Fallible<V, E>>(load)
    }

    /// Like [`or_try_load`](TaggedEntry::or_try_load), for tasks. Nothing happens before the future is polled.
    ///
    /// # Errors
    ///
    /// That of `load`, if this call ran it.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use cache_core::TaggedCache;
    ///
    /// let cache: TaggedCache<String, i32> = TaggedCache::new();
    /// assert!(cache.entry("seven").or_try_load_async(async || "seven".parse::<i32>()).await.is_err());
    /// assert_eq!(cache.entry("seven").or_try_load_async(async || "7".parse::<i32>()).await, Ok(7));
    /// # });
    /// ```
    pub fn or_try_load_async<E, F>(self, load: impl FnOnce() -> F) -> impl Future<Output = Result<V, E>>
    where
        F: Future<Output = Result<V, E>>,
    {
        self.load_async::<Fallible<V, E>, F>(load)
    }
}

/// After [`share_errors`](TaggedEntry::share_errors).
impl<K, V, Q, W, T> TaggedEntry<'_, K, V, Q, W, T, true>
where
    K: Borrow<Q> + Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    W: FnOnce() -> EntryOptions,
    T: FnOnce(&V) -> Vec<Tag>,
{
    /// Like [`or_load`](TaggedEntry::or_load), for a load that can fail. Its `Ok` is stored, and its `Err` is not.
    ///
    /// # Errors
    ///
    /// That of the load, whether this call ran it or waited for it.
    pub fn or_try_load<E>(self, load: impl FnOnce() -> Result<V, E>) -> Result<V, E>
    where
        E: Clone + Send + Sync + 'static,
    {
        self.load::<SharedFallible<V, E>>(load)
    }

    /// Like [`or_try_load`](TaggedEntry::or_try_load), for tasks. Nothing happens before the future is polled.
    ///
    /// # Errors
    ///
    /// That of the load, whether this call ran it or waited for it.
    pub fn or_try_load_async<E, F>(self, load: impl FnOnce() -> F) -> impl Future<Output = Result<V, E>>
    where
        E: Clone + Send + Sync + 'static,
        F: Future<Output = Result<V, E>>,
    {
        self.load_async::<SharedFallible<V, E>, F>(load)
    }
}

impl<K, V, Q, W, T, const SHARED: bool> fmt::Debug for TaggedEntry<'_, K, V, Q, W, T, SHARED>
where
    Q: fmt::Debug + ?Sized,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaggedEntry").field("key", &self.key).field("share_errors", &SHARED).finish_non_exhaustive()
    }
}
