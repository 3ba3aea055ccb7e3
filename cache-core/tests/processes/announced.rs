//! Writes that may still happen, as others see them: how long they store nothing of them.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cache_core::{Cache, Clock, ManualClock};

use crate::library::{Database, Library};
use crate::tier::Server;

const SECOND: Duration = Duration::from_secs(1);

/// A writer, and a reader whose own commits may happen for a minute.
fn two() -> (Library, Library, ManualClock) {
    let (server, database, clock) = (Server::default(), Database::default(), ManualClock::new());
    let here = Library::new(&database, server.process());
    let cache = server.process_with(Cache::builder().clock(clock.clone()).commit_grace(60 * SECOND));
    (here, Library::new(&database, cache), clock)
}

fn is_stored(library: &Library, row: usize) -> bool {
    library.tagged(row);
    let loads = library.loads();
    library.tagged(row);
    library.loads() == loads
}

/// A commit whose answer was lost.
fn lose_a_commit(library: &Library, row: usize) {
    let transaction = library.cache.transaction();
    library.with(transaction.cache()).write_by_tag(row);
    assert_eq!(transaction.commit_after(|| Err::<(), _>("no answer")), Err("no answer"));
}

/// Its process may have ended.
#[test]
fn p20_the_outcome_of_an_announced_write_is_waited_for_a_while() {
    let (here, there, clock) = two();
    let reader = there.clone();
    let written = here.write_by_tag_or_fail(1, move || {
        assert!(!is_stored(&reader, 1));
        clock.advance(Duration::new(29, 999_999_999));
        assert!(!is_stored(&reader, 1));
        clock.advance(Duration::from_nanos(1));
        // It resumes, as the first call finds that the time is over.
        reader.tagged(1);
        assert!(is_stored(&reader, 1));
    });
    assert_eq!((written, there.tagged(1)), (Ok(()), 1));
}

#[test]
fn p17_the_outcome_of_an_announced_write_ends_no_commit_that_may_still_happen() {
    let (here, there, clock) = two();
    lose_a_commit(&there, 1);
    assert_eq!(here.write_by_tag_or_fail(1, || ()), Ok(()));
    assert!(!is_stored(&there, 1), "its own commit may still happen");
    clock.advance(60 * SECOND);
    there.tagged(1);
    assert!(is_stored(&there, 1));
}

/// Of two that name the same, the one that may happen for longer counts, whichever comes first.
#[test]
fn p17_an_announced_write_does_not_shorten_the_grace_of_a_commit_nor_the_other_way_round() {
    for commit_is_first in [true, false] {
        let (here, there, clock) = two();
        let reader = there.clone();
        if commit_is_first {
            lose_a_commit(&there, 1);
        }
        let written = here.write_by_tag_or_fail(1, move || {
            if !commit_is_first {
                lose_a_commit(&reader, 1);
            }
            clock.advance(31 * SECOND);
            assert!(!is_stored(&reader, 1), "the commit is first: {commit_is_first}");
        });
        assert_eq!(written, Ok(()));
    }
}

/// The transaction goes on. What the write has done before it failed may be committed with it.
#[test]
fn p17_a_write_that_fails_in_a_transaction_is_no_outcome() {
    let (here, there, _) = two();
    let transaction = here.cache.transaction();
    let stores_track = |library: &Library| {
        library.track(1);
        let loads = library.loads();
        library.track(1);
        library.loads() == loads
    };
    assert!(here.with(transaction.cache()).fail_to_write(1, || ()).is_err());
    assert!(!stores_track(&there), "it may still be committed");
    transaction.commit();
}

/// Panics when it is read, if a test says so.
#[derive(Clone, Default)]
struct Fused(Arc<AtomicBool>);

impl Clock for Fused {
    fn now(&self) -> Duration {
        if self.0.load(Ordering::SeqCst) {
            resume_unwind(Box::new("as the test wants it"));
        }
        SECOND
    }
}

#[test]
fn p20_others_hear_of_a_write_although_the_clock_of_the_writer_panics() {
    let (server, database, clock) = (Server::default(), Database::default(), Fused::default());
    let here = Library::new(&database, server.process_with(Cache::builder().clock(clock.clone())));
    let there = Library::new(&database, server.process());
    assert_eq!((here.track(1), there.track(1)), (0, 0));
    clock.0.store(true, Ordering::SeqCst);
    // It is read for the entry that was removed.
    assert!(catch_unwind(AssertUnwindSafe(|| here.write(1))).is_err());
    clock.0.store(false, Ordering::SeqCst);
    assert_eq!((server.records(), here.track(1), there.track(1)), (1, 1, 1));
}
