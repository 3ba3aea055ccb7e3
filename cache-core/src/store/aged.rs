//! Look-ups of entries that are not fresh, in stores whose query has options for that.

use std::time::Duration;

use crate::clock::Nanos;
use crate::entry::{Entry, address, discard, discard_some};
use crate::flight::InFlight;
use crate::observer::events::ServedStale;
use crate::query::state::QueryState;
use crate::query::windows::Age;
use crate::stats::counters::Event;
use crate::store::storage::Storage;
use crate::store::{Absent, Storable, Store, Wanted};
use crate::sync::Arc;
use crate::version::Version;

/// An entry that is not fresh. Its caller may serve it unless it is invalidated meanwhile.
pub(crate) struct AgedEntry<K, V> {
    /// Taken when it is dropped.
    entry: Option<Arc<Entry<K, V>>>,
    /// Whether it is served while the load runs in the background. If not, only if the load fails or takes long.
    pub(crate) is_served_at_once: bool,
    pub(crate) has_expired: bool,
    /// A version as of which it was not invalidated: an invalidation of its key before that would have removed it.
    pub(crate) since: Version,
    query: Arc<QueryState>,
}

impl<K, V> AgedEntry<K, V> {
    /// The shard of the entry is locked, and has it. `since` is the version now.
    pub(crate) fn new(
        entry: Arc<Entry<K, V>>,
        is_served_at_once: bool,
        has_expired: bool,
        since: Version,
        query: Arc<QueryState>,
    ) -> Self {
        Self { entry: Some(entry), is_served_at_once, has_expired, since, query }
    }

    /// How long a caller waits for a load while it has this.
    pub(crate) fn soft_timeout(&self) -> Option<Duration> {
        self.query.windows.soft_timeout
    }

    pub(crate) fn entry(&self) -> &Arc<Entry<K, V>> {
        self.entry.as_ref().expect("it is taken on drop")
    }
}

impl<K, V> Drop for AgedEntry<K, V> {
    fn drop(&mut self) {
        discard_some(self.entry.take(), &self.query.counters);
    }
}

impl<K: Storable, V: Storable> Store<K, V> {
    /// An entry that is not fresh, if it is served to a caller that could load: another one is loading, or the last load
    /// has failed not long ago.
    pub(crate) fn look_up_aged(
        &self,
        storage: &Storage,
        wanted: &Wanted<&dyn Fn(&K) -> bool>,
        now: Nanos,
    ) -> Result<Arc<Entry<K, V>>, Absent> {
        let mut shard = self.lock(wanted.hash);
        let Some(entry) = shard.value().find(wanted.hash, wanted.scope, wanted.is_key).cloned() else {
            return Err(Absent::Missing);
        };
        let age = self.query.windows.age(entry.meta.expires_at, now);
        let (hash, scope) = (wanted.hash, wanted.scope);
        let is_served = match age {
            Age::Fresh => true,
            Age::Over => false,
            Age::OnlyIfError => shard.state().failures.has(hash, scope, now),
            Age::Refreshable => {
                let arrived = storage.timeline.versions.now();
                let state = shard.state_mut().find(hash, scope, wanted.is_key, arrived, now).state;
                matches!(state, InFlight::Open(_)) || shard.state().failures.has(hash, scope, now)
            }
        };
        drop(shard);
        if is_served && storage.is_valid(&self.query, &entry.meta) {
            return Ok(entry);
        }
        discard(entry, &self.query.counters);
        Err(Absent::Dead)
    }

    /// Counts an answer from an entry that may have expired. The caller holds no lock.
    pub(crate) fn count_served(&self, storage: &Storage, entry: &Entry<K, V>, now: Nanos) {
        let expires_at = entry.meta.expires_at;
        entry.meta.hits.record();
        if now < expires_at {
            return;
        }
        self.query.counters.count(Event::StaleHit);
        if storage.observers.want_traces() {
            self.with_call(entry, |call| {
                let expired_for = Duration::from_nanos(now - expires_at);
                storage.observers.served_stale(&ServedStale { call, expired_for });
            });
        }
    }

    /// Whether an entry is in its shard.
    pub(crate) fn has(&self, entry: &Arc<Entry<K, V>>) -> bool {
        self.lock(entry.meta.hash).value().has(entry.meta.hash, address(entry))
    }
}
