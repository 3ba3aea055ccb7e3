//! P13 and P4: no lock is held while user code runs, so a slow `Clone`, `Drop` or `Debug` delays no other call.
//!
//! In each test such code is stopped, and meanwhile every operation of the cache must end.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use cache_core::{Cache, EntryOptions, HasCache, ManualClock, Tag, TaggedCache, cached_query, invalidates};

use super::mode::block_on;
use crate::support::{Latch, Step, step, unfinished};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Code {
    CloneValue,
    DropValue,
    DropKey,
    CloneKey,
    DebugKey,
    HashKey,
    Body,
    Options,
    Tags,
}

/// Stops the first call of one kind of user code, once it is armed.
#[derive(Default)]
struct Blocker {
    armed: Mutex<Option<Code>>,
    here: Latch,
    go: Latch,
}

impl Blocker {
    fn arm(&self, code: Code) {
        *self.armed.lock().unwrap() = Some(code);
    }

    fn stop_at(&self, code: Code) {
        let stops = self.armed.lock().unwrap().take_if(|armed| *armed == code).is_some();
        if stops {
            self.here.open();
            self.go.pass();
        }
    }
}

struct Key(u32, Arc<Blocker>);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.1.stop_at(Code::HashKey);
        self.0.hash(state);
    }
}
impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl Eq for Key {}
impl Clone for Key {
    fn clone(&self) -> Self {
        self.1.stop_at(Code::CloneKey);
        Self(self.0, self.1.clone())
    }
}
impl Drop for Key {
    fn drop(&mut self) {
        self.1.stop_at(Code::DropKey);
    }
}
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.1.stop_at(Code::DebugKey);
        write!(f, "{}", self.0)
    }
}

struct Value(u32, Arc<Blocker>);

impl Clone for Value {
    fn clone(&self) -> Self {
        self.1.stop_at(Code::CloneValue);
        Self(self.0, self.1.clone())
    }
}
impl Drop for Value {
    fn drop(&mut self) {
        self.1.stop_at(Code::DropValue);
    }
}

type Slow = TaggedCache<Key, Value>;

type Named<T> = (&'static str, fn(&T));

/// Keys 1 to 4 are live, 5 is dead.
struct Scene {
    cache: Slow,
    clock: ManualClock,
    brake: Arc<Blocker>,
}

const CAPACITY: usize = 8;

impl Scene {
    /// So small that all entries are in one shard.
    fn new() -> Arc<Self> {
        let (clock, brake) = (ManualClock::new(), Arc::<Blocker>::default());
        let cache = TaggedCache::builder().capacity(CAPACITY).clock(clock.clone()).build();
        let world = Self { cache, clock, brake };
        for key in 1..=4 {
            world.cache.insert_with(world.key(key), world.value(key), EntryOptions::new().tag("tag"));
        }
        let mortal = EntryOptions::new().ttl(Duration::from_secs(1));
        world.cache.insert_with(world.key(5), world.value(5), mortal);
        world.clock.advance(Duration::from_secs(1));
        Arc::new(world)
    }

    fn key(&self, key: u32) -> Key {
        Key(key, self.brake.clone())
    }

    fn value(&self, value: u32) -> Value {
        Value(value, self.brake.clone())
    }

    fn load(&self, key: u32) -> u32 {
        let options = || {
            self.brake.stop_at(Code::Options);
            EntryOptions::new().tag("tag")
        };
        let tags = |_: &Value| {
            self.brake.stop_at(Code::Tags);
            [Tag::from("late")]
        };
        let body = async || {
            self.brake.stop_at(Code::Body);
            self.value(key)
        };
        block_on(self.cache.entry(&self.key(key)).with(options).tags_from(tags).or_load_async(body)).0
    }

    /// Every operation, each on its own thread. None waits for a load of key 1, which is in use.
    fn steps(self: &Arc<Self>) -> Vec<Step> {
        let all: [Named<Self>; 14] = [
            ("a hit", |world| drop(world.cache.get(&world.key(2)))),
            ("misses", |world| (100..140).for_each(|key| _ = world.load(key))),
            ("inserts", |world| {
                (200..240).for_each(|key| world.cache.insert(world.key(key), world.value(key)));
            }),
            ("an insert in place of another", |world| world.cache.insert(world.key(3), world.value(3))),
            ("an error", |world| {
                let load = async || Err::<Value, _>(());
                assert!(block_on(world.cache.entry(&world.key(300)).or_try_load_async(load)).is_err());
            }),
            ("an invalidation by key", |world| _ = world.cache.invalidate_key(&world.key(4))),
            ("an invalidation of the key in use", |world| _ = world.cache.invalidate_key(&world.key(1))),
            ("an insert of the key in use", |world| world.cache.insert(world.key(1), world.value(1))),
            ("an invalidation by tag", |world| world.cache.invalidate_tags(["tag"])),
            ("an invalidation of all", |world| world.cache.invalidate_all()),
            ("a purge", |world| world.cache.purge()),
            ("a count", |world| _ = world.cache.len()),
            ("a listing", |world| drop(world.cache.entries())),
            ("statistics", |world| _ = world.cache.stats()),
        ];
        let world = |run: fn(&Self)| {
            let world = self.clone();
            move || run(&world)
        };
        all.into_iter().map(|(name, run)| step(name, world(run))).collect()
    }

    fn assert_delays_no_call(stops_at: Code, what: fn(&Self)) {
        let world = Self::new();
        world.brake.arm(stops_at);
        let slow = {
            let world = world.clone();
            thread::spawn(move || what(&world))
        };
        world.brake.here.pass();
        let delayed = unfinished(world.steps());
        world.brake.go.open();
        assert!(slow.join().is_ok());
        assert!(delayed.is_empty(), "during a slow {stops_at:?} these waited: {delayed:?}");
        world.cache.check_invariants();
    }
}

#[test]
fn p13_a_clone_on_a_hit_delays_no_call() {
    Scene::assert_delays_no_call(Code::CloneValue, |world| drop(world.cache.get(&world.key(1))));
    Scene::assert_delays_no_call(Code::CloneValue, |world| assert_eq!(world.load(1), 1));
}

#[test]
fn p13_a_clone_of_a_loaded_value_delays_no_call() {
    Scene::assert_delays_no_call(Code::CloneValue, |world| assert_eq!(world.load(6), 6));
    Scene::assert_delays_no_call(Code::CloneKey, |world| assert_eq!(world.load(6), 6));
}

#[test]
fn p13_a_hash_delays_no_call() {
    Scene::assert_delays_no_call(Code::HashKey, |world| drop(world.cache.get(&world.key(1))));
    Scene::assert_delays_no_call(Code::HashKey, |world| assert_eq!(world.load(6), 6));
    Scene::assert_delays_no_call(Code::HashKey, |world| world.cache.insert(world.key(6), world.value(6)));
}

#[test]
fn p13_a_drop_of_a_replaced_value_delays_no_call() {
    Scene::assert_delays_no_call(Code::DropValue, |world| world.cache.insert(world.key(1), world.value(9)));
}

#[test]
fn p13_a_drop_of_an_invalidated_value_delays_no_call() {
    for code in [Code::DropValue, Code::DropKey] {
        Scene::assert_delays_no_call(code, |world| _ = world.cache.invalidate_key(&world.key(1)));
        Scene::assert_delays_no_call(code, |world| {
            world.cache.invalidate_all();
            world.cache.purge();
        });
    }
}

/// A dead entry that is found, and live ones that are evicted.
#[test]
fn p13_a_drop_of_an_evicted_value_delays_no_call() {
    Scene::assert_delays_no_call(Code::DropValue, |world| {
        assert!(world.cache.get(&world.key(5)).is_none());
        world.cache.purge();
    });
    Scene::assert_delays_no_call(Code::DropValue, |world| {
        (400..420).for_each(|key| world.cache.insert(world.key(key), world.value(key)));
    });
}

#[test]
fn p13_a_debug_of_a_key_delays_no_call() {
    Scene::assert_delays_no_call(Code::DebugKey, |world| drop(world.cache.entries()));
}

#[test]
fn p13_a_body_its_options_and_its_tags_delay_no_call() {
    for code in [Code::Body, Code::Options, Code::Tags] {
        Scene::assert_delays_no_call(code, |world| assert_eq!(world.load(6), 6));
    }
}

#[derive(HasCache, Default)]
struct Repo {
    brake: Arc<Blocker>,
    #[cache]
    cache: Cache,
}

impl Repo {
    #[cached_query(tags("slow:{id}"))]
    async fn slow(&self, id: u32) -> Value {
        Value(id, self.brake.clone())
    }

    #[cached_query]
    async fn other(&self, id: u32) -> u32 {
        id
    }

    #[cached_query(cache_if = |id| *id > 0)]
    async fn third(&self, id: u32) -> Result<u32, ()> {
        if id.is_multiple_of(2) { Ok(id) } else { Err(()) }
    }

    #[invalidates(slow(id))]
    async fn write_one(&self, id: u32) {}

    #[invalidates("slow", "other", tags("slow:1"))]
    async fn write(&self) {}
}

#[test]
fn p4_a_clone_of_one_query_delays_no_other() {
    // Full or not: in a full cache each miss evicts first.
    for capacity in [16, 10_000] {
        let repo = Arc::new(Repo { cache: Cache::builder().capacity(capacity).build(), ..Repo::default() });
        for id in 0..40 {
            block_on(repo.slow(id));
        }
        block_on(repo.slow(1));
        repo.brake.arm(Code::CloneValue);
        let hit = {
            let repo = repo.clone();
            thread::spawn(move || block_on(repo.slow(1)).0)
        };
        repo.brake.here.pass();
        let steps: [Named<Repo>; 9] = [
            ("misses of another query", |repo| (0..100).for_each(|id| _ = block_on(repo.other(id)))),
            ("misses of a third", |repo| (0..100).for_each(|id| _ = block_on(repo.third(id)))),
            ("misses of the same query", |repo| (1_000..1_100).for_each(|id| drop(block_on(repo.slow(id))))),
            ("hits of the same query", |repo| (2..40).for_each(|id| drop(block_on(repo.slow(id))))),
            ("a write of its key", |repo| block_on(repo.write_one(1))),
            ("a write of another key", |repo| block_on(repo.write_one(2))),
            ("a write of all of it", |repo| block_on(repo.write())),
            ("a purge and a count", |repo| {
                repo.cache.purge();
                let _ = (repo.cache.len(), repo.cache.stats(), repo.cache.query_stats());
            }),
            ("a listing", |repo| drop(repo.cache.entries())),
        ];
        let steps = steps.into_iter().map(|(name, run)| {
            let repo = repo.clone();
            step(name, move || run(&repo))
        });
        let delayed = unfinished(steps.collect());
        repo.brake.go.open();
        assert_eq!(hit.join().ok(), Some(1));
        assert!(delayed.is_empty(), "capacity {capacity}: these waited for a `Clone`: {delayed:?}");
        repo.cache.check_invariants();
    }
}
