//! Fills one cache, and prints the memory and time that takes: `memory-of CONTENDER ENTRIES`.
//!
//! In a process of its own, because allocators keep what is freed.
#![forbid(unsafe_code)]

use std::any::Any;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::Instant;

use cache_core::{Cache, cached_query};
use cached::ConcurrentCacheBase as _;
use mini_moka::sync::ConcurrentCacheExt as _;

/// Fills a cache. Returns it, and how many entries it keeps.
type Fill = fn(u64) -> (Box<dyn Any>, u64);

const CONTENDERS: &[(&str, Fill)] = &[
    ("cache-core", |entries| ours(entries, by_key)),
    ("cache-core-tagged", |entries| ours(entries, by_key_tagged)),
    ("cached", |entries| {
        (0..entries).for_each(|key| _ = black_box(concurrent(key)));
        (Box::new(()), CONCURRENT.cache_size().ok().flatten().expect("its size is known") as u64)
    }),
    ("dashmap", |entries| {
        let map = dashmap::DashMap::<u64, u64>::new();
        (0..entries).for_each(|key| _ = map.insert(key, key));
        let len = map.len() as u64;
        (Box::new(map), len)
    }),
    ("foyer", |entries| {
        let builder = foyer::CacheBuilder::new(capacity(entries)).with_eviction_config(foyer::S3FifoConfig::default());
        let cache: foyer::Cache<u64, u64> = builder.build();
        (0..entries).for_each(|key| _ = cache.insert(key, key));
        let len = cache.entries() as u64;
        (Box::new(cache), len)
    }),
    ("mini-moka", |entries| {
        let cache = mini_moka::sync::Cache::new(entries);
        for key in 0..entries {
            cache.insert(key, key);
        }
        cache.sync();
        let len = cache.entry_count();
        (Box::new(cache), len)
    }),
    ("moka", |entries| {
        let cache = moka::sync::Cache::new(entries);
        for key in 0..entries {
            cache.insert(key, key);
        }
        cache.run_pending_tasks();
        let len = cache.entry_count();
        (Box::new(cache), len)
    }),
    ("papaya", |entries| {
        let map = papaya::HashMap::<u64, u64>::new();
        (0..entries).for_each(|key| _ = map.pin().insert(key, key));
        let len = map.len() as u64;
        (Box::new(map), len)
    }),
    ("quick_cache", |entries| {
        let cache = quick_cache::sync::Cache::<u64, u64>::new(capacity(entries));
        for key in 0..entries {
            cache.insert(key, key);
        }
        let len = cache.len() as u64;
        (Box::new(cache), len)
    }),
];

fn capacity(entries: u64) -> usize {
    usize::try_from(entries).expect("as many as fit into memory")
}

static OURS: OnceLock<Cache> = OnceLock::new();

fn our_cache() -> &'static Cache {
    OURS.get().expect("it is built before the first call")
}

fn ours(entries: u64, query: fn(u64) -> u64) -> (Box<dyn Any>, u64) {
    let cache = OURS.get_or_init(|| Cache::builder().capacity(capacity(entries)).build());
    (0..entries).for_each(|key| _ = black_box(query(key)));
    (Box::new(()), cache.len() as u64)
}

#[cached_query(ttl = "5m", cache = our_cache())]
fn by_key(key: u64) -> u64 {
    key
}

/// 100 entries per tag.
#[cached_query(ttl = "5m", tags(format!("group:{}", key / 100)), cache = our_cache())]
fn by_key_tagged(key: u64) -> u64 {
    key
}

#[cached::macros::concurrent_cached(ttl_secs = 300, name = "CONCURRENT")]
fn concurrent(key: u64) -> u64 {
    key
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, entries] = &arguments[..] else { return usage() };
    let (Some((_, fill)), Ok(entries)) = (CONTENDERS.iter().find(|(known, _)| known == name), entries.parse()) else {
        return usage();
    };
    let before = resident();
    let mut filled = None;
    let start = Instant::now();
    let allocated = allocation_counter::measure(|| filled = Some(fill(entries)));
    let nanos = start.elapsed().as_nanos();
    let resident = resident().zip(before).map(|(after, before)| after.saturating_sub(before));
    let (cache, len) = filled.expect("it is filled");
    println!("entries {len}\nheap {}\npeak {}\nnanos {nanos}", allocated.bytes_current, allocated.bytes_max);
    if let Some(resident) = resident {
        println!("resident {resident}");
    }
    drop(cache);
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    let names: Vec<_> = CONTENDERS.iter().map(|(name, _)| *name).collect();
    eprintln!("usage: memory-of CONTENDER ENTRIES, with one of {}", names.join(", "));
    ExitCode::from(2)
}

/// The resident bytes of this process, where the system reports them.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}
