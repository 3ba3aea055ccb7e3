//! Loads that no caller waits for, on the runtime of the cache.

use std::borrow::Borrow;
use std::hash::Hash;

use crate::entry::options::EntryOptions;
use crate::load::judge::Judge;
use crate::load::outcome::{Fallible, Outcome, SharedFallible, Whole};
use crate::tagged_cache::entry::TaggedEntry;

/// Loads in the background: see [`TaggedCacheBuilder::runtime`](crate::TaggedCacheBuilder::runtime).
impl<K, V, Q, W, J, const SHARED: bool> TaggedEntry<'_, K, V, Q, W, J, SHARED>
where
    K: Borrow<Q> + Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    W: FnOnce() -> EntryOptions,
    J: Judge<V> + Send + 'static,
{
    /// Like [`or_load`](TaggedEntry::or_load). While there is a value to serve, as before its expiry by
    /// [`refresh_ahead`](crate::TaggedCacheBuilder::refresh_ahead), it is returned at once, and `load` runs on the runtime
    /// of the cache. If the cache has none, the caller waits.
    pub fn or_load_in_background(self, load: impl FnOnce() -> V + Send + 'static) -> V {
        self.background::<Whole<V>>(load)
    }

    /// Like [`or_load_in_background`](Self::or_load_in_background), for tasks. Nothing happens before the future is
    /// polled. If it is dropped, the load in the background goes on.
    ///
    /// If the cache has a [`soft_timeout`](crate::TaggedCacheBuilder::soft_timeout), a caller with an expired value waits for
    /// that time before it takes the value.
    pub async fn or_load_in_background_async<F>(self, load: F) -> V
    where
        F: Future<Output = V> + Send + 'static,
    {
        self.background_async::<Whole<V>, F>(load).await
    }

    fn background<O: Outcome<Value = V> + 'static>(
        self,
        load: impl FnOnce() -> O::Returned + Send + 'static,
    ) -> O::Returned {
        let Self { cache, key, options, judge, value_ttl } = self;
        match cache.look_up::<O, Q>(key, options, value_ttl) {
            Ok(value) => O::hit(value),
            Err(miss) => cache.judged_by(miss, judge).load_in_background(load),
        }
    }

    async fn background_async<O, F>(self, load: F) -> O::Returned
    where
        O: Outcome<Value = V> + 'static,
        O::Returned: Send + 'static,
        F: Future<Output = O::Returned> + Send + 'static,
    {
        let Self { cache, key, options, judge, value_ttl } = self;
        let miss = match cache.look_up::<O, Q>(key, options, value_ttl) {
            Ok(value) => return O::hit(value),
            Err(miss) => miss,
        };
        cache.judged_by(miss, judge).load_in_background_async(load).await
    }
}

impl<K, V, Q, W, J> TaggedEntry<'_, K, V, Q, W, J>
where
    K: Borrow<Q> + Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    W: FnOnce() -> EntryOptions,
    J: Judge<V> + Send + 'static,
{
    /// Like [`or_load_in_background`](Self::or_load_in_background), for a load that can fail. Only an `Ok` is stored.
    ///
    /// # Errors
    ///
    /// That of `load`, if this call ran it.
    pub fn or_try_load_in_background<E: 'static>(
        self,
        load: impl FnOnce() -> Result<V, E> + Send + 'static,
    ) -> Result<V, E> {
        self.background::<Fallible<V, E>>(load)
    }

    /// Like [`or_load_in_background_async`](Self::or_load_in_background_async), for a load that can fail. Only an `Ok` is
    /// stored.
    ///
    /// # Errors
    ///
    /// That of `load`, if this call ran it, and there was nothing to serve instead.
    pub async fn or_try_load_in_background_async<E, F>(self, load: F) -> Result<V, E>
    where
        E: Send + 'static,
        F: Future<Output = Result<V, E>> + Send + 'static,
    {
        self.background_async::<Fallible<V, E>, F>(load).await
    }
}

/// After [`share_errors`](TaggedEntry::share_errors).
impl<K, V, Q, W, J> TaggedEntry<'_, K, V, Q, W, J, true>
where
    K: Borrow<Q> + Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    W: FnOnce() -> EntryOptions,
    J: Judge<V> + Send + 'static,
{
    /// Like [`or_load_in_background`](Self::or_load_in_background), for a load that can fail. Only an `Ok` is stored.
    ///
    /// # Errors
    ///
    /// That of the load, whether this call ran it or waited for it.
    pub fn or_try_load_in_background<E>(self, load: impl FnOnce() -> Result<V, E> + Send + 'static) -> Result<V, E>
    where
        E: Clone + Send + Sync + 'static,
    {
        self.background::<SharedFallible<V, E>>(load)
    }

    /// Like [`or_load_in_background_async`](Self::or_load_in_background_async), for a load that can fail. Only an `Ok` is
    /// stored.
    ///
    /// # Errors
    ///
    /// That of the load, whether this call ran it or waited for it, if there was nothing to serve instead.
    pub async fn or_try_load_in_background_async<E, F>(self, load: F) -> Result<V, E>
    where
        E: Clone + Send + Sync + 'static,
        F: Future<Output = Result<V, E>> + Send + 'static,
    {
        self.background_async::<SharedFallible<V, E>, F>(load).await
    }
}
