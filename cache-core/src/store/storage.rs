//! What the stores of a cache share: timeline, eviction, and the table of stores.

use std::any::Any;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::clock::Nanos;
use crate::entry::info::EntryInfo;
use crate::entry::{AnyEntry, Meta, address};
use crate::eviction::quota::Quota;
use crate::eviction::s3_fifo::State;
use crate::eviction::segment::{Aftermath, Inspector, Removed, RemovedEntries};
use crate::eviction::sweep::{Life, Snapshot};
use crate::eviction::{Admission, EvictionSegments};
use crate::history::History;
use crate::history::departed::Gone;
use crate::observer::Observers;
use crate::query::state::QueryState;
use crate::stats::counters::{Counters, Event};
use crate::sync::table::Table;
use crate::sync::unwind::catch;
use crate::sync::{Arc, OnceLock};
use crate::version::Version;
#[cfg(doc)]
use crate::version::registry::TagNode;
use crate::version::scope::{ScopeId, ScopeRef};
use crate::version::tag_set::{InvalidatedBy, TagSet};
use crate::version::timeline::Timeline;

pub(crate) type WithEntries<'a> = &'a mut dyn FnMut(&[(&Meta, usize)]);

pub(crate) trait AnyStore: Any + Send + Sync {
    fn query(&self) -> &Arc<QueryState>;
    /// See [`Store::dispose`](crate::store::Store::dispose).
    fn dispose_any(&self, storage: &Storage, removed: Removed, now: Nanos);
    /// Moves the scope's entries with this hash to `removed`. Returns the number of loads that it fences.
    fn forget_hash(&self, storage: &Storage, hash: u64, scope: ScopeId, removed: &mut RemovedEntries) -> usize;
    fn info(&self, entry: &Arc<dyn AnyEntry>, now: Nanos) -> Option<EntryInfo>;
    fn shrink(&self);
    fn count_flights(&self) -> Option<(usize, usize)>;
    fn number(&self) -> u32;
    fn check_shards(&self, with: WithEntries<'_>);
}

/// What all stores of a cache share.
pub(crate) struct Storage {
    pub(crate) timeline: Arc<Timeline>,
    /// Its locks are taken after those of shards; nothing is waited for under one.
    pub(crate) eviction: EvictionSegments,
    pub(crate) stores: Stores,
    /// Of all stores together, in entries.
    pub(crate) capacity: usize,
    pub(crate) history: History,
    pub(crate) observers: Observers,
}

impl Storage {
    /// In entries.
    pub(crate) fn capacity_of(&self, query: &QueryState) -> usize {
        query.quota.map_or(self.capacity, |quota| quota.capacity.min(self.capacity))
    }

    /// If not, nobody needs to weigh a value.
    pub(crate) fn limits_weight(&self) -> bool {
        self.eviction.limits_weight()
    }

    /// Whether an entry was not invalidated. Checks its tags only if anything was invalidated since it was last found
    /// valid.
    #[inline]
    pub(crate) fn is_valid(&self, query: &QueryState, meta: &Meta) -> bool {
        // Read first: what is found valid after that is valid as of this version.
        let version = self.timeline.versions.now();
        meta.is_known_valid(version) || self.is_still_valid(query, meta, version)
    }

    fn is_still_valid(&self, query: &QueryState, meta: &Meta, version: Version) -> bool {
        let since = meta.valid_as_of();
        let is_valid = self.timeline.everything.is_valid_since(since)
            && query.node.is_valid_since(since)
            && meta.tags.is_valid_since(since);
        if is_valid {
            meta.set_valid_as_of(version);
        }
        is_valid
    }

    /// Why an entry is invalid, if it is.
    pub(crate) fn invalidated_by(&self, query: &QueryState, meta: &Meta) -> Option<InvalidatedBy> {
        let since = meta.valid_as_of();
        if !self.timeline.everything.is_valid_since(since) {
            return Some(InvalidatedBy::Everything);
        }
        if !query.node.is_valid_since(since) {
            return Some(InvalidatedBy::Query);
        }
        meta.tags.invalidated_by(since)
    }

    /// When an entry was invalidated, if it is invalid: see [`TagNode::raised_after`].
    pub(crate) fn invalidated_at(&self, query: &QueryState, meta: &Meta) -> Option<Version> {
        self.invalidated_after(query, &meta.tags, meta.valid_as_of())
    }

    /// The same for what depends on these tags. At 0 what is suspended: it was invalidated by none of before.
    pub(crate) fn invalidated_after(&self, query: &QueryState, tags: &TagSet, since: Version) -> Option<Version> {
        let nodes = [&self.timeline.everything, &query.node].map(|node| node.raised_after(since));
        let at = nodes.into_iter().chain([tags.raised_after(since)]).flatten().min()?;
        Some(if at > since { at } else { 0 })
    }

    /// Whether somebody wants to know of single calls.
    pub(crate) fn is_watched(&self) -> bool {
        !self.observers.is_empty()
    }

    /// Counts a miss by its reason.
    #[cold]
    pub(crate) fn count_miss(&self, query: &QueryState, gone: Gone) {
        query.counters.count(match gone {
            Gone::Unknown => Event::ColdMiss,
            Gone::Expired => Event::ExpiredMiss,
            Gone::Evicted => Event::EvictedMiss,
            Gone::PassedBy => Event::BypassedMiss,
            Gone::Invalidated(version) => {
                self.history.count_miss(version);
                Event::InvalidatedMiss
            }
        });
    }

    pub(crate) fn inspector(&self, now: Nanos) -> impl Inspector + '_ {
        EntryInspector { storage: self, now }
    }

    /// As far as a check under a lock can tell.
    pub(crate) fn seems_dead(&self, meta: &Meta, now: Nanos) -> bool {
        self.inspector(now).state(meta).is_some_and(State::is_dead)
    }

    fn is_live(&self, meta: &Meta, now: Nanos) -> bool {
        now < meta.expires_at && self.is_valid(self.stores.of_number(meta.store()).query(), meta)
    }

    /// See [`Store::is_kept`](crate::store::Store::is_kept).
    fn is_kept(&self, meta: &Meta, now: Nanos) -> bool {
        now < self.dies_at(meta, now) && self.is_valid(self.stores.of_number(meta.store()).query(), meta)
    }

    /// When it expires, or once that has come, until when it is kept.
    fn dies_at(&self, meta: &Meta, now: Nanos) -> Nanos {
        if now < meta.expires_at {
            return meta.expires_at;
        }
        self.stores.of_number(meta.store()).query().windows.kept_until(meta.expires_at)
    }

    /// The caller holds no lock.
    pub(crate) fn settle(&self, aftermath: Aftermath, now: Nanos) {
        let Aftermath { victim, more_victims, dead, suspects, next } = aftermath;
        for removed in victim.into_iter().chain(more_victims).chain(dead) {
            self.dispose(removed, now);
        }
        for suspect in suspects {
            if self.is_kept(suspect.meta(), now) {
                self.eviction.record_live(suspect.meta(), self.inspector(now).life(suspect.meta()));
                self.discard(suspect);
            } else {
                self.remove(suspect, now);
            }
        }
        if let Some(segment) = next {
            let aftermath = self.eviction.sweep(segment, self.snapshot(now), &self.inspector(now));
            self.settle(aftermath, now);
        }
    }

    /// The caller [settles](Self::settle) the aftermath without a lock. Not generic: compiled once.
    pub(crate) fn admit(
        &self,
        entry: &Arc<dyn AnyEntry>,
        weight: u64,
        predecessor: Option<&Meta>,
        quota: Option<Quota>,
        now: Nanos,
    ) -> Aftermath {
        let (snapshot, inspector) = (self.snapshot(now), &self.inspector(now));
        self.eviction.admit(&Admission { entry, weight, predecessor, quota, snapshot, inspector })
    }

    fn snapshot(&self, now: Nanos) -> Snapshot {
        Snapshot { now, version: self.timeline.versions.now() }
    }

    fn remove(&self, entry: Arc<dyn AnyEntry>, now: Nanos) {
        match self.eviction.remove(entry.meta()) {
            Some(removed) => {
                // Not the last reference.
                drop(entry);
                self.dispose(removed, now);
            }
            None => self.discard(entry),
        }
    }

    fn dispose(&self, removed: Removed, now: Nanos) {
        self.stores.of_number(removed.entry.meta().store()).dispose_any(self, removed, now);
    }

    /// Of one scope or of all.
    pub(crate) fn for_each_live(&self, scope: ScopeRef<'_>, mut visit: impl FnMut(&Arc<dyn AnyEntry>, Nanos)) {
        self.for_each_while(scope, Self::is_live, |entry, now| {
            visit(entry, now);
            true
        });
    }

    /// Until a visit returns false.
    fn for_each_while(
        &self,
        scope: ScopeRef<'_>,
        is_wanted: fn(&Self, &Meta, Nanos) -> bool,
        mut visit: impl FnMut(&Arc<dyn AnyEntry>, Nanos) -> bool,
    ) {
        let (now, only, mut goes_on) = (self.timeline.time.now(), scope.map(|scope| scope.id), true);
        self.eviction.for_each_while(|entry| {
            if goes_on && only.is_none_or(|scope| scope == entry.meta().scope) && is_wanted(self, entry.meta(), now) {
                goes_on = visit(&entry, now);
            }
            self.discard(entry);
            goes_on
        });
    }

    /// Stops at the first live entry.
    pub(crate) fn any_live(&self, scope: ScopeRef<'_>) -> bool {
        let mut found = false;
        self.for_each_while(scope, Self::is_live, |_, _| {
            found = true;
            false
        });
        found
    }

    pub(crate) fn len(&self, scope: ScopeRef<'_>) -> usize {
        self.count(scope, Self::is_live)
    }

    /// Includes expired entries that may still be served.
    pub(crate) fn len_with_stale(&self, scope: ScopeRef<'_>) -> usize {
        self.count(scope, Self::is_kept)
    }

    fn count(&self, scope: ScopeRef<'_>, is_wanted: fn(&Self, &Meta, Nanos) -> bool) -> usize {
        let mut live = 0;
        self.for_each_while(scope, is_wanted, |_, _| {
            live += 1;
            true
        });
        // Segments are counted one by one: a counted entry may have made room for a later one.
        live.min(self.capacity)
    }

    /// Also frees unused memory.
    pub(crate) fn purge(&self) {
        let now = self.timeline.time.now();
        self.eviction.for_each(|entry| {
            if self.is_kept(entry.meta(), now) {
                self.discard(entry);
            } else {
                self.remove(entry, now);
            }
        });
        for store in self.stores.iter() {
            store.shrink();
        }
        self.eviction.shrink();
    }

    pub(crate) fn entries(&self, scope: ScopeRef<'_>) -> Vec<EntryInfo> {
        let mut list = Vec::new();
        self.for_each_live(scope, |entry, now| {
            list.extend(self.stores.of_number(entry.meta().store()).info(entry, now));
        });
        list
    }

    /// Loads in flight, and followers. `Debug` of a cache shows them, perhaps in a deadlock: it waits for nothing, and
    /// is `None` if a shard is locked.
    pub(crate) fn count_flights(&self) -> Option<(usize, usize)> {
        self.stores.iter().try_fold((0, 0), |(loads, waiting), store| {
            let (more, more_waiting) = store.count_flights()?;
            Some((loads + more, waiting + more_waiting))
        })
    }

    fn discard(&self, entry: Arc<dyn AnyEntry>) {
        let counters = self.counters_of(&*entry);
        entry.discard(counters);
    }

    fn counters_of(&self, entry: &dyn AnyEntry) -> &Counters {
        &self.stores.of_number(entry.meta().store()).query().counters
    }

    /// The entries were invalidated at a version. Counts the expired ones. Returns the time.
    pub(crate) fn count_and_discard(&self, removed: RemovedEntries, version: Version) -> Nanos {
        let now = catch(|| self.timeline.time.now());
        for entry in removed {
            self.history.departed.record(entry.meta().store(), entry.meta().hash, Gone::Invalidated(version));
            let counters = self.counters_of(&*entry);
            if now.as_ref().is_ok_and(|now| *now >= entry.meta().expires_at) {
                counters.count(Event::Expiration);
            }
            entry.discard(counters);
        }
        now.unwrap_or_else(|panic| resume_unwind(panic))
    }

    pub(crate) fn check_invariants(&self) {
        self.eviction.check_invariants();
        for store in self.stores.iter() {
            self.check_store(&**store);
        }
    }

    pub(crate) fn check_store(&self, store: &dyn AnyStore) {
        store.check_shards(&mut |entries| {
            // An entry without an id was evicted, and is about to leave its shard.
            let stored = entries.iter().filter(|(meta, _)| meta.id().is_some());
            let mut stored: Vec<usize> = stored.map(|(_, address)| *address).collect();
            let mut listed = Vec::new();
            self.eviction.for_each(|entry| {
                if entry.meta().store() == store.number() {
                    listed.push(address(&entry));
                }
            });
            stored.sort_unstable();
            listed.sort_unstable();
            assert_eq!(stored, listed, "the eviction and the shards disagree");
        });
    }
}

struct EntryInspector<'a> {
    storage: &'a Storage,
    now: Nanos,
}

impl Inspector for EntryInspector<'_> {
    fn life(&self, meta: &Meta) -> Life {
        Life { dies_at: self.storage.dies_at(meta, self.now), valid_as_of: meta.valid_as_of() }
    }

    fn state(&self, meta: &Meta) -> Option<State> {
        /// More tags are not checked under a lock.
        const MANY: usize = 16;
        let Self { storage, now } = *self;
        if now >= storage.dies_at(meta, now) {
            return Some(State::Expired);
        }
        let version = storage.timeline.versions.now();
        let is_valid = if meta.is_known_valid(version) {
            true
        } else if meta.tags.len() > MANY {
            return None;
        } else {
            storage.is_still_valid(storage.stores.of_number(meta.store()).query(), meta, version)
        };
        Some(if is_valid { State::Live { frequency: meta.hits.frequency() } } else { State::Invalidated })
    }
}

/// Never removed, and found without a lock.
pub(crate) struct Stores {
    by_number: Table<OnceLock<Arc<dyn AnyStore>>>,
    /// The number of the last one, from 1. It may not be in the table yet.
    last: AtomicU32,
    pub(crate) shards_per_store: usize,
}

impl Stores {
    pub(crate) fn new(shards_per_store: usize) -> Self {
        Self { by_number: Table::new(), last: AtomicU32::new(0), shards_per_store }
    }

    pub(crate) fn next_number(&self) -> u32 {
        self.last.fetch_add(1, Ordering::AcqRel) + 1
    }

    pub(crate) fn add(&self, number: u32, store: Arc<dyn AnyStore>) {
        let added = self.by_number.get(number).set(store);
        debug_assert!(added.is_ok(), "a number is taken once");
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<dyn AnyStore>> {
        (1..=self.last.load(Ordering::Acquire)).filter_map(|number| self.by_number.get(number).get())
    }

    pub(crate) fn of_number(&self, number: u32) -> &Arc<dyn AnyStore> {
        self.by_number.get(number).get().expect("an entry is in a store that was added")
    }
}
