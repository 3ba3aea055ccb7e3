//! Futures that are dropped before they are ready.

use std::sync::Arc;
use std::time::Duration;

use futures_lite::{FutureExt, future};
use tokio::time::timeout;

use super::worker::{Api, Worker};

impl Worker {
    /// Does some of the work, and maybe all. What is left of it is gone when this is over.
    pub(super) async fn doom<T: Send>(&self, work: impl Future<Output = T> + Send) -> Option<T> {
        let result = match self.dice.below(16) {
            // Never polled.
            0 => {
                drop(work);
                None
            }
            // A thread of this run has no timer.
            1..4 if self.api == Api::Async => timeout(Duration::ZERO, work).await.ok(),
            4..7 if self.api == Api::Async => {
                let most = Duration::from_micros(self.dice.below(20).into());
                timeout(most, work).await.ok()
            }
            7..10 => async { Some(work.await) }.or(future::ready(None)).await,
            _ => async { Some(work.await) }.or(self.lose_patience()).await,
        };
        if result.is_none() {
            self.tally.cancelled.add(1);
        }
        result
    }

    async fn lose_patience<T>(&self) -> Option<T> {
        for _ in 0..=self.dice.below(6) {
            future::yield_now().await;
        }
        None
    }

    /// Lets another task do something, and aborts it wherever that is.
    pub(super) async fn abort_deputy(&self) {
        let deputy = Arc::new(self.deputy());
        let working = deputy.clone();
        let task = tokio::spawn(async move { working.act_and_survive().await });
        for _ in 0..self.dice.below(4) {
            future::yield_now().await;
        }
        task.abort();
        // Only now is the task's future gone.
        match task.await.map_err(tokio::task::JoinError::try_into_panic) {
            Ok(()) => {}
            Err(Ok(panic)) => self.world.judge_panic(panic),
            Err(Err(_)) => self.tally.cancelled.add(1),
        }
        self.tally.add(&deputy.tally);
    }
}
