//! Invalidating all entries of one query, a tenth of all entries.

use std::hint::black_box;
use std::time::{Duration, Instant};

use ::cached::{Cached, ConcurrentCached};
use cache_core::{Cache, HasCache, cached_query, invalidates};
use dashmap::DashMap;
use foldhash::fast::RandomState;

/// The query, of ten, that is invalidated.
const INVALIDATED: u8 = 3;

/// Loads the query's entries again, then invalidates them.
pub(crate) type Invalidate = Box<dyn FnMut() -> Times>;

/// The time of an invalidation.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Until the call returned.
    pub call: Duration,
    /// Until all entries were removed, where that is later.
    pub removal: Option<Duration>,
    /// How many invalidated entries were served after that.
    pub stale: usize,
}

impl Times {
    fn of_call(call: impl FnOnce()) -> Self {
        let start = Instant::now();
        call();
        Self { call: start.elapsed(), removal: None, stale: 0 }
    }
}

/// A contender.
pub struct Contender {
    /// The row.
    pub name: &'static str,
    /// Fills a cache with a number of entries.
    pub fill: fn(u64) -> Invalidate,
}

/// The contenders.
pub const CONTENDERS: [Contender; 8] = [
    Contender { name: "cache-core, one query", fill: ours },
    Contender { name: "quick_cache, retain", fill: quick },
    Contender { name: "dashmap, retain", fill: dashmap },
    Contender { name: "moka, invalidate_entries_if", fill: moka },
    Contender { name: "cached #[cached], clear its own cache", fill: cached },
    Contender { name: "cached #[concurrent_cached], clear its own cache", fill: concurrent_cached },
    Contender { name: "memoize, flush its own cache", fill: memoize },
    Contender { name: "cachelito, by tag", fill: cachelito },
];

/// All keys of a cache of this size: a query, and its argument.
fn keys(entries: u64) -> impl Iterator<Item = (u8, u64)> {
    (0..entries).map(|number| (u8::try_from(number % 10).expect("a digit"), number / 10))
}

fn invalidated(entries: u64) -> impl Iterator<Item = (u8, u64)> {
    keys(entries).filter(|&(query, _)| query == INVALIDATED)
}

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m", tags("t"))]
    fn kept(&self, query: u8, id: u64) -> u64 {
        id + u64::from(query)
    }

    #[cached_query(ttl = "5m", tags("t"))]
    fn invalidated(&self, id: u64) -> u64 {
        id
    }

    #[invalidates("invalidated")]
    fn invalidate(&self) {}
}

fn ours(entries: u64) -> Invalidate {
    let repo = Repo { cache: Cache::builder().capacity(usize::try_from(entries).expect("few")).build() };
    for (query, id) in keys(entries).filter(|&(query, _)| query != INVALIDATED) {
        repo.kept(query, id);
    }
    Box::new(move || {
        for (_, id) in invalidated(entries) {
            repo.invalidated(id);
        }
        Times::of_call(|| repo.invalidate())
    })
}

fn quick(entries: u64) -> Invalidate {
    // No entry is evicted, however uneven the shards are.
    let cache = quick_cache::sync::Cache::new(2 * usize::try_from(entries).expect("few"));
    keys(entries).for_each(|key| cache.insert(key, key.1));
    Box::new(move || {
        invalidated(entries).for_each(|key| cache.insert(key, key.1));
        Times::of_call(|| cache.retain(|&(query, _), _| query != INVALIDATED))
    })
}

fn dashmap(entries: u64) -> Invalidate {
    let mut map: DashMap<(u8, u64), u64, RandomState> = keys(entries).map(|key| (key, key.1)).collect();
    Box::new(move || {
        map.extend(invalidated(entries).map(|key| (key, key.1)));
        Times::of_call(|| map.retain(|&(query, _), _| query != INVALIDATED))
    })
}

/// moka removes invalidated entries in the maintenance of other calls, or on request.
fn moka(entries: u64) -> Invalidate {
    let cache = moka::sync::Cache::builder()
        .max_capacity(entries)
        .time_to_live(crate::workload::TTL)
        .support_invalidation_closures()
        .build();
    keys(entries).for_each(|key| cache.insert(key, key.1));
    cache.run_pending_tasks();
    Box::new(move || {
        invalidated(entries).for_each(|key| cache.insert(key, key.1));
        cache.run_pending_tasks();
        let start = Instant::now();
        cache.invalidate_entries_if(|&(query, _), _| query == INVALIDATED).expect("enabled in the builder");
        let call = start.elapsed();
        let (mut removal, mut left, mut idle) = (call, cache.entry_count(), 0);
        // A call examines a few hundred entries, the oldest first. The removal is complete when there was time to examine
        // all, and none was removed.
        while idle < 100 + entries / 100 && left > entries - entries / 10 {
            cache.run_pending_tasks();
            let now_left = cache.entry_count();
            if now_left < left {
                (left, removal, idle) = (now_left, start.elapsed(), 0);
            } else {
                idle += 1;
            }
        }
        let stale = invalidated(entries).filter(|key| cache.get(key).is_some()).count();
        Times { call, removal: Some(removal), stale }
    })
}

#[allow(unused_qualifications, clippy::pedantic, reason = "generated by the attributes")]
mod functions {
    use std::time::Duration;

    use cached::macros::{cached, concurrent_cached};
    use cachelito::cache;
    use memoize::memoize;

    #[cached(name = "LOCKED", ttl_secs = 300)]
    pub(super) fn cached(id: u64) -> u64 {
        id
    }

    #[concurrent_cached(name = "SHARDED", ttl_secs = 300)]
    pub(super) fn concurrent(id: u64) -> u64 {
        id
    }

    #[memoize(SharedCache, TimeToLive: Duration::from_secs(300))]
    pub(super) fn memoized(id: u64) -> u64 {
        id
    }

    #[cache(scope = "global", policy = "fifo", ttl = 300, tags = ["invalidated"])]
    pub(super) fn cachelito(id: u64) -> u64 {
        id
    }
}

/// A query with a cache of its own: the entries of the others make no difference, and are not loaded.
fn own_cache(entries: u64, load: impl Fn(u64) -> u64 + 'static, invalidate: impl Fn() + 'static) -> Invalidate {
    Box::new(move || {
        for (_, id) in invalidated(entries) {
            black_box(load(id));
        }
        Times::of_call(&invalidate)
    })
}

fn cached(entries: u64) -> Invalidate {
    own_cache(entries, functions::cached, || functions::LOCKED.write().cache_clear())
}

fn concurrent_cached(entries: u64) -> Invalidate {
    own_cache(entries, functions::concurrent, || match functions::SHARDED.cache_clear() {
        Ok(()) => {}
    })
}

fn memoize(entries: u64) -> Invalidate {
    own_cache(entries, functions::memoized, functions::memoized_flush_memoized)
}

fn cachelito(entries: u64) -> Invalidate {
    own_cache(entries, functions::cachelito, || {
        ::cachelito::invalidate_by_tag("invalidated");
    })
}
