//! What an observer is told of loads that others wait for.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use cache_core::events::{LoadOutcome, Loaded};
use cache_core::{Cache, HasCache, Observer, cached_query};

use super::{Task, drive, until_set};

/// The outcomes of loads, and how many shared them.
#[derive(Clone, Default)]
struct Ends(Arc<Mutex<Vec<(LoadOutcome, usize)>>>);

impl Ends {
    fn take(&self) -> Vec<(LoadOutcome, usize)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Observer for Ends {
    fn loaded(&self, loaded: &Loaded<'_>) {
        self.0.lock().unwrap().push((loaded.outcome, loaded.shared_by));
    }
}

#[derive(HasCache)]
struct Repo {
    is_ready: AtomicBool,
    fails: AtomicBool,
    cache: Cache,
}

impl Repo {
    fn observed() -> (Self, Ends) {
        let ends = Ends::default();
        let cache = Cache::builder().observer(ends.clone()).build();
        (Self { is_ready: AtomicBool::new(false), fails: AtomicBool::new(false), cache }, ends)
    }

    #[cached_query]
    async fn get(&self) -> Result<u32, String> {
        until_set(&self.is_ready).await;
        if self.fails.load(SeqCst) { Err("it is down".into()) } else { Ok(7) }
    }
}

#[test]
fn an_observer_is_told_how_many_have_shared_a_load() {
    for fails in [false, true] {
        let (repo, ends) = Repo::observed();
        repo.fails.store(fails, SeqCst);
        let leader = Task::begun(repo.get());
        let mut crowd: Vec<_> = (0..3).map(|_| Task::begun(repo.get())).collect();
        drop(crowd.pop());
        repo.is_ready.store(true, SeqCst);
        assert_eq!(leader.ready().is_err(), fails);
        assert_eq!(drive(crowd).len(), 2);
        let outcome = if fails { LoadOutcome::Failed } else { LoadOutcome::Stored };
        assert_eq!(ends.take(), [(outcome, 2)]);
    }
}

#[test]
fn an_observer_is_told_of_a_load_that_is_dropped_and_of_the_next_one() {
    let (repo, ends) = Repo::observed();
    let (leader, follower) = (Task::begun(repo.get()), Task::begun(repo.get()));
    drop(leader);
    assert_eq!(ends.take(), [(LoadOutcome::Dropped, 0)]);
    repo.is_ready.store(true, SeqCst);
    assert_eq!(follower.woken(), Ok(7));
    assert_eq!(ends.take(), [(LoadOutcome::Stored, 0)]);
}
