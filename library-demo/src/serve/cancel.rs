//! Cancellation: a server drops the future of a request when its client disconnects.

use std::{future::poll_fn, panic::resume_unwind, pin::pin, task::Poll};

/// Runs a mutation of a request handler to completion, even if its caller is dropped.
///
/// A dropped mutation invalidates at once, but a `COMMIT` that `sqlx` has sent to the thread of its connection still
/// takes place. A read between the two caches the old answer, and nothing invalidates it. In its own task, the mutation
/// invalidates after the commit.
///
/// # Panics
///
/// If the mutation does.
pub async fn run_to_completion<T: Send + 'static>(mutation: impl Future<Output = T> + Send + 'static) -> T {
    tokio::spawn(mutation).await.unwrap_or_else(|error| resume_unwind(error.into_panic()))
}

/// Drops a request that is still pending after `polls` polls.
pub(super) async fn cancel_after<T>(mut polls: u32, request: impl Future<Output = T>) -> Option<T> {
    let mut request = pin!(request);
    poll_fn(|cx| {
        if let Poll::Ready(answer) = request.as_mut().poll(cx) {
            return Poll::Ready(Some(answer));
        }
        polls -= 1;
        if polls == 0 { Poll::Ready(None) } else { Poll::Pending }
    })
    .await
}
