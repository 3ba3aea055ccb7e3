//! Criterion groups of the report's trials.

use cache_benches::rounds::Trial;
use criterion::{BenchmarkId, Criterion};

/// A group of trials.
pub(crate) fn group(criterion: &mut Criterion, name: &str, trials: &[Trial]) {
    let mut group = criterion.benchmark_group(name);
    for trial in trials {
        group.bench_function(BenchmarkId::new(&trial.contender, &trial.case), |bencher| {
            bencher.iter_custom(|calls| trial.time(usize::try_from(calls).expect("a number of calls")));
        });
    }
    group.finish();
}

/// Short, because groups are large.
pub(crate) fn config() -> Criterion {
    let (warm_up, measurement) = (std::time::Duration::from_millis(200), std::time::Duration::from_secs(1));
    Criterion::default().sample_size(30).warm_up_time(warm_up).measurement_time(measurement)
}
