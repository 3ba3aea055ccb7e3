//! The value of a key, loaded on a miss.

use std::borrow::Borrow;
use std::hash::Hash;

use super::TaggedCache;
use crate::entry::options::EntryOptions;
use crate::tag::Tag;

impl<K, V> TaggedCache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Returns the value of a key; on a miss `load` makes it, and it is stored.
    ///
    /// One of the threads that ask for a key at once loads, and the others wait for its value. Different keys never
    /// wait for each other. A call after an invalidation does not wait for a load that it made stale. If a load panics,
    /// exactly one waiter loads next.
    ///
    /// The caller that loaded always gets the value. So do waiters from before the load began, unless another cache has
    /// invalidated what it was made from: those look the key up again. A value that was invalidated during its load is
    /// not stored.
    ///
    /// Whatever `load` returns is stored, also an `Err`: [`entry`](TaggedCache::entry) keeps errors out. Where nothing
    /// can be kept (capacity 0, or a time to live that is zero or shorter than the load), each call loads.
    ///
    /// # Composition
    ///
    /// The value is invalidated with what `load` reads from caches: see [`TaggedCache`](TaggedCache#composition). It
    /// expires no later, unless its options say [`own_ttl`](EntryOptions::own_ttl).
    ///
    /// # Deadlocks
    ///
    /// `load` may use the cache. If it asks for its own key, directly or through a circle of waiting loads, caches or
    /// threads, the call that would close the circle runs its own `load`. Its result is not stored; that of the outer
    /// load is. The cache cannot see a `load` that waits otherwise, as by a join, for *another* thread that asks for
    /// the same key. Let that thread run [within](crate::LoadContext::within) the context of the load, or use
    /// [`get`](TaggedCache::get).
    ///
    /// Waiters are woken only when the load ends: give it a timeout.
    ///
    /// # Panics
    ///
    /// When `load` does. Nothing is stored then, and no other caller is told.
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
        self.entry(key).or_load(load)
    }

    /// Like [`get_or_load`](TaggedCache::get_or_load), with tags or a time to live. `options` is called only on a miss,
    /// before `load`.
    ///
    /// ```
    /// use cache_core::{EntryOptions, TaggedCache};
    ///
    /// let plays: TaggedCache<String, u64> = TaggedCache::new();
    /// plays.get_or_load_with("Thunderstruck", || EntryOptions::new().tag("artist:1"), || 5_678);
    /// plays.invalidate_tags(["artist:1"]);
    /// assert_eq!(plays.get("Thunderstruck"), None);
    /// ```
    pub fn get_or_load_with<Q>(&self, key: &Q, options: impl FnOnce() -> EntryOptions, load: impl FnOnce() -> V) -> V
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.entry(key).with(options).or_load(load)
    }

    /// Like [`get_or_load_with`](TaggedCache::get_or_load_with), with tags derived from the value: see
    /// [`tags_from`](crate::TaggedEntry::tags_from).
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
        self.entry(key).with(options).tags_from(tags).or_load(load)
    }

    /// Like [`get_or_load`](TaggedCache::get_or_load), for tasks: `load` returns a future, and waiting tasks yield.
    ///
    /// Tasks and threads share the load of a key, on any executors. The future of a hit is ready at the first poll.
    ///
    /// The future is `Send` if that of `load` is. Nothing happens before it is polled.
    ///
    /// # Cancellation
    ///
    /// The future may be dropped at any time. If it was loading, exactly one waiter loads next; if it was waiting, it
    /// leaves no trace.
    ///
    /// # Deadlocks
    ///
    /// A call that would wait for itself loads instead, also through awaits and between tasks. The cache cannot see
    /// three cases, which wait for ever:
    ///
    /// - A `load` that spawns and awaits a task which asks for the same key. Await it in place, as in a `join!`, or
    ///   spawn it [instrumented](crate::LoadContext::instrument).
    /// - A future that has begun to load and is neither polled nor dropped, as by a `select!` that borrowed it, while
    ///   the same task asks for the key. Drop it first.
    /// - A task that *blocks* its thread, as by [`get_or_load`](TaggedCache::get_or_load), on an executor without
    ///   another thread for the loading task.
    ///
    /// # Panics
    ///
    /// When `load` does. Nothing is stored then, and no other caller is told.
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
    pub fn get_or_load_async<'a, Q, F>(&'a self, key: &'a Q, load: impl FnOnce() -> F) -> impl Future<Output = V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        F: Future<Output = V>,
    {
        self.entry(key).or_load_async(load)
    }
}
