//! P15: a load depends on what it read, and on nothing else, however polls of several loads alternate on one thread.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use cache_core::{Cache, HasCache, TaggedCache, cached_query, invalidates};
use futures_lite::future::{block_on, or, pending, zip};

use super::{Task, pause};

#[derive(HasCache, Default)]
struct Repo {
    row: AtomicU32,
    bodies: AtomicU32,
    rows: TaggedCache<u32, u32>,
    #[cache]
    cache: Cache,
}

impl Repo {
    fn row(&self) -> u32 {
        self.row.load(Ordering::SeqCst)
    }

    #[cached_query]
    async fn inner(&self, id: u32) -> u32 {
        pause(id).await;
        self.row() + id
    }

    #[cached_query]
    async fn outer(&self, id: u32) -> u32 {
        self.bodies.fetch_add(1, Ordering::SeqCst);
        pause(1).await;
        let value = self.inner(id).await;
        pause(3).await;
        value
    }

    #[cached_query]
    async fn joined(&self) -> u32 {
        self.bodies.fetch_add(1, Ordering::SeqCst);
        let (one, two) = zip(self.inner(1), self.inner(2)).await;
        one + two + self.inner(3).await
    }

    #[cached_query]
    async fn above(&self) -> u32 {
        let (one, two) = zip(self.outer(1), self.outer(2)).await;
        one + two
    }

    #[cached_query]
    async fn first_of_two(&self) -> u32 {
        self.bodies.fetch_add(1, Ordering::SeqCst);
        or(self.inner(1), async {
            self.inner(5).await;
            pending().await
        })
        .await
    }

    #[cached_query]
    async fn direct(&self) -> u32 {
        let load = |id| {
            self.rows.get_or_load_async(&1, async move || {
                pause(id).await;
                self.row() + id
            })
        };
        let (one, two) = zip(load(1), load(2)).await;
        one.max(two)
    }

    #[invalidates(inner(id))]
    async fn write(&self, id: u32) {
        self.row.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn p15_a_body_that_joins_depends_on_each_key_it_joined() {
    block_on(async {
        for id in 1..=3 {
            let repo = Repo::default();
            assert_eq!((repo.joined().await, repo.joined().await), (6, 6));
            repo.write(4).await;
            repo.joined().await;
            assert_eq!(repo.bodies.load(Ordering::SeqCst), 1, "another key");
            repo.write(id).await;
            repo.joined().await;
            assert_eq!(repo.bodies.load(Ordering::SeqCst), 2, "it read {id}");
            repo.cache.check_invariants();
        }
    });
}

#[test]
fn p15_concurrent_loads_each_depend_on_what_they_read() {
    block_on(async {
        let repo = Repo::default();
        assert_eq!(zip(repo.outer(1), repo.outer(2)).await, (1, 2));
        repo.write(1).await;
        assert_eq!(zip(repo.outer(1), repo.outer(2)).await, (2, 2), "exactly the named one");
        assert_eq!(repo.bodies.load(Ordering::SeqCst), 3);
    });
}

#[test]
fn p15_a_body_that_joins_outer_loads_depends_on_what_they_read() {
    block_on(async {
        for id in [1, 2] {
            let repo = Repo::default();
            assert_eq!(repo.above().await, 3);
            repo.write(id).await;
            assert_eq!(repo.above().await, 4, "it read {id} through another");
        }
    });
}

#[test]
fn p15_a_body_that_drops_an_inner_load_depends_on_the_other() {
    block_on(async {
        let repo = Repo::default();
        assert_eq!(repo.first_of_two().await, 1);
        repo.write(1).await;
        assert_eq!(repo.first_of_two().await, 2);
        repo.cache.check_invariants();
    });
}

#[test]
fn p15_a_body_that_joins_direct_loads_depends_on_their_keys() {
    block_on(async {
        let repo = Repo::default();
        let before = repo.direct().await;
        repo.row.fetch_add(10, Ordering::SeqCst);
        repo.rows.invalidate_key(&1);
        assert!(repo.direct().await >= before + 9);
    });
}

/// Between two polls of a load its thread reads other keys, and the load moves to another thread.
#[test]
fn p15_a_load_does_not_depend_on_reads_between_its_polls() {
    let repo = Repo::default();
    block_on(repo.inner(2));
    let mut outer = Task::begun(repo.outer(1));
    let mut polls = 1;
    let value = loop {
        assert_eq!(block_on(repo.inner(2)), 2);
        polls += 1;
        let polled = if polls % 2 == 0 {
            thread::scope(|scope| scope.spawn(|| outer.poll()).join().expect("the thread does not panic"))
        } else {
            outer.poll()
        };
        if let std::task::Poll::Ready(value) = polled {
            break value;
        }
    };
    assert!(value == 1 && polls > 4, "{value} after {polls} polls");
    block_on(repo.write(2));
    block_on(repo.outer(1));
    assert_eq!(repo.bodies.load(Ordering::SeqCst), 1, "its threads read that between polls");
    block_on(repo.write(1));
    assert_eq!(block_on(repo.outer(1)), 3);
    assert_eq!(repo.bodies.load(Ordering::SeqCst), 2, "it did read this one");
}

/// P1: what a suspended load has read is invalidated.
#[test]
fn p1_no_task_joins_an_outer_load_whose_reads_were_invalidated() {
    let repo = Repo::default();
    block_on(repo.inner(1));
    let mut first = Task::begun(repo.outer(1));
    assert!(first.poll().is_pending(), "it has read, and is suspended");
    block_on(repo.write(1));
    assert_eq!(block_on_unless_it_joins(&repo), 2);
    while first.poll().is_pending() {}
    assert_eq!(block_on(repo.outer(1)), 2);
    assert_eq!(repo.bodies.load(Ordering::SeqCst), 2);
}

/// A caller that waits for the first load is never woken here.
fn block_on_unless_it_joins(repo: &Repo) -> u32 {
    let mut second = Task::new(repo.outer(1));
    for _ in 0..100 {
        if let std::task::Poll::Ready(value) = second.poll() {
            return value;
        }
    }
    panic!("it waits for a load whose reads were invalidated");
}
