//! Stores whose types are erased: what is done with all entries of a cache, and never on the path of a hit.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use crate::clock::Nanos;
use crate::engine::Engine;
use crate::entry::info::EntryInfo;
use crate::entry::{AnyEntry, Entry, Meta};
use crate::eviction::segment::{Entries, push};
use crate::query::QueryState;
use crate::store::{Describe, Storable, Store, Wanted};
use crate::sync::Arc;
use crate::version::scope::ScopeId;

/// Is given entries by their addresses.
pub(crate) type WithEntries<'a> = &'a mut dyn FnMut(&[(&Meta, usize)]);

pub(crate) trait AnyStore: Any + Send + Sync {
    fn query(&self) -> &Arc<QueryState>;
    /// Removes an entry that the eviction has let go of, and counts why.
    fn dispose_any(&self, engine: &Engine, entry: Arc<dyn AnyEntry>, now: Nanos);
    /// Removes every entry whose key has this hash, in one scope, and adds it to `removed`: see [`Store::forget`].
    fn forget_hash(&self, engine: &Engine, hash: u64, scope: ScopeId, removed: &mut Entries);
    /// Describes an entry for people.
    fn info(&self, entry: &Arc<dyn AnyEntry>, now: Nanos) -> Option<EntryInfo>;
    fn shrink(&self);
    /// Counts the loads in flight, and their followers; `None` if a shard is locked.
    fn count_flights(&self) -> Option<(usize, usize)>;
    /// Its number among the stores of the cache.
    fn number(&self) -> u32;
    /// Panics if a shard is broken. Hands out the entries by their addresses, while all shards are locked.
    fn check_shards(&self, with: WithEntries<'_>);
}

impl<K: Storable, V: Storable> AnyStore for Store<K, V> {
    fn query(&self) -> &Arc<QueryState> {
        &self.query
    }

    fn dispose_any(&self, engine: &Engine, entry: Arc<dyn AnyEntry>, now: Nanos) {
        if let Some(entry) = typed(entry) {
            self.dispose(engine, entry, now);
        }
    }

    fn forget_hash(&self, engine: &Engine, hash: u64, scope: ScopeId, removed: &mut Entries) {
        self.forget(engine, &Wanted { hash, scope, is_key: |_: &K| true }, |entry| push(removed, entry));
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

/// The entry behind a pointer that forgot its types.
fn typed<K: Storable, V: Storable>(entry: Arc<dyn AnyEntry>) -> Option<Arc<Entry<K, V>>> {
    entry.as_any().downcast().ok()
}

impl<K: Storable, V: Storable> Store<K, V> {
    /// Describes an entry of this store, with its key written out by `describe`. No lock is held.
    pub(crate) fn info_with(&self, entry: &Arc<dyn AnyEntry>, now: Nanos, describe: Describe<K>) -> Option<EntryInfo> {
        let typed = typed::<K, V>(entry.clone())?;
        Some(info_of(&typed.meta, &self.query, now, &|out| describe(&typed.key, &self.query, out)))
    }
}

/// Describes an entry whose key is written out by `describe`. Not generic: it is compiled in this crate.
fn info_of(
    meta: &Meta,
    query: &QueryState,
    now: Nanos,
    describe: &dyn Fn(&mut dyn fmt::Write) -> fmt::Result,
) -> EntryInfo {
    let mut arguments = String::new();
    // A `String` takes all that is written. A key whose `Debug` fails is shown as far as it got.
    let _ = describe(&mut arguments);
    // It may have come since the clock was read.
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
        hits: meta.uses.hits(),
    }
}
