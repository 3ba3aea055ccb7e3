//! Invalidations of one process, as another one hears them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use cache_core::{Cache, ManualClock, Observer, TargetInfoKind, entry, events};

use crate::library::{Database, Library, Refused};
use crate::tier::{HOUR, Server};

/// Two processes that have loaded the same.
fn two() -> (Server, Library, Library) {
    let (server, database) = (Server::default(), Database::default());
    let [here, there] = [(); 2].map(|()| Library::new(&database, server.process()));
    (server, here, there)
}

/// What a process answers of a row, by all queries.
fn answers(library: &Library, row: usize) -> [u64; 4] {
    [library.track(row), library.tagged(row), library.sum(row + 1), library.own(row)]
}

#[test]
fn p20_a_write_is_heard_whatever_it_names() {
    let (_, here, there) = two();
    there.track(1);
    here.write(1);
    assert_eq!(there.track(1), 1, "a key");
    there.own(1);
    here.write(1);
    assert_eq!(there.own(1), 2, "a key of a query that is not shared");
    there.tagged(2);
    here.write_by_tag(2);
    assert_eq!(there.tagged(2), 1, "a tag");
    there.track(3);
    here.write_by_name(3);
    assert_eq!(there.track(3), 1, "a query");
    there.track(4);
    here.database.write(4);
    here.cache.invalidate(["track"]);
    assert_eq!(there.track(4), 1, "a name at run time");
    here.database.write(4);
    here.cache.invalidate_tags(["row:4"]);
    assert_eq!(there.track(4), 1, "another tag");
    here.cache.invalidate_all();
    assert_eq!(there.track(4), 2, "everything");
    there.track(5);
    here.database.write(5);
    entry!(here.track(5)).invalidate();
    assert_eq!(there.track(5), 1, "one entry");
    there.track(6);
    here.database.write(6);
    entry!(here.track(6)).insert(1);
    assert_eq!(there.track(6), 1, "an entry that is inserted");
}

#[test]
fn p20_an_asynchronous_write_is_heard() {
    let (_, here, there) = two();
    futures_lite::future::block_on(async {
        there.track(1);
        there.track_async(1).await;
        here.write_async(1).await;
        assert_eq!((there.track(1), there.track_async(1).await), (1, 1));
        here.database.write(1);
        here.cache.invalidate_async(["track"]).await;
        assert_eq!(there.track(1), 2);
    });
}

#[test]
fn p20_a_name_is_heard_that_the_writer_does_not_know() {
    let (server, database) = (Server::default(), Database::default());
    let (writer, reader) = (server.process(), Library::new(&database, server.process()));
    reader.own(1);
    database.write(1);
    writer.invalidate(["own"]);
    assert_eq!(reader.own(1), 1);
    database.write(1);
    let transaction = writer.transaction();
    transaction.cache().invalidate(["own"]);
    assert_eq!(reader.own(1), 1);
    transaction.commit();
    assert_eq!(reader.own(1), 2);
}

#[test]
fn p2_a_key_of_a_shared_query_is_heard_alone_and_one_of_another_query_as_all_of_them() {
    let (_, here, there) = two();
    for row in [1, 2] {
        there.track(row);
        there.own(row);
    }
    let loads = there.loads();
    here.write(1);
    for row in [1, 2] {
        there.track(row);
    }
    assert_eq!(there.loads(), loads + 1, "of the shared query, one key");
    for row in [1, 2] {
        there.own(row);
    }
    assert_eq!(there.loads(), loads + 3, "of the other, both");
    for row in [1, 2] {
        here.track(row);
        here.own(row);
    }
    let loads = here.loads();
    here.write(1);
    assert_eq!((here.track(2), here.own(2), here.loads()), (0, 0, loads), "and here only the key of each");
}

#[test]
fn p20_own_records_are_not_heard_twice() {
    let (server, here, _) = two();
    server.hold();
    here.write(1);
    assert_eq!(here.track(1), 1);
    let loads = here.loads();
    server.deliver();
    assert_eq!((here.track(1), here.loads()), (1, loads));
}

#[test]
fn p20_scopes_cross() {
    let (server, database) = (Server::default(), Database::default());
    let [here, there] = [(); 2].map(|()| Library::new(&database, server.process()));
    let of = |library: &Library, scope: &str| library.with(library.cache.scope(scope));
    let (one, two) = (of(&there, "1"), of(&there, "2"));
    let all = || [there.track(1), one.track(1), two.track(1)];
    all();
    of(&here, "1").write(1);
    assert_eq!(all(), [0, 1, 0], "one scope");
    here.write(1);
    assert_eq!(all(), [2, 2, 2], "through the root, all scopes");
    of(&here, "2").database.write(1);
    here.cache.scope("2").invalidate_all();
    assert_eq!(all(), [2, 2, 3]);
    here.database.write(1);
    here.cache.scope("1").invalidate(["track"]);
    assert_eq!(all(), [2, 4, 3]);
    // Nothing else is forgotten. What is not shared cannot be taken again.
    let own = || [there.own(1), one.own(1), two.own(1)];
    own();
    let loads = there.loads();
    of(&here, "1").write(1);
    own();
    assert_eq!(there.loads(), loads + 1);
    here.cache.scope("2").invalidate_all();
    own();
    assert_eq!(there.loads(), loads + 2);
}

#[test]
fn p15_what_was_made_from_an_answer_is_forgotten_with_it() {
    let (_, here, there) = two();
    assert_eq!((there.sum(3), there.if_cached(1)), (0, Some(0)));
    here.write(1);
    assert_eq!((there.sum(3), there.if_cached(1)), (1, Some(1)));
    there.if_cached(5);
    here.database.write(5);
    entry!(here.track(5)).insert(1);
    assert_eq!(there.if_cached(5), None, "an entry elsewhere is none here");
}

/// That there is no entry is an answer of its query, too.
#[test]
fn p20_what_was_made_of_an_absence_is_forgotten_with_its_key_and_with_its_query() {
    let (server, here, there) = two();
    // Nothing is taken instead.
    server.limit(0);
    assert_eq!(there.read_through(1), 0);
    here.write(1);
    assert_eq!(there.read_through(1), 1);
    here.write_by_name(1);
    assert_eq!(there.read_through(1), 2);
}

#[test]
fn p16_a_transaction_is_one_record() {
    let (server, here, there) = two();
    for row in [1, 2] {
        answers(&there, row);
    }
    let transaction = here.cache.transaction();
    let inside = here.with(transaction.cache());
    inside.write(1);
    inside.write(2);
    inside.write_by_tag(2);
    inside.cache.invalidate(["unknown"]);
    assert_eq!((server.records(), there.track(1)), (0, 0));
    transaction.commit();
    assert_eq!((server.records(), there.track(1), there.tagged(2)), (1, 1, 2));
    futures_lite::future::block_on(async {
        let transaction = here.cache.transaction();
        here.with(transaction.cache()).write(1);
        transaction.commit_after_async(async {}).await;
        let transaction = here.cache.transaction();
        here.with(transaction.cache()).write(2);
        transaction.commit_async().await;
    });
    assert_eq!((server.records(), there.track(1), there.track(2)), (3, 2, 3));
    here.cache.transaction().rollback();
    here.cache.transaction().commit();
    here.cache.invalidate_tags(Vec::<&str>::new());
    here.cache.invalidate(Vec::<&str>::new());
    assert_eq!(server.records(), 3, "an invalidation of nothing is not published");
}

/// Keys of a query that is not shared mean all of it.
#[test]
fn p20_a_transaction_of_many_writes_names_each_place_once() {
    let (_, here, there) = two();
    let transaction = here.cache.transaction();
    (0..8).for_each(|row| here.with(transaction.cache()).write(row));
    transaction.commit();
    let last = there.cache.mutations().pop().expect("it was heard");
    assert_eq!(last.targets.len(), 9, "eight keys of the shared one: {:?}", last.targets);
}

/// The commit may happen after the record: what others load meanwhile is old.
#[test]
fn p17_others_store_nothing_of_a_commit_that_may_still_happen() {
    let (_, here, there) = two();
    there.track(1);
    let transaction = here.cache.transaction();
    let inside = here.with(transaction.cache());
    inside.write(2);
    let lost: Result<(), &str> = transaction.commit_after(|| Err("no answer"));
    assert!(lost.is_err());
    assert_eq!(there.track(2), 1);
    let loads = there.loads();
    assert_eq!((there.track(2), there.loads()), (1, loads + 1), "it is not stored");
    assert_eq!((there.track(1), there.loads()), (0, loads + 1), "others are");
}

#[test]
fn p20_a_load_that_began_before_is_fenced() {
    let (_, here, there) = two();
    there.during_the_next_load(move || here.write(1));
    assert_eq!((there.track(1), there.track(1)), (0, 1));
}

#[test]
fn p20_after_lost_records_everything_is_forgotten_also_by_loads_in_flight() {
    let (server, here, there) = two();
    answers(&there, 1);
    server.hold();
    here.cache.invalidate(["none"]);
    let loads = there.loads();
    let losing = server.clone();
    there.during_the_next_load(move || losing.lose(1));
    there.track(2);
    there.track(2);
    answers(&there, 1);
    assert_eq!(there.loads(), loads + 2 + 4, "the load in flight was refused, and all is loaded anew");
    let stats = there.cache.shared_stats().expect("it has a tier");
    assert_eq!((stats.gaps, stats.epochs), (1, 0));
    server.begin_epoch();
    let loads = there.loads();
    there.own(1);
    assert_eq!((there.loads(), there.cache.shared_stats().expect("it has a tier").epochs), (loads + 1, 1));
}

#[test]
fn p20_a_record_that_cannot_be_read_forgets_everything() {
    let (server, _, there) = two();
    there.own(1);
    let loads = there.loads();
    let next = cache_core::LogPosition { epoch: 0, id: server.records() as u64 + 1 };
    assert!(server.follower(1).hear(next, b"from the future"));
    there.own(1);
    assert_eq!((there.loads(), there.cache.shared_stats().expect("it has a tier").gaps), (loads + 1, 1));
    assert!(!server.follower(1).hear(next, b"it is not the next"));
    // From here on, all is known again.
    there.track(1);
    assert_eq!(there.cache.shared_stats().expect("it has a tier").puts, 1);
}

#[test]
fn p20_what_cannot_be_published_is_published_later() {
    let (server, here, there) = two();
    there.track(1);
    server.set_down(true);
    here.write(1);
    let stats = here.cache.shared_stats().expect("it has a tier");
    assert_eq!((stats.unpublished, stats.published, here.track(1)), (1, 0, 1));
    server.set_down(false);
    let stats = here.cache.shared_stats().expect("it has a tier");
    assert_eq!((stats.unpublished, stats.published, there.track(1)), (0, 1, 1));
}

#[test]
fn p20_a_write_that_cannot_be_announced_does_not_happen() {
    let (server, here, there) = two();
    there.track(1);
    server.set_down(true);
    let refused = here.write_or_fail(1, || unreachable!("the body does not run"));
    let Err(Refused(words)) = refused else { panic!("it is refused") };
    assert_eq!(words, "the invalidation could not be published: it is down");
    let stats = here.cache.shared_stats().expect("it has a tier");
    assert_eq!((stats.unpublished, stats.refused_mutations, here.database.read(1)), (0, 1, 0));
    server.set_down(false);
    assert_eq!((server.records(), here.write_or_fail(1, || ())), (0, Ok(())));
    assert_eq!((server.records(), there.track(1)), (2, 1), "the announcement, and the outcome");
}

#[test]
fn p20_others_store_nothing_of_an_announced_write_until_its_outcome() {
    let (_, here, there) = two();
    let is_stored = |row: usize| {
        there.track(row);
        let loads = there.loads();
        there.track(row);
        there.loads() == loads
    };
    assert_eq!(here.write_or_fail(1, || assert!(!is_stored(1) && is_stored(2))), Ok(()));
    assert!(is_stored(1) && there.track(1) == 1);
    assert!(here.fail_to_write(1, || assert!(!is_stored(1))).is_err());
    assert!(is_stored(1), "it has failed, which is an outcome");
    let panicked = std::panic::catch_unwind(|| here.write_or_fail(1, || panic!("in the body")));
    assert!(panicked.is_err() && is_stored(1));
}

/// Nothing that it names is in memory: its nodes are made for it.
#[test]
fn p20_an_announced_write_of_several_keys_ends_for_all_of_them() {
    let (_, here, there) = two();
    assert_eq!(here.write_both_or_fail(1), Ok(()));
    let ask = || (there.track(1), there.tagged(1), there.loads());
    assert_eq!((ask(), ask()), ((1, 1, 2), (1, 1, 2)));
}

#[test]
fn p20_two_announced_writes_of_one_key_both_end() {
    let (_, here, there) = two();
    let other = here.clone();
    let is_stored = |there: &Library| {
        there.track(1);
        let loads = there.loads();
        there.track(1);
        there.loads() == loads
    };
    let outer = here.write_or_fail(1, || {
        assert_eq!(other.write_or_fail(1, || ()), Ok(()));
        assert!(!is_stored(&there), "the outer one goes on");
    });
    assert_eq!(outer, Ok(()));
    assert!(is_stored(&there) && there.track(1) == 2);
}

/// Told of an invalidation, an observer looks whether its record is counted already.
#[test]
fn a_record_is_counted_when_it_has_taken_effect() {
    #[derive(Clone, Default)]
    struct Counted(Arc<(OnceLock<Cache>, Mutex<Vec<u64>>)>);

    impl Observer for Counted {
        fn invalidated(&self, _: &events::Invalidated<'_>) {
            let Some(cache) = self.0.0.get() else { return };
            self.0.1.lock().unwrap().push(cache.shared_stats().expect("there is a tier").heard);
        }
    }

    let (server, database, counted) = (Server::default(), Database::default(), Counted::default());
    let here = Library::new(&database, server.process());
    let there = server.process_with(Cache::builder().observer(counted.clone()));
    counted.0.0.set(there.clone()).expect("it is set once");
    here.write(1);
    here.write(1);
    assert_eq!((&**counted.0.1.lock().unwrap(), there.shared_stats().unwrap().heard), (&[0, 1][..], 2));
}

#[test]
fn a_write_of_another_process_is_told() {
    #[derive(Clone, Default)]
    struct Told(Arc<AtomicBool>);

    impl Observer for Told {
        fn invalidated(&self, _: &events::Invalidated<'_>) {
            self.0.store(true, Ordering::SeqCst);
        }

        fn missed(&self, _: &events::Missed<'_>) {}
    }

    let (server, database, told) = (Server::default(), Database::default(), Told::default());
    let here = Library::new(&database, server.process());
    let there = Library::new(&database, server.process_with(Cache::builder().observer(told.clone())));
    there.track(1);
    here.write(1);
    assert!(told.0.load(Ordering::SeqCst));
    let last = there.cache.mutations().pop().expect("it is in the log");
    assert_eq!((last.function, last.file, last.line), ("another process", "", 0));
    let kinds: Vec<_> = last.targets.iter().map(|target| target.kind.clone()).collect();
    let named = |what: &str| TargetInfoKind::Shared(what.to_owned());
    assert_eq!(kinds, [named("one key of track"), named("own")]);
    there.track(1);
    there.tagged(1);
    let tags: Vec<_> = there.cache.entries().into_iter().map(|entry| (entry.query, entry.tags)).collect();
    assert!(
        tags.iter().all(|(query, tags)| *query == "track" && tags.is_empty() || tags == &["row:1".into()]),
        "{tags:?}"
    );
    assert!(entry!(there.track(1)).explain().to_string().contains("cached"));
}

/// By a key, and by the name of its query.
#[test]
fn an_entry_explains_which_process_has_invalidated_it() {
    let (server, database) = (Server::default(), Database::default());
    let here = Library::new(&database, server.process());
    let cache = server.process_with(Cache::builder().clock(ManualClock::new()));
    let there = Library::new(&database, cache);
    let why = || entry!(there.track(1)).explain().to_string();
    there.track(1);
    here.write(1);
    assert_eq!(
        why(),
        "`track(row = 1)` is not cached: its key was invalidated after it was loaded, 0ns ago, by `another process`, \
         which names `one key of track`"
    );
    there.track(1);
    here.write_by_name(1);
    assert_eq!(
        why(),
        "`track(row = 1)` is not cached: its query was invalidated after it was loaded, 0ns ago, by `another process`, \
         which names `track`"
    );
    there.track(1);
    assert_eq!(there.cache.stats().invalidated_misses, 2);
    let absent = entry!(there.track(5)).explain().to_string();
    let last = "; it was last invalidated 0ns ago, by `another process`, which names `track`";
    assert!(absent.ends_with(last), "{absent}");
    let mutations: Vec<_> =
        there.cache.mutations().iter().map(|mutation| (mutation.function, mutation.misses)).collect();
    assert_eq!(mutations, [("restart of the log", 0), ("another process", 1), ("another process", 1)]);
}

/// Nothing here is named by it: there is nothing to tell.
#[test]
fn a_name_that_only_others_know_is_no_mutation_here() {
    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<Vec<&'static str>>>);

    impl Observer for Told {
        fn invalidated(&self, invalidated: &events::Invalidated<'_>) {
            self.0.lock().expect("nobody panics").push(invalidated.mutation.function);
        }
    }

    let (server, told) = (Server::default(), [(); 2].map(|()| Told::default()));
    let [writer, reader] = told.clone().map(|told| server.process_with(Cache::builder().observer(told)));
    writer.invalidate(["own"]);
    let functions = |cache: &Cache| cache.mutations().iter().map(|mutation| mutation.function).collect::<Vec<_>>();
    let told = told.map(|told| told.0.lock().expect("nobody panics").clone());
    let expected = [vec!["restart of the log"], vec!["restart of the log", "another process"]];
    assert_eq!(([functions(&writer), functions(&reader)], told), (expected.clone(), expected));
}

/// Asks for a row whenever something is invalidated.
#[derive(Clone, Default)]
struct Asks(Arc<Mutex<Option<Library>>>);

impl Observer for Asks {
    fn invalidated(&self, _: &events::Invalidated<'_>) {
        let library = self.0.lock().expect("nobody panics").clone();
        if let Some(library) = library {
            library.track(1);
        }
    }
}

#[test]
fn p21_who_asks_while_a_record_takes_effect_takes_nothing_from_before_it() {
    for is_lost in [false, true] {
        let (server, database, asks) = (Server::default(), Database::default(), Asks::default());
        let here = Library::new(&database, server.process());
        let there = Library::new(&database, server.process_with(Cache::builder().observer(asks.clone())));
        here.track(1);
        *asks.0.lock().expect("nobody panics") = Some(there.clone());
        server.hold();
        here.write(1);
        if is_lost {
            server.lose(1);
        } else {
            server.deliver();
        }
        asks.0.lock().expect("nobody panics").take();
        assert_eq!((there.loads(), there.track(1)), (1, 1), "the record is lost: {is_lost}");
    }
}

#[test]
fn p1_a_put_shows_nothing_older_than_what_another_process_has_written() {
    let (_, here, there) = two();
    let point = there.cache.read_point();
    let value = there.database.read(1);
    here.write(1);
    assert!(!entry!(there.track(1)).insert_if_current(&point, value));
    assert_eq!(there.track(1), 1);
}

#[test]
fn a_tier_is_told_when_the_cache_is_gone() {
    let server = Server::default();
    let cache = server.process_with(Cache::builder().default_ttl(HOUR));
    assert!(!server.follower(0).is_over());
    drop(cache);
    assert!(server.follower(0).is_over());
}
