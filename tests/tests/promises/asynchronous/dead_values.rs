//! P9: the values of dead entries are freed by inserts of others, whether the cache is full or not, and by `purge`.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use cache_core::{Cache, EntryOptions, HasCache, ManualClock, Tag, TaggedCache, cached_query};

use super::mode::block_on;

/// References to it are counted.
type Counted = Arc<str>;

const DEAD: u32 = 1_000;
/// Inserts per dead entry, after which none is left.
const INSERTS: u32 = 8;
/// Never reached.
const CAPACITY: usize = 1_000_000;

type Values = TaggedCache<u32, Counted>;

struct World {
    clock: ManualClock,
    cache: Values,
    doomed: Counted,
}

impl World {
    /// Full of entries that can die: they have a time to live and a tag.
    fn new() -> Self {
        let clock = ManualClock::new();
        let cache = TaggedCache::builder().capacity(CAPACITY).clock(clock.clone()).build();
        let world = Self { clock, cache, doomed: "doomed".into() };
        world.insert_doomed(&world.cache);
        assert_eq!(world.left(), DEAD as usize);
        world
    }

    fn insert_doomed(&self, cache: &Values) {
        let options = EntryOptions::new().ttl(Duration::from_secs(10)).tag("doomed");
        for key in 0..DEAD {
            cache.insert_with(key, self.doomed.clone(), options.clone());
        }
    }

    /// How many of the values have not been dropped.
    fn left(&self) -> usize {
        Arc::strong_count(&self.doomed) - 1
    }

    fn expire(&self) {
        self.clock.advance(Duration::from_secs(10));
    }

    fn invalidate(&self) {
        self.cache.invalidate_tags(["doomed"]);
    }
}

const KILLS: [fn(&World); 4] = [
    World::expire,
    World::invalidate,
    |world| world.cache.invalidate_all(),
    |world| world.cache.scope("s").invalidate_all(),
];

fn kills() -> impl Iterator<Item = fn(&World)> {
    KILLS.into_iter().take(3)
}

fn other(key: u32) -> Counted {
    key.to_string().into()
}

#[test]
fn p9_inserts_free_dead_values_in_a_cache_that_is_not_full() {
    for kill in kills() {
        let world = World::new();
        kill(&world);
        for key in DEAD..DEAD + INSERTS * DEAD {
            world.cache.insert(key, other(key));
        }
        assert_eq!(world.left(), 0, "dead values not freed");
        assert_eq!(world.cache.len(), (INSERTS * DEAD) as usize, "the live ones are kept");
        world.cache.check_invariants();
    }
}

#[test]
fn p9_loads_free_dead_values_in_a_cache_that_is_not_full() {
    for kill in kills() {
        let world = World::new();
        kill(&world);
        for key in DEAD..DEAD + INSERTS * DEAD {
            block_on(world.cache.get_or_load_async(&key, async || other(key)));
        }
        assert_eq!(world.left(), 0, "dead values not freed");
        world.cache.check_invariants();
    }
}

/// The dead entries are in one scope, the others in another or in none.
#[test]
fn p9_inserts_in_one_scope_free_dead_entries_of_another() {
    let world = World::new();
    let scope = world.cache.scope("s");
    world.insert_doomed(&scope);
    world.invalidate();
    KILLS[3](&world);
    for key in DEAD..DEAD + INSERTS * DEAD {
        world.cache.scope("t").insert(key, other(key));
        world.cache.insert(key, other(key));
    }
    assert_eq!(world.left(), 0, "dead values not freed");
    world.cache.check_invariants();
}

/// Replacing entries over and over adds no key.
#[test]
fn p9_inserts_of_few_keys_free_dead_entries_too() {
    let world = World::new();
    world.expire();
    for round in 0..INSERTS * DEAD {
        world.cache.insert(DEAD + round % 4, other(round));
    }
    assert_eq!(world.left(), 0, "dead values not freed");
}

#[test]
fn p9_inserts_of_many_threads_free_dead_entries() {
    const THREADS: u32 = 4;
    let world = World::new();
    world.invalidate();
    thread::scope(|scope| {
        for number in 1..=THREADS {
            let world = &world;
            scope.spawn(move || {
                for key in 0..INSERTS * DEAD / THREADS {
                    world.cache.insert(number * 1_000_000 + key, other(key));
                }
            });
        }
    });
    assert_eq!(world.left(), 0, "dead values not freed");
    world.cache.check_invariants();
}

#[test]
fn p9_inserts_free_nothing_that_is_live() {
    let world = World::new();
    let live: Counted = "live".into();
    for key in 0..DEAD {
        world.cache.insert(10_000_000 + key, live.clone());
    }
    world.expire();
    for key in DEAD..DEAD + INSERTS * DEAD {
        world.cache.insert(key, other(key));
    }
    assert_eq!(Arc::strong_count(&live) - 1, DEAD as usize);
    assert_eq!((world.left(), world.cache.stats().evictions), (0, 0));
}

#[test]
fn p9_purge_frees_all_dead_values_at_once() {
    for kill in kills() {
        let world = World::new();
        world.cache.insert(DEAD, other(DEAD));
        kill(&world);
        world.cache.purge();
        assert_eq!(world.left(), 0);
        world.cache.check_invariants();
    }
}

/// Only entries, and what depends on them, hold tags and keys.
#[test]
fn p9_tags_and_keys_are_dropped_with_the_last_entry() {
    let (key, tag, late) = (
        Counted::from("a key"),
        Counted::from("a tag too long to be stored inline"),
        Counted::from("a late tag too long to be stored inline"),
    );
    let inner = TaggedCache::<Counted, u32>::new();
    let outer = TaggedCache::<Counted, u32>::new();
    let options = || EntryOptions::new().tag(Tag::from(tag.clone()));
    let read = || {
        block_on(outer.get_or_load_async(&key, async || {
            let late = |_: &u32| [Tag::from(late.clone())];
            inner.entry(&key).with(options).tags_from(late).or_load_async(async || 1).await
        }))
    };
    let invalidates: [&dyn Fn(); 3] =
        [&|| inner.invalidate_tags([&*tag]), &|| _ = inner.invalidate_key(&*key), &|| {
            inner.invalidate_all();
            outer.invalidate_all();
        }];
    for invalidate in invalidates {
        assert_eq!((read(), read()), (1, 1));
        assert!([&key, &tag, &late].iter().all(|counted| Arc::strong_count(counted) > 1), "they are held");
        invalidate();
        outer.invalidate_all();
        inner.purge();
        outer.purge();
        assert_eq!([&key, &tag, &late].map(Arc::strong_count), [1; 3], "nothing holds them");
    }
    // Errors and refused values are not stored, and leave nothing behind.
    let failing = async || {
        let load = async || {
            inner.invalidate_all();
            inner.entry(&key).or_try_load_async(async || Err::<u32, _>(2)).await.or(Err(3))
        };
        outer.entry(&key).or_try_load_async(load).await
    };
    assert_eq!(block_on(failing()), Err(3));
    assert_eq!(Arc::strong_count(&key), 1);
}

#[derive(HasCache)]
struct Repo {
    value: Counted,
    #[cache]
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "10s", tags("dies"))]
    async fn dies(&self, id: u32) -> Counted {
        let _ = id;
        self.value.clone()
    }

    #[cached_query(ttl = "1h")]
    async fn lives(&self, id: u32) -> u32 {
        id
    }
}

#[test]
fn p9_inserts_of_one_query_free_dead_entries_of_another() {
    let invalidates: [fn(&Repo, &ManualClock); 4] = [
        |_, clock| clock.advance(Duration::from_secs(10)),
        |repo, _| repo.cache.invalidate(["dies"]),
        |repo, _| repo.cache.invalidate_tags(["dies"]),
        |repo, _| repo.cache.invalidate_all(),
    ];
    for (number, invalidate) in (0..).zip(invalidates) {
        let clock = ManualClock::new();
        let cache = Cache::builder().capacity(CAPACITY).clock(clock.clone()).build();
        let repo = Repo { value: "dies".into(), cache };
        (0..DEAD).for_each(|id| drop(block_on(repo.dies(id))));
        assert_eq!(Arc::strong_count(&repo.value), DEAD as usize + 1);
        invalidate(&repo, &clock);
        (0..INSERTS * DEAD).for_each(|id| _ = block_on(repo.lives(id)));
        assert_eq!(Arc::strong_count(&repo.value), 1, "number {number}: dead values not freed");
        repo.cache.check_invariants();
    }
}
