//! Several processes with one cache: what one hears and takes while it loads and writes. Each is a cache of its own, with a
//! tier in memory.

use cache_core::{Cache, HasCache, PublishError, cached_query, invalidates};

use crate::support::{Database, Thread, concurrently, explore, explore_switching};
use crate::tier::Server;

#[derive(Clone, HasCache)]
struct Process {
    database: Database,
    cache: Cache,
}

#[derive(Debug)]
struct Refused;

impl From<PublishError> for Refused {
    fn from(_: PublishError) -> Self {
        Self
    }
}

impl Process {
    #[cached_query(ttl = "1h", shared)]
    fn number(&self) -> u32 {
        self.database.read()
    }

    /// Made from the other.
    #[cached_query(ttl = "1h", shared)]
    fn outer(&self) -> u32 {
        self.number()
    }

    #[cached_query(ttl = "1h")]
    fn own(&self) -> u32 {
        self.database.read()
    }

    #[invalidates(number(), own())]
    fn write(&self, number: u32) {
        self.database.write(number);
    }

    #[invalidates(number(), on_unreachable = "fail")]
    fn write_announced(&self, number: u32) -> Result<(), Refused> {
        self.database.write(number);
        Ok(())
    }

    fn reads(&self, query: fn(&Self) -> u32) -> Thread {
        let process = self.clone();
        Box::new(move || {
            query(&process);
        })
    }

    fn writes(&self, write: impl FnOnce(&Self) + Send + 'static) -> Thread {
        let process = self.clone();
        Box::new(move || write(&process))
    }
}

fn processes<const N: usize>() -> (Server, [Process; N]) {
    let (server, database) = (Server::default(), Database::default());
    let processes = [(); N].map(|()| {
        let cache = server.process_with(Cache::builder().capacity(8));
        Process { database: database.clone(), cache }
    });
    (server, processes)
}

/// Guards: in `Engine::hear`, that a record is in the history before it takes effect in memory; in `Taken::accept`, that the
/// nodes are found before the history is asked; in `Source::attach`, that the value depends on them.
fn what_is_taken_is_forgotten(query: fn(&Process) -> u32) {
    explore_switching(3, 2, move || {
        let (_, [first, second]) = processes();
        query(&first);
        concurrently([second.reads(query), second.reads(query), first.writes(|first| first.write(1))]);
        assert_eq!((query(&second), query(&first)), (1, 1));
    });
}

#[test]
fn p21_what_is_taken_is_forgotten_by_a_write_of_another_process() {
    what_is_taken_is_forgotten(Process::number);
}

#[test]
fn p21_what_is_taken_is_forgotten_with_what_it_was_made_from() {
    what_is_taken_is_forgotten(Process::outer);
}

/// Guards: in `Engine::invalidate_with`, that what is about to be invalidated is pending before it is.
#[test]
fn p21_a_writer_takes_nothing_from_before_its_own_write() {
    explore_switching(3, 2, || {
        let (server, [first, second]) = processes();
        first.number();
        server.hold();
        concurrently([second.reads(Process::number), second.writes(|second| second.write(1))]);
        assert_eq!(second.number(), 1);
        server.deliver();
        assert_eq!((second.number(), first.number()), (1, 1));
    });
}

/// Guards: in `SharedLoad::new`, that the position is read before the load begins.
#[test]
fn p21_a_slow_loader_stores_nothing_that_others_take() {
    explore(|| {
        let (_, [first, second, third]) = processes();
        concurrently([first.reads(Process::number), second.writes(|second| second.write(1))]);
        assert_eq!((third.number(), first.number()), (1, 1));
    });
}

/// Guards: in `Engine::hear`, that a record counts as applied after it has taken effect in memory.
#[test]
fn p21_what_is_made_from_memory_is_as_old_as_that() {
    explore_switching(3, 2, || {
        let (_, [first, second, third]) = processes();
        first.number();
        concurrently([first.reads(Process::outer), second.writes(|second| second.write(1))]);
        assert_eq!(third.outer(), 1);
    });
}

/// Guards: in `Engine::invalidate_with`, that what is invalidated is published after it is: what is loaded when the own record
/// is heard may be made from what memory has.
#[test]
fn p21_what_a_writer_makes_from_memory_is_as_old_as_that() {
    explore_switching(3, 2, || {
        let (_, [first, second]) = processes();
        first.number();
        concurrently([first.reads(Process::outer), first.writes(|first| first.write(1))]);
        assert_eq!((second.outer(), first.outer()), (1, 1));
    });
}

/// Guards: in `Engine::hear`, that others' records are invalidations here.
#[test]
fn p20_a_load_is_fenced_by_a_write_of_another_process() {
    explore(|| {
        let (_, [first, second]) = processes();
        concurrently([second.reads(Process::own), second.reads(Process::own), first.writes(|first| first.write(1))]);
        assert_eq!(second.own(), 1);
    });
}

/// Guards: in `Follower::restart`, that everything is raised, and not only removed.
#[test]
fn p20_a_load_in_flight_is_refused_after_lost_records() {
    explore(|| {
        let (server, [first, second]) = processes();
        server.hold();
        first.cache.invalidate(["none"]);
        let lost = server.clone();
        let writer = first.writes(move |first| {
            // The record of this write is one of those that are lost.
            first.database.write(1);
            lost.lose(1);
        });
        concurrently([second.reads(Process::number), writer]);
        assert_eq!(second.number(), 1);
    });
}

/// Guards: in `Engine::apply`, that what an announced write names is suspended.
#[test]
fn p20_nothing_is_stored_of_an_announced_write() {
    explore(|| {
        let (server, [first, second]) = processes();
        let late = server.clone();
        let writer = first.writes(move |first| {
            first.write_announced(1).expect("the server is up");
            late.deliver();
        });
        concurrently([second.reads(Process::number), second.reads(Process::number), writer]);
        assert_eq!(second.number(), 1);
    });
}

/// Guards: in `Heard::hear`, that own publications are counted, and not one ended by another.
#[test]
fn p21_two_writers_of_one_process_do_not_end_each_other() {
    explore(|| {
        let (_, [first, second]) = processes();
        first.number();
        let write = |process: &Process| process.writes(|process| process.write(1));
        concurrently([write(&second), write(&second), second.reads(Process::number)]);
        assert_eq!((second.number(), first.number()), (1, 1));
        assert_eq!(second.cache.shared_stats().expect("it has a tier").unpublished, 0);
    });
}
