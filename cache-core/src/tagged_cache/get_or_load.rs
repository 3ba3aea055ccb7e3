//! The value of a key, loaded on a miss: by threads and by tasks.

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
    /// The value of a key; if there is no live entry for it, `load` makes one, which is stored.
    ///
    /// However many threads ask for a key at once, one of them loads and the others wait for its value. Different keys
    /// never wait for each other. A call that comes after an invalidation does not wait for a load that the invalidation
    /// made stale, but begins another. If a load panics, exactly one of the waiters loads next.
    ///
    /// The caller that loaded gets the value in any case, and so do waiters that came before that load began (unless it
    /// was made from something that another cache has invalidated meanwhile: those ask again). The value is not stored if
    /// it was invalidated during the load.
    ///
    /// Whatever `load` returns is stored, a `Result` or an `Option` too: [`entry`](TaggedCache::entry) has ends that keep
    /// errors out. Where nothing can be kept (capacity 0, a time to live that is zero, or over before the load is), each
    /// call loads.
    ///
    /// # Composition
    ///
    /// What `load` reads from this or other caches counts as read by it: the value is invalidated with that, and expires no
    /// later, unless its options say [`own_ttl`](EntryOptions::own_ttl). See [`LoadContext`](crate::LoadContext) for
    /// threads that `load` spawns.
    ///
    /// # Deadlocks
    ///
    /// `load` may use the cache. If it asks for the key that it is loading, directly or through other loads, caches or
    /// threads that wait for each other in a circle, the call that would close the circle does not wait. It runs its own
    /// `load`, and the result of that is not stored: the result of the outer load is. The cache cannot see a `load` that
    /// waits in its own way, as by joining it, for *another* thread that asks for the same key. Let that thread run
    /// [within](crate::LoadContext::within) the context of the load, or use [`get`](TaggedCache::get).
    ///
    /// Waiters are woken only when the load ends: give it a timeout of its own.
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
        self.entry(key).or_load(load)
    }

    /// Like [`get_or_load`](TaggedCache::get_or_load), with tags or a time to live. `options` is called only on a miss, and
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

    /// Like [`get_or_load_with`](TaggedCache::get_or_load_with), with more tags, from the value: see
    /// [`TaggedEntry::tags_from`](crate::TaggedEntry::tags_from).
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

    /// Like [`get_or_load`](TaggedCache::get_or_load), for tasks: `load` returns a future, and a task that waits for the
    /// load of another yields.
    ///
    /// Tasks and threads that ask for one key at once share one load, whichever of them began it: this and
    /// [`get_or_load`](TaggedCache::get_or_load) may be used side by side, on any executor or on several. `load` is
    /// called only on a miss. A hit waits for nothing: the future is ready when it is first polled.
    ///
    /// The future is `Send` if that of `load` is, and nothing happens before it is polled.
    ///
    /// # Cancellation
    ///
    /// The future may be dropped at any time. If it was loading, exactly one of the waiters loads next; if it was waiting,
    /// it leaves no trace.
    ///
    /// # Deadlocks
    ///
    /// As with [`get_or_load`](TaggedCache::get_or_load), a call that would wait for itself loads instead, also through
    /// awaits and between tasks. The cache cannot see three cases, which wait for ever:
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
    pub fn get_or_load_async<'a, Q, F>(&'a self, key: &'a Q, load: impl FnOnce() -> F) -> impl Future<Output = V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        F: Future<Output = V>,
    {
        self.entry(key).or_load_async(load)
    }
}
