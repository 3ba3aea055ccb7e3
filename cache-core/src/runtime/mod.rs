//! Where loads run that no caller waits for.

#[cfg(feature = "thread-pool")]
mod thread_pool;
#[cfg(feature = "tokio")]
mod tokio;

#[cfg(feature = "thread-pool")]
pub use thread_pool::ThreadPool;
#[cfg(feature = "tokio")]
pub use tokio::TokioRuntime;

use std::pin::Pin;
use std::time::Duration;

/// A future that a [`Runtime`] runs, or that ends after a time.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where a cache runs the loads of queries that are `background`: see
/// [`CacheBuilder::runtime`](crate::CacheBuilder::runtime).
///
/// With the feature `tokio` there is `TokioRuntime`, with the feature `thread-pool` there is `ThreadPool`. Another one
/// takes a few lines:
///
/// ```
/// use std::thread;
/// use std::time::Duration;
/// use cache_core::{Cache, Runtime, Task};
///
/// /// A thread for each load.
/// struct Threads;
///
/// impl Runtime for Threads {
///     fn spawn(&self, task: Task) {
///         thread::spawn(|| futures_lite::future::block_on(task));
///     }
///
///     fn sleep(&self, duration: Duration) -> Task {
///         Box::pin(async move { thread::sleep(duration) })
///     }
/// }
///
/// let cache = Cache::builder().runtime(Threads).build();
/// # let _ = cache;
/// ```
///
/// Its methods are called with no lock held, and may use the cache. A task that is dropped unfinished is a load that was
/// cancelled: a waiting caller loads instead.
pub trait Runtime: Send + Sync + 'static {
    /// Runs a task to its end. It must not wait for that.
    fn spawn(&self, task: Task);

    /// Runs work that may block its thread: the body of a query that is not async. By default it is
    /// [spawned](Runtime::spawn).
    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        self.spawn(Box::pin(async move { work() }));
    }

    /// A future that is ready after a time. It is polled by callers, on any thread.
    fn sleep(&self, duration: Duration) -> Task;
}
