//! What the hidden entry function of a query calls, and what `entry!` does with its result.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;

use crate::cache::Cache;
use crate::engine::mode::Mode;
use crate::load::judge::Judge;
use crate::load::miss::{EntryParts, Miss};
use crate::load::outcome::{Outcome, Returned};
use crate::private::key::Parts;
use crate::query_entry::QueryEntry;
use crate::query_entry::keyed::{KeyedEntry, TypedEntry};
use crate::sync::Arc;

/// A handle through which [`look_up`](crate::private::look_up()) looks nothing up, and always misses.
pub fn for_entry(cache: &Cache) -> Cache {
    cache.with_mode(Mode::Entry(Arc::new(cache.mode().clone())))
}

/// A `Box<dyn TypedEntry<V>>`, in a box.
pub(super) fn make_entry<P: Parts, V: Clone + Send + Sync + 'static>(
    parts: EntryParts<P::Owned, V>,
) -> Box<dyn Any + Send + Sync> {
    let entry: Box<dyn TypedEntry<V>> = Box::new(KeyedEntry::new(parts, P::duplicate));
    Box::new(entry)
}

impl<K, V, O, J: Judge<V> + Clone + Send + Sync + 'static> Miss<K, V, O, J> {
    /// The entry of a call that returns an `R`.
    pub fn entry<R>(self) -> AnyQueryEntry<R> {
        AnyQueryEntry { entry: self.into_entry(), returns: PhantomData }
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
        QueryEntry::new(
            *entry.expect(
                "a query of a generic type has no entry where that type is a `Result`: nothing of it is cached",
            ),
        )
    }
}

impl<R> fmt::Debug for AnyQueryEntry<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyQueryEntry")
    }
}
