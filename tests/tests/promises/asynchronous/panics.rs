//! P13: user code that panics leaves the cache consistent and usable, wherever it is called.
//!
//! A fuse of each kind is set to the first call, the second, and so on, until a whole round of operations ends without
//! reaching it: so every call of user code has panicked once.

use std::cell::Cell;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use cache_core::{EntryOptions, ManualClock, Tag, TaggedCache};

use super::mode::block_on;
use crate::support::until_in_flight;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Code {
    Hash,
    Eq,
    CloneKey,
    CloneValue,
    DropKey,
    DropValue,
    Debug,
    Body,
    Options,
    Tags,
}

thread_local! {
    static FUSE: Cell<Option<(Code, u32)>> = const { Cell::new(None) };
}

fn maybe_panic(code: Code) {
    match FUSE.get() {
        Some((armed, 0)) if armed == code => {
            FUSE.set(None);
            resume_unwind(Box::new(code));
        }
        Some((armed, left)) if armed == code => FUSE.set(Some((armed, left - 1))),
        _ => {}
    }
}

struct Key(u32);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        maybe_panic(Code::Hash);
        // Many collisions, so that keys are compared often.
        (self.0 % 2).hash(state);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        maybe_panic(Code::Eq);
        self.0 == other.0
    }
}

impl Eq for Key {}

impl Clone for Key {
    fn clone(&self) -> Self {
        maybe_panic(Code::CloneKey);
        Self(self.0)
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        maybe_panic(Code::DropKey);
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        maybe_panic(Code::Debug);
        write!(f, "{}", self.0)
    }
}

struct Value(u32);

impl Clone for Value {
    fn clone(&self) -> Self {
        maybe_panic(Code::CloneValue);
        Self(self.0)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        maybe_panic(Code::DropValue);
    }
}

type Fragile = TaggedCache<Key, Value>;

fn options() -> EntryOptions {
    maybe_panic(Code::Options);
    EntryOptions::new().tag("tag").ttl(Duration::from_secs(10))
}

fn tags(value: &Value) -> [Tag; 1] {
    maybe_panic(Code::Tags);
    [Tag::from(format!("value:{}", value.0))]
}

fn load(cache: &Fragile, key: u32) {
    let body = async || {
        maybe_panic(Code::Body);
        Value(key)
    };
    block_on(cache.entry(&Key(key)).with(options).tags_from(tags).or_load_async(body));
}

type Operation<'a> = Box<dyn Fn(&Fragile) + 'a>;

/// Every operation of a cache. Each is run on its own, so that one that panics does not skip the others.
fn operations(clock: &ManualClock) -> Vec<Operation<'_>> {
    vec![
        Box::new(|cache| load(cache, 1)),
        Box::new(|cache| load(cache, 2)),
        Box::new(|cache| load(cache, 3)),
        Box::new(|cache| load(cache, 1)),
        Box::new(|cache| load(cache, 4)), // evicts
        Box::new(|cache| cache.insert(Key(3), Value(3))),
        Box::new(|cache| cache.insert(Key(5), Value(5))),
        Box::new(|cache| drop(cache.get(&Key(5)))),
        Box::new(|cache| drop(cache.entries())),
        Box::new(|cache| {
            // Refused: it is invalidated before it ends.
            block_on(cache.entry(&Key(6)).with(options).or_load_async(async || {
                cache.invalidate_tags(["tag"]);
                cache.invalidate_key(&Key(6));
                Value(6)
            }));
        }),
        Box::new(|cache| _ = block_on(cache.entry(&Key(7)).or_try_load_async(async || Err::<Value, _>(())))),
        Box::new(|cache| _ = cache.invalidate_key(&Key(5))),
        Box::new(|cache| load(cache, 8)),
        Box::new(|_| clock.advance(Duration::from_secs(10))),
        Box::new(|cache| drop(cache.get(&Key(8)))), // dropped on sight
        Box::new(|cache| _ = block_on(cache.entry(&Key(3)).or_try_load_async(async || Err::<Value, _>(())))),
        Box::new(|cache| load(cache, 9)),
        Box::new(|cache| cache.insert_with(Key(9), Value(9), EntryOptions::new().ttl(Duration::ZERO))),
        Box::new(|cache| load(cache, 9)),
        Box::new(|cache| {
            // Reads its own key, and is cloned for no waiter.
            block_on(
                cache.get_or_load_async(&Key(10), async || cache.get_or_load_async(&Key(10), async || Value(10)).await),
            );
        }),
        Box::new(Fragile::invalidate_all),
        Box::new(Fragile::purge),
        Box::new(|cache| load(cache, 1)),
    ]
}

/// Runs all operations with the fuse set. Returns whether it was reached.
fn round(code: Code, calls: u32) -> bool {
    let clock = ManualClock::new();
    let cache: Fragile = TaggedCache::builder().capacity(3).clock(clock.clone()).build();
    FUSE.set(Some((code, calls)));
    for (number, operation) in operations(&clock).iter().enumerate() {
        let panicked = catch_unwind(AssertUnwindSafe(|| operation(&cache))).is_err();
        cache.check_invariants();
        let state = format!("{cache:?}");
        assert!(state.contains("loads_in_flight: Some(0)"), "{code:?} {calls}, operation {number}: {state}");
        assert!(!panicked || FUSE.get().is_none());
    }
    let panicked = FUSE.take().is_none();
    cache.invalidate_all();
    load(&cache, 20);
    assert_eq!(cache.get(&Key(20)).map(|value| value.0), Some(20), "{code:?} {calls}");
    assert_eq!(block_on(cache.get_or_load_async(&Key(20), async || unreachable!())).0, 20);
    assert_eq!(cache.len(), 1);
    cache.check_invariants();
    panicked
}

#[test]
fn p13_user_code_that_panics_anywhere_leaves_the_cache_usable() {
    use Code::{Body, CloneKey, CloneValue, Debug, DropKey, DropValue, Eq, Hash, Options, Tags};
    for code in [Hash, Eq, CloneKey, CloneValue, DropKey, DropValue, Debug, Body, Options, Tags] {
        let calls = (0..10_000).find(|&calls| !round(code, calls)).expect("the number of calls is finite");
        assert!(calls > 2, "{code:?} is called only {calls} times");
    }
}

/// Each waiter clones the stored value itself.
#[test]
fn p13_a_clone_that_panics_for_a_waiter_reaches_only_that_waiter() {
    let cache = Fragile::new();
    std::thread::scope(|scope| {
        let call = || block_on(cache.get_or_load_async(&Key(1), async || unreachable!()));
        let leader = scope.spawn(|| {
            block_on(cache.get_or_load_async(&Key(1), async || {
                until_in_flight(&cache, 1, 2);
                Value(1)
            }))
        });
        until_in_flight(&cache, 1, 0);
        let fragile = scope.spawn(move || {
            FUSE.set(Some((Code::CloneValue, 0)));
            catch_unwind(AssertUnwindSafe(call)).is_err()
        });
        let other = scope.spawn(move || call().0);
        assert_eq!((leader.join().unwrap().0, fragile.join().unwrap(), other.join().unwrap()), (1, true, 1));
    });
    assert_eq!(cache.stats().loads, 1);
    cache.check_invariants();
}
