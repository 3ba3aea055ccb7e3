//! Lists of keys, each with an entry of its own.

use std::hash::Hash;

use super::TaggedCache;
use super::values::Ruled;
use crate::entry::options::EntryOptions;
use crate::load::batch::{Batch, Pairs};
use crate::load::judge::KeepAll;
use crate::load::outcome::{Fallible, Outcome, Whole};

impl<K, T> TaggedCache<K, Option<T>>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// The values of several keys, in one map: those that are cached are taken, loads in flight are joined, and `load` is
    /// called once for all others.
    ///
    /// A key that `load` does not return has no value: that is remembered as `None`. Any map will do that iterates over
    /// pairs and can be collected from pairs, such as a `HashMap`, or a `Vec`, which is in the order of the keys. Each key
    /// is loaded once, however often it is in the list. Without missing keys `load` is not called.
    ///
    /// If a load of another call fails or is dropped while this one waits for it, `load` is called again, for these keys.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use cache_core::TaggedCache;
    ///
    /// let titles: TaggedCache<u32, Option<String>> = TaggedCache::new();
    /// let find = |ids: Vec<u32>| -> HashMap<u32, String> {
    ///     ids.into_iter().filter(|id| *id < 10).map(|id| (id, format!("Track {id}"))).collect()
    /// };
    /// let found = titles.get_or_load_each(&[1, 2, 99], find);
    /// assert_eq!(found.len(), 2);
    /// assert_eq!(titles.get(&99), Some(None));
    /// titles.get_or_load_each(&[1, 99, 3], |ids| {
    ///     assert_eq!(ids, [3]);
    ///     find(ids)
    /// });
    /// ```
    ///
    /// # Panics
    ///
    /// When `load` does. Nothing is stored then.
    pub fn get_or_load_each<'k, M>(&self, keys: impl IntoIterator<Item = &'k K>, load: impl FnMut(Vec<K>) -> M) -> M
    where
        M: Pairs<Id = K, Of = T>,
    {
        self.load_each::<Whole<M>>(keys, load)
    }

    /// Like [`get_or_load_each`](Self::get_or_load_each), for a load that can fail.
    ///
    /// # Errors
    ///
    /// That of `load`, unless all keys that it was called for have values that are served instead: see
    /// [`stale_if_error`](crate::TaggedCacheBuilder::stale_if_error).
    pub fn get_or_try_load_each<'k, M, E>(
        &self,
        keys: impl IntoIterator<Item = &'k K>,
        load: impl FnMut(Vec<K>) -> Result<M, E>,
    ) -> Result<M, E>
    where
        M: Pairs<Id = K, Of = T>,
    {
        self.load_each::<Fallible<M, E>>(keys, load)
    }

    /// Like [`get_or_load_each`](Self::get_or_load_each), for tasks. Nothing happens before the future is polled.
    ///
    /// # Cancellation
    ///
    /// The future may be dropped at any time. Each key that it was loading is then loaded by a caller that waits for it.
    pub async fn get_or_load_each_async<'k, M, F>(
        &self,
        keys: impl IntoIterator<Item = &'k K>,
        load: impl FnMut(Vec<K>) -> F,
    ) -> M
    where
        M: Pairs<Id = K, Of = T>,
        F: Future<Output = M>,
    {
        self.load_each_async::<Whole<M>, F>(keys, load).await
    }

    /// Like [`get_or_try_load_each`](Self::get_or_try_load_each), for tasks. Nothing happens before the future is polled.
    ///
    /// # Errors
    ///
    /// As for that.
    pub async fn get_or_try_load_each_async<'k, M, E, F>(
        &self,
        keys: impl IntoIterator<Item = &'k K>,
        load: impl FnMut(Vec<K>) -> F,
    ) -> Result<M, E>
    where
        M: Pairs<Id = K, Of = T>,
        F: Future<Output = Result<M, E>>,
    {
        self.load_each_async::<Fallible<M, E>, F>(keys, load).await
    }

    fn look_up_each<'k, O>(
        &self,
        keys: impl IntoIterator<Item = &'k K>,
    ) -> Batch<K, T, O::Returned, K, Ruled<Option<T>, KeepAll>>
    where
        O: Outcome<Value: Pairs<Id = K, Of = T>>,
    {
        let (mut batch, value_ttl) = (Batch::of::<O>(), self.rules.ttl.is_some());
        for key in keys {
            if batch.is_new(key) {
                let found = self.look_up(key, EntryOptions::new, value_ttl);
                batch.add(key, found.map_err(|miss| self.judged_by(miss, KeepAll)));
            }
        }
        batch
    }

    fn load_each<'k, O>(
        &self,
        keys: impl IntoIterator<Item = &'k K>,
        mut load: impl FnMut(Vec<K>) -> O::Returned,
    ) -> O::Returned
    where
        O: Outcome<Value: Pairs<Id = K, Of = T>>,
    {
        let mut batch = self.look_up_each::<O>(keys);
        while let Some(keys) = batch.to_load() {
            let result = batch.context().within(|| load(keys));
            if let Some(failed) = batch.end(result) {
                return failed;
            }
        }
        batch.into_returned()
    }

    async fn load_each_async<'k, O, F>(
        &self,
        keys: impl IntoIterator<Item = &'k K>,
        mut load: impl FnMut(Vec<K>) -> F,
    ) -> O::Returned
    where
        O: Outcome<Value: Pairs<Id = K, Of = T>>,
        F: Future<Output = O::Returned>,
    {
        let mut batch = self.look_up_each::<O>(keys);
        while let Some(keys) = batch.to_load_async().await {
            let context = batch.context();
            let result = context.instrument(async { load(keys).await }).await;
            if let Some(failed) = batch.end(result) {
                return failed;
            }
        }
        batch.into_returned()
    }
}
