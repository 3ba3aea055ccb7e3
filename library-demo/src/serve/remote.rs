//! The load test of a service on HTTP.

use std::{collections::BTreeMap, io::Write, sync::Arc};

use crate::{
    database::Database,
    error::{DbError, ReplayError},
    model::{TrackChanges, TrackId},
    output::Progress,
    repository::{MusicRepository, RemoteCounts, RemoteRepository},
    serve::{
        report::{Counts, LoadResult, half, write_results},
        service::{Load, Service},
    },
    workload::{Mutation, Step, visits},
};

/// The same as [`serve_load`](crate::serve::serve_load) against the sample library that [`library-demo serve`](crate::http)
/// has: with reads that bypass its cache, then with those that do not.
///
/// It changes that library. Other clients may read it meanwhile; if they change what the load changes, their changes look
/// like stale answers. The counts are those of all clients.
///
/// # Errors
///
/// If a request fails, as when the service has another library, or the output.
pub async fn serve_load_over_http(
    out: &mut impl Write,
    load: Load,
    url: &str,
    progress: &Progress,
) -> Result<u64, ReplayError> {
    let remote = RemoteRepository::new(url)?;
    if remote.counts().await?.is_bypassed {
        return Err(DbError::Service("all its reads bypass the cache: switch that off first".to_owned()).into());
    }
    let sample = Database::open_sample(&progress.step("import", Some(0)))?;
    let visits = visits(&sample, usize::MAX)?;
    let load = Load { budget: half(load.budget), ..load };
    let (mut rows, mut stale) = (Vec::new(), 0);
    for (name, repository) in [("no cache", remote.bypass()), ("cache", remote.clone())] {
        let result = load_remote(load, name, repository, &sample, &visits, progress).await?;
        stale += result.served.stale;
        rows.push(result.row(name));
    }
    write_results(out, "The load over HTTP", load, rows)?;
    Ok(stale)
}

async fn load_remote(
    load: Load,
    name: &str,
    repository: RemoteRepository,
    sample: &Database,
    visits: &[Vec<Step>],
    progress: &Progress,
) -> Result<LoadResult, ReplayError> {
    restore(&repository, sample, visits).await?;
    let truth = repository.bypass();
    let before = repository.counts().await?;
    let service = Service::new(Arc::new(repository), visits.to_vec());
    let mut served = service.serve(load, &progress.step(format!("{name}: serve"), Some(0))).await?;
    // Before the comparison, which reads as well.
    let counts = difference(truth.counts().await?, before);
    served.stale += service.compare_with(&truth, &progress.step(format!("{name}: compare"), Some(0))).await?;
    Ok(LoadResult { served, counts })
}

/// Undoes what an earlier load has done to favourites and titles: the oracle counts changes from the imported ones.
async fn restore(library: &RemoteRepository, sample: &Database, visits: &[Vec<Step>]) -> Result<(), DbError> {
    let mut titles = BTreeMap::<TrackId, String>::new();
    for step in visits.iter().flatten() {
        match step {
            Step::Mutation(Mutation::Favorite(id, _)) => library.set_track_favorite(*id, false).await?,
            Step::Mutation(Mutation::Update(id, _)) => {
                let track = sample.get_track(*id)?.ok_or(DbError::UnknownTrack(*id))?;
                titles.insert(*id, track.info.title);
            }
            _ => {}
        }
    }
    for (id, title) in titles {
        library.update_track(id, &TrackChanges { title: Some(title), ..TrackChanges::default() }).await?;
    }
    Ok(())
}

fn difference(after: RemoteCounts, before: RemoteCounts) -> Counts {
    Counts {
        hits: after.hits - before.hits,
        misses: after.misses - before.misses,
        loads: after.loads - before.loads,
        queries: after.database_queries - before.database_queries,
    }
}
