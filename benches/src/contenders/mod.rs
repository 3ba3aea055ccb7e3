//! Everybody who can do some of the work, each configured as its own documentation advises.

pub mod cached;
pub mod cachelito;
pub mod floor;
pub mod foyer;
pub mod invalidation;
pub mod latency;
pub mod maps;
pub mod memoize;
pub mod moka;
pub mod ours;
pub mod query_invalidation;
pub mod quick_cache;

use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use tokio::runtime::{Builder, Runtime};

use crate::rounds::{Batch, calls, timed};
use crate::workload::{ENTRIES, Key, Lap, Pair, STRANGERS, Sequence, Text};

/// The name of the cache that this is all about.
pub const OURS: &str = "cache-core";
/// The same with four tags.
pub const OURS_4_TAGS: &str = "cache-core, 4 tags";
/// The same without the attribute.
pub const OURS_GET: &str = "cache-core, TaggedCache::get";
/// The same with a clock that a thread moves on.
pub const OURS_TICKING: &str = "cache-core, ticking clock";
/// Nothing but a table.
pub const FLOOR: &str = "floor: hashbrown + foldhash";
/// The fastest cache, which has no TTL.
pub const QUICK: &str = "quick_cache, no TTL";
/// The same, where callers that miss one key wait for one load.
pub const QUICK_ONE_LOAD: &str = "quick_cache, single flight, no TTL";
/// What `#[cached]` makes by default.
pub const CACHED_TTL: &str = "cached #[cached], TTL";
/// What `#[cached]` makes when it is to be bounded.
pub const CACHED_LRU_TTL: &str = "cached #[cached], LRU + TTL";
/// All that `cached` offers with a TTL.
pub const CACHED: [&str; 4] =
    [CACHED_TTL, CACHED_LRU_TTL, "cached #[concurrent_cached], TTL", "cached #[concurrent_cached], LRU + TTL"];
/// The best known one.
pub const MOKA: &str = "moka, TTL";

/// Hits by each kind of key: of an entrant whose entries are all there.
pub struct Hits {
    /// The row.
    pub name: &'static str,
    /// By [`Pair`].
    pub pair: fn(&Arc<Sequence<Pair>>) -> Batch,
    /// By `u64`.
    pub id: fn(&Arc<Sequence<u64>>) -> Batch,
    /// By [`Text`].
    pub text: fn(&Arc<Sequence<Text>>) -> Batch,
}

/// Who hits.
pub const HITS: [Hits; 18] = [
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

/// Hits of asynchronous functions.
pub struct AsyncHits {
    /// The row.
    pub name: &'static str,
    /// By `u64`.
    pub id: fn(&Arc<Sequence<u64>>) -> Batch,
    /// By [`Text`].
    pub text: fn(&Arc<Sequence<Text>>) -> Batch,
}

/// Who hits asynchronously.
pub const ASYNC_HITS: [AsyncHits; 7] = [
    ours::ASYNC_HITS,
    quick_cache::ASYNC_HITS,
    cached::TTL_ASYNC_HITS,
    cached::LRU_TTL_ASYNC_HITS,
    cached::CONCURRENT_ASYNC_HITS,
    moka::ASYNC_HITS,
    cachelito::ASYNC_HITS,
];

/// Calls of which 99 in 100 miss, load and insert, by `u64`, with room for [`ENTRIES`].
pub struct Misses {
    /// The row.
    pub name: &'static str,
    /// The calls, of something that is full.
    pub batch: fn() -> Batch,
}

/// Who misses.
pub const MISSES: [Misses; 14] = [
    Misses { name: OURS, batch: ours::misses },
    Misses { name: QUICK, batch: quick_cache::misses },
    Misses { name: QUICK_ONE_LOAD, batch: quick_cache::misses_with_one_load },
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

/// Calls of something that loads what it has not: every key is there before any call is timed.
fn loaded<K: Key, R>(keys: &Arc<Sequence<K>>, call: impl Fn(K) -> R + Send + Sync + 'static) -> Batch {
    for key in K::all() {
        call(key);
    }
    calls(keys, call)
}

/// Calls of something that was filled by hand.
fn stored<K: Key, R>(keys: &Arc<Sequence<K>>, get: impl Fn(K) -> Option<R> + Send + Sync + 'static) -> Batch {
    assert!(K::all().all(|key| get(key).is_some()), "an entry is missing, and a hit is to be timed");
    calls(keys, get)
}

/// Of tokio, and of the current thread alone: what an executor with more would add is not the cache's.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().build().expect("a runtime without drivers"));

/// Like [`loaded`], asynchronously: the calls of a lap are one task's.
fn loaded_async<K: Key, R>(keys: &Arc<Sequence<K>>, call: impl AsyncFn(K) -> R + Send + Sync + 'static) -> Batch {
    let keys = Arc::clone(keys);
    RUNTIME.block_on(async {
        for key in K::all() {
            call(key).await;
        }
    });
    Box::new(move |lap| {
        let keys = keys.lap(lap);
        RUNTIME.block_on(async {
            let start = Instant::now();
            for &key in keys {
                black_box(call(black_box(key)).await);
            }
            start.elapsed()
        })
    })
}

/// Keys that were not asked for lately.
#[derive(Default)]
struct Strangers {
    next: AtomicUsize,
}

impl Strangers {
    fn next(&self, calls: usize) -> &'static [u64] {
        let from = self.next.fetch_add(calls, Ordering::Relaxed) % (STRANGERS.len() - calls);
        &STRANGERS[from..from + calls]
    }
}

/// Calls that miss, of something that is full by then.
fn missing<R>(call: impl Fn(u64) -> R + Send + Sync + 'static) -> Batch {
    emptied(|| (), call)
}

/// Calls that miss, of something that bounds nothing: it is emptied before each batch, which is not timed.
fn emptied<R>(empty: impl Fn() + Send + Sync + 'static, call: impl Fn(u64) -> R + Send + Sync + 'static) -> Batch {
    let strangers = Strangers::default();
    let batch = move |lap: Lap| {
        empty();
        timed(strangers.next(lap.calls), &call)
    };
    batch(Lap { thread: 0, number: 0, calls: 2 * ENTRIES });
    Box::new(batch)
}
