//! Stores and entries behind erased types, and the way back.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use crate::clock::Nanos;
use crate::entry::info::EntryInfo;
use crate::entry::{AnyEntry, Entry, Meta};
use crate::eviction::segment::{Removed, RemovedEntries, push};
use crate::observer::events::Call;
use crate::query::state::QueryState;
use crate::store::storage::{AnyStore, Storage, WithEntries};
use crate::store::{Describe, Storable, Store, Wanted};
use crate::sync::Arc;
use crate::version::scope::ScopeId;

impl<K: Storable, V: Storable> AnyStore for Store<K, V> {
    fn query(&self) -> &Arc<QueryState> {
        &self.query
    }

    fn dispose_any(&self, storage: &Storage, Removed { entry, weight }: Removed, now: Nanos) {
        if let Some(entry) = typed(entry) {
            self.dispose(storage, entry, weight, now);
        }
    }

    fn forget_hash(&self, storage: &Storage, hash: u64, scope: ScopeId, removed: &mut RemovedEntries) -> usize {
        self.forget(storage, &Wanted { hash, scope, is_key: |_: &K| true }, |entry| push(removed, entry))
    }

    fn info(&self, entry: &Arc<dyn AnyEntry>, now: Nanos) -> Option<EntryInfo> {
        self.info_with(entry, now, self.describe)
    }

    fn shrink(&self) {
        self.shrink();
    }

    fn count_flights(&self) -> Option<(usize, usize)> {
        self.count_flights()
    }

    fn number(&self) -> u32 {
        self.number
    }

    fn check_shards(&self, with: WithEntries<'_>) {
        self.check_shards(with);
    }
}

pub(crate) fn downcast<K: Storable, V: Storable>(store: &Arc<dyn AnyStore>) -> &Store<K, V> {
    let store: &dyn Any = &**store;
    store.downcast_ref().expect("the store of a function has the types of that function")
}

pub(crate) fn downcast_arc<K: Storable, V: Storable>(store: &Arc<dyn AnyStore>) -> Arc<Store<K, V>> {
    let store: Arc<dyn Any + Send + Sync> = store.clone();
    store.downcast().expect("the store of a function has the types of that function")
}

/// `None` if it has other types.
fn typed<K: Storable, V: Storable>(entry: Arc<dyn AnyEntry>) -> Option<Arc<Entry<K, V>>> {
    entry.as_any().downcast().ok()
}

impl<K: Storable, V: Storable> Store<K, V> {
    /// The call that an entry answers; the caller holds no lock.
    pub(crate) fn with_call(&self, entry: &Entry<K, V>, with: impl FnOnce(Call<'_>)) {
        let describe = |out: &mut dyn fmt::Write| (self.describe)(&entry.key, &self.query, out);
        with(Call::new(&self.query, entry.meta.tags.scope(), &describe));
    }

    /// `describe` formats the key; the caller holds no lock.
    pub(crate) fn info_with(&self, entry: &Arc<dyn AnyEntry>, now: Nanos, describe: Describe<K>) -> Option<EntryInfo> {
        let typed = typed::<K, V>(entry.clone())?;
        Some(info_of(&typed.meta, &self.query, now, &|out| describe(&typed.key, &self.query, out)))
    }
}

/// Not generic: compiled in this crate.
fn info_of(
    meta: &Meta,
    query: &QueryState,
    now: Nanos,
    describe: &dyn Fn(&mut dyn fmt::Write) -> fmt::Result,
) -> EntryInfo {
    let mut arguments = String::new();
    // A key whose `Debug` fails is shown as far as it got.
    let _ = describe(&mut arguments);
    // The entry may be newer than the clock reading.
    let now = now.max(meta.began);
    EntryInfo {
        query: query.name,
        module: query.module,
        owner: query.owner,
        arguments,
        scope: meta.tags.scope().map(|scope| scope.name.clone()),
        tags: meta.tags.tags().cloned().collect(),
        age: Duration::from_nanos(now - meta.began),
        expires_in: Duration::from_nanos(meta.expires_at.saturating_sub(now)),
        hits: meta.hits.total(),
    }
}
