//! Bytes an entry, once, and what it takes to fill a cache.
#![forbid(unsafe_code)]

use cache_benches::benchmarks::memory;
use cache_benches::report::markdown;
use cache_benches::results::Effort;
use criterion::{Criterion, criterion_group, criterion_main};
use indicatif::ProgressBar;

fn entries(criterion: &mut Criterion) {
    for table in memory::ask(Effort::Quick, &ProgressBar::hidden()).tables {
        println!("{}\n\n{}", table.title, markdown::table(&table));
    }
    let mut group = criterion.benchmark_group("an entry, with its allocations counted");
    group.sample_size(10);
    for contender in memory::contenders() {
        group.bench_function(contender, |bencher| {
            bencher.iter_custom(|entries| memory::time(contender, entries).expect("it could be filled before"));
        });
    }
}

criterion_group!(benches, entries);
criterion_main!(benches);
