//! What `entry!` calls: one entry of an annotated query.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use crate::cache::Cache;
use crate::entry::options::EntryOptions;
use crate::load::judge::{CacheIf, Judge, KeepAll, TagsFrom};
use crate::load::outcome::{Outcome, Returned};
use crate::private::key::Parts;
use crate::private::look_up::{CacheValue, Instance, store_of};
use crate::query::QueryRef;
use crate::query_entry::QueryEntry;
use crate::query_entry::keyed::{EntryParts, JudgeFn, KeyedEntry, TypedEntry};
use crate::store::Store;
use crate::store::erased::downcast_arc;
use crate::sync::Arc;
use crate::tag::Tag;
use crate::version::scope::scope_id;

/// An entry whose options are being collected: they are those of a [`Miss`](crate::private::Miss).
#[must_use = "it does nothing by itself"]
pub struct EntryRequest<K, V, J = KeepAll> {
    cache: Cache,
    store: Arc<Store<K, V>>,
    hash: u64,
    key: K,
    options: EntryOptions,
    /// `None` if it cannot be known outside of the function.
    judge: Option<J>,
    /// Needs bounds on the types.
    erase: fn(EntryParts<K, V>) -> Box<dyn TypedEntry<V>>,
    duplicate: fn(&K) -> K,
}

/// The entry of a call.
pub fn entry_request<O, P, W, U>(
    query: &QueryRef<W>,
    cache: &Cache,
    parts: &P,
    _outcome: O,
    instance: &Instance<U>,
) -> EntryRequest<P::Owned, O::Value>
where
    O: Outcome<Value: CacheValue<U>>,
    P: Parts,
{
    let store = downcast_arc(store_of::<P, O::Value, U>(query.site, cache, instance));
    let hash = cache.engine().hash(scope_id(cache.scope_ref()), |hasher| parts.hash(hasher));
    let options = query.site.query.options();
    let (cache, key) = (cache.clone(), parts.to_owned());
    EntryRequest {
        cache,
        store,
        hash,
        key,
        options,
        judge: Some(KeepAll),
        erase: |parts| Box::new(KeyedEntry::new(parts)),
        duplicate: P::duplicate,
    }
}

impl<K, V, J> EntryRequest<K, V, J> {
    /// How long the entry may be served.
    pub fn ttl(mut self, ttl: impl FnOnce() -> Duration) -> Self {
        self.options.ttl = Some(ttl());
        self
    }

    /// One more tag.
    pub fn tag<T: Into<Tag>>(mut self, tag: impl FnOnce() -> T) -> Self {
        self.options.push_tag(tag().into());
        self
    }

    /// One more tag, formatted from the arguments.
    pub fn formatted_tag(mut self, text: fmt::Arguments<'_>) -> Self {
        self.options.push_tag(Tag::format(text));
        self
    }

    /// More tags, from the value.
    pub fn tags_from<F: FnOnce(&V) -> Vec<Tag>>(self, tags: F) -> EntryRequest<K, V, TagsFrom<J, F>> {
        self.with_judge(|judge| Some(TagsFrom(judge?, tags)))
    }

    /// Which values are stored, or with which tags, depends on arguments that the entry does not keep.
    pub fn unjudged(self) -> Self {
        self.with_judge(|_| None)
    }

    fn with_judge<W>(self, wrap: impl FnOnce(Option<J>) -> Option<W>) -> EntryRequest<K, V, W> {
        let Self { cache, store, hash, key, options, judge, erase, duplicate } = self;
        EntryRequest { cache, store, hash, key, options, judge: wrap(judge), erase, duplicate }
    }
}

impl<K, V> EntryRequest<K, V> {
    /// Stores only a value for which this is true.
    pub fn cache_if<F: FnOnce(&V) -> bool>(self, cache_if: F) -> EntryRequest<K, V, CacheIf<F>> {
        self.with_judge(|judge| judge.map(|KeepAll| CacheIf(cache_if)))
    }
}

impl<K, V: Send + Sync + 'static, J> EntryRequest<K, V, J> {
    /// Hides the types that a signature cannot name. `R` is the return type of the function.
    pub fn erase<R>(self) -> AnyQueryEntry<R>
    where
        J: Judge<V> + Clone + Send + Sync + 'static,
    {
        let Self { cache, store, hash, key, options, judge, erase, duplicate } = self;
        let judge = judge.map(|judge| -> JudgeFn<V> { Box::new(move |value| judge.clone().judge(value)) });
        let entry = erase(EntryParts { cache, store, hash, key, duplicate, options, judge });
        AnyQueryEntry { entry: Box::new(entry), returns: PhantomData }
    }
}

impl<K, V, J> fmt::Debug for EntryRequest<K, V, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryRequest").field("options", &self.options).finish_non_exhaustive()
    }
}

/// The entry of a call that returns an `R`. Which part of that is stored is found where `R` is known.
#[must_use = "it does nothing by itself"]
pub struct AnyQueryEntry<R> {
    /// A `Box<dyn TypedEntry<V>>`.
    entry: Box<dyn Any + Send + Sync>,
    returns: PhantomData<fn() -> R>,
}

impl<R> AnyQueryEntry<R> {
    /// The return type, to find its outcome by method lookup.
    pub fn returned(&self) -> Returned<R> {
        Returned::new()
    }

    /// The entry with the type of its value.
    pub fn typed<O: Outcome<Returned = R, Value: 'static>>(self, _outcome: O) -> QueryEntry<'static, O::Value> {
        let entry: Box<dyn Any> = self.entry;
        let entry = entry.downcast::<Box<dyn TypedEntry<O::Value>>>();
        QueryEntry::new(*entry.expect("the same outcome is found for the same return type"))
    }
}

impl<R> fmt::Debug for AnyQueryEntry<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyQueryEntry")
    }
}
