//! What the handles of one cache share, and the invalidations.

use std::any::{Any, TypeId};
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use foldhash::fast::{FoldHasher, RandomState};
use once_cell::sync::Lazy;

use crate::any_store::AnyStore;
use crate::builder::Settings;
use crate::capacity::{Quota, Room};
use crate::clock::{Nanos, TimeSource, saturating_nanos};
use crate::inspect::EntryInfo;
use crate::policy::{Address, State};
use crate::query::{KeyHash, Marker, Query, QueryNames, QueryState, QueryTable, Site};
use crate::reentry;
use crate::scope::{ROOT, Scope, ScopeId, Scopes};
use crate::shard::Origin;
use crate::stats::{Counters, Event, QueryStats, Stats, processors};
use crate::store::{Candidate, Describe, Storable, Store};
use crate::stores::{Stores, View};
use crate::sync::{Arc, Mutex};
use crate::tag::{Above, Bearing, Bearings, Registry, Tag};
use crate::version::{Cell, VersionClock};

/// More entries than these are never stored, whatever the capacity.
pub(crate) const MAX_CAPACITY: usize = 1 << 28;

pub(crate) struct Engine {
    pub(crate) versions: VersionClock,
    /// Raised when everything is invalidated.
    pub(crate) floor: Cell,
    pub(crate) time: TimeSource,
    /// Which entry is to go. Its lock is taken before those of shards.
    pub(crate) room: Mutex<Room>,
    pub(crate) stores: Stores,
    /// Counts the queries that have a capacity of their own.
    quotas: AtomicU32,
    capacity: usize,
    default_ttl: Nanos,
    hasher: RandomState,
    tags: Arc<Registry>,
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

impl Engine {
    pub(crate) fn new(settings: Settings) -> Self {
        let capacity = settings.capacity.min(MAX_CAPACITY);
        let processors = processors();
        let parts = (processors * 4).next_power_of_two();
        Self {
            versions: VersionClock::default(),
            floor: Cell::default(),
            time: settings.time,
            room: Mutex::new(Room::new(capacity)),
            stores: Stores::new(shards_per_store(capacity, processors)),
            quotas: AtomicU32::new(0),
            capacity,
            default_ttl: saturating_nanos(settings.default_ttl),
            hasher: HASHER.clone(),
            tags: Arc::new(Registry::new(parts)),
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

    /// When a load that starts now begins. What it is known to bear must have been found before.
    pub(crate) fn origin(&self, now: Nanos) -> Origin {
        Origin { birth: self.versions.birth(), time: now }
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
        self.queries.store(site, marker, || self.make_store::<K, V>(self.query(site).clone(), describe))
    }

    /// Makes one more store.
    pub(crate) fn make_store<K: Storable, V: Storable>(
        &self,
        query: Arc<QueryState>,
        describe: Describe<K>,
    ) -> Arc<Store<K, V>> {
        let capacity = self.capacity_of(&query);
        self.stores.push(|first_shard, shards| Store::<K, V>::new(first_shard, (shards, capacity), query, describe))
    }

    fn query(&self, site: Site) -> &Arc<QueryState> {
        self.queries.state(site, || self.names.register(site, |capacity| self.quota(capacity)))
    }

    /// Chooses the entry that goes for one of this quota: see [`Room::evict`]. It is no part of what is compiled for
    /// each type of key and value.
    pub(crate) fn evict(&self, room: &mut Room, quota: Option<Quota>, now: Nanos) -> Option<(Address, State)> {
        room.evict(&View { engine: self, now }, quota)
    }

    fn quota(&self, capacity: usize) -> Quota {
        Quota { number: self.quotas.fetch_add(1, Ordering::Relaxed), capacity: capacity.min(MAX_CAPACITY) }
    }

    /// What an entry of a query is to be of. The cells of what it is to bear are found here.
    pub(crate) fn candidate<K>(
        &self,
        scope: ScopeRef<'_>,
        query: &QueryState,
        (key, hash): (K, u64),
        ttl: Option<Duration>,
        tags: &[Tag],
    ) -> Candidate<K> {
        let bearings = self.bear(scope, query, tags);
        Candidate { key, hash, scope: scope_id(scope), ttl: ttl.map_or(self.default_ttl, saturating_nanos), bearings }
    }

    /// Finds the cells of what an entry is to bear, beside those of its query and of the whole cache.
    fn bear(&self, scope: ScopeRef<'_>, query: &QueryState, tags: &[Tag]) -> Bearings {
        let Some(of) = scope else { return self.bear_tags(None, tags) };
        let mut all = Bearings::from(of.queries.bear(&query.label, || Above::Scope(of.clone())));
        all.join(self.bear_tags(scope, tags));
        all
    }

    /// Finds the cells of tags.
    pub(crate) fn bear_tags(&self, scope: ScopeRef<'_>, tags: &[Tag]) -> Bearings {
        tags.iter().map(|tag| self.bear_tag(scope, tag)).collect()
    }

    fn bear_tag(&self, scope: ScopeRef<'_>, tag: &Tag) -> Bearing {
        let everywhere = || self.tags.bear(tag, || Above::Nothing);
        match scope {
            None => everywhere(),
            Some(scope) => scope.tags.bear(tag, || Above::Everywhere(everywhere())),
        }
    }

    pub(crate) fn invalidate_all(&self, scope: ScopeRef<'_>) {
        self.counters.count(Event::Invalidation);
        self.versions.invalidate(|version| scope.map_or(&self.floor, |scope| &scope.floor).raise(version));
    }

    pub(crate) fn invalidate_tags<T: AsRef<str>>(&self, scope: ScopeRef<'_>, tags: impl IntoIterator<Item = T>) {
        let registry = scope.map_or(&self.tags, |scope| &scope.tags);
        for tag in tags {
            self.counters.count(Event::Invalidation);
            self.versions.invalidate(|version| registry.raise(tag.as_ref(), version));
        }
    }

    /// Invalidates queries by their names at run time.
    pub(crate) fn invalidate_named<T: AsRef<str>>(&self, scope: ScopeRef<'_>, names: impl IntoIterator<Item = T>) {
        for name in names {
            let raise_all = |version| {
                self.names.for_each(name.as_ref(), |query| raise_query(scope, query, version));
            };
            self.versions.invalidate(raise_all);
        }
    }

    pub(crate) fn invalidate_query(&self, scope: ScopeRef<'_>, site: Site) {
        self.versions.invalidate(|version| raise_query(scope, self.query(site), version));
    }

    /// Invalidates one key of a query. Through the root it is the key in every scope.
    pub(crate) fn invalidate_key(&self, scope: ScopeRef<'_>, site: Site, key: KeyHash) {
        self.query(site).counters.count(Event::Invalidation);
        self.versions.invalidate(|version| {
            let now = self.time.now();
            let scopes = scope.map_or_else(|| self.scopes.all(), |scope| vec![scope.clone()]);
            for store in self.queries.stores(site, key.instance) {
                let forget = |scope| store.invalidate_hash(self, in_scope(key.hash, scope), scope, version, now);
                if scope.is_none() {
                    forget(ROOT);
                }
                for scope in &scopes {
                    forget(scope.id);
                }
            }
        });
    }

    pub(crate) fn len(&self, scope: ScopeRef<'_>) -> usize {
        let (now, only) = (self.time.now(), scope.map(|scope| scope.id));
        let live: usize = self.stores.iter().map(|store| store.count_live(self, now, only)).sum();
        // Shards are counted one after the other. One that was counted may have made room for another since.
        live.min(self.capacity)
    }

    pub(crate) fn purge(&self) {
        if reentry::is_inside() {
            return;
        }
        let now = self.time.now();
        for store in self.stores.iter() {
            store.purge(self, now);
        }
        self.room.lock().shrink();
    }

    pub(crate) fn entries(&self, scope: ScopeRef<'_>) -> Vec<EntryInfo> {
        let (now, only) = (self.time.now(), scope.map(|scope| scope.id));
        let mut list = Vec::new();
        for store in self.stores.iter() {
            store.list(self, now, only, &mut list);
        }
        list
    }

    /// Counts the loads under way, and those who wait for one. It is asked by people who wonder what everybody is
    /// waiting for: so this waits for nothing, and is `None` if something is locked.
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
        let now = self.time.now();
        let of = |query: Arc<QueryState>| {
            let own = self.stores.iter().filter(|store| Arc::ptr_eq(store.query(), &query));
            let entries: usize = own.map(|store| store.count_live(self, now, None)).sum();
            QueryStats::new(&query, entries.min(self.capacity_of(&query)))
        };
        self.names.all().into_iter().map(of).collect()
    }

    /// Panics if something in the cache contradicts something else.
    pub(crate) fn check_invariants(&self) {
        let room = self.room.lock();
        let mut queued = room.check_invariants();
        let mut stored: Vec<_> = self.stores.iter().flat_map(|store| store.check_invariants()).collect();
        for (at, id) in &stored {
            assert_eq!(room.address(*id), *at, "an entry and its place in the queues disagree");
        }
        queued.sort_unstable();
        stored.sort_unstable();
        assert!(queued.iter().eq(stored.iter().map(|(at, _)| at)), "the queues and the stores disagree");
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

/// The hash that a key has in a scope.
fn in_scope(hash: u64, scope: ScopeId) -> u64 {
    /// Spreads small numbers over all bits: the fraction of the square root of 2.
    const SPREAD: u64 = 0x6A09_E667_F3BC_C909;
    hash ^ u64::from(scope).wrapping_mul(SPREAD)
}

fn raise_query(scope: ScopeRef<'_>, query: &QueryState, version: u64) {
    query.counters.count(Event::Invalidation);
    match scope {
        None => query.cell.raise(version),
        Some(scope) => scope.queries.raise(query.label.as_str(), version),
    }
}

/// Enough that threads seldom meet, and no more than a small cache has use for.
fn shards_per_store(capacity: usize, processors: usize) -> u32 {
    let wanted = (processors * 4).next_power_of_two().min(64);
    let useful = (capacity / 32).max(1).next_power_of_two();
    u32::try_from(wanted.min(useful)).expect("at most 64")
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

    #[test]
    fn p1_a_tag_that_only_the_result_brings_is_fenced_by_the_orphan_floor() {
        let engine = engine();
        let birth = engine.versions.birth();
        engine.invalidate_tags(None, ["late"]);
        // The invalidation found no cell; the load that began before it brings the tag only now.
        let late = engine.bear(None, &QueryState::anonymous(), &[tag("late")]);
        assert!(!late.admit(birth), "what was read before the invalidation would be stored");
        assert!(late.admit(engine.versions.birth()), "what is read now may be stored");
    }

    #[test]
    fn p1_a_cell_that_has_left_leaves_its_version_behind() {
        let engine = engine();
        let query = QueryState::anonymous();
        let bearer = engine.bear(None, &query, &[tag("late")]);
        let birth = engine.versions.birth();
        engine.invalidate_tags(None, ["late"]);
        drop(bearer);
        assert_eq!(engine.tags.len(), 0);
        assert!(!engine.bear(None, &query, &[tag("late")]).admit(birth));
    }

    #[test]
    fn p1_a_tag_in_a_scope_is_also_the_tag_everywhere() {
        let engine = engine();
        let (query, one, two) = (QueryState::anonymous(), engine.scope("1"), engine.scope("2"));
        let in_one = engine.bear(Some(&one), &query, &[tag("a")]);
        let in_two = engine.bear(Some(&two), &query, &[tag("a")]);
        let birth = engine.versions.birth();
        engine.invalidate_tags(Some(&one), ["a"]);
        assert!(!in_one.admit(birth) && in_two.admit(birth));
        engine.invalidate_tags(None, ["a"]);
        assert!(!in_two.admit(birth));
        assert_eq!(in_two.tags().map(Tag::as_str).collect::<Vec<_>>(), ["a"], "the scope's mark is no tag");
    }

    #[test]
    fn p9_tags_leave_with_the_last_entry_that_bears_them() {
        let cache: TaggedCache<u32, u32> = TaggedCache::builder().capacity(4).build();
        for key in 0..100 {
            cache.insert_with(key, key, EntryOptions::new().tag("shared").tag(format!("own:{key}")));
            assert!(cache.engine().tags.len() <= 5, "as many as the entries there are, and the shared one");
        }
        cache.invalidate_tags(["never borne by anything"]);
        cache.invalidate_all();
        cache.purge();
        assert_eq!(cache.engine().tags.len(), 0);
    }

    #[test]
    fn p9_a_scope_leaves_with_its_last_handle_and_entry() {
        let cache = Cache::new();
        let engine = cache.engine();
        let scope = engine.scope("tenant");
        let in_scope = engine.bear(Some(&scope), &QueryState::anonymous(), &[tag("a")]);
        let held = Arc::downgrade(&scope);
        drop(scope);
        assert!(held.upgrade().is_some(), "what is in it keeps it");
        drop(in_scope);
        assert!(held.upgrade().is_none());
        assert_eq!(engine.tags.len(), 0, "the tag everywhere went with the tag in the scope");
    }

    #[test]
    fn small_caches_have_few_shards() {
        assert_eq!(shards_per_store(0, 8), 1);
        assert_eq!(shards_per_store(100, 8), 4);
        assert_eq!(shards_per_store(10_000, 2), 8);
        assert_eq!(shards_per_store(MAX_CAPACITY, 200), 64);
    }
}
