//! P1 for targets that name one entry, and for tags: they affect loads in flight.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use cache_core::{Cache, HasCache, cached_query, invalidates};
use cache_tests::watchdog::{self, Guard};

use super::mode::{block_on, pause, run};

/// Stops the next load after its read, until `Held` lets it continue.
#[derive(Default)]
struct Gate(Mutex<Option<(mpsc::Sender<()>, mpsc::Receiver<()>)>>);

/// The controlling side of a gate.
struct Held {
    reached: mpsc::Receiver<()>,
    go_on: mpsc::Sender<()>,
}

impl Gate {
    fn close(&self) -> Held {
        let ((has_reached, reached), (go_on, may_go_on)) = (mpsc::channel(), mpsc::channel());
        *self.0.lock().unwrap() = Some((has_reached, may_go_on));
        Held { reached, go_on }
    }

    fn pass(&self) {
        let held = self.0.lock().unwrap().take();
        if let Some((has_reached, may_go_on)) = held {
            has_reached.send(()).unwrap();
            may_go_on.recv().unwrap();
        }
    }
}

#[derive(HasCache, Default)]
struct Repo {
    version: AtomicU32,
    gate: Gate,
    #[cache]
    cache: Cache,
}

impl Repo {
    fn read(&self) -> u32 {
        let version = self.version.load(Ordering::SeqCst);
        self.gate.pass();
        version
    }

    fn raise(&self) -> u32 {
        self.version.fetch_add(1, Ordering::SeqCst) + 1
    }

    #[cached_query]
    async fn get(&self, id: u32, text: &str) -> (u32, String) {
        pause().await;
        (self.read(), format!("{id}{text}"))
    }

    #[cached_query(key(text.len(), id), tags("text:{text}", "id:{id}"))]
    async fn chosen(&self, id: u32, text: &str) -> (u32, String) {
        pause().await;
        (self.read(), format!("{id}{text}"))
    }

    #[cached_query(tags_from = |value| [&value.1])]
    async fn tagged_late(&self, id: u32, text: &str) -> Result<(u32, String), String> {
        pause().await;
        Ok((self.read(), format!("{id}{text}")))
    }

    #[cached_query(tags("{id}{text}"))]
    async fn has_tag(&self, id: u32, text: &str) -> u32 {
        pause().await;
        id.max(u32::try_from(text.len()).unwrap())
    }

    #[invalidates(get(id, text), chosen(id, text))]
    async fn by_key(&self, id: u32, text: &str) {
        self.raise();
    }

    #[invalidates(|_| get(id, text), |_| chosen(id, text))]
    async fn by_key_from_the_result(&self, id: u32, text: &str) -> u32 {
        self.raise()
    }

    #[invalidates(tags("text:{text}", "{id}{text}"))]
    async fn by_tag(&self, id: u32, text: &str) {
        self.raise();
    }

    fn by_tag_at_run_time(&self, id: u32, text: &str) {
        self.raise();
        self.cache.invalidate_tags([format!("id:{id}"), format!("{id}{text}")]);
    }

    fn watch(&self) -> Guard {
        let cache = self.cache.clone();
        watchdog::guard(Duration::from_secs(60), move || format!("{cache:?}\n{}", cache.stats()))
    }
}

type Read = fn(&Repo, u32, &str) -> (u32, String);
type Write = fn(&Repo, u32, &str);

fn assert_invalidated(read: Read, write: Write) {
    let repo = Arc::new(Repo::default());
    let _watch = repo.watch();
    let held = repo.gate.close();
    let first = thread::spawn({
        let repo = repo.clone();
        move || read(&repo, 1, "a")
    });
    held.reached.recv().unwrap();
    write(&repo, 1, "a");
    assert_eq!(read(&repo, 1, "a"), (1, "1a".into()), "a caller joined a load from before the write");
    held.go_on.send(()).unwrap();
    assert_eq!(first.join().unwrap(), (0, "1a".into()), "an invalidated load still answers its own caller");
    assert_eq!(read(&repo, 1, "a"), (1, "1a".into()), "a stale value was stored after the write");
    let stats = repo.cache.stats();
    assert_eq!((stats.loads, stats.hits, stats.discarded_loads), (2, 1, 1));
    repo.cache.check_invariants();
}

/// Writes while a load of another key is in flight, which others wait for.
fn assert_not_affected(read: Read, write: Write) {
    let repo = Arc::new(Repo::default());
    let _watch = repo.watch();
    let held = repo.gate.close();
    let spawn = || {
        let repo = repo.clone();
        thread::spawn(move || read(&repo, 2, "bc"))
    };
    let first = spawn();
    held.reached.recv().unwrap();
    write(&repo, 1, "a");
    let second = spawn();
    while repo.cache.stats().misses < 2 {
        thread::yield_now();
    }
    held.go_on.send(()).unwrap();
    let expected = (0, String::from("2bc"));
    assert_eq!((first.join().unwrap(), second.join().unwrap()), (expected.clone(), expected.clone()));
    assert_eq!(read(&repo, 2, "bc"), expected);
    let stats = repo.cache.stats();
    assert_eq!((stats.loads, stats.hits, stats.discarded_loads), (1, 1, 0));
    repo.cache.check_invariants();
}

const READS: [Read; 2] =
    [|repo, id, text| run!(repo.get(id, text).await), |repo, id, text| run!(repo.chosen(id, text).await)];

const WRITES: [Write; 2] = [
    |repo, id, text| run!(repo.by_key(id, text).await),
    |repo, id, text| assert_eq!(run!(repo.by_key_from_the_result(id, text).await), 1),
];

const WRITES_BY_TAG: [Write; 2] = [|repo, id, text| run!(repo.by_tag(id, text).await), Repo::by_tag_at_run_time];

fn tagged_late(repo: &Repo, id: u32, text: &str) -> (u32, String) {
    run!(repo.tagged_late(id, text).await.unwrap())
}

#[test]
fn p1_an_entry_named_by_its_key_while_it_is_loaded() {
    for read in READS {
        for write in WRITES {
            assert_invalidated(read, write);
        }
    }
}

#[test]
fn p1_a_load_of_another_key_is_not_affected() {
    for read in READS {
        for write in WRITES {
            assert_not_affected(read, write);
        }
    }
}

#[test]
fn p1_a_tag_from_the_arguments_while_it_is_loaded() {
    let [_, chosen] = READS;
    for write in WRITES_BY_TAG {
        assert_invalidated(chosen, write);
        assert_not_affected(chosen, write);
    }
}

/// Callers after the write wait for the load, whose tags are not known yet, and then load for themselves.
#[test]
fn p1_a_tag_from_the_result_while_it_is_loaded() {
    for write in WRITES_BY_TAG {
        let repo = Arc::new(Repo::default());
        let _watch = repo.watch();
        let held = repo.gate.close();
        let spawn = || {
            let repo = repo.clone();
            thread::spawn(move || tagged_late(&repo, 1, "a"))
        };
        let first = spawn();
        held.reached.recv().unwrap();
        write(&repo, 1, "a");
        let second = spawn();
        while repo.cache.stats().misses < 2 {
            thread::yield_now();
        }
        held.go_on.send(()).unwrap();
        assert_eq!(first.join().unwrap(), (0, "1a".into()));
        assert_eq!(second.join().unwrap(), (1, "1a".into()), "a later caller got a stale value");
        assert_eq!(tagged_late(&repo, 1, "a"), (1, "1a".into()), "a stale value was stored");
        assert_eq!((repo.cache.stats().loads, repo.cache.stats().discarded_loads), (2, 1));
        repo.cache.check_invariants();
    }
}

/// The version of a tag without entries is not kept exactly, and so an entry has this one.
#[test]
fn p1_a_load_with_another_tag_is_not_affected() {
    block_on(async {
        for write in WRITES_BY_TAG {
            let repo = Arc::new(Repo::default());
            let _watch = repo.watch();
            assert_eq!(repo.has_tag(2, "bc").await, 2);
            let held = repo.gate.close();
            let load = thread::spawn({
                let repo = repo.clone();
                move || tagged_late(&repo, 2, "bc")
            });
            held.reached.recv().unwrap();
            write(&repo, 1, "a");
            held.go_on.send(()).unwrap();
            assert_eq!((load.join().unwrap(), tagged_late(&repo, 2, "bc")), ((0, "2bc".into()), (0, "2bc".into())));
            assert_eq!((repo.cache.stats().loads, repo.cache.stats().discarded_loads), (2, 0));
            write(&repo, 2, "bc");
            assert!(repo.cache.is_empty(), "it has the tag");
        }
    });
}

#[test]
fn p1_a_write_through_a_scope_affects_the_loads_of_that_scope() {
    block_on(async {
        let root = Cache::new();
        let repo = |cache| Arc::new(Repo { cache, ..Repo::default() });
        let (one, two) = (repo(root.scope("1")), repo(root.scope("2")));
        let _watch = one.watch();
        for (writer, overtaken) in [(&one, [true, false]), (&two, [false, true]), (&repo(root.clone()), [true, true])] {
            let gates = [one.gate.close(), two.gate.close()];
            let loads = [&one, &two].map(|repo| {
                let repo = repo.clone();
                thread::spawn(move || run!(repo.get(1, "a").await))
            });
            for gate in &gates {
                gate.reached.recv().unwrap();
            }
            writer.by_key(1, "a").await;
            for gate in &gates {
                gate.go_on.send(()).unwrap();
            }
            for load in loads {
                load.join().unwrap();
            }
            let discarded = root.stats().discarded_loads;
            let was_stored = [&one, &two].map(|repo| repo.cache.len() == 1);
            assert_eq!(was_stored, overtaken.map(|overtaken| !overtaken), "{discarded} loads discarded so far");
            root.invalidate_all();
        }
        root.check_invariants();
    });
}
