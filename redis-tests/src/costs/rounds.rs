//! Interleaved rounds of two ways to do the same.

use std::time::{Duration, Instant};

/// The medians of the time of one call, in nanoseconds: of the subject, and of what it is compared with.
pub(crate) async fn compare(
    rounds: u64,
    calls: u64,
    mut subject: impl AsyncFnMut(),
    mut base: impl AsyncFnMut(),
) -> (u64, u64) {
    let (mut of_subject, mut of_base) = (Vec::new(), Vec::new());
    // The first round warms up.
    for round in 0..=rounds {
        let start = Instant::now();
        subject().await;
        let middle = Instant::now();
        base().await;
        if round > 0 {
            of_subject.push(per_call(middle - start, calls));
            of_base.push(per_call(middle.elapsed(), calls));
        }
    }
    (percentile(&mut of_subject, 50), percentile(&mut of_base, 50))
}

fn per_call(time: Duration, calls: u64) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX) / calls
}

pub(crate) fn percentile(values: &mut [u64], percent: usize) -> u64 {
    values.sort_unstable();
    values[(values.len() - 1) * percent / 100]
}

pub(crate) fn nanos(nanos: u64) -> String {
    format!("{:.3?}", Duration::from_nanos(nanos))
}
