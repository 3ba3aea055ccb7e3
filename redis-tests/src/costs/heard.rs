//! How long it takes until all processes have heard of a write, and how many writes one server takes.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use cache_core::{Cache, Observer, events};
use redis_tests::Server;

use crate::{Outcome, library::Library, process, rounds::percentile};

/// When each process heard last.
#[derive(Clone, Default)]
struct Heard(Arc<(Mutex<Option<Instant>>, AtomicU64)>);

impl Observer for Heard {
    fn invalidated(&self, _: &events::Invalidated<'_>) {
        let (last, count) = &*self.0;
        *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        count.fetch_add(1, Ordering::AcqRel);
    }
}

impl Heard {
    fn count(&self) -> u64 {
        self.0.1.load(Ordering::Acquire)
    }

    async fn wait_for(&self, count: u64) -> Option<Instant> {
        while self.count() < count {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Median and 99th percentile, in nanoseconds.
pub(crate) async fn lag(processes: usize) -> Outcome<(u64, u64)> {
    let server = Server::start();
    let writer = Library::new(process(&server, "lag", Cache::builder()).await?);
    let (mut others, mut lags) = (Vec::new(), Vec::new());
    for _ in 1..processes {
        let heard = Heard::default();
        others.push((process(&server, "lag", Cache::builder().observer(heard.clone())).await?, heard));
    }
    // A restart of the log is an invalidation, too.
    let before: Vec<u64> = others.iter().map(|(_, heard)| heard.count()).collect();
    for write in 1..=1_000 {
        writer.write(write).await;
        let returned = Instant::now();
        let mut lag = Duration::ZERO;
        for ((_, heard), before) in others.iter().zip(&before) {
            let at = heard.wait_for(before + write).await.ok_or("it has heard")?;
            lag = lag.max(at.saturating_duration_since(returned));
        }
        lags.push(u64::try_from(lag.as_nanos())?);
    }
    Ok((percentile(&mut lags, 50), percentile(&mut lags, 99)))
}

/// Invalidations in a second.
pub(crate) async fn throughput(server: &Server) -> Outcome<f64> {
    const TASKS: u64 = 64;
    const WRITES: u64 = 200;
    let writer = Library::new(process(server, "throughput", Cache::builder()).await?);
    let heard = Heard::default();
    let _reader = process(server, "throughput", Cache::builder().observer(heard.clone())).await?;
    let before = heard.count();
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..TASKS {
        let writer = writer.clone();
        tasks.spawn(async move {
            for key in 0..WRITES {
                writer.write(key).await;
            }
        });
    }
    tasks.join_all().await;
    heard.wait_for(before + TASKS * WRITES).await;
    #[expect(clippy::cast_precision_loss, reason = "it is a small number")]
    Ok((TASKS * WRITES) as f64 / start.elapsed().as_secs_f64())
}
