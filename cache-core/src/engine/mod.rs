//! The engine of one cache, shared by its handles: queries, scopes, tags and stores.
//!
//! The [`catalog`] has the stores of queries, the [registry](crate::version::registry) the nodes of tags and keys.
//! Stores get only the [`Storage`].

pub(crate) mod background;
pub(crate) mod catalog;
pub(crate) mod elsewhere;
pub(crate) mod handle;
pub(crate) mod hash;
#[cfg(feature = "shared")]
mod hearing;
pub(crate) mod invalidation;
pub(crate) mod mode;
#[cfg(feature = "shared")]
pub(crate) mod publishing;
#[cfg(not(feature = "shared"))]
#[path = "publishing/absent.rs"]
pub(crate) mod publishing;
pub(crate) mod random;
pub(crate) mod settings;
pub(crate) mod target;
pub(crate) mod transaction;
pub(crate) mod uncertain;

use std::any::TypeId;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use foldhash::fast::{FoldHasher, RandomState};

use crate::audit::writes::{Calm, Write};
use crate::audit::{Audit, Auditor};
use crate::clock::{FOREVER, Nanos, saturating_nanos};
use crate::engine::background::Background;
use crate::engine::catalog::{Marker, QueryNames, QueryTable};
use crate::engine::hash::{HASHER, hash_with, in_scope, without_scope};
use crate::engine::random::Random;
use crate::engine::settings::{MAX_CAPACITY, Settings};
use crate::engine::uncertain::Uncertain;
use crate::entry::options::EntryOptions;
use crate::eviction::EvictionSegments;
use crate::eviction::quota::Quota;
use crate::history::History;
use crate::query::state::QueryState;
use crate::query::{KeyHash, Query, Site};
use crate::shared::state::Shared;
use crate::stats::counters::{Counters, processors};
use crate::stats::{QueryStats, Stats};
use crate::store::candidate::Candidate;
use crate::store::storage::{AnyStore, Storage, Stores};
use crate::store::{Describe, Storable, Store};
use crate::sync::Arc;
use crate::tag::Tag;
use crate::version::label::{KeyId, Label};
use crate::version::registry::{Parents, Registry, TagRef};
use crate::version::scope::{ROOT, Scope, ScopeId, ScopeRef, Scopes, scope_id};
use crate::version::tag_set::TagSet;
use crate::version::timeline::Timeline;

pub(crate) struct Engine {
    pub(crate) storage: Storage,
    /// The number of queries with their own capacity.
    quotas: AtomicU32,
    default_ttl: Nanos,
    random: Random,
    hasher: RandomState,
    registry: Arc<Registry>,
    scopes: Arc<Scopes>,
    queries: QueryTable,
    names: QueryNames,
    uncertain: Uncertain,
    pub(crate) background: Background,
    /// If hits are audited.
    pub(crate) auditor: Option<Auditor>,
    /// What concerns no single query.
    counters: Counters,
    /// If other processes have the same cache.
    shared: Option<Arc<Shared>>,
}

impl Engine {
    pub(crate) fn new(settings: Settings) -> Self {
        let capacity = settings.capacity.min(MAX_CAPACITY);
        let processors = processors();
        let shared = settings.tier.map(|tier| Shared::new(tier, &settings.time));
        let lease = shared.as_ref().map(|shared| shared.lease().clone());
        let (parts, shards) = ((processors * 4).next_power_of_two(), shards_per_store(capacity, processors));
        Self {
            storage: Storage {
                timeline: Arc::new(Timeline::new(settings.time, lease)),
                eviction: EvictionSegments::new(capacity, settings.max_weight, shards),
                stores: Stores::new(shards),
                capacity,
                history: History::new(settings.mutation_log, capacity),
                observers: settings.observers,
            },
            quotas: AtomicU32::new(0),
            default_ttl: saturating_nanos(settings.default_ttl),
            random: Random::new(settings.jitter_seed),
            hasher: HASHER.clone(),
            registry: Arc::new(Registry::new(parts)),
            scopes: Arc::new(Scopes::new(parts)),
            queries: QueryTable::new(),
            names: QueryNames::new(parts),
            uncertain: Uncertain::new(saturating_nanos(settings.commit_grace)),
            background: Background::new(settings.runtime),
            auditor: settings.audit.filter(Audit::is_on).map(Auditor::new),
            counters: Counters::new(),
            shared,
        }
    }

    #[cfg(feature = "shared")]
    pub(crate) fn shared(&self) -> Option<&Arc<Shared>> {
        self.shared.as_ref()
    }

    /// See [`Writes::calm`](crate::audit::writes::Writes::calm).
    pub(crate) fn calm(&self) -> Option<Calm> {
        self.auditor.as_ref()?.writes.calm()
    }

    /// A write begins. `None` if nobody wants to know.
    pub(crate) fn begin_write(&self) -> Option<Write> {
        self.auditor.as_ref().map(|auditor| Write::begin(&auditor.writes))
    }

    pub(crate) fn timeline(&self) -> &Arc<Timeline> {
        &self.storage.timeline
    }

    pub(crate) fn capacity(&self) -> usize {
        self.storage.capacity
    }

    pub(crate) fn hash(&self, scope: ScopeId, write: impl FnOnce(&mut FoldHasher<'_>)) -> u64 {
        in_scope(hash_with(&self.hasher, write), scope)
    }

    pub(crate) fn scope(&self, name: &str) -> Arc<Scope> {
        self.scopes.get_or_make(name)
    }

    #[inline]
    pub(crate) fn find_store(&self, query: &Query, function: TypeId) -> Option<&Arc<dyn AnyStore>> {
        self.queries.find_store(query, function)
    }

    #[cold]
    pub(crate) fn store<K: Storable, V: Storable>(
        &self,
        site: Site,
        marker: Marker,
        describe: Describe<K>,
    ) -> &Arc<dyn AnyStore> {
        self.queries.store(site, marker, TypeId::of::<(K, V)>(), &mut || {
            let store = self.make_store::<K, V>(self.query(site).clone(), marker.instance, describe);
            elsewhere::record_use(site, self.timeline());
            (store.number, store)
        })
    }

    pub(crate) fn make_store<K: Storable, V: Storable>(
        &self,
        query: Arc<QueryState>,
        instance: TypeId,
        describe: Describe<K>,
    ) -> Arc<Store<K, V>> {
        let number = self.storage.stores.next_number();
        let store =
            Arc::new(Store::<K, V>::new(number, self.storage.stores.shards_per_store, query, instance, describe));
        self.storage.stores.add(number, store.clone());
        store
    }

    pub(crate) fn query(&self, site: Site) -> &Arc<QueryState> {
        self.queries.state(site, || {
            let query = self.names.register(site, &self.storage.observers, |capacity| self.quota(capacity));
            self.suspend_if_uncertain(&query);
            query
        })
    }

    pub(crate) fn queries_of_name(&self, name: &str) -> Vec<Arc<QueryState>> {
        self.names.of_name(name)
    }

    fn quota(&self, capacity: usize) -> Quota {
        let number = self.quotas.fetch_add(1, Ordering::Relaxed) + 1;
        Quota { number, capacity: capacity.min(MAX_CAPACITY) }
    }

    /// An entry before it has a value, with the nodes of its tags. Made before any lock is taken.
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
        EntryOptions { ttl, own_ttl, value_ttl, tags, .. }: EntryOptions,
    ) -> Candidate<()> {
        let ttl = match ttl {
            // Callers may join its load however long it takes.
            _ if value_ttl => FOREVER,
            Some(ttl) => self.own_ttl(query, ttl),
            None => self.random.shorten(self.default_ttl, query.jitter),
        };
        // Its own key may be suspended.
        let own_key = self.timeline().is_uncertain().then(|| self.key_node(scope, query, instance, hash));
        if scope.is_none() && tags.is_empty() && own_key.is_none() {
            let tags = if query.tags.is_empty() && self.shared.is_none() {
                TagSet::default()
            } else {
                query.tag_nodes(|| self.tags_of(query).map(|tag| self.tag_node(None, tag)).collect())
            };
            return Candidate { key: (), hash, scope: ROOT, ttl, own_ttl, tags };
        }
        let tags = self.tags_of(query).chain(tags).map(|tag| self.tag_node(scope, tag)).chain(own_key);
        let Some(of) = scope else {
            return Candidate { key: (), hash, scope: ROOT, ttl, own_ttl, tags: tags.collect() };
        };
        let of_scope = self.query_node(of, query);
        // An invalidation of the key in all scopes raises this node.
        let key_everywhere = query
            .is_named()
            .then(|| self.key_node_in(None, query, self.key_id(query, instance, without_scope(hash, of.id))));
        let tags = [of_scope].into_iter().chain(key_everywhere).chain(tags).collect();
        Candidate { key: (), hash, scope: of.id, ttl, own_ttl, tags }
    }

    /// Of all entries of a query.
    fn tags_of(&self, query: &QueryState) -> impl Iterator<Item = Tag> {
        query.tags.iter().copied().map(Tag::from_static).chain(self.mark_of(query))
    }

    /// A time to live with the jitter of the query.
    pub(crate) fn own_ttl(&self, query: &QueryState, ttl: Duration) -> Nanos {
        self.random.shorten(saturating_nanos(ttl), query.jitter)
    }

    fn query_node(&self, scope: &Arc<Scope>, query: &QueryState) -> TagRef {
        let parents = || Parents { scope: Some(scope.clone()), ..Parents::default() };
        self.registry.attach(Label::Query(query.id, scope.id), parents)
    }

    fn key_node_of(&self, scope: ScopeRef<'_>, query: &Arc<QueryState>, key: KeyHash) -> TagRef {
        self.key_node_in(scope, query, self.key_id(query, key.instance, key.hash))
    }

    pub(crate) fn tag_node(&self, scope: ScopeRef<'_>, tag: Tag) -> TagRef {
        let Some(of) = scope else { return self.registry.attach(Label::Tag(tag, ROOT), Parents::default) };
        let everywhere = tag.clone();
        self.registry.attach(Label::Tag(tag, of.id), || Parents {
            everywhere: Some(self.tag_node(None, everywhere)),
            scope: Some(of.clone()),
            any_key: None,
        })
    }

    /// `hash` is that in the scope.
    pub(crate) fn key_node(&self, scope: ScopeRef<'_>, query: &Arc<QueryState>, instance: TypeId, hash: u64) -> TagRef {
        self.key_node_in(scope, query, self.key_id(query, instance, without_scope(hash, scope_id(scope))))
    }

    fn key_node_in(&self, scope: ScopeRef<'_>, query: &Arc<QueryState>, key: KeyId) -> TagRef {
        self.registry.attach(Label::Key(key, scope_id(scope)), || Parents {
            // In a cache without queries, keys of different scopes are different keys.
            everywhere: scope.filter(|_| query.is_named()).map(|_| self.key_node_in(None, query, key)),
            scope: scope.cloned(),
            any_key: Some(query.any_key.clone()),
        })
    }

    /// `hash` is that outside of all scopes.
    fn key_id(&self, query: &QueryState, instance: TypeId, hash: u64) -> KeyId {
        self.hasher.hash_one((query.id, instance, hash))
    }

    pub(crate) fn purge(&self) {
        self.storage.purge();
        self.registry.shrink();
    }

    pub(crate) fn stats(&self) -> Stats {
        let (entries, capacity) = (self.storage.len(None), self.storage.capacity);
        let (weight, max_weight) = self.storage.eviction.weight();
        let mut stats = Stats { entries, capacity, weight, max_weight, ..Stats::default() };
        stats.add(&self.counters);
        for query in self.names.all() {
            stats.add(&query.counters);
        }
        stats
    }

    /// For a cache with one store and no query.
    pub(crate) fn stats_of(&self, query: &QueryState) -> Stats {
        let mut stats = self.stats();
        stats.add(&query.counters);
        stats
    }

    /// Of what concerns no single query.
    #[cfg(feature = "metrics")]
    pub(crate) fn own_counters(&self) -> &Counters {
        &self.counters
    }

    pub(crate) fn query_stats(&self) -> Vec<QueryStats> {
        let mut live = std::collections::HashMap::<u32, usize>::new();
        self.storage.for_each_live(None, |entry, _| *live.entry(entry.meta().store()).or_default() += 1);
        let of = |query: Arc<QueryState>| {
            let entries: usize = query.stores.all().iter().filter_map(|number| live.get(number)).sum();
            query.stats(entries.min(self.storage.capacity_of(&query)))
        };
        self.names.all().into_iter().map(of).collect()
    }
}

/// Enough that threads seldom meet, but no more than a small cache can use.
fn shards_per_store(capacity: usize, processors: usize) -> usize {
    /// Writers may copy a whole shard.
    const LARGEST: usize = 4_096;
    /// A hundred kilobytes on two processors.
    const MOST: usize = 256;
    let useful = (capacity / 32).max(1).next_power_of_two();
    let threads = (processors * 4).next_power_of_two().min(64);
    threads.max(capacity / LARGEST).next_power_of_two().min(MOST).min(useful)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::target::{ScopedTarget, TargetRef};
    use crate::history::Writer;
    use crate::query::KeyHash;
    use crate::{Cache, EntryOptions, TaggedCache};

    fn tag(name: &str) -> Tag {
        Tag::from(name)
    }

    fn engine() -> Engine {
        Engine::new(Settings::default())
    }

    fn invalidate(engine: &Engine, scope: ScopeRef<'_>, target: TargetRef<'_>) {
        let by = Writer::call("invalidate");
        engine.invalidate(&[ScopedTarget { scope, target, by }]).wait();
    }

    #[test]
    fn p1_a_tag_that_only_the_result_names_is_checked_against_what_was_invalidated_meanwhile() {
        let engine = engine();
        let birth = engine.timeline().versions.now();
        invalidate(&engine, None, TargetRef::Tag("late"));
        // The invalidation found no node: the load, which began before, names the tag only now.
        let late = engine.tag_node(None, tag("late"));
        assert!(!late.is_valid_since(birth), "what was read before the invalidation would be stored");
        assert!(late.is_valid_since(engine.timeline().versions.now()), "what is read now may be stored");
    }

    #[test]
    fn p1_a_tag_in_a_scope_is_also_the_tag_everywhere() {
        let engine = engine();
        let (one, two) = (engine.scope("1"), engine.scope("2"));
        let (in_one, in_two) = (engine.tag_node(Some(&one), tag("a")), engine.tag_node(Some(&two), tag("a")));
        let birth = engine.timeline().versions.now();
        invalidate(&engine, Some(&one), TargetRef::Tag("a"));
        assert!(!in_one.is_valid_since(birth) && in_two.is_valid_since(birth));
        invalidate(&engine, None, TargetRef::Tag("a"));
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
        let birth = engine.timeline().versions.now();
        let key = KeyHash { hash: 7, instance: TypeId::of::<()>(), mark: 0 };
        invalidate(&engine, None, TargetRef::Key(&query, key));
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
