//! The table of a load test.

use std::{
    io::{self, Write},
    sync::Arc,
};

use cache_core::{Cache, HasCache, Stats};

use crate::{
    error::ReplayError,
    output::{Progress, left, percent, right, write_table},
    repository::SqliteRepository,
    serve::{
        sample::Sample,
        service::{Budget, Load, Served, Service},
    },
    workload::{Policy, visits},
};

/// Serves the sample library without a cache, then with one, each for half of the time; writes the table to `out`, and
/// returns the number of stale answers.
///
/// # Errors
///
/// If a request fails, or the output.
pub async fn serve_load(out: &mut impl Write, load: Load, progress: &Progress) -> Result<u64, ReplayError> {
    let load = Load { budget: half(load.budget), ..load };
    let (mut rows, mut stale) = (Vec::new(), 0);
    for (name, policy) in [("no cache", Policy::NO_CACHE), ("cache", Policy::INVALIDATE_BY_KEY)] {
        let result = LoadResult::of(load, name, (policy.cache)(), progress).await?;
        stale += result.served.stale;
        rows.push(result.row(name));
    }
    write_results(out, "The load", load, rows)?;
    Ok(stale)
}

/// The budget of one of two rows.
pub(super) fn half(budget: Budget) -> Budget {
    match budget {
        Budget::Time(time) => Budget::Time(time / 2),
        operations @ Budget::Operations(_) => operations,
    }
}

pub(super) fn write_results(out: &mut impl Write, name: &str, load: Load, rows: Vec<[String; 10]>) -> io::Result<()> {
    let title = format!(
        "{name}: {} tasks make the visits of the trace, and {} % of the requests are cancelled while they wait.\n\
         A read that is not a hit loads, or shares the load of another.",
        load.tasks, load.cancelled
    );
    let columns = [
        left("policy"),
        right("operations"),
        right("per second"),
        right("cancelled"),
        right("reads"),
        right("hit rate"),
        right("shared"),
        right("loads"),
        right("database queries"),
        right("stale answers"),
    ];
    write_table(out, &title, columns, rows)
}

/// What a service has counted during the load.
pub(super) struct Counts {
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) loads: u64,
    pub(super) queries: u64,
}

pub(super) struct LoadResult {
    pub(super) served: Served,
    pub(super) counts: Counts,
}

impl LoadResult {
    async fn of(load: Load, name: &str, cache: Cache, progress: &Progress) -> Result<Self, ReplayError> {
        let Sample { file, visits, folder: _folder } =
            Sample::import(name, |library| visits(library, usize::MAX), progress)?;
        let repository = Arc::new(SqliteRepository::open(&file, cache).await?);
        let service = Service::new(repository.clone(), visits);
        let mut served = service.serve(load, &progress.step(format!("{name}: serve"), Some(0))).await?;
        // Before the comparison, which reads as well.
        let Stats { hits, misses, loads, .. } = repository.cache().stats();
        let counts = Counts { hits, misses, loads, queries: repository.queries() };
        let truth = SqliteRepository::open(&file, (Policy::NO_CACHE.cache)()).await?;
        served.stale += service.compare_with(&truth, &progress.step(format!("{name}: compare"), Some(0))).await?;
        repository.close().await;
        truth.close().await;
        Ok(Self { served, counts })
    }

    pub(super) fn row(&self, name: &str) -> [String; 10] {
        let Self { served: Served { operations, cancelled, stale, elapsed }, counts } = self;
        let Counts { hits, misses, loads, queries } = *counts;
        let reads = hits + misses;
        let per_second = u128::from(*operations) * 1000 / elapsed.as_millis().max(1);
        [
            name.to_owned(),
            operations.to_string(),
            per_second.to_string(),
            cancelled.to_string(),
            reads.to_string(),
            percent(hits, reads),
            percent(misses.saturating_sub(loads), reads),
            loads.to_string(),
            queries.to_string(),
            stale.to_string(),
        ]
    }
}
