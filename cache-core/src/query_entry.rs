//! One entry of an annotated query.

use std::fmt;
use std::marker::PhantomData;

use crate::cache::Cache;
use crate::entry::info::EntryInfo;
use crate::entry::options::EntryOptions;
use crate::store::{Storable, Store};
use crate::sync::Arc;
use crate::tag::Tag;

/// One entry of an annotated query, made by [`entry!`](crate::entry).
#[must_use = "it does nothing by itself"]
pub struct QueryEntry<'a, V> {
    entry: Box<dyn TypedEntry<V>>,
    repository: PhantomData<&'a ()>,
}

impl<V> QueryEntry<'_, V> {
    pub(crate) fn new(entry: Box<dyn TypedEntry<V>>) -> Self {
        Self { entry, repository: PhantomData }
    }

    /// The value, if it is cached.
    pub fn get(&self) -> Option<V> {
        self.entry.get()
    }
}

impl<V> fmt::Debug for QueryEntry<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QueryEntry")
    }
}

/// An entry whose key has any type.
pub(crate) trait TypedEntry<V>: Send + Sync {
    fn get(&self) -> Option<V>;
    fn info(&self) -> Option<EntryInfo>;
}

pub(crate) type JudgeFn<V> = Box<dyn Fn(&V) -> Option<Vec<Tag>> + Send + Sync>;

pub(crate) struct KeyedEntry<K, V> {
    cache: Cache,
    store: Arc<Store<K, V>>,
    hash: u64,
    key: K,
    options: EntryOptions,
    judge: Option<JudgeFn<V>>,
}

impl<K, V> KeyedEntry<K, V> {
    pub(crate) fn new(
        cache: Cache,
        store: Arc<Store<K, V>>,
        hash: u64,
        key: K,
        options: EntryOptions,
        judge: Option<JudgeFn<V>>,
    ) -> Self {
        Self { cache, store, hash, key, options, judge }
    }
}

impl<K: Storable + Eq, V: Storable + Clone> TypedEntry<V> for KeyedEntry<K, V> {
    fn get(&self) -> Option<V> {
        let _ = (&self.cache, &self.store, self.hash, &self.key, &self.options, &self.judge);
        None
    }

    fn info(&self) -> Option<EntryInfo> {
        None
    }
}
