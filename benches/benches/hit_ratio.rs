//! Hit ratios, once, and the time of an operation.
#![forbid(unsafe_code)]

use cache_benches::benchmarks::hit_ratio;
use cache_benches::progress;
use cache_benches::report::grid::Grid;
use cache_benches::results::Effort;
use criterion::{Criterion, criterion_group, criterion_main};

fn operations(criterion: &mut Criterion) {
    for table in hit_ratio::run(Effort::Quick, &progress::bar("hit_ratio")).tables {
        println!("{}\n{}", table.title, Grid::of_table(&table).terminal());
    }
    let mut group = criterion.benchmark_group("an operation of zipf 0.99 at 1% capacity");
    for contender in hit_ratio::contenders() {
        group.bench_function(contender, |bencher| {
            bencher.iter_custom(|operations| hit_ratio::time(contender, operations));
        });
    }
}

criterion_group!(benches, operations);
criterion_main!(benches);
