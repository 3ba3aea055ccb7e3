//! Clients that hang up: a server drops the request of such a client where it stands.

use std::{future::poll_fn, panic::resume_unwind, pin::pin, task::Poll};

/// Runs a change to its end, also if its caller goes away. A request handler makes its changes so.
///
/// A change that is dropped half-way invalidates when it is dropped, and that may be too early: once `sqlx` has sent a
/// `COMMIT` to the thread of its connection, the commit takes place whether anybody waits for it or not. A read
/// between the two has the old answer cached, and nothing invalidates it any more. In a task of its own the change is not
/// dropped, and it invalidates after the commit.
///
/// # Panics
///
/// If the change does.
pub async fn to_the_end<T: Send + 'static>(change: impl Future<Output = T> + Send + 'static) -> T {
    tokio::spawn(change).await.unwrap_or_else(|error| resume_unwind(error.into_panic()))
}

/// A request that is dropped when it has to wait for the `patience`th time.
pub(super) async fn hanging_up<T>(request: impl Future<Output = T>, mut patience: u32) -> Option<T> {
    let mut request = pin!(request);
    poll_fn(|cx| {
        if let Poll::Ready(answer) = request.as_mut().poll(cx) {
            return Poll::Ready(Some(answer));
        }
        patience -= 1;
        if patience == 0 { Poll::Ready(None) } else { Poll::Pending }
    })
    .await
}
