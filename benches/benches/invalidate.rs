//! The cost of invalidations.
#![forbid(unsafe_code)]

mod common;

use cache_benches::benchmarks::invalidate::{QUERY_CONTENDERS, trials};
use criterion::{BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};

fn by_size(criterion: &mut Criterion) {
    common::group(criterion, "invalidate", &trials(&[1_000, 1_000_000]));
}

/// Until the call returns. The report also has the maintenance that follows.
fn one_query_of_ten(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("invalidate one query of ten");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for contender in &QUERY_CONTENDERS {
        let mut invalidate = (contender.fill)(10_000);
        group.bench_function(BenchmarkId::new(contender.name, 10_000), |bencher| {
            bencher.iter_custom(|calls| (0..calls).map(|_| invalidate().call).sum());
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = common::config();
    targets = by_size, one_query_of_ten
}
criterion_main!(benches);
