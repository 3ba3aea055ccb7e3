//! P11: mutations always invalidate, also if their future is dropped after its first poll.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use cache_core::{Cache, HasCache, cached_query, invalidates};
use futures_lite::future::block_on;
use tokio::runtime;
use tokio::time::timeout;

use super::{Task, pause};

/// How often a body waits before it ends.
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
    #[expect(unused_variables, reason = "an unused argument is one of the cases, and is told as such")]
    async fn commits(&self, unused: Transaction<'_>, moved: Transaction<'_>, _: Transaction<'_>) {
        let _own = Transaction(self);
        let _moved = moved;
        pause(PAUSES).await;
    }

    fn warm() -> Self {
        let repo = Self::default();
        block_on(async {
            repo.read().await;
            repo.spared().await;
        });
        repo
    }

    fn forgot(&self) -> bool {
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

/// Polls a mutation so often, and drops it.
fn drop_after<T>(polls: u32, mutation: impl Future<Output = T> + Send) {
    let mut mutation = Task::new(mutation);
    for _ in 0..polls {
        assert!(mutation.poll().is_pending());
    }
}

#[test]
fn p11_a_mutation_dropped_after_its_first_poll_invalidates() {
    for polls in 1..=PAUSES {
        let repo = Repo::warm();
        drop_after(polls, repo.write(End::Ok));
        assert!(repo.forgot(), "after {polls} polls");
    }
}

#[test]
fn p11_a_mutation_that_is_never_polled_has_done_nothing() {
    let repo = Repo::warm();
    drop_after(0, repo.write(End::Ok));
    drop_after(0, repo.write_on_ok(End::Ok));
    assert!(!repo.forgot());
}

/// Runs a mutation to its end. Returns whether it panicked.
fn panics<T>(mutation: impl Future<Output = T> + Send) -> bool {
    catch_unwind(AssertUnwindSafe(|| block_on(mutation))).is_err()
}

#[test]
fn p11_however_it_ends_after_awaits_it_invalidates_and_not_before() {
    for end in [End::Ok, End::Err, End::Panic] {
        let repo = Repo::warm();
        let mut mutation = Task::begun(repo.write(end));
        for _ in 1..PAUSES {
            assert!(mutation.poll().is_pending() && !repo.forgot());
        }
        assert_eq!(panics(async { mutation.ready() }), end == End::Panic, "a panic goes on to the caller");
        assert!(repo.forgot());
    }
}

#[test]
fn p11_on_ok_it_invalidates_after_awaits_only_then() {
    for (end, expected) in [(End::Ok, true), (End::Err, false), (End::Panic, false)] {
        let repo = Repo::warm();
        assert_eq!(panics(repo.write_on_ok(end)), end == End::Panic);
        assert_eq!(repo.forgot(), expected);
    }
    for polls in 1..=PAUSES {
        let repo = Repo::warm();
        drop_after(polls, repo.write_on_ok(End::Ok));
        assert!(!repo.forgot(), "after {polls} polls");
    }
}

/// What a body holds may write as it goes, or read what is not written yet.
#[test]
fn p11_what_a_dropped_body_held_is_dropped_before_the_invalidation() {
    let repo = Repo::warm();
    let transaction = || Transaction(&repo);
    for polls in 1..=PAUSES {
        drop_after(polls, repo.commits(transaction(), transaction(), transaction()));
        assert!(repo.forgot(), "it was read again after {polls} polls, and then not forgotten");
    }
    block_on(repo.commits(transaction(), transaction(), transaction()));
    assert!(repo.forgot());
}

#[test]
fn p11_a_target_known_from_the_result_is_all_of_the_query_if_there_is_none() {
    let warm = || {
        let repo = Repo::warm();
        for id in 1..=3 {
            block_on(repo.get(id));
        }
        repo
    };
    let repo = warm();
    block_on(repo.replace(1, 2));
    assert_eq!(repo.ids(), ["", "", "id = 3"]);
    for polls in 1..=PAUSES {
        let repo = warm();
        drop_after(polls, repo.replace(1, 2));
        assert_eq!(repo.ids(), ["", ""], "after {polls} polls");
        let repo = warm();
        drop_after(polls, repo.change(1));
        assert_eq!(repo.ids(), ["", "", "id = 2", "id = 3"], "after {polls} polls");
    }
}

/// As a runtime does it: time that is up, a task that is aborted, a runtime that goes.
#[test]
fn p11_a_mutation_that_a_runtime_drops_invalidates() {
    /// Waits for ever, in a mutation.
    #[invalidates(Repo::read, cache = &repo.cache)]
    async fn write(repo: &Repo) {
        tokio::time::sleep(Duration::MAX).await;
    }

    let runtime = || runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let repo = Arc::new(Repo::warm());
    assert!(runtime().block_on(async { timeout(Duration::from_secs(1), write(&repo)).await }).is_err());
    assert!(repo.forgot());

    let endings: [fn(&runtime::Runtime, tokio::task::JoinHandle<()>); 2] = [
        |runtime, task| {
            task.abort();
            assert!(runtime.block_on(task).unwrap_err().is_cancelled());
        },
        |_, _| {},
    ];
    for end in endings {
        let (repo, runtime) = (Arc::new(Repo::warm()), runtime());
        let task = runtime.spawn({
            let repo = repo.clone();
            async move { write(&repo).await }
        });
        runtime.block_on(tokio::task::yield_now());
        assert!(!task.is_finished() && !repo.forgot());
        end(&runtime, task);
        drop(runtime);
        assert!(repo.forgot());
    }
}
