//! Forgetting all entries of one function, which are a tenth of all.

use std::hint::black_box;
use std::time::{Duration, Instant};

use ::cached::{Cached, ConcurrentCached};
use cache_core::{Cache, HasCache, cached_query, invalidates};
use dashmap::DashMap;
use foldhash::fast::RandomState;

/// Who forgets: the function that is named, of ten.
const FORGOTTEN: u8 = 3;

/// Something full, whose one function is forgotten by each call, and then loaded again.
pub type Forget = Box<dyn FnMut() -> Forgot>;

/// What it took.
#[derive(Clone, Copy, Debug)]
pub struct Forgot {
    /// Until the call had returned.
    pub called: Duration,
    /// Until nothing of it was kept, where that is later.
    pub gone: Option<Duration>,
    /// How many of its entries were served after that.
    pub served: usize,
}

impl Forgot {
    fn at_once(call: impl FnOnce()) -> Self {
        let start = Instant::now();
        call();
        Self { called: start.elapsed(), gone: None, served: 0 }
    }
}

/// A contender.
pub struct Forgetful {
    /// The row.
    pub name: &'static str,
    /// Makes one with so many entries.
    pub build: fn(u64) -> Forget,
}

/// Who can do that.
pub const FORGETFUL: [Forgetful; 8] = [
    Forgetful { name: "cache-core, one query", build: ours },
    Forgetful { name: "quick_cache, retain", build: quick },
    Forgetful { name: "dashmap, retain", build: dashmap },
    Forgetful { name: "moka, invalidate_entries_if", build: moka },
    Forgetful { name: "cached #[cached], its own cache cleared", build: cached },
    Forgetful { name: "cached #[concurrent_cached], its own cache cleared", build: concurrent_cached },
    Forgetful { name: "memoize, its own cache flushed", build: memoize },
    Forgetful { name: "cachelito, by tag", build: cachelito },
];

/// All keys of a cache of this size: a function, and its argument.
fn keys(entries: u64) -> impl Iterator<Item = (u8, u64)> {
    (0..entries).map(|number| (u8::try_from(number % 10).expect("a digit"), number / 10))
}

fn forgotten(entries: u64) -> impl Iterator<Item = (u8, u64)> {
    keys(entries).filter(|&(function, _)| function == FORGOTTEN)
}

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m", tags("t"))]
    fn kept(&self, function: u8, id: u64) -> u64 {
        id + u64::from(function)
    }

    #[cached_query(ttl = "5m", tags("t"))]
    fn forgotten(&self, id: u64) -> u64 {
        id
    }

    #[invalidates("forgotten")]
    fn forget(&self) {}
}

fn ours(entries: u64) -> Forget {
    let repo = Repo { cache: Cache::builder().capacity(usize::try_from(entries).expect("few")).build() };
    for (function, id) in keys(entries).filter(|&(function, _)| function != FORGOTTEN) {
        repo.kept(function, id);
    }
    Box::new(move || {
        for (_, id) in forgotten(entries) {
            repo.forgotten(id);
        }
        Forgot::at_once(|| repo.forget())
    })
}

fn quick(entries: u64) -> Forget {
    // Room for all, however uneven its shards are.
    let cache = quick_cache::sync::Cache::new(2 * usize::try_from(entries).expect("few"));
    keys(entries).for_each(|key| cache.insert(key, key.1));
    Box::new(move || {
        forgotten(entries).for_each(|key| cache.insert(key, key.1));
        Forgot::at_once(|| cache.retain(|&(function, _), _| function != FORGOTTEN))
    })
}

fn dashmap(entries: u64) -> Forget {
    let mut map: DashMap<(u8, u64), u64, RandomState> = keys(entries).map(|key| (key, key.1)).collect();
    Box::new(move || {
        map.extend(forgotten(entries).map(|key| (key, key.1)));
        Forgot::at_once(|| map.retain(|&(function, _), _| function != FORGOTTEN))
    })
}

/// It forgets in the background of other calls, or when it is told to get on with it.
fn moka(entries: u64) -> Forget {
    let cache = moka::sync::Cache::builder()
        .max_capacity(entries)
        .time_to_live(crate::workload::TTL)
        .support_invalidation_closures()
        .build();
    keys(entries).for_each(|key| cache.insert(key, key.1));
    cache.run_pending_tasks();
    Box::new(move || {
        forgotten(entries).for_each(|key| cache.insert(key, key.1));
        cache.run_pending_tasks();
        let start = Instant::now();
        cache.invalidate_entries_if(|&(function, _), _| function == FORGOTTEN).expect("it was told to support that");
        let called = start.elapsed();
        let (mut gone, mut left, mut idle) = (called, cache.entry_count(), 0);
        // It looks at a few hundred entries a call, the oldest first. It is done when it has had time to see all, and got
        // no further.
        while idle < 100 + entries / 100 && left > entries - entries / 10 {
            cache.run_pending_tasks();
            let now_left = cache.entry_count();
            if now_left < left {
                (left, gone, idle) = (now_left, start.elapsed(), 0);
            } else {
                idle += 1;
            }
        }
        let served = forgotten(entries).filter(|key| cache.get(key).is_some()).count();
        Forgot { called, gone: Some(gone), served }
    })
}

#[allow(unused_qualifications, clippy::pedantic, reason = "what the attributes write")]
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

    #[cache(scope = "global", policy = "fifo", ttl = 300, tags = ["forgotten"])]
    pub(super) fn cachelito(id: u64) -> u64 {
        id
    }
}

/// The others' entries are in caches of their own, and never seen: they need not be there.
fn alone(entries: u64, load: impl Fn(u64) -> u64 + 'static, forget: impl Fn() + 'static) -> Forget {
    Box::new(move || {
        for (_, id) in forgotten(entries) {
            black_box(load(id));
        }
        Forgot::at_once(&forget)
    })
}

fn cached(entries: u64) -> Forget {
    alone(entries, functions::cached, || functions::LOCKED.write().cache_clear())
}

fn concurrent_cached(entries: u64) -> Forget {
    alone(entries, functions::concurrent, || match functions::SHARDED.cache_clear() {
        Ok(()) => {}
    })
}

fn memoize(entries: u64) -> Forget {
    alone(entries, functions::memoized, functions::memoized_flush_memoized)
}

fn cachelito(entries: u64) -> Forget {
    alone(entries, functions::cachelito, || {
        ::cachelito::invalidate_by_tag("forgotten");
    })
}
