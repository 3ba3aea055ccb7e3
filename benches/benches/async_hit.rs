//! Asynchronous hits.
#![forbid(unsafe_code)]

mod common;

use cache_benches::benchmarks::async_hit::trials;
use criterion::{Criterion, criterion_group, criterion_main};

fn async_hit(criterion: &mut Criterion) {
    common::group(criterion, "async_hit", &trials());
}

criterion_group! {
    name = benches;
    config = common::config();
    targets = async_hit
}
criterion_main!(benches);
