//! The runtime of the crate `tokio`.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::sleep;

use super::{Runtime, Task};

/// Runs loads on a runtime of the crate `tokio`, whose timer must be enabled. With the feature `tokio`.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// use cache_core::{Cache, TokioRuntime};
///
/// let cache = Cache::builder().runtime(TokioRuntime::current()).build();
/// # let _ = cache;
/// # });
/// ```
///
/// If the runtime is shut down, loads are dropped: the next caller loads for itself.
#[derive(Clone, Debug)]
pub struct TokioRuntime(Handle);

impl TokioRuntime {
    /// The runtime that the calling code runs on.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn current() -> Self {
        Self(Handle::current())
    }

    /// The runtime of a handle.
    pub fn new(handle: Handle) -> Self {
        Self(handle)
    }
}

impl Runtime for TokioRuntime {
    fn spawn(&self, task: Task) {
        self.0.spawn(task);
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        self.0.spawn_blocking(work);
    }

    fn sleep(&self, duration: Duration) -> Task {
        // The timer is that of this runtime, wherever the future is polled.
        let _entered = self.0.enter();
        Box::pin(sleep(duration))
    }
}
