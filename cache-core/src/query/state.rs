//! The state of one query of one type in one cache.

use std::any::TypeId;
use std::collections::HashMap;

use foldhash::fast::RandomState;
use smallvec::SmallVec;

use crate::eviction::quota::Quota;
use crate::query::owner::Owner;
use crate::query::seen::record_read;
use crate::query::windows::{Freshness, Windows};
use crate::query::{Query, Site, SourcePlace};
use crate::stats::counters::Counters;
use crate::stats::{QueryStats, Stats};
use crate::sync::append_map::AppendMap;
use crate::sync::{AtomicUsize, OnceLock, Ordering, RwLock};
use crate::version::registry::TagRef;
use crate::version::tag_set::TagSet;

/// A load has read an answer of another query.
const READS_ANSWERS: usize = 1;
/// A value was stored that no load has made.
const HAS_PUTS: usize = 2;

pub(crate) struct QueryState {
    /// Its number in the cache, from 1; 0 for no query.
    pub(crate) id: u32,
    /// Its number in the process: see [`Query::number`].
    pub(crate) number: u32,
    /// The queries whose answers its loads were seen to read: these numbers, and the addresses of the owners' names.
    pub(crate) inner: AppendMap<(u32, usize), ()>,
    /// The mutations of other types that were seen to invalidate it where it had been used: the addresses of their facts.
    pub(crate) reached_by: AppendMap<usize, ()>,
    pub(crate) name: &'static str,
    pub(crate) module: &'static str,
    /// The type whose method it is; empty for a free function.
    pub(crate) owner: &'static str,
    pub(crate) arguments: &'static [&'static str],
    /// Of all its entries.
    pub(crate) tags: &'static [&'static str],
    /// Their nodes in no scope, attached with the first entry.
    pub(crate) tag_nodes: OnceLock<TagSet>,
    /// Raised when the whole query is invalidated.
    pub(crate) node: TagRef,
    /// Raised with each key, for entries that depend on too many of them.
    pub(crate) any_key: TagRef,
    /// Bits: [`READS_ANSWERS`], [`HAS_PUTS`].
    pub(crate) puts: AtomicUsize,
    pub(crate) quota: Option<Quota>,
    pub(crate) windows: Windows,
    /// By how many millionths a time to live may be shortened.
    pub(crate) jitter: u32,
    pub(crate) counters: Counters,
    pub(crate) stores: StoreNumbers,
}

impl QueryState {
    /// For a store that is used directly.
    pub(crate) fn anonymous() -> Self {
        Self {
            id: 0,
            number: 0,
            inner: AppendMap::default(),
            reached_by: AppendMap::default(),
            name: "",
            module: "",
            owner: "",
            arguments: &[],
            tags: &[],
            tag_nodes: OnceLock::new(),
            node: TagRef::permanent(),
            any_key: TagRef::permanent(),
            puts: AtomicUsize::new(0),
            quota: None,
            windows: Windows::of(Freshness::NONE),
            jitter: 0,
            counters: Counters::new(),
            stores: StoreNumbers::default(),
        }
    }

    pub(crate) fn is_named(&self) -> bool {
        self.id > 0
    }

    pub(crate) fn tag_nodes(&self, attach: impl FnOnce() -> TagSet) -> TagSet {
        self.tag_nodes.get_or_init(attach).clone()
    }

    /// Whether a value may be stored that no load has made. From now on it counts as one that has them.
    pub(crate) fn allows_puts(&self) -> bool {
        self.puts.fetch_or(HAS_PUTS, Ordering::AcqRel) & READS_ANSWERS == 0
    }

    /// A load of it has read an answer of another query. Returns whether it is the first, and there are puts, which do not
    /// know such answers.
    pub(crate) fn reads_answers(&self) -> bool {
        // A load first, as it is called for each answer.
        self.puts.load(Ordering::Acquire) & READS_ANSWERS == 0
            && self.puts.fetch_or(READS_ANSWERS, Ordering::AcqRel) == HAS_PUTS
    }

    /// A load of it has read an answer of another query, which the graph shows. No lock, if it has before.
    pub(crate) fn record_read(&self, inner: &Self) {
        let key = (inner.number, inner.owner.as_ptr().addr());
        if self.is_named() && inner.is_named() && self.inner.get(&key).is_none() {
            self.inner.get_or_insert_with(key, || record_read((self.number, self.owner), (inner.number, inner.owner)));
        }
    }

    pub(crate) fn stats(&self, entries: usize) -> QueryStats {
        let mut sum = Stats::default();
        sum.add(&self.counters);
        QueryStats {
            query: self.name,
            module: self.module,
            owner: self.owner,
            entries,
            hits: sum.hits,
            misses: sum.misses,
            cold_misses: sum.cold_misses,
            expired_misses: sum.expired_misses,
            invalidated_misses: sum.invalidated_misses,
            evicted_misses: sum.evicted_misses,
            bypassed_misses: sum.bypassed_misses,
            loads: sum.loads,
            load_errors: sum.load_errors,
            discarded_loads: sum.discarded_loads,
            puts: sum.puts,
            evictions: sum.evictions,
            evicted_weight: sum.evicted_weight,
            too_heavy: sum.too_heavy,
            expirations: sum.expirations,
            invalidations: sum.invalidations,
            refreshes: sum.refreshes,
            stale_hits: sum.stale_hits,
            audited: sum.audited,
            stale_found: sum.stale_found,
            drop_panics: sum.drop_panics,
        }
    }

    pub(crate) fn of(site: Site, id: u32, quota: Option<Quota>) -> Self {
        let Query { name, place: SourcePlace { module, .. }, arguments, tags, jitter, freshness, .. } = *site.query;
        let windows = Windows::of(freshness);
        let Owner { name: owner, .. } = (site.owner)();
        let owner = if owner == module { "" } else { owner };
        let number = site.query.number();
        Self { id, number, name, module, owner, arguments, tags, quota, windows, jitter, ..Self::anonymous() }
    }
}

/// The numbers of a query's stores, not references: stores refer to their query.
#[derive(Default)]
pub(crate) struct StoreNumbers {
    lists: RwLock<StoreLists>,
    /// 1 if there are any, for who must not take a lock to know.
    is_used: AtomicUsize,
}

#[derive(Default)]
struct StoreLists {
    all: Vec<u32>,
    /// By the type that represents the function's own generic arguments. Several stores share one only if the owner
    /// does not distinguish them.
    by_instance: HashMap<TypeId, SmallVec<[u32; 4]>, RandomState>,
}

impl StoreNumbers {
    pub(crate) fn add(&self, instance: TypeId, number: u32) {
        let mut lists = self.lists.write();
        lists.all.push(number);
        lists.by_instance.entry(instance).or_default().push(number);
        self.is_used.store(1, Ordering::Release);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.is_used.load(Ordering::Acquire) == 0
    }

    pub(crate) fn all(&self) -> Vec<u32> {
        self.lists.read().all.clone()
    }

    /// The stores of the instantiations with these generic arguments.
    ///
    /// The lock orders a store's first load and an invalidation of a key: a store that the invalidation does not find
    /// has only later loads.
    pub(crate) fn alike(&self, instance: TypeId) -> SmallVec<[u32; 4]> {
        self.lists.read().by_instance.get(&instance).cloned().unwrap_or_default()
    }
}
