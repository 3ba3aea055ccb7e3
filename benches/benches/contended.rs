//! Hits of two threads at once.
#![forbid(unsafe_code)]

mod common;

use cache_benches::benchmarks::contended::trials;
use criterion::{Criterion, criterion_group, criterion_main};

fn contended(criterion: &mut Criterion) {
    common::group(criterion, "contended", &trials());
}

criterion_group! {
    name = benches;
    config = common::config();
    targets = contended
}
criterion_main!(benches);
