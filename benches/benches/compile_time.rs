//! Compilations of 50 functions, with an attribute and without.
#![forbid(unsafe_code)]

use std::time::Duration;

use cache_benches::benchmarks::compile_time::{CASES, LEAVES, Workspace};
use criterion::{BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};

fn compilations(criterion: &mut Criterion) {
    let workspace = Workspace::new().expect("a temporary directory for some crates");
    let mut change = 0;
    for (case, command) in CASES {
        let mut group = criterion.benchmark_group(case);
        group.sample_size(10).sampling_mode(SamplingMode::Flat).warm_up_time(Duration::from_millis(1));
        for leaf in &LEAVES {
            // The first compilation builds the dependencies.
            change += 1;
            workspace.compile(leaf, command, change).expect("it compiles");
            group.bench_function(BenchmarkId::from_parameter(leaf.contender), |bencher| {
                bencher.iter_custom(|times| {
                    let compile = |_| {
                        change += 1;
                        workspace.compile(leaf, command, change).expect("it compiles")
                    };
                    Duration::from_secs_f64((0..times).map(compile).sum())
                });
            });
        }
    }
}

criterion_group!(benches, compilations);
criterion_main!(benches);
