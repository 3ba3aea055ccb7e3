//! Bytes per entry, once, and the time to fill a cache.
#![forbid(unsafe_code)]

use cache_benches::benchmarks::memory;
use cache_benches::progress;
use cache_benches::report::grid::Grid;
use cache_benches::results::Effort;
use criterion::{Criterion, criterion_group, criterion_main};

fn entries(criterion: &mut Criterion) {
    for table in memory::run(Effort::Quick, &progress::bar("memory")).tables {
        println!("{}\n{}", table.title, Grid::of_table(&table).terminal());
    }
    let mut group = criterion.benchmark_group("an entry, including the counting of allocations");
    group.sample_size(10);
    for contender in memory::contenders() {
        group.bench_function(contender, |bencher| {
            bencher.iter_custom(|entries| memory::time(contender, entries).expect("filled above"));
        });
    }
}

criterion_group!(benches, entries);
criterion_main!(benches);
