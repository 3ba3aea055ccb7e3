//! P17: transactions against readers, loads and each other.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use cache_core::{Cache, HasCache, ManualClock, cached_query, invalidates};
use shuttle::sync::atomic::{AtomicU32, Ordering};
use shuttle::thread;

use crate::support::{Thread, concurrently, explore, explore_switching, is_idle, join_thread, query_cache};

/// Added to a number that is not committed.
const DIRTY: u32 = 1_000;

/// A row that transactions count up.
#[derive(Clone, Default)]
struct Row(Arc<AtomicU32>);

impl Row {
    fn committed(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }

    /// Returns the new number.
    fn commit(&self) -> u32 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }
}

#[derive(Clone, HasCache)]
struct Repo {
    row: Row,
    cache: Cache,
    /// What it reads inside of a transaction, instead of the committed number.
    snapshot: Option<u32>,
}

impl Repo {
    fn new() -> Self {
        Self::of(query_cache())
    }

    fn of(cache: Cache) -> Self {
        Self { row: Row::default(), cache, snapshot: None }
    }

    fn inside(&self, cache: Cache, snapshot: u32) -> Self {
        Self { cache, snapshot: Some(snapshot), ..self.clone() }
    }

    #[cached_query]
    fn number(&self) -> u32 {
        self.snapshot.unwrap_or_else(|| self.row.committed())
    }

    #[cached_query]
    fn made(&self) -> u32 {
        self.number()
    }

    #[cached_query(skip(inside))]
    fn asks(&self, inside: &Repo) -> u32 {
        inside.number()
    }

    #[invalidates("number")]
    fn write(&self) {}

    /// A whole transaction. Afterwards no older number is served.
    fn transact(&self, read: fn(&Self) -> u32) {
        let transaction = self.cache.transaction();
        let inside = self.inside(transaction.cache(), self.row.committed() + DIRTY);
        inside.write();
        assert!(read(&inside) >= DIRTY);
        let committed = transaction.commit_after(|| self.row.commit());
        let seen = read(self);
        assert!(committed <= seen && seen < DIRTY, "{seen} was served after the commit of {committed}");
    }
}

fn transactions_and_a_reader(read: fn(&Repo) -> u32) {
    explore(move || {
        let repo = Repo::new();
        let transaction = || {
            let repo = repo.clone();
            Box::new(move || repo.transact(read)) as Thread
        };
        let reader = {
            let repo = repo.clone();
            move || assert!(read(&repo) < DIRTY, "what is not committed was served")
        };
        concurrently([transaction(), transaction(), Box::new(reader)]);
        assert_eq!(read(&repo), 2);
        repo.cache.check_invariants();
    });
}

/// Guards: in `private::look_up`, the mode of the handle; in `mutation::invalidate`, `hold`; in `TransactionState::commit`,
/// `invalidate`.
#[test]
fn p17_two_transactions_and_a_reader() {
    transactions_and_a_reader(Repo::number);
}

/// Guards: the same; the calls inside of the body use the handle, too.
#[test]
fn p17_two_transactions_and_a_reader_of_what_is_made_from_the_row() {
    transactions_and_a_reader(Repo::made);
}

/// Guards: the version of a load at its start, for loads that end after the commit.
#[test]
fn p17_a_commit_against_two_loads() {
    explore(|| {
        let repo = Repo::new();
        let reader = || {
            let repo = repo.clone();
            Box::new(move || assert!(repo.made() < DIRTY)) as Thread
        };
        let writer = repo.clone();
        concurrently([reader(), reader(), Box::new(move || writer.transact(Repo::made))]);
        assert_eq!(repo.made(), 1);
    });
}

/// Guards: in `TransactionState::savepoint`, a list of its own; in `end`, the savepoints.
#[test]
fn p17_a_savepoint_that_is_rolled_back_against_a_commit() {
    explore(|| {
        let repo = Repo::new();
        repo.number();
        let transaction = repo.cache.transaction();
        let (undone, open) = (transaction.savepoint(), transaction.savepoint());
        let late = repo.inside(open.cache(), DIRTY);
        let other = {
            let repo = repo.clone();
            move || {
                late.write();
                // Held until the commit, or invalidated at once if that came first.
                drop(open);
                assert!(repo.number() < DIRTY);
            }
        };
        let (row, writer) = (repo.row.clone(), repo.clone());
        let commit = move || {
            undone.cache().invalidate(["number"]);
            undone.rollback();
            row.commit();
            transaction.commit();
            writer.number();
        };
        concurrently([Box::new(other), Box::new(commit)]);
        assert_eq!(repo.number(), 1);
        assert_eq!(repo.cache.stats().invalidations, 1, "only what was not rolled back");
    });
}

/// Guards: `set_running_private`, `End::Private`, and in `Attempt::step` the check of `is_private`.
#[test]
fn p17_a_load_that_reads_inside_a_transaction_is_shared_with_nobody() {
    explore_switching(3, 1, || {
        let repo = Repo::new();
        let transaction = repo.cache.transaction();
        let inside = repo.inside(transaction.cache(), DIRTY);
        let (first, second) = (repo.clone(), repo.clone());
        let clean = repo.clone();
        let threads: [Thread; 2] = [
            // It may have joined the other, whose key is the same.
            Box::new(move || assert!([0, DIRTY].contains(&first.asks(&inside)))),
            Box::new(move || assert_eq!(second.asks(&clean), 0, "what is not committed was shared")),
        ];
        concurrently(threads);
        assert_eq!(repo.asks(&repo), 0);
        transaction.rollback();
        assert!(is_idle(&repo.cache));
    });
}

/// The commit of a future that was dropped happens later.
///
/// Guards: `Certainty::Uncertain` when the future is dropped; in `Engine::suspend`, `suspend`; in `Context::invalid_after`,
/// `is_uncertain`.
#[test]
fn p17_a_commit_whose_future_is_dropped_at_each_await() {
    drop_commits(Repo::made);
}

/// Guards: in `Context::is_as_good_for`, `is_uncertain`.
#[test]
fn p17_a_commit_whose_future_is_dropped_and_the_row_itself() {
    drop_commits(Repo::number);
}

fn drop_commits(read: fn(&Repo) -> u32) {
    const AWAITS: usize = 3;
    for dropped_after in 0..=AWAITS {
        explore(move || {
            let clock = ManualClock::new();
            let cache = Cache::builder().capacity(8).clock(clock.clone()).commit_grace(Duration::from_secs(1)).build();
            let repo = Repo::of(cache);
            repo.number();
            let transaction = repo.cache.transaction();
            repo.inside(transaction.cache(), DIRTY).write();
            let reader = {
                let repo = repo.clone();
                thread::spawn(move || assert!(read(&repo) <= 1 && read(&repo) <= 1))
            };
            let database = {
                let row = repo.row.clone();
                // The request is sent with the first poll.
                (dropped_after > 0).then(|| thread::spawn(move || assert_eq!(row.commit(), 1)))
            };
            {
                let mut awaits = 0;
                let commit = std::future::poll_fn(|_| {
                    awaits += 1;
                    if awaits > AWAITS { Poll::Ready(()) } else { Poll::Pending }
                });
                let mut commit = pin!(transaction.commit_after_async(commit));
                for _ in 0..dropped_after {
                    let polled = commit.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                    assert!(polled.is_pending());
                }
            }
            database.into_iter().for_each(join_thread);
            // Now it has happened, within the grace.
            assert_eq!(read(&repo), u32::from(dropped_after > 0), "a load from before the commit was stored");
            join_thread(reader);
            clock.advance(Duration::from_secs(2));
            read(&repo);
            assert_eq!(read(&repo), u32::from(dropped_after > 0));
        });
    }
}

/// Guards: `ReadMode::Private`, of a transaction that only reads.
#[test]
fn p17_a_read_transaction_on_an_older_snapshot() {
    explore(|| {
        let repo = Repo::new();
        // It began before the write.
        let (transaction, snapshot) = (repo.cache.transaction(), repo.row.committed());
        let old = repo.inside(transaction.cache(), snapshot);
        let (reader, writer) = (repo.clone(), repo.clone());
        concurrently([
            Box::new(move || assert_eq!(old.made(), snapshot)),
            Box::new(move || assert!(reader.made() <= 1)),
            Box::new(move || writer.transact(Repo::made)),
        ]);
        assert_eq!(repo.made(), 1);
        drop(transaction);
    });
}

/// Guards: in `TransactionState::hold_all`, the lock around the check and the list; in `end`, taking both at once.
#[test]
fn p17_a_late_write_against_the_commit() {
    explore(|| {
        let repo = Repo::new();
        repo.number();
        let transaction = repo.cache.transaction();
        let late = repo.inside(transaction.cache(), DIRTY);
        let row = repo.row.clone();
        let write = move || {
            row.commit();
            late.write();
        };
        concurrently([Box::new(write), Box::new(move || transaction.commit())]);
        assert_eq!(repo.number(), 1);
    });
}

/// Guards: in `Attempt::step`, `takes_entries`; in `Follower::resume`, `may_share`.
#[test]
fn a_refresh_takes_only_what_was_loaded_after_it_began() {
    explore(|| {
        let repo = Repo::new();
        let anew = Repo { cache: repo.cache.refresh(), ..repo.clone() };
        let (reader, other) = (repo.clone(), anew.clone());
        concurrently([
            Box::new(move || assert!(reader.number() <= 1)),
            Box::new(move || assert!(other.number() <= 1)),
            Box::new(move || {
                let committed = anew.row.commit();
                assert!(anew.number() >= committed, "it took what was loaded before");
            }),
        ]);
        assert!(is_idle(&repo.cache));
        repo.cache.check_invariants();
    });
}
