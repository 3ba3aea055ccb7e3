//! Futures that are dropped before they are ready.

use std::sync::Arc;
use std::time::Duration;

use futures_lite::{FutureExt, future};
use tokio::time::timeout;

use super::worker::{Api, Worker};

impl Worker {
    /// Polls the work, and may drop it before it is ready.
    pub(super) async fn maybe_cancel<T: Send>(&self, work: impl Future<Output = T> + Send) -> Option<T> {
        let result = match self.random.below(16) {
            // Never polled.
            0 => {
                drop(work);
                None
            }
            // The threads of a run have no timer.
            1..4 if self.api == Api::Async => timeout(Duration::ZERO, work).await.ok(),
            4..7 if self.api == Api::Async => {
                let most = Duration::from_micros(self.random.below(20).into());
                timeout(most, work).await.ok()
            }
            7..10 => async { Some(work.await) }.or(future::ready(None)).await,
            _ => async { Some(work.await) }.or(self.give_up_soon()).await,
        };
        if result.is_none() {
            self.tally.cancelled.add(1);
        }
        result
    }

    async fn give_up_soon<T>(&self) -> Option<T> {
        for _ in 0..=self.random.below(6) {
            future::yield_now().await;
        }
        None
    }

    /// Spawns a task for another worker, and aborts it at any point.
    pub(super) async fn abort_forked_task(&self) {
        let forked = Arc::new(self.forked());
        let working = forked.clone();
        let task = tokio::spawn(async move { working.act_and_catch().await });
        for _ in 0..self.random.below(4) {
            future::yield_now().await;
        }
        task.abort();
        // Only now is the task's future dropped.
        match task.await.map_err(tokio::task::JoinError::try_into_panic) {
            Ok(()) => {}
            Err(Ok(panic)) => self.harness.check_panic(panic),
            Err(Err(_)) => self.tally.cancelled.add(1),
        }
        self.tally.add(&forked.tally);
    }
}
