//! A load borne twice, without a cache and with one, as a table.

use std::{io::Write, sync::Arc};

use cache_core::{Cache, HasCache, Stats};
use indicatif::ProgressBar;
use tempfile::TempDir;

use crate::{
    CsvFiles, Database, ReplayError, SqliteRepository,
    output::table::{percent, print_table},
    replay::Policy,
    serve::{Budget, Load, Served, Service},
    workload::visits,
};

/// Serves the sample library, without a cache and then with one, prints what that came to, and returns how many answers
/// were stale. Of a time each has half.
///
/// # Errors
///
/// If a request fails, or the output.
pub async fn serve_load(out: &mut impl Write, load: Load, progress: &ProgressBar) -> Result<u64, ReplayError> {
    let budget = match load.budget {
        Budget::Time(time) => Budget::Time(time / 2),
        operations @ Budget::Operations(_) => operations,
    };
    let (mut rows, mut stale) = (Vec::new(), 0);
    for (name, policy) in [("no cache", Policy::NO_CACHE), ("cache", Policy::FORGET_BY_KEY)] {
        progress.set_position(0);
        progress.set_message(name);
        let borne = bear(Load { budget, ..load }, (policy.cache)(), progress).await?;
        stale += borne.served.stale;
        rows.push(borne.row(name));
    }
    progress.finish_and_clear();
    let title = format!(
        "The service under load: {} tasks make the visits of the trace, and {} of 100 requests are dropped if they have to\n\
         wait. Reads that are no hits load, or share the load of another.",
        load.tasks, load.hang_ups
    );
    let headings = [
        "policy",
        "operations",
        "per second",
        "dropped",
        "reads",
        "hit rate",
        "shared",
        "loads",
        "database queries",
        "stale answers",
    ];
    print_table(out, &title, 1, headings, &rows)?;
    Ok(stale)
}

/// What a load came to, and what it took.
struct Borne {
    served: Served,
    stats: Stats,
    queries: u64,
}

impl Borne {
    fn row(&self, name: &str) -> [String; 10] {
        let Self { served: Served { operations, hung_up, stale, elapsed }, stats, queries } = self;
        let reads = stats.hits + stats.misses;
        let per_second = u128::from(*operations) * 1000 / elapsed.as_millis().max(1);
        [
            name.to_owned(),
            operations.to_string(),
            per_second.to_string(),
            hung_up.to_string(),
            reads.to_string(),
            percent(stats.hits, reads),
            percent(stats.misses.saturating_sub(stats.loads), reads),
            stats.loads.to_string(),
            queries.to_string(),
            stale.to_string(),
        ]
    }
}

async fn bear(load: Load, cache: Cache, progress: &ProgressBar) -> Result<Borne, ReplayError> {
    let folder = TempDir::new().map_err(ReplayError::Folder)?;
    let file = folder.path().join("library.db");
    // This blocks, which is no matter while nobody is served.
    let library = Database::open(&file)?;
    library.import(&CsvFiles::embedded(), &ProgressBar::hidden())?;
    let visits = visits(&library, usize::MAX)?;
    drop(library);

    let repository = Arc::new(SqliteRepository::open(&file, cache).await?);
    let service = Service::new(repository.clone(), visits);
    let mut served = service.serve(load, progress).await?;
    // Before the comparison, which asks as well.
    let (stats, queries) = (repository.cache().stats(), repository.queries());
    let truth = SqliteRepository::open(&file, (Policy::NO_CACHE.cache)()).await?;
    served.stale += service.compare_with(&truth).await?;
    repository.close().await;
    truth.close().await;
    Ok(Borne { served, stats, queries })
}
