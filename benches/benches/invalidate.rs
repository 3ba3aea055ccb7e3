//! What it costs to forget.
#![forbid(unsafe_code)]

mod common;

use cache_benches::benchmarks::invalidate::entrants;
use cache_benches::contenders::query_invalidation::FORGETFUL;
use criterion::{BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};

fn by_size(criterion: &mut Criterion) {
    common::group(criterion, "invalidate", &entrants(&[1_000, 1_000_000]));
}

/// Until the call has returned. What follows in the background of other calls is in the report.
fn one_function_of_ten(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("forget one function of ten");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for peer in &FORGETFUL {
        let mut forget = (peer.build)(10_000);
        group.bench_function(BenchmarkId::new(peer.name, 10_000), |bencher| {
            bencher.iter_custom(|calls| (0..calls).map(|_| forget().called).sum());
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = common::config();
    targets = by_size, one_function_of_ten
}
criterion_main!(benches);
