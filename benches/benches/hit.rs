//! Hits of one thread.
#![forbid(unsafe_code)]

mod common;

use cache_benches::benchmarks::hit::trials;
use criterion::{Criterion, criterion_group, criterion_main};

fn hit(criterion: &mut Criterion) {
    common::group(criterion, "hit", &trials());
}

criterion_group! {
    name = benches;
    config = common::config();
    targets = hit
}
criterion_main!(benches);
