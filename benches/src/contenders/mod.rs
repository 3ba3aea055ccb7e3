//! The cache and its peers, each configured as its own documentation advises.

pub(crate) mod cached;
pub(crate) mod cachelito;
pub(crate) mod floor;
pub(crate) mod foyer;
pub(crate) mod invalidation;
pub(crate) mod latency;
pub(crate) mod maps;
pub(crate) mod memoize;
pub(crate) mod moka;
pub(crate) mod ours;
pub(crate) mod query_invalidation;
pub(crate) mod quick_cache;

use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use tokio::runtime::{Builder, Runtime};

use crate::rounds::{BatchFn, calls, timed};
use crate::workload::{Batch, ENTRIES, Key, Keys, MISSING_KEYS, Pair, Text};

pub(crate) const OURS: &str = "cache-core";
pub(crate) const OURS_4_TAGS: &str = "cache-core, 4 tags";
pub(crate) const OURS_GET: &str = "cache-core, TaggedCache::get";
/// With an observer that counts for an exporter.
pub(crate) const OURS_OBSERVED: &str = "cache-core, observed";
/// The same, and one hit in a hundred is audited.
pub(crate) const OURS_ALL_ON: &str = "cache-core, all on";
/// This cache, with a clock that a thread advances.
pub(crate) const OURS_TICKING: &str = "cache-core, ticking clock";
pub(crate) const FLOOR: &str = "floor: hashbrown + foldhash";
/// The fastest peer, without a TTL.
pub(crate) const QUICK: &str = "quick_cache, no TTL";
/// The fastest peer, with one load per missed key.
pub(crate) const QUICK_SINGLE_FLIGHT: &str = "quick_cache, single flight, no TTL";
/// `#[cached]` by default.
pub(crate) const CACHED_TTL: &str = "cached #[cached], TTL";
pub(crate) const CACHED_LRU_TTL: &str = "cached #[cached], LRU + TTL";
/// `cached`, in all variants with a TTL.
pub(crate) const CACHED: [&str; 4] =
    [CACHED_TTL, CACHED_LRU_TTL, "cached #[concurrent_cached], TTL", "cached #[concurrent_cached], LRU + TTL"];
/// The best-known peer.
pub(crate) const MOKA: &str = "moka, TTL";

/// Hits by each kind of key, where all entries are present.
pub(crate) struct Hits {
    pub(crate) name: &'static str,
    pub(crate) pair: fn(&Arc<Keys<Pair>>) -> BatchFn,
    pub(crate) id: fn(&Arc<Keys<u64>>) -> BatchFn,
    pub(crate) text: fn(&Arc<Keys<Text>>) -> BatchFn,
}

pub(crate) const HITS: [Hits; 18] = [
    ours::HITS,
    ours::GET_HITS,
    ours::HITS_4_TAGS,
    quick_cache::HITS,
    quick_cache::HITS_TTL,
    cached::TTL_HITS,
    cached::LRU_TTL_HITS,
    cached::CONCURRENT_HITS,
    cached::CONCURRENT_LRU_HITS,
    memoize::HITS,
    foyer::HITS,
    moka::HITS,
    moka::MINI_HITS,
    cachelito::FIFO_HITS,
    cachelito::LRU_HITS,
    maps::DASHMAP_HITS,
    maps::PAPAYA_HITS,
    floor::HITS,
];

pub(crate) struct AsyncHits {
    pub(crate) name: &'static str,
    pub(crate) id: fn(&Arc<Keys<u64>>) -> BatchFn,
    pub(crate) text: fn(&Arc<Keys<Text>>) -> BatchFn,
}

pub(crate) const ASYNC_HITS: [AsyncHits; 7] = [
    ours::ASYNC_HITS,
    quick_cache::ASYNC_HITS,
    cached::TTL_ASYNC_HITS,
    cached::LRU_TTL_ASYNC_HITS,
    cached::CONCURRENT_ASYNC_HITS,
    moka::ASYNC_HITS,
    cachelito::ASYNC_HITS,
];

/// Calls by `u64` to a cache of [`ENTRIES`]: 99 in 100 miss, load and insert.
pub(crate) struct Misses {
    pub(crate) name: &'static str,
    pub(crate) batch: fn() -> BatchFn,
}

pub(crate) const MISSES: [Misses; 14] = [
    Misses { name: OURS, batch: ours::misses },
    Misses { name: QUICK, batch: quick_cache::misses },
    Misses { name: QUICK_SINGLE_FLIGHT, batch: quick_cache::misses_with_single_flight },
    Misses { name: CACHED[1], batch: cached::lru_ttl_misses },
    Misses { name: CACHED[3], batch: cached::concurrent_lru_misses },
    Misses { name: "memoize, SharedCache, LRU + TTL", batch: memoize::misses },
    Misses { name: "foyer in memory, S3-FIFO", batch: foyer::misses },
    Misses { name: MOKA, batch: moka::misses },
    Misses { name: "mini-moka, TTL", batch: moka::mini_misses },
    Misses { name: "cachelito, fifo + TTL + tags", batch: cachelito::fifo_misses },
    Misses { name: "cachelito, lru + TTL + tags", batch: cachelito::lru_misses },
    Misses { name: "dashmap + foldhash, unbounded", batch: maps::dashmap_misses },
    Misses { name: "papaya + foldhash, unbounded", batch: maps::papaya_misses },
    Misses { name: FLOOR, batch: floor::misses },
];

/// Calls that load on a miss: every key is loaded before any call is timed.
fn hits_by_load<K: Key, R>(keys: &Arc<Keys<K>>, call: impl Fn(K) -> R + Send + Sync + 'static) -> BatchFn {
    for key in K::all() {
        call(key);
    }
    calls(keys, call)
}

/// Lookups in a cache that was filled directly.
fn hits_by_get<K: Key, R>(keys: &Arc<Keys<K>>, get: impl Fn(K) -> Option<R> + Send + Sync + 'static) -> BatchFn {
    assert!(K::all().all(|key| get(key).is_some()), "an entry is missing where only hits are timed");
    calls(keys, get)
}

/// Of the current thread alone: the cost of a larger executor is not the cache's.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().build().expect("a runtime without drivers"));

/// Like [`hits_by_load`], asynchronously: one task makes the calls of a batch.
fn hits_by_async_load<K: Key, R>(keys: &Arc<Keys<K>>, call: impl AsyncFn(K) -> R + Send + Sync + 'static) -> BatchFn {
    let keys = Arc::clone(keys);
    RUNTIME.block_on(async {
        for key in K::all() {
            call(key).await;
        }
    });
    Box::new(move |batch| {
        let keys = keys.of(batch);
        RUNTIME.block_on(async {
            let start = Instant::now();
            for &key in keys {
                black_box(call(black_box(key)).await);
            }
            start.elapsed()
        })
    })
}

/// Keys that were not used recently.
#[derive(Default)]
struct MissingKeys {
    next: AtomicUsize,
}

impl MissingKeys {
    fn next(&self, calls: usize) -> &'static [u64] {
        let from = self.next.fetch_add(calls, Ordering::Relaxed) % (MISSING_KEYS.len() - calls);
        &MISSING_KEYS[from..from + calls]
    }
}

fn misses_when_full<R>(call: impl Fn(u64) -> R + Send + Sync + 'static) -> BatchFn {
    misses_unbounded(|| (), call)
}

/// Calls that miss in an unbounded cache, which is cleared before each batch.
fn misses_unbounded<R>(
    clear: impl Fn() + Send + Sync + 'static,
    call: impl Fn(u64) -> R + Send + Sync + 'static,
) -> BatchFn {
    let missing_keys = MissingKeys::default();
    let run = move |batch: Batch| {
        clear();
        timed(missing_keys.next(batch.calls), &call)
    };
    run(Batch { thread: 0, number: 0, calls: 2 * ENTRIES });
    Box::new(run)
}
