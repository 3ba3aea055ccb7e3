//! What a hit, a miss and an invalidation cost, with few entries and with many.
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cache_core::{Cache, EntryOptions, HasCache, TaggedCache, cached_query, invalidates};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

const SIZES: [u64; 2] = [1_000, 1_000_000];

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    /// A repository whose cache has the entries `0..entries`, and room for no more.
    fn with(entries: u64) -> Self {
        let capacity = usize::try_from(entries).expect("a number of entries");
        let repo = Self { cache: Cache::builder().capacity(capacity).build() };
        for id in 0..entries {
            repo.by_id(id);
        }
        repo
    }

    #[cached_query(ttl = "5m")]
    fn by_id(&self, id: u64) -> Arc<[u64]> {
        [id].into()
    }

    #[cached_query(ttl = "5m")]
    fn by_name(&self, name: &str) -> Arc<[u64]> {
        [name.len() as u64].into()
    }

    #[invalidates("by_id")]
    fn change(&self) {}
}

/// Keys in an order that no prefetcher guesses: a full round of a linear congruential generator.
struct Keys {
    next: u64,
    entries: u64,
}

impl Keys {
    fn next(&mut self) -> u64 {
        self.next = self.next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.next >> 32) % self.entries
    }
}

fn hit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hit");
    for entries in SIZES {
        let repo = Repo::with(entries);
        let mut keys = Keys { next: 1, entries };
        group.bench_function(BenchmarkId::new("u64", entries), |bencher| {
            bencher.iter(|| repo.by_id(black_box(keys.next())));
        });
    }
    let names: Vec<String> = (0..1_000).map(|number| format!("name-{number:07}")).collect();
    let repo = Repo { cache: Cache::builder().capacity(names.len()).build() };
    let mut keys = Keys { next: 1, entries: 1_000 };
    group.bench_function(BenchmarkId::new("&str of 12", names.len()), |bencher| {
        bencher.iter(|| repo.by_name(black_box(&names[usize::try_from(keys.next()).unwrap_or(0)])));
    });
    group.finish();
}

fn miss(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("miss, load and evict");
    for entries in SIZES {
        let repo = Repo::with(entries);
        let fresh = AtomicU64::new(entries);
        group.bench_function(BenchmarkId::new("u64", entries), |bencher| {
            bencher.iter(|| repo.by_id(black_box(fresh.fetch_add(1, Ordering::Relaxed))));
        });
    }
    group.finish();
}

fn invalidate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("invalidate");
    let counter = AtomicU64::new(0);
    group.bench_function("yardstick: one atomic read-modify-write", |bencher| {
        bencher.iter(|| counter.fetch_add(black_box(1), Ordering::AcqRel));
    });
    for entries in SIZES {
        let repo = Repo::with(entries);
        group
            .bench_function(BenchmarkId::new("query, by attribute", entries), |bencher| bencher.iter(|| repo.change()));
        group.bench_function(BenchmarkId::new("query, by name", entries), |bencher| {
            bencher.iter(|| repo.cache.invalidate(black_box(["by_id"])));
        });
        group.bench_function(BenchmarkId::new("everything", entries), |bencher| {
            bencher.iter(|| repo.cache.invalidate_all());
        });
        drop(repo);

        let capacity = usize::try_from(entries).expect("a number of entries");
        let cache: TaggedCache<u64, u64> = TaggedCache::builder().capacity(capacity).build();
        for key in 0..entries {
            cache.insert_with(key, key, EntryOptions::new().tag("all"));
        }
        group.bench_function(BenchmarkId::new("tag", entries), |bencher| {
            bencher.iter(|| cache.invalidate_tags(black_box(["all"])));
        });
        let mut keys = Keys { next: 1, entries };
        group.bench_function(BenchmarkId::new("key", entries), |bencher| {
            bencher.iter(|| cache.invalidate_key(&black_box(keys.next())));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = hit, miss, invalidate
}
criterion_main!(benches);
