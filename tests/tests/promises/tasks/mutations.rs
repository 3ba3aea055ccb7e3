//! P11: mutations always invalidate, also if their future is dropped after its first poll.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use cache_core::{Cache, HasCache, cached_query, invalidates};
use futures_lite::future::block_on;
use tokio::runtime;
use tokio::time::timeout;

use super::{Task, pause};

const PAUSES: u32 = 3;

#[derive(Clone, Copy, PartialEq)]
enum End {
    Ok,
    Err,
    Panic,
}

#[derive(HasCache, Default)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query]
    async fn read(&self) -> u32 {
        1
    }

    #[cached_query]
    async fn get(&self, id: u32) -> u32 {
        id
    }

    #[cached_query]
    async fn spared(&self) -> u32 {
        1
    }

    #[invalidates("read")]
    async fn write(&self, end: End) -> Result<u32, &'static str> {
        body(end).await
    }

    #[invalidates("read", on = "ok")]
    async fn write_on_ok(&self, end: End) -> Result<u32, &'static str> {
        let value = body(end).await?;
        Ok(value)
    }

    #[invalidates(get(id), |made| get(*made))]
    async fn replace(&self, id: u32, by: u32) -> u32 {
        pause(PAUSES).await;
        let _ = id;
        by
    }

    #[invalidates(get(id))]
    async fn change(&self, id: u32) {
        pause(PAUSES).await;
        let _ = id;
    }

    #[invalidates("read")]
    #[expect(unused_variables, reason = "an unused argument is one of the cases")]
    async fn commits(&self, unused: Transaction<'_>, moved: Transaction<'_>, _: Transaction<'_>) {
        let _own = Transaction(self);
        let _moved = moved;
        pause(PAUSES).await;
    }

    fn cached() -> Self {
        let repo = Self::default();
        block_on(async {
            repo.read().await;
            repo.spared().await;
        });
        repo
    }

    fn is_invalidated(&self) -> bool {
        let mut queries: Vec<_> = self.cache.entries().into_iter().map(|entry| entry.query).collect();
        queries.sort_unstable();
        match queries[..] {
            ["spared"] => true,
            ["read", "spared"] => false,
            _ => panic!("{queries:?}"),
        }
    }

    fn ids(&self) -> Vec<String> {
        let mut ids: Vec<_> = self.cache.entries().into_iter().map(|entry| entry.arguments).collect();
        ids.sort_unstable();
        ids
    }
}

async fn body(end: End) -> Result<u32, &'static str> {
    pause(PAUSES).await;
    match end {
        End::Ok => Ok(1),
        End::Err => Err("as the test wants it"),
        End::Panic => resume_unwind(Box::new("as the test wants it")),
    }
}

/// Reads the repository when it is dropped, as another task could at that moment.
struct Transaction<'a>(&'a Repo);

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        block_on(self.0.read());
    }
}

fn drop_after<T>(polls: u32, mutation: impl Future<Output = T> + Send) {
    let mut mutation = Task::new(mutation);
    for _ in 0..polls {
        assert!(mutation.poll().is_pending());
    }
}

#[test]
fn p11_a_mutation_dropped_after_its_first_poll_invalidates() {
    for polls in 1..=PAUSES {
        let repo = Repo::cached();
        drop_after(polls, repo.write(End::Ok));
        assert!(repo.is_invalidated(), "after {polls} polls");
    }
}

#[test]
fn p11_a_mutation_that_is_never_polled_does_nothing() {
    let repo = Repo::cached();
    drop_after(0, repo.write(End::Ok));
    drop_after(0, repo.write_on_ok(End::Ok));
    assert!(!repo.is_invalidated());
}

/// Returns whether it panicked.
fn panics<T>(mutation: impl Future<Output = T> + Send) -> bool {
    catch_unwind(AssertUnwindSafe(|| block_on(mutation))).is_err()
}

#[test]
fn p11_a_mutation_invalidates_at_its_end_however_it_ends() {
    for end in [End::Ok, End::Err, End::Panic] {
        let repo = Repo::cached();
        let mut mutation = Task::begun(repo.write(end));
        for _ in 1..PAUSES {
            assert!(mutation.poll().is_pending() && !repo.is_invalidated());
        }
        assert_eq!(panics(async { mutation.ready() }), end == End::Panic, "the panic reaches the caller");
        assert!(repo.is_invalidated());
    }
}

#[test]
fn p11_a_mutation_on_ok_invalidates_only_then() {
    for (end, expected) in [(End::Ok, true), (End::Err, false), (End::Panic, false)] {
        let repo = Repo::cached();
        assert_eq!(panics(repo.write_on_ok(end)), end == End::Panic);
        assert_eq!(repo.is_invalidated(), expected);
    }
    for polls in 1..=PAUSES {
        let repo = Repo::cached();
        drop_after(polls, repo.write_on_ok(End::Ok));
        assert!(!repo.is_invalidated(), "after {polls} polls");
    }
}

/// What a body holds may write, or read the old data, when it is dropped.
#[test]
fn p11_what_a_dropped_body_held_is_dropped_before_the_invalidation() {
    let repo = Repo::cached();
    let transaction = || Transaction(&repo);
    for polls in 1..=PAUSES {
        drop_after(polls, repo.commits(transaction(), transaction(), transaction()));
        assert!(repo.is_invalidated(), "dropped after {polls} polls: what was read in the drop was not invalidated");
    }
    block_on(repo.commits(transaction(), transaction(), transaction()));
    assert!(repo.is_invalidated());
}

#[test]
fn p11_a_target_from_a_missing_result_is_the_whole_query() {
    let cached = || {
        let repo = Repo::cached();
        for id in 1..=3 {
            block_on(repo.get(id));
        }
        repo
    };
    let repo = cached();
    block_on(repo.replace(1, 2));
    assert_eq!(repo.ids(), ["", "", "id = 3"]);
    for polls in 1..=PAUSES {
        let repo = cached();
        drop_after(polls, repo.replace(1, 2));
        assert_eq!(repo.ids(), ["", ""], "after {polls} polls");
        let repo = cached();
        drop_after(polls, repo.change(1));
        assert_eq!(repo.ids(), ["", "", "id = 2", "id = 3"], "after {polls} polls");
    }
}

/// As a runtime drops it: on a timeout, an abort, or a shutdown.
#[test]
fn p11_a_mutation_that_a_runtime_drops_invalidates() {
    #[invalidates(Repo::read, cache = &repo.cache)]
    async fn write(repo: &Repo) {
        tokio::time::sleep(Duration::MAX).await;
    }

    let runtime = || runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let repo = Arc::new(Repo::cached());
    assert!(runtime().block_on(async { timeout(Duration::from_secs(1), write(&repo)).await }).is_err());
    assert!(repo.is_invalidated());

    let endings: [fn(&runtime::Runtime, tokio::task::JoinHandle<()>); 2] = [
        |runtime, task| {
            task.abort();
            assert!(runtime.block_on(task).unwrap_err().is_cancelled());
        },
        |_, _| {},
    ];
    for end in endings {
        let (repo, runtime) = (Arc::new(Repo::cached()), runtime());
        let task = runtime.spawn({
            let repo = repo.clone();
            async move { write(&repo).await }
        });
        runtime.block_on(tokio::task::yield_now());
        assert!(!task.is_finished() && !repo.is_invalidated());
        end(&runtime, task);
        drop(runtime);
        assert!(repo.is_invalidated());
    }
}
