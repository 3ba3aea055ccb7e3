//! The builder of an entry that is loaded on a miss.

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::time::Duration;

use super::TaggedCache;
use super::values::Ruled;
use crate::engine::mode::Mode;
use crate::entry::options::EntryOptions;
use crate::load::judge::{Judge, KeepAll, TagsFrom, TtlFrom, Weight};
use crate::load::miss::{Miss, Request};
use crate::load::outcome::{Fallible, Outcome, SharedFallible, Whole};
use crate::sync::Arc;
use crate::tag::Tag;

/// One entry of a [`TaggedCache`], and how it is loaded on a miss. Made by [`TaggedCache::entry`].
///
/// [`or_load`](TaggedEntry::or_load), [`or_try_load`](TaggedEntry::or_try_load) and their async forms look the key up.
/// Options and tags are used on a miss only, so a hit costs what a [`get`](TaggedCache::get) costs.
///
/// `W` and `J` are types of closures, and of what holds them; `SHARED` says whether errors are shared.
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
pub struct TaggedEntry<'a, K, V, Q: ?Sized, W, J, const SHARED: bool = false> {
    pub(super) cache: &'a TaggedCache<K, V>,
    pub(super) key: &'a Q,
    pub(super) options: W,
    pub(super) judge: J,
    /// Whether the value tells its time to live.
    pub(super) value_ttl: bool,
}

impl<K, V> TaggedCache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The entry of a key, to be loaded on a miss.
    ///
    /// ```
    /// use cache_core::TaggedCache;
    ///
    /// let cache: TaggedCache<String, i32> = TaggedCache::new();
    /// assert!(cache.entry("seven").or_try_load(|| "seven".parse::<i32>()).is_err());
    /// assert_eq!(cache.entry("seven").or_try_load(|| "7".parse::<i32>()), Ok(7));
    /// assert_eq!(cache.entry("seven").or_load(|| unreachable!()), 7);
    /// ```
    pub fn entry<'a, Q>(&'a self, key: &'a Q) -> TaggedEntry<'a, K, V, Q, fn() -> EntryOptions, KeepAll>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let value_ttl = self.rules.ttl.is_some();
        TaggedEntry { cache: self, key, options: EntryOptions::new, judge: KeepAll, value_ttl }
    }

    #[expect(clippy::result_large_err, reason = "a box would be one more allocation of each miss")]
    pub(super) fn look_up<O, Q>(
        &self,
        key: &Q,
        options: impl FnOnce() -> EntryOptions,
        value_ttl: bool,
    ) -> Result<V, Miss<K, V, O>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let hash = self.hash(key);
        let (call, wanted) = (self.call(), self.wanted(hash, key));
        let absence = match call.look_up(&wanted).or_else(|absence| call.serve_aged(&wanted, absence, true)) {
            Ok(value) => return Ok(value),
            Err(absence) => absence,
        };
        let (key, mut options) = (key.to_owned(), options());
        options.value_ttl = value_ttl && options.ttl.is_none();
        let (engine, store, scope) = (Arc::clone(&self.engine), self.store.clone(), self.scope_ref().cloned());
        let mode = Mode::Ordinary;
        Err(Miss::new(
            Request { engine, store, scope, hash, key, mode, absence, batch: None, audited: None, shared: None },
            options,
            None,
        ))
    }

    /// What the options say of the value comes first, then `judge`, then the rules of the cache.
    pub(super) fn judged_by<O, J: Judge<V>>(&self, miss: Miss<K, V, O>, judge: J) -> Miss<K, V, O, Ruled<V, J>> {
        let EntryOptions { ttl, weight, .. } = miss.options();
        let ruled = Ruled { judge, has_ttl: ttl.is_some(), weight: *weight, rules: self.rules.clone() };
        miss.with_judge(|_| ruled)
    }
}

impl<'a, K, V, Q, W, J, const SHARED: bool> TaggedEntry<'a, K, V, Q, W, J, SHARED>
where
    K: Borrow<Q> + Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    W: FnOnce() -> EntryOptions,
    J: Judge<V>,
{
    /// Sets the options of the entry. `options` is called only on a miss, before the load. The last call of this method
    /// counts.
    pub fn with<O: FnOnce() -> EntryOptions>(self, options: O) -> TaggedEntry<'a, K, V, Q, O, J, SHARED> {
        let Self { cache, key, judge, value_ttl, .. } = self;
        TaggedEntry { cache, key, options, judge, value_ttl }
    }

    /// Adds tags derived from the value. `tags` is called after the load, and returns a list such as an array.
    ///
    /// If one of these tags was invalidated after the load began, the value is not stored, and waiters that came since
    /// then look the key up again. Invalidations of other tags do not matter, up to a few hundred unknown ones: see
    /// [`guide::by_tag`](crate::guide::by_tag).
    pub fn tags_from<I, F>(self, tags: F) -> TaggedEntry<'a, K, V, Q, W, TagsFrom<J, F, I>, SHARED>
    where
        I: IntoIterator<Item: Into<Tag>>,
        F: FnOnce(&V) -> I,
    {
        self.with_judge(|judge| TagsFrom(judge, tags, PhantomData))
    }

    /// The time to live, derived from the value after the load, instead of that of the cache. One that
    /// [`with`](TaggedEntry::with) sets counts more.
    ///
    /// Otherwise as [`TaggedCacheBuilder::ttl_from`](crate::TaggedCacheBuilder::ttl_from).
    ///
    /// ```
    /// use std::time::Duration;
    /// use cache_core::TaggedCache;
    ///
    /// let pages: TaggedCache<&str, (&str, u64)> = TaggedCache::new();
    /// let fetch = || ("<p>", 60); // with its max-age
    /// pages.entry(&"/").ttl_from(|(_, max_age)| Duration::from_secs(*max_age)).or_load(fetch);
    /// assert!(pages.entries()[0].expires_in <= Duration::from_secs(60));
    /// ```
    pub fn ttl_from<F: FnOnce(&V) -> Duration>(self, ttl: F) -> TaggedEntry<'a, K, V, Q, W, TtlFrom<J, F>, SHARED> {
        TaggedEntry { value_ttl: true, ..self.with_judge(|judge| TtlFrom(judge, ttl)) }
    }

    /// The weight, derived from the value after the load, instead of what the cache says. One that
    /// [`with`](TaggedEntry::with) sets counts more.
    ///
    /// Otherwise as [`TaggedCacheBuilder::weight`](crate::TaggedCacheBuilder::weight).
    ///
    /// ```
    /// use cache_core::TaggedCache;
    ///
    /// let pages: TaggedCache<&str, String> = TaggedCache::builder().max_weight(1_000).build();
    /// pages.entry(&"/").weight(String::len).or_load(|| "<p>".into());
    /// assert_eq!(pages.stats().weight, 3);
    /// ```
    pub fn weight<F: FnOnce(&V) -> usize>(self, weight: F) -> TaggedEntry<'a, K, V, Q, W, Weight<J, F>, SHARED> {
        let weight = self.cache.engine.storage.limits_weight().then_some(weight);
        self.with_judge(|judge| Weight(judge, weight))
    }

    fn with_judge<N>(self, wrap: impl FnOnce(J) -> N) -> TaggedEntry<'a, K, V, Q, W, N, SHARED> {
        let Self { cache, key, options, judge, value_ttl } = self;
        TaggedEntry { cache, key, options, judge: wrap(judge), value_ttl }
    }

    /// Waiters of a load that fails share its error, which is `Clone + Send + Sync + 'static`, and do not load. Loads
    /// that cannot fail are not affected.
    ///
    /// Callers with different error types share values only.
    ///
    /// ```
    /// use cache_core::TaggedCache;
    ///
    /// let cache: TaggedCache<String, i32> = TaggedCache::new();
    /// let parse = |text: &str| cache.entry(text).share_errors().or_try_load(|| text.parse::<i32>());
    /// assert!(parse("seven").is_err()); // and so for each caller that waited for it
    /// assert_eq!(parse("7"), Ok(7));
    /// ```
    pub fn share_errors(self) -> TaggedEntry<'a, K, V, Q, W, J, true> {
        let Self { cache, key, options, judge, value_ttl } = self;
        TaggedEntry { cache, key, options, judge, value_ttl }
    }

    /// Returns the value; on a miss `load` makes it, and it is stored. See [`get_or_load`](TaggedCache::get_or_load),
    /// also for deadlocks and panics.
    pub fn or_load(self, load: impl FnOnce() -> V) -> V {
        self.load::<Whole<V>>(load)
    }

    /// Like [`or_load`](TaggedEntry::or_load), for tasks: see [`get_or_load_async`](TaggedCache::get_or_load_async),
    /// also for cancellation.
    pub fn or_load_async<F>(self, load: impl FnOnce() -> F) -> impl Future<Output = V>
    where
        F: Future<Output = V>,
    {
        self.load_async::<Whole<V>, F>(load)
    }

    fn load<O: Outcome<Value = V>>(self, load: impl FnOnce() -> O::Returned) -> O::Returned {
        let Self { cache, key, options, judge, value_ttl } = self;
        match cache.look_up::<O, Q>(key, options, value_ttl) {
            Ok(value) => O::hit(value),
            Err(miss) => cache.judged_by(miss, judge).load(load),
        }
    }

    async fn load_async<O, F>(self, load: impl FnOnce() -> F) -> O::Returned
    where
        O: Outcome<Value = V>,
        F: Future<Output = O::Returned>,
    {
        let Self { cache, key, options, judge, value_ttl } = self;
        // Not one `match`: a future has room for what is matched on while it waits in an arm.
        let miss = match cache.look_up::<O, Q>(key, options, value_ttl) {
            Ok(value) => return O::hit(value),
            Err(miss) => miss,
        };
        cache.judged_by(miss, judge).load_async(async { load().await }).await
    }
}

impl<K, V, Q, W, J> TaggedEntry<'_, K, V, Q, W, J>
where
    K: Borrow<Q> + Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    W: FnOnce() -> EntryOptions,
    J: Judge<V>,
{
    /// Like [`or_load`](TaggedEntry::or_load), for a load that can fail. Only an `Ok` is stored.
    ///
    /// # Errors
    ///
    /// That of `load`, if this call ran it. It is not shared: all waiters load at once, and at most eight of those
    /// loads at a time are stored and may be joined. See [`share_errors`](TaggedEntry::share_errors).
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
impl<K, V, Q, W, J> TaggedEntry<'_, K, V, Q, W, J, true>
where
    K: Borrow<Q> + Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    W: FnOnce() -> EntryOptions,
    J: Judge<V>,
{
    /// Like [`or_load`](TaggedEntry::or_load), for a load that can fail. Only an `Ok` is stored.
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

impl<K, V, Q, W, J, const SHARED: bool> fmt::Debug for TaggedEntry<'_, K, V, Q, W, J, SHARED>
where
    Q: fmt::Debug + ?Sized,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaggedEntry").field("key", &self.key).field("share_errors", &SHARED).finish_non_exhaustive()
    }
}
