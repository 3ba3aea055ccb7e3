//! Threads of the cache's own.

use std::fmt;
use std::time::Duration;

use futures_lite::future::block_on;
use futures_timer::Delay;

use super::{Runtime, Task};

/// Runs loads on threads of its own, for services that are not async. With the feature `thread-pool`.
///
/// ```
/// use cache_core::{Cache, ThreadPool};
///
/// let cache = Cache::builder().runtime(ThreadPool::new(2)).build();
/// # let _ = cache;
/// ```
///
/// A future occupies a thread until its end. The threads end with the last cache that has the pool, once they have
/// finished their loads.
pub struct ThreadPool(rayon_core::ThreadPool);

impl ThreadPool {
    /// A pool of so many threads. With 0 there are as many as processors.
    ///
    /// # Panics
    ///
    /// If the system gives no thread.
    pub fn new(threads: usize) -> Self {
        let pool = rayon_core::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|number| format!("cache-load-{number}"))
            // The body's panic was reported when it was raised, and the load was handed over.
            .panic_handler(|_| ())
            .build();
        Self(pool.expect("the system gives threads"))
    }
}

impl Runtime for ThreadPool {
    fn spawn(&self, task: Task) {
        self.0.spawn(|| block_on(task));
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        self.0.spawn(work);
    }

    fn sleep(&self, duration: Duration) -> Task {
        Box::pin(Delay::new(duration))
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPool").field("threads", &self.0.current_num_threads()).finish()
    }
}
