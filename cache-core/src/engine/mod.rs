//! What the handles of one cache share, and the invalidations.

use std::any::{Any, TypeId};
use std::hash::{BuildHasher, Hasher};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU32, Ordering};

use foldhash::fast::{FoldHasher, RandomState};
use once_cell::sync::Lazy;

use crate::builder::Settings;
use crate::clock::{Nanos, TimeSource, saturating_nanos};
use crate::entry::info::EntryInfo;
use crate::entry::options::EntryOptions;
use crate::entry::{AnyEntry, Meta, address};
use crate::eviction::s3_fifo::State;
use crate::eviction::segment::{Aftermath, Entries, Inspector, Quota};
use crate::eviction::sweep::Snapshot;
use crate::eviction::{Admission, EvictionSegments};
use crate::private::mutation::catch;
use crate::query::{KeyHash, Marker, Query, QueryNames, QueryState, QueryTable, Site};
use crate::stats::{Counters, Event, QueryStats, Stats, processors};
use crate::store::erased::AnyStore;
use crate::store::storage::Stores;
use crate::store::{Candidate, Describe, Storable, Store};
use crate::sync::Arc;
use crate::tag::Tag;
use crate::version::registry::{Above, KeyId, Label, LabelRef, Registry, TagRef};
use crate::version::scope::{ROOT, Scope, ScopeId, Scopes};
use crate::version::tag_set::TagSet;
use crate::version::{Version, VersionClock};

/// More entries than these are never stored, whatever the capacity.
pub(crate) const MAX_CAPACITY: usize = 1 << 28;

pub(crate) struct Engine {
    pub(crate) versions: VersionClock,
    /// When everything was last invalidated.
    pub(crate) everything: TagRef,
    pub(crate) time: TimeSource,
    /// Which entry is to go. Its locks are taken after those of shards, and nothing is waited for under one.
    pub(crate) eviction: EvictionSegments,
    pub(crate) stores: Stores,
    /// Counts the queries that have a capacity of their own.
    quotas: AtomicU32,
    capacity: usize,
    default_ttl: Nanos,
    hasher: RandomState,
    registry: Arc<Registry>,
    scopes: Arc<Scopes>,
    queries: QueryTable,
    names: QueryNames,
    /// Of what concerns no query in particular.
    counters: Counters,
}

/// What a handle is on: a scope, or the root.
pub(crate) type ScopeRef<'a> = Option<&'a Arc<Scope>>;

pub(crate) fn scope_id(scope: ScopeRef<'_>) -> ScopeId {
    scope.map_or(ROOT, |scope| scope.id)
}

/// What an invalidation names.
#[derive(Clone, Copy)]
pub(crate) enum Target<'a> {
    Everything,
    Query(&'a QueryState),
    /// One key of a query. Through the root handle it is the key in every scope.
    Key(&'a QueryState, KeyHash),
    Tag(&'a str),
}

/// A target, and the scope that it is in.
pub(crate) type ScopedTarget<'a> = (ScopeRef<'a>, Target<'a>);

impl Engine {
    pub(crate) fn new(settings: Settings) -> Self {
        let capacity = settings.capacity.min(MAX_CAPACITY);
        let processors = processors();
        let (parts, shards) = ((processors * 4).next_power_of_two(), shards_per_store(capacity, processors));
        Self {
            versions: VersionClock::default(),
            everything: TagRef::permanent(),
            time: settings.time,
            eviction: EvictionSegments::new(capacity, shards),
            stores: Stores::new(shards),
            quotas: AtomicU32::new(0),
            capacity,
            default_ttl: saturating_nanos(settings.default_ttl),
            hasher: HASHER.clone(),
            registry: Arc::new(Registry::new(parts)),
            scopes: Arc::new(Scopes::new(parts)),
            queries: QueryTable::new(),
            names: QueryNames::new(parts),
            counters: Counters::new(),
        }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// The hash of a key, which `write` writes.
    pub(crate) fn hash(&self, scope: ScopeId, write: impl FnOnce(&mut FoldHasher<'_>)) -> u64 {
        in_scope(hash_with(&self.hasher, write), scope)
    }

    pub(crate) fn scope(&self, name: &str) -> Arc<Scope> {
        self.scopes.get_or_make(name)
    }

    /// The store of one instantiation of a query's function, if it has been used before.
    #[inline]
    pub(crate) fn find_store(&self, query: &Query, function: TypeId) -> Option<&Arc<dyn AnyStore>> {
        self.queries.find_store(query, function)
    }

    /// The store of one instantiation of a query's function.
    #[cold]
    pub(crate) fn store<K: Storable, V: Storable>(
        &self,
        site: Site,
        marker: Marker,
        describe: Describe<K>,
    ) -> &Arc<dyn AnyStore> {
        self.queries.store(site, marker, &mut || {
            let store = self.make_store::<K, V>(self.query(site).clone(), marker.instance, describe);
            (store.number, store)
        })
    }

    /// Makes one more store.
    pub(crate) fn make_store<K: Storable, V: Storable>(
        &self,
        query: Arc<QueryState>,
        instance: TypeId,
        describe: Describe<K>,
    ) -> Arc<Store<K, V>> {
        let number = self.stores.next_number();
        let store = Arc::new(Store::<K, V>::new(number, self.stores.shards_per_store, query, instance, describe));
        self.stores.add(number, store.clone());
        store
    }

    pub(crate) fn query(&self, site: Site) -> &Arc<QueryState> {
        self.queries.state(site, || self.names.register(site, |capacity| self.quota(capacity)))
    }

    /// The queries of a name at run time.
    pub(crate) fn queries_of_name(&self, name: &str) -> Vec<Arc<QueryState>> {
        self.names.of_name(name)
    }

    fn quota(&self, capacity: usize) -> Quota {
        let number = self.quotas.fetch_add(1, Ordering::Relaxed) + 1;
        Quota { number, capacity: capacity.min(MAX_CAPACITY) }
    }

    /// What an entry of a query is to be, before there is a value. The nodes of what it is known to depend on are found
    /// here.
    pub(crate) fn candidate<K, V>(
        &self,
        scope: ScopeRef<'_>,
        store: &Store<K, V>,
        hash: u64,
        options: EntryOptions,
    ) -> Candidate<()> {
        self.candidate_of(scope, &store.query, store.instance, hash, options)
    }

    fn candidate_of(
        &self,
        scope: ScopeRef<'_>,
        query: &Arc<QueryState>,
        instance: TypeId,
        hash: u64,
        EntryOptions { ttl, own_ttl, tags }: EntryOptions,
    ) -> Candidate<()> {
        let ttl = ttl.map_or(self.default_ttl, saturating_nanos);
        if scope.is_none() && tags.is_empty() {
            let tags = if query.tags.is_empty() {
                TagSet::default()
            } else {
                query.tag_nodes(|| query.tags.iter().map(|tag| self.tag_node(None, Tag::from_static(tag))).collect())
            };
            return Candidate { key: (), hash, scope: ROOT, ttl, own_ttl, tags };
        }
        let of_query = query.tags.iter().copied().map(Tag::from_static);
        let tags = of_query.chain(tags).map(|tag| self.tag_node(scope, tag));
        let Some(of) = scope else {
            return Candidate { key: (), hash, scope: ROOT, ttl, own_ttl, tags: tags.collect() };
        };
        let of_scope = {
            let above = || Above { scope: Some(of.clone()), ..Above::default() };
            self.registry.attach(Label::Query(query.id, of.id), above)
        };
        // By this the key is invalidated in all scopes at once.
        let key_everywhere = query
            .is_named()
            .then(|| self.key_node_in(None, query, self.key_id(query, instance, in_scope(hash, of.id))));
        let tags = [of_scope].into_iter().chain(key_everywhere).chain(tags).collect();
        Candidate { key: (), hash, scope: of.id, ttl, own_ttl, tags }
    }

    /// The node of a tag.
    pub(crate) fn tag_node(&self, scope: ScopeRef<'_>, tag: Tag) -> TagRef {
        let Some(of) = scope else { return self.registry.attach(Label::Tag(tag, ROOT), Above::default) };
        let everywhere = tag.clone();
        self.registry.attach(Label::Tag(tag, of.id), || Above {
            everywhere: Some(self.tag_node(None, everywhere)),
            scope: Some(of.clone()),
            any_key: None,
        })
    }

    /// The node of a key, by its hash in a scope.
    pub(crate) fn key_node(&self, scope: ScopeRef<'_>, query: &Arc<QueryState>, instance: TypeId, hash: u64) -> TagRef {
        self.key_node_in(scope, query, self.key_id(query, instance, in_scope(hash, scope_id(scope))))
    }

    fn key_node_in(&self, scope: ScopeRef<'_>, query: &Arc<QueryState>, key: KeyId) -> TagRef {
        self.registry.attach(Label::Key(key, scope_id(scope)), || Above {
            // Of a cache without queries, the key in another scope is another key.
            everywhere: scope.filter(|_| query.is_named()).map(|_| self.key_node_in(None, query, key)),
            scope: scope.cloned(),
            any_key: Some(query.any_key.clone()),
        })
    }

    /// Names a key by its hash in no scope.
    fn key_id(&self, query: &QueryState, instance: TypeId, hash: u64) -> KeyId {
        self.hasher.hash_one((query.id, instance, hash))
    }

    /// Invalidates all targets at one version. The entries of keys are removed first, then all are raised, and what was
    /// removed is dropped.
    pub(crate) fn invalidate(&self, targets: &[ScopedTarget<'_>]) {
        let mut removed = Entries::new();
        for &(scope, target) in targets {
            match target {
                Target::Everything | Target::Tag(_) => self.counters.count(Event::Invalidation),
                Target::Query(query) => query.counters.count(Event::Invalidation),
                Target::Key(query, key) => {
                    query.counters.count(Event::Invalidation);
                    let scope = scope_id(scope);
                    for number in query.stores.alike(key.instance) {
                        let store = self.stores.of_number(number);
                        store.forget_hash(self, in_scope(key.hash, scope), scope, &mut removed);
                    }
                }
            }
        }
        if targets.is_empty() {
            return;
        }
        self.versions.invalidate(|version| {
            for &(scope, target) in targets {
                self.raise(scope, target, version);
            }
        });
        if !removed.is_empty() {
            self.count_and_discard(removed);
        }
    }

    /// Drops entries that an invalidation has removed, and counts those that had expired. Returns the time.
    pub(crate) fn count_and_discard(&self, removed: Entries) -> Nanos {
        let now = catch(|| self.time.now());
        for entry in removed {
            let counters = &self.stores.of_number(entry.meta().store()).query().counters;
            if now.as_ref().is_ok_and(|now| *now >= entry.meta().expires_at) {
                counters.count(Event::Expiration);
            }
            entry.discard(counters);
        }
        now.unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn raise(&self, scope: ScopeRef<'_>, target: Target<'_>, version: Version) {
        match (target, scope) {
            (Target::Everything, None) => self.everything.raise(version),
            (Target::Everything, Some(scope)) => scope.invalidated_at.raise(version),
            (Target::Query(query), None) => query.node.raise(version),
            (Target::Query(query), Some(scope)) => {
                self.registry.raise_if_attached(LabelRef::Query(query.id, scope.id), version);
            }
            (Target::Tag(tag), _) => self.registry.raise(LabelRef::Tag(tag, scope_id(scope)), version),
            (Target::Key(query, key), _) => {
                self.raise_key(scope, query, self.key_id(query, key.instance, key.hash), version);
            }
        }
    }

    fn raise_key(&self, scope: ScopeRef<'_>, query: &QueryState, key: KeyId, version: Version) {
        if self.registry.has_keys() {
            self.registry.raise_if_attached(LabelRef::Key(key, scope_id(scope)), version);
        }
        query.any_key.raise(version);
    }

    /// Invalidates what depends on one key, by its hash in the scope. Its entry has been removed.
    pub(crate) fn invalidate_key_of<K, V>(&self, scope: ScopeRef<'_>, store: &Store<K, V>, hash: u64) {
        let key = self.key_id(&store.query, store.instance, in_scope(hash, scope_id(scope)));
        self.versions.invalidate(|version| self.raise_key(scope, &store.query, key, version));
    }

    /// Invalidates what depends on one key, if anything does.
    pub(crate) fn invalidate_dependents<K, V>(&self, scope: ScopeRef<'_>, store: &Store<K, V>, hash: u64) {
        let key = self.key_id(&store.query, store.instance, in_scope(hash, scope_id(scope)));
        let is_attached = self.registry.has_keys() && self.registry.is_attached(LabelRef::Key(key, scope_id(scope)));
        if is_attached || store.query.any_key.stands_for_keys() {
            self.versions.invalidate(|version| self.raise_key(scope, &store.query, key, version));
        }
    }

    /// Invalidates a whole query, when it is not known which of its keys is meant.
    pub(crate) fn invalidate_query_of<K, V>(&self, scope: ScopeRef<'_>, store: &Store<K, V>) {
        self.versions.invalidate(|version| self.raise(scope, Target::Query(&store.query), version));
    }

    /// Drops entries that were removed.
    fn discard(&self, removed: Entries) {
        for entry in removed {
            let counters = &self.stores.of_number(entry.meta().store()).query().counters;
            entry.discard(counters);
        }
    }

    /// Whether an entry has not been invalidated. Asks what it depends on only if something has been invalidated since it
    /// was last known to be valid.
    #[inline]
    pub(crate) fn is_valid(&self, query: &QueryState, meta: &Meta) -> bool {
        // Before anything is asked: what is found valid then is valid as of this version.
        let version = self.versions.now();
        meta.is_known_valid(version) || self.is_still_valid(query, meta, version)
    }

    fn is_still_valid(&self, query: &QueryState, meta: &Meta, version: Version) -> bool {
        let since = meta.valid_as_of();
        let is_valid = self.everything.is_valid_since(since)
            && query.node.is_valid_since(since)
            && meta.tags.is_valid_since(since);
        if is_valid {
            meta.set_valid_as_of(version);
        }
        is_valid
    }

    pub(crate) fn inspector(&self, now: Nanos) -> impl Inspector + '_ {
        EntryInspector { engine: self, now }
    }

    /// Whether an entry is dead, as far as can be found out under a lock.
    pub(crate) fn seems_dead(&self, meta: &Meta, now: Nanos) -> bool {
        self.inspector(now).state(meta).is_some_and(State::is_dead)
    }

    fn is_live(&self, meta: &Meta, now: Nanos) -> bool {
        now < meta.expires_at && self.is_valid(self.stores.of_number(meta.store()).query(), meta)
    }

    /// Removes what had to leave when an entry was admitted. No lock may be held.
    pub(crate) fn settle(&self, aftermath: Aftermath, now: Nanos) {
        let Aftermath { victim, dead, suspects, next } = aftermath;
        for entry in victim.into_iter().chain(dead) {
            self.stores.of_number(entry.meta().store()).dispose_any(self, entry, now);
        }
        for suspect in suspects {
            if self.is_live(suspect.meta(), now) {
                self.eviction.note(suspect.meta());
                self.discard([suspect].into_iter().collect());
            } else {
                self.remove(suspect, now);
            }
        }
        if let Some(segment) = next {
            let aftermath = self.eviction.sweep(segment, self.snapshot(now), &self.inspector(now));
            self.settle(aftermath, now);
        }
    }

    /// Takes in an entry. What had to leave is to be settled when no lock is held. Not generic: it is compiled once.
    pub(crate) fn admit(
        &self,
        entry: &Arc<dyn AnyEntry>,
        predecessor: Option<&Meta>,
        quota: Option<Quota>,
        now: Nanos,
    ) -> Aftermath {
        let (snapshot, inspector) = (self.snapshot(now), &self.inspector(now));
        self.eviction.admit(&Admission { entry, predecessor, quota, snapshot, inspector })
    }

    fn snapshot(&self, now: Nanos) -> Snapshot {
        Snapshot { now, version: self.versions.now() }
    }

    /// Removes an entry that is dead.
    fn remove(&self, entry: Arc<dyn AnyEntry>, now: Nanos) {
        // `entry` is still there: this is not the last reference.
        let was_listed = self.eviction.remove(entry.meta()).is_some();
        if was_listed {
            self.stores.of_number(entry.meta().store()).dispose_any(self, entry, now);
        } else {
            self.discard([entry].into_iter().collect());
        }
    }

    /// Visits the live entries, of one scope or of all.
    pub(crate) fn for_each_live(&self, scope: ScopeRef<'_>, mut visit: impl FnMut(&Arc<dyn AnyEntry>, Nanos)) {
        self.for_each_live_while(scope, |entry, now| {
            visit(entry, now);
            true
        });
    }

    /// The same, until a visit returns false.
    fn for_each_live_while(&self, scope: ScopeRef<'_>, mut visit: impl FnMut(&Arc<dyn AnyEntry>, Nanos) -> bool) {
        let (now, only, mut goes_on) = (self.time.now(), scope.map(|scope| scope.id), true);
        self.eviction.for_each_while(|entry| {
            if goes_on && only.is_none_or(|scope| scope == entry.meta().scope) && self.is_live(entry.meta(), now) {
                goes_on = visit(&entry, now);
            }
            self.discard([entry].into_iter().collect());
            goes_on
        });
    }

    /// Whether there is a live entry. It looks at no more entries once it has found one.
    pub(crate) fn any_live(&self, scope: ScopeRef<'_>) -> bool {
        let mut found = false;
        self.for_each_live_while(scope, |_, _| {
            found = true;
            false
        });
        found
    }

    pub(crate) fn len(&self, scope: ScopeRef<'_>) -> usize {
        let mut live = 0;
        self.for_each_live(scope, |_, _| live += 1);
        // Not all are counted at once. One that was counted may have made room for another since.
        live.min(self.capacity)
    }

    pub(crate) fn purge(&self) {
        let now = self.time.now();
        self.eviction.for_each(|entry| {
            if self.is_live(entry.meta(), now) {
                self.discard([entry].into_iter().collect());
            } else {
                self.remove(entry, now);
            }
        });
        for store in self.stores.iter() {
            store.shrink();
        }
        self.eviction.shrink();
        self.registry.shrink();
    }

    pub(crate) fn entries(&self, scope: ScopeRef<'_>) -> Vec<EntryInfo> {
        let mut list = Vec::new();
        self.for_each_live(scope, |entry, now| {
            list.extend(self.stores.of_number(entry.meta().store()).info(entry, now));
        });
        list
    }

    /// Counts the loads in flight, and their followers. It is asked by people who wonder what everybody is waiting for: so
    /// this waits for nothing, and is `None` if something is locked.
    pub(crate) fn count_flights(&self) -> Option<(usize, usize)> {
        self.stores.iter().try_fold((0, 0), |(loads, waiting), store| {
            let (more, more_waiting) = store.count_flights()?;
            Some((loads + more, waiting + more_waiting))
        })
    }

    pub(crate) fn stats(&self) -> Stats {
        let mut stats = Stats { entries: self.len(None), capacity: self.capacity, ..Stats::default() };
        stats.add(&self.counters);
        for query in self.names.all() {
            stats.add(&query.counters);
        }
        stats
    }

    /// The figures of a cache that has the one store, and no query.
    pub(crate) fn stats_of(&self, query: &QueryState) -> Stats {
        let mut stats = self.stats();
        stats.add(&query.counters);
        stats
    }

    /// The most entries that there may be of a query.
    pub(crate) fn capacity_of(&self, query: &QueryState) -> usize {
        query.quota.map_or(self.capacity, |quota| quota.capacity.min(self.capacity))
    }

    pub(crate) fn query_stats(&self) -> Vec<QueryStats> {
        let mut live = std::collections::HashMap::<u32, usize>::new();
        self.for_each_live(None, |entry, _| *live.entry(entry.meta().store()).or_default() += 1);
        let of = |query: Arc<QueryState>| {
            let entries: usize = query.stores.all().iter().filter_map(|number| live.get(number)).sum();
            QueryStats::new(&query, entries.min(self.capacity_of(&query)))
        };
        self.names.all().into_iter().map(of).collect()
    }

    /// Panics if something in the cache contradicts something else.
    pub(crate) fn check_invariants(&self) {
        self.eviction.check_invariants();
        for store in self.stores.iter() {
            self.check_store(&**store);
        }
    }

    /// Panics if a store contradicts itself or the eviction.
    pub(crate) fn check_store(&self, store: &dyn AnyStore) {
        store.check_shards(&mut |entries| {
            // One without a number has been evicted, and is about to leave its shard.
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

/// Says whether an entry is dead.
struct EntryInspector<'a> {
    engine: &'a Engine,
    now: Nanos,
}

impl Inspector for EntryInspector<'_> {
    fn state(&self, meta: &Meta) -> Option<State> {
        /// What depends on more than these is not asked about under a lock.
        const MANY: usize = 16;
        let Self { engine, now } = *self;
        if now >= meta.expires_at {
            return Some(State::Expired);
        }
        let version = engine.versions.now();
        let is_valid = if meta.is_known_valid(version) {
            true
        } else if meta.tags.len() > MANY {
            return None;
        } else {
            engine.is_still_valid(engine.stores.of_number(meta.store()).query(), meta, version)
        };
        Some(if is_valid { State::Live { uses: meta.uses.uses() } } else { State::Invalidated })
    }
}

/// The hasher of all caches of this process: a key has one hash, whichever of them it is in.
static HASHER: Lazy<RandomState> = Lazy::new(RandomState::default);

/// The hash of a key in no scope, which `write` writes.
pub(crate) fn hash_key(write: impl FnOnce(&mut FoldHasher<'_>)) -> u64 {
    hash_with(&HASHER, write)
}

fn hash_with(hasher: &RandomState, write: impl FnOnce(&mut FoldHasher<'_>)) -> u64 {
    let mut hasher = hasher.build_hasher();
    write(&mut hasher);
    hasher.finish()
}

/// The hash that a key has in a scope; and from that again the one in no scope.
fn in_scope(hash: u64, scope: ScopeId) -> u64 {
    /// Spreads small numbers over all bits: the fraction of the square root of 2.
    const SPREAD: u64 = 0x6A09_E667_F3BC_C909;
    hash ^ u64::from(scope).wrapping_mul(SPREAD)
}

/// Enough that threads seldom meet, and no more than a small cache has use for.
fn shards_per_store(capacity: usize, processors: usize) -> usize {
    /// A larger shard takes long to copy, which its writers may have to: see [`crate::sync::read_mostly`].
    const LARGEST: usize = 4_096;
    /// So many take a hundred kilobytes, at two processors.
    const MOST: usize = 256;
    let useful = (capacity / 32).max(1).next_power_of_two();
    let threads = (processors * 4).next_power_of_two().min(64);
    threads.max(capacity / LARGEST).next_power_of_two().min(MOST).min(useful)
}

/// The store behind a pointer that forgot its types.
pub(crate) fn downcast<K: Storable, V: Storable>(store: &Arc<dyn AnyStore>) -> &Store<K, V> {
    let store: &dyn Any = &**store;
    store.downcast_ref().expect("the store of a function has the types of that function")
}

/// The same, shared.
pub(crate) fn downcast_arc<K: Storable, V: Storable>(store: &Arc<dyn AnyStore>) -> Arc<Store<K, V>> {
    let store: Arc<dyn Any + Send + Sync> = store.clone();
    store.downcast().expect("the store of a function has the types of that function")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cache, EntryOptions, TaggedCache};

    fn tag(name: &str) -> Tag {
        Tag::from(name)
    }

    fn engine() -> Engine {
        Engine::new(Settings::default())
    }

    fn invalidate(engine: &Engine, scope: ScopeRef<'_>, target: Target<'_>) {
        engine.invalidate(&[(scope, target)]);
    }

    #[test]
    fn p1_a_tag_that_only_the_result_names_is_checked_against_what_was_invalidated_meanwhile() {
        let engine = engine();
        let birth = engine.versions.now();
        invalidate(&engine, None, Target::Tag("late"));
        // The invalidation found no node; the load that began before it names the tag only now.
        let late = engine.tag_node(None, tag("late"));
        assert!(!late.is_valid_since(birth), "what was read before the invalidation would be stored");
        assert!(late.is_valid_since(engine.versions.now()), "what is read now may be stored");
    }

    #[test]
    fn p1_a_tag_in_a_scope_is_also_the_tag_everywhere() {
        let engine = engine();
        let (one, two) = (engine.scope("1"), engine.scope("2"));
        let (in_one, in_two) = (engine.tag_node(Some(&one), tag("a")), engine.tag_node(Some(&two), tag("a")));
        let birth = engine.versions.now();
        invalidate(&engine, Some(&one), Target::Tag("a"));
        assert!(!in_one.is_valid_since(birth) && in_two.is_valid_since(birth));
        invalidate(&engine, None, Target::Tag("a"));
        assert!(!in_two.is_valid_since(birth));
    }

    #[test]
    fn p9_tags_leave_with_the_last_entry_that_has_them() {
        let cache: TaggedCache<u32, u32> = TaggedCache::builder().capacity(4).build();
        for key in 0..100 {
            cache.insert_with(key, key, EntryOptions::new().tag("shared").tag(format!("own:{key}")));
            assert!(cache.engine().registry.len() <= 5, "as many as the entries there are, and the shared one");
        }
        cache.invalidate_tags(["of no entry"]);
        cache.invalidate_all();
        cache.purge();
        assert_eq!(cache.engine().registry.len(), 0);
    }

    #[test]
    fn p9_nodes_of_keys_leave_with_the_last_entry_that_was_made_from_them() {
        let (inner, outer) = (TaggedCache::<u32, u32>::new(), TaggedCache::<u32, u32>::new());
        outer.get_or_load(&1, || (0..10).map(|key| inner.get_or_load(&key, || key)).sum());
        assert_eq!(inner.engine().registry.len(), 10, "one for each key that something depends on");
        outer.invalidate_key(&1);
        assert_eq!(inner.engine().registry.len(), 0);
    }

    #[test]
    fn p9_a_scope_leaves_with_its_last_handle_and_entry() {
        let cache = Cache::new();
        let engine = cache.engine();
        let scope = engine.scope("tenant");
        let in_scope = engine.tag_node(Some(&scope), tag("a"));
        let held = Arc::downgrade(&scope);
        drop(scope);
        assert!(held.upgrade().is_some(), "what is in it keeps it");
        drop(in_scope);
        assert!(held.upgrade().is_none());
        assert_eq!(engine.registry.len(), 0, "the tag everywhere went with the tag in the scope");
    }

    #[test]
    fn p3_a_key_through_the_root_handle_asks_no_scope() {
        let engine = engine();
        let query = Arc::new(QueryState { id: 1, ..QueryState::anonymous() });
        let scopes: Vec<_> = (0..100).map(|scope| engine.scope(&scope.to_string())).collect();
        let hash = |scope| in_scope(7, scope);
        let candidates: Vec<_> = scopes
            .iter()
            .map(|scope| {
                let (id, options) = (scope.id, EntryOptions::new());
                engine.candidate_of(Some(scope), &query, TypeId::of::<()>(), hash(id), options).tags
            })
            .collect();
        assert_eq!(engine.registry.len(), 101, "one for each scope, and one for the key in all of them");
        let birth = engine.versions.now();
        let key = KeyHash { hash: 7, instance: TypeId::of::<()>() };
        invalidate(&engine, None, Target::Key(&query, key));
        assert!(candidates.iter().all(|tags| !tags.is_valid_since(birth)));
    }

    #[test]
    fn small_caches_have_few_shards() {
        assert_eq!(shards_per_store(0, 8), 1);
        assert_eq!(shards_per_store(100, 8), 4);
        assert_eq!(shards_per_store(10_000, 2), 8);
        assert_eq!(shards_per_store(100_000, 2), 32);
        assert_eq!(shards_per_store(MAX_CAPACITY, 200), 256);
    }
}
