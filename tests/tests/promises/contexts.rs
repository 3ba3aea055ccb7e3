//! P11 and P15 with tests of their own for threads and tasks: what a body reads in a thread or task that it spawned,
//! and panics in `Drop` that are counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;

use cache_core::{Cache, HasCache, LoadContext, TaggedCache, cached_query, invalidates};
use futures_lite::future::{block_on, yield_now};

#[derive(HasCache, Default)]
struct Repo {
    row: AtomicUsize,
    bodies: AtomicUsize,
    cache: Cache,
}

impl Repo {
    #[cached_query]
    fn inner(&self, id: usize) -> usize {
        self.row.load(Ordering::SeqCst) + id
    }

    /// Reads one query itself, one in a thread with its context, and one in a thread without.
    #[cached_query]
    fn in_threads(&self) -> usize {
        self.bodies.fetch_add(1, Ordering::SeqCst);
        let load = LoadContext::current();
        thread::scope(|scope| {
            let told = scope.spawn(|| load.within(|| self.inner(2)));
            let untold = scope.spawn(|| self.inner(3));
            self.inner(1)
                + told.join().expect("the thread does not panic")
                + untold.join().expect("the thread does not panic")
        })
    }

    #[cached_query]
    async fn inner_async(&self, id: usize) -> usize {
        yield_now().await;
        self.row.load(Ordering::SeqCst) + id
    }

    /// The same with a task on another thread.
    #[cached_query]
    async fn in_tasks(self: &Arc<Self>) -> usize {
        self.bodies.fetch_add(1, Ordering::SeqCst);
        let this = self.clone();
        let task = LoadContext::current().instrument(async move {
            yield_now().await;
            this.inner_async(2).await
        });
        let told = thread::spawn(move || block_on(task));
        yield_now().await;
        self.inner_async(1).await + told.join().expect("the thread does not panic")
    }

    #[invalidates(inner(id), inner_async(id))]
    fn write(&self, id: usize) {
        self.row.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn p15_a_load_depends_on_what_a_thread_reads_within_its_context() {
    for (id, invalidates) in [(1, true), (2, true), (3, false), (4, false)] {
        let repo = Repo::default();
        assert_eq!((repo.in_threads(), repo.in_threads()), (6, 6));
        repo.write(id);
        repo.in_threads();
        assert_eq!(repo.bodies.load(Ordering::SeqCst), if invalidates { 2 } else { 1 }, "{id}");
        repo.cache.check_invariants();
    }
}

#[test]
fn p15_a_load_depends_on_what_an_instrumented_task_reads() {
    for (id, invalidates) in [(1, true), (2, true), (3, false)] {
        let repo = Arc::new(Repo::default());
        assert_eq!((block_on(repo.in_tasks()), block_on(repo.in_tasks())), (3, 3));
        repo.write(id);
        block_on(repo.in_tasks());
        assert_eq!(repo.bodies.load(Ordering::SeqCst), if invalidates { 2 } else { 1 }, "{id}");
        repo.cache.check_invariants();
    }
}

/// Outside a load the context is empty.
#[test]
fn p15_an_empty_context_changes_nothing() {
    fn is_shareable<T: Clone + Send + Sync + 'static>(_: &T) {}
    let (repo, load) = (Repo::default(), LoadContext::current());
    is_shareable(&load);
    assert_eq!(load.within(|| repo.inner(1)), 1);
    assert_eq!(block_on(load.clone().instrument(async { repo.inner(1) })), 1);
    // An empty context within a load changes nothing either.
    let outer = TaggedCache::<u32, usize>::new();
    let read = || outer.get_or_load(&1, || load.within(|| 0) + repo.inner(1));
    assert_eq!((read(), read()), (1, 1));
    repo.write(1);
    assert_eq!(read(), 2);
}

/// What is read within the context of a load that has ended is attached to nothing.
#[test]
fn p15_a_context_may_outlive_its_load() {
    let (repo, outer) = (Repo::default(), TaggedCache::<u32, usize>::new());
    let mut kept = None;
    let value = outer.get_or_load(&1, || {
        kept = Some(LoadContext::current());
        repo.inner(1)
    });
    assert_eq!(value, 1);
    let load = kept.expect("the body has run");
    assert_eq!(load.within(|| repo.inner(2)), 2);
    repo.write(2);
    assert_eq!(outer.get(&1), Some(1), "it is stored without that read");
    repo.write(1);
    assert_eq!(outer.get(&1), None);
    let late = std::pin::pin!(load.instrument(async { repo.inner(2) }));
    let polled = late.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    assert_eq!(polled, Poll::Ready(4));
    outer.check_invariants();
    repo.cache.check_invariants();
}

#[test]
fn p11_panics_in_drop_are_counted() {
    struct Value(bool);
    impl Clone for Value {
        fn clone(&self) -> Self {
            Self(false)
        }
    }
    impl Drop for Value {
        fn drop(&mut self) {
            // A second panic would abort the process.
            if self.0 && !thread::panicking() {
                std::panic::resume_unwind(Box::new("as the test wants it"));
            }
        }
    }
    let cache = TaggedCache::<u32, Value>::new();
    assert_eq!(cache.stats().drop_panics, 0);
    for key in 0..3 {
        cache.insert(key, Value(true));
    }
    assert!(cache.invalidate_key(&0));
    cache.insert(1, Value(false));
    cache.invalidate_all();
    cache.purge();
    assert_eq!(cache.stats().drop_panics, 3);
    cache.check_invariants();
}
