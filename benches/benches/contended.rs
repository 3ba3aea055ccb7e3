//! What a hit costs when two threads hit at once.
#![forbid(unsafe_code)]

mod common;

use cache_benches::benchmarks::contended::entrants;
use criterion::{Criterion, criterion_group, criterion_main};

fn contended(criterion: &mut Criterion) {
    common::group(criterion, "contended", &entrants());
}

criterion_group! {
    name = benches;
    config = common::config();
    targets = contended
}
criterion_main!(benches);
