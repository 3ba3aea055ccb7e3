//! Misses: the load, the insertion, and an eviction.
#![forbid(unsafe_code)]

mod common;

use cache_benches::benchmarks::miss::trials;
use criterion::{Criterion, criterion_group, criterion_main};

fn miss(criterion: &mut Criterion) {
    common::group(criterion, "miss", &trials());
}

criterion_group! {
    name = benches;
    config = common::config();
    targets = miss
}
criterion_main!(benches);
