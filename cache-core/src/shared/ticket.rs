//! What a caller waits for: the answer of a tier.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex as StdMutex, PoisonError};
use std::task::{Context, Poll, ready};

use futures_lite::future::block_on;

use crate::shared::tier::TierFuture;

/// Until an invalidation is acknowledged, or a value stored in the second level, or neither has to be waited for any longer.
/// Dropping it does not take an invalidation back.
#[must_use = "who drops it does not wait until other processes can hear of the invalidation"]
#[derive(Default)]
pub(crate) struct Ticket(Vec<StdMutex<TierFuture<'static, ()>>>);

impl Ticket {
    /// A `Mutex`, as futures that wait are `Sync`; it is never locked.
    pub(crate) fn of(answer: TierFuture<'static, ()>) -> Self {
        Self(vec![StdMutex::new(answer)])
    }

    pub(crate) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// Blocks this thread.
    pub(crate) fn wait(self) {
        if !self.is_over() {
            block_on(self);
        }
    }

    /// Nobody waits: the write was cancelled, or has panicked.
    pub(crate) fn leave(self) {
        drop(self);
    }
}

impl Future for Ticket {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // They make progress without being polled.
        while let Some(last) = self.0.last_mut() {
            ready!(last.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().poll(cx));
            self.0.pop();
        }
        Poll::Ready(())
    }
}
