//! Hit ratios, once, and what an operation of such a trace takes.
#![forbid(unsafe_code)]

use cache_benches::benchmarks::hit_ratio;
use cache_benches::report::markdown;
use cache_benches::results::Effort;
use criterion::{Criterion, criterion_group, criterion_main};
use indicatif::ProgressBar;

fn operations(criterion: &mut Criterion) {
    for table in hit_ratio::ask(Effort::Quick, &ProgressBar::hidden()).tables {
        println!("{}\n\n{}", table.title, markdown::table(&table));
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
