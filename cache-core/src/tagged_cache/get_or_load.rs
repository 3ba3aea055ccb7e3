//! The value of a key, loaded if need be: by threads and by tasks.

use std::borrow::Borrow;
use std::hash::Hash;

use super::TaggedCache;
use crate::entry::options::EntryOptions;
use crate::load::miss::{Miss, Request};
use crate::load::outcome::{Fallible, Outcome, SharedFallible, Whole};
use crate::tag::Tag;

impl<K, V> TaggedCache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The value of a key; if there is no live entry for it, `load` makes one, which is stored.
    ///
    /// However many threads ask for a key at once, one of them loads and the others wait for its value. Keys don't wait for
    /// each other. A call that comes after an invalidation doesn't wait for a load that is no longer valid by it, but
    /// begins another. If a load panics, exactly one of the waiters loads next.
    ///
    /// The value is returned in any case to the caller that loaded it, and to waiters that had come before that load began
    /// (unless it was made from something that another cache has invalidated meanwhile: those ask again). It is not stored
    /// if it was invalidated while it was made.
    ///
    /// Whatever `load` returns is stored, a `Result` or an `Option` too:
    /// [`try_get_or_load`](TaggedCache::try_get_or_load) keeps errors out. Where nothing can be kept (capacity 0, a
    /// time to live that is zero, or over before the load is), each call loads.
    ///
    /// # Composition
    ///
    /// What `load` reads from this or other caches counts as read by it: the value is forgotten with that, and expires no
    /// later, unless its options say [`own_ttl`](EntryOptions::own_ttl). See [`LoadContext`](crate::LoadContext) for
    /// threads that `load` spawns.
    ///
    /// # Deadlocks
    ///
    /// `load` may use the cache. If it asks for the key that it is loading, directly or through the loads of
    /// other keys, of other caches or on other threads that wait for each other in a circle, then the call
    /// that would close the circle doesn't wait but loads for itself, and what it loads is not stored: the load
    /// that it is part of is. What can't be seen is a `load` that waits in its own way for *another* thread, as by
    /// joining it, which asks for the same key: let that thread run [within](crate::LoadContext::within) the context of the
    /// load, or use [`get`](TaggedCache::get).
    ///
    /// Waiters are woken only when the load ends: it should have a timeout of its own.
    ///
    /// # Panics
    ///
    /// When `load` does. Nothing is stored then, and no other caller is told of the panic.
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
    /// `tags` is called with the value that was loaded, and returns an array or another list, also of one. If one of these
    /// tags was invalidated after the load had begun, the value isn't stored, and waiters that had come after the load
    /// began ask again. Invalidations of other tags don't matter (but for more than a few hundred of unknown ones: see the
    /// guide).
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
    /// That of `load`, if this call ran it. It is not stored, and not shared: the waiters all load for themselves at once,
    /// as without a cache. Of those loads at most eight at a time are stored and may be joined. To share errors, which must
    /// be `Clone` then, use [`try_get_or_load_shared`](TaggedCache::try_get_or_load_shared).
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

    /// Like [`try_get_or_load`](TaggedCache::try_get_or_load), for errors that can be cloned: if the load fails, the callers
    /// that waited for it share its error, and none of them loads.
    ///
    /// Callers of one key whose errors are of different types share values, and each makes its own errors.
    ///
    /// # Errors
    ///
    /// That of the load, whether this call ran it or waited for it.
    ///
    /// ```
    /// use cache_core::TaggedCache;
    ///
    /// let cache: TaggedCache<String, i32> = TaggedCache::new();
    /// assert!(cache.try_get_or_load_shared("seven", || "seven".parse::<i32>()).is_err());
    /// assert_eq!(cache.try_get_or_load_shared("seven", || "7".parse::<i32>()), Ok(7));
    /// ```
    pub fn try_get_or_load_shared<Q, E>(&self, key: &Q, load: impl FnOnce() -> Result<V, E>) -> Result<V, E>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        E: Clone + Send + Sync + 'static,
    {
        self.load_tagged::<SharedFallible<V, E>, _, _>(key, EntryOptions::new, load, no_tags)
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
        match self.look_up::<O, Q>(key, options) {
            Ok(value) => O::hit(value),
            Err(miss) => miss.tags_from(|value| list(tags(value))).load(load),
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
    /// It may be dropped at any time. If it was loading, exactly one of the waiters loads next; if it was waiting, it
    /// leaves no trace.
    ///
    /// # Deadlocks
    ///
    /// As with [`get_or_load`](TaggedCache::get_or_load), a call that would wait for itself loads instead, also through
    /// awaits and between tasks. Three things can't be seen, and wait without end:
    ///
    /// - A `load` that spawns a task which asks for the same key, and awaits it. Await it in place instead, or together
    ///   with others in a `join!`; or spawn it [instrumented](crate::LoadContext::instrument).
    /// - A future that has begun to load and is then neither polled nor dropped, as by a `select!` that borrowed it, while
    ///   the same task asks for the key. Drop it first.
    /// - A task that *blocks* its thread, as [`get_or_load`](TaggedCache::get_or_load) does, on an executor that has no
    ///   other thread for the task that is loading.
    ///
    /// # Panics
    ///
    /// When `load` does. Nothing is stored then, and no other caller is told of the panic.
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
    /// That of `load`, if this call ran it. It is not stored, and not shared: the waiters all load for themselves at once,
    /// as without a cache. Of those loads at most eight at a time are stored and may be joined. To share errors, which must
    /// be `Clone` then, use
    /// [`try_get_or_load_shared_async`](TaggedCache::try_get_or_load_shared_async).
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

    /// Like [`try_get_or_load_shared`](TaggedCache::try_get_or_load_shared), with a load that is a future.
    ///
    /// # Errors
    ///
    /// That of the load, whether this call ran it or waited for it.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use cache_core::TaggedCache;
    ///
    /// let cache: TaggedCache<String, i32> = TaggedCache::new();
    /// assert_eq!(cache.try_get_or_load_shared_async("seven", async || "7".parse::<i32>()).await, Ok(7));
    /// # });
    /// ```
    pub async fn try_get_or_load_shared_async<Q, E, F>(&self, key: &Q, load: impl FnOnce() -> F) -> Result<V, E>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        E: Clone + Send + Sync + 'static,
        F: Future<Output = Result<V, E>>,
    {
        self.load_tagged_async::<SharedFallible<V, E>, _, _, _>(key, EntryOptions::new, load, no_tags).await
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
        let miss = match self.look_up::<O, Q>(key, options) {
            Ok(value) => return O::hit(value),
            Err(miss) => miss,
        };
        miss.tags_from(|value| list(tags(value))).load_async(async { load().await }).await
    }

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

fn list(tags: impl IntoIterator<Item: Into<Tag>>) -> Vec<Tag> {
    tags.into_iter().map(Into::into).collect()
}

/// Of a value that tells no tags.
fn no_tags<V>(_: &V) -> [Tag; 0] {
    []
}
