//! What the benches have in common: they time the same calls as the report.

use cache_benches::rounds::Entrant;
use criterion::{BenchmarkId, Criterion};

/// One group, of everybody who does that work.
pub(crate) fn group(criterion: &mut Criterion, name: &str, entrants: &[Entrant]) {
    let mut group = criterion.benchmark_group(name);
    for entrant in entrants {
        group.bench_function(BenchmarkId::new(&entrant.contender, &entrant.case), |bencher| {
            bencher.iter_custom(|calls| entrant.time(usize::try_from(calls).expect("a number of calls")));
        });
    }
    group.finish();
}

/// Short: there are many in a group.
pub(crate) fn config() -> Criterion {
    let (warm_up, measurement) = (std::time::Duration::from_millis(200), std::time::Duration::from_secs(1));
    Criterion::default().sample_size(30).warm_up_time(warm_up).measurement_time(measurement)
}
