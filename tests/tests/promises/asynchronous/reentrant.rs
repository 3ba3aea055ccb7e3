//! P13: `Clone`, `Drop` and `Debug` may use the cache like any other code: what they store is stored, what they
//! invalidate is invalidated, and nothing else.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use cache_core::{EntryOptions, TaggedCache};

use super::mode::block_on;
use crate::support::finishes;

type Action = Box<dyn FnOnce(&Acting) + Send>;
type Acting = TaggedCache<Key, Value>;

#[derive(Clone)]
struct Key(u32, Slot);

#[derive(Clone, Default)]
struct Slot(Arc<(OnceLock<Acting>, Mutex<Option<Action>>)>);

impl Slot {
    /// Once: the action may call it again.
    fn act(&self) {
        let action = self.0.1.lock().unwrap().take();
        if let (Some(action), Some(cache)) = (action, self.0.0.get()) {
            action(cache);
        }
    }

    fn set(&self, action: impl FnOnce(&Acting) + Send + 'static) {
        *self.0.1.lock().unwrap() = Some(Box::new(action));
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl Eq for Key {}
impl std::hash::Hash for Key {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.1.act();
        write!(f, "{}", self.0)
    }
}

struct Value {
    number: u32,
    on_clone: Slot,
    on_drop: Slot,
}

impl Value {
    fn plain(number: u32) -> Self {
        Self { number, on_clone: Slot::default(), on_drop: Slot::default() }
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        self.on_clone.act();
        Self::plain(self.number)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.on_drop.act();
    }
}

fn key(number: u32) -> Key {
    Key(number, Slot::default())
}

fn get(cache: &Acting, number: u32) -> Option<u32> {
    cache.get(&key(number)).map(|value| value.number)
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum By {
    Clone,
    DropByKey,
    DropByReplacing,
    DropByPurge,
    Debug,
}

const ALL: [By; 5] = [By::Clone, By::DropByKey, By::DropByReplacing, By::DropByPurge, By::Debug];

/// A cache with the numbers 1 to 3, in which user code of number 1 acts. Returns the cache afterwards.
fn after(by: By, action: impl FnOnce(&Acting) + Send + 'static) -> Acting {
    after_both(by, |_| {}, action)
}

/// The same, after something else is done first.
fn after_both(
    by: By,
    before: impl FnOnce(&Acting) + Send + 'static,
    action: impl FnOnce(&Acting) + Send + 'static,
) -> Acting {
    finishes(&format!("{by:?} that uses its cache"), move || {
        // All in one shard.
        let cache: Acting = TaggedCache::builder().capacity(16).build();
        let slot = Slot::default();
        assert!(slot.0.0.set(cache.clone()).is_ok());
        let mut one = Value::plain(1);
        match by {
            By::Clone => one.on_clone = slot.clone(),
            By::Debug => {}
            _ => one.on_drop = slot.clone(),
        }
        let options = EntryOptions::new().tag("tag");
        let of_one = if by == By::Debug { slot.clone() } else { Slot::default() };
        cache.insert_with(Key(1, of_one), one, options.clone().tag("one"));
        cache.insert_with(key(2), Value::plain(2), options.clone());
        cache.insert_with(key(3), Value::plain(3), options);
        before(&cache);
        slot.set(action);
        match by {
            By::Clone => assert_eq!(get(&cache, 1), Some(1)),
            By::DropByKey => assert!(cache.invalidate_key(&key(1))),
            By::DropByReplacing => cache.insert(key(1), Value::plain(1)),
            By::DropByPurge => {
                cache.invalidate_tags(["one"]);
                cache.purge();
            }
            By::Debug => assert!(!cache.entries().is_empty()),
        }
        assert!(slot.0.1.lock().unwrap().is_none(), "{by:?}: the action must run");
        cache.check_invariants();
        cache
    })
}

#[test]
fn p13_what_is_loaded_in_user_code_is_stored() {
    for by in ALL {
        let cache = after(by, |cache| {
            assert_eq!(block_on(cache.get_or_load_async(&key(7), async || Value::plain(7))).number, 7);
            let load = async || Ok::<_, ()>(Value::plain(8));
            assert!(block_on(cache.entry(&key(8)).or_try_load_async(load)).is_ok());
        });
        assert_eq!((get(&cache, 7), get(&cache, 8)), (Some(7), Some(8)), "{by:?}");
        assert_eq!((get(&cache, 2), get(&cache, 3)), (Some(2), Some(3)), "{by:?}");
    }
}

#[test]
fn p13_what_is_inserted_in_user_code_is_stored() {
    for by in ALL {
        let cache = after(by, |cache| {
            cache.insert(key(7), Value::plain(7));
            cache.insert(key(2), Value::plain(22));
            assert_eq!(get(cache, 7), Some(7));
        });
        assert_eq!((get(&cache, 7), get(&cache, 2), get(&cache, 3)), (Some(7), Some(22), Some(3)), "{by:?}");
    }
}

#[test]
fn p13_user_code_that_invalidates_a_key_invalidates_only_that() {
    for by in ALL {
        let cache = after(by, |cache| {
            assert!(cache.invalidate_key(&key(2)));
            assert!(!cache.invalidate_key(&key(2)), "it was invalidated before");
        });
        assert_eq!((get(&cache, 2), get(&cache, 3)), (None, Some(3)), "{by:?}");
    }
}

/// The very one whose value is being cloned, dropped, or formatted.
#[test]
fn p13_user_code_may_invalidate_or_replace_its_own_key() {
    for by in ALL {
        let cache = after(by, |cache| _ = cache.invalidate_key(&key(1)));
        assert_eq!((get(&cache, 2), get(&cache, 3)), (Some(2), Some(3)), "{by:?}");
        let cache = after(by, |cache| cache.insert(key(1), Value::plain(11)));
        if matches!(by, By::Clone | By::Debug) {
            assert_eq!(get(&cache, 1), Some(11), "{by:?}");
        }
        assert_eq!((get(&cache, 2), get(&cache, 3)), (Some(2), Some(3)), "{by:?}");
    }
}

#[test]
fn p13_a_purge_in_user_code_frees_dead_entries() {
    for by in ALL {
        let held = Arc::new(());
        let (probe, freed) = (Arc::downgrade(&held), Arc::new(AtomicBool::new(false)));
        let before = move |cache: &Acting| {
            let doomed = Value::plain(9);
            doomed.on_drop.set(move |_| drop(held));
            cache.insert_with(key(9), doomed, EntryOptions::new().tag("doomed"));
            cache.invalidate_tags(["doomed"]);
        };
        let cache = after_both(by, before, {
            let (probe, freed) = (probe.clone(), freed.clone());
            move |cache| {
                cache.purge();
                freed.store(probe.strong_count() == 0, Ordering::SeqCst);
            }
        });
        // During a clone, what the shard held at its start is kept, but no longer.
        assert!(by == By::Clone || freed.load(Ordering::SeqCst), "{by:?}: `purge` did nothing");
        assert_eq!(probe.strong_count(), 0, "{by:?}: `purge` left it");
        assert_eq!((get(&cache, 2), get(&cache, 3)), (Some(2), Some(3)), "{by:?}");
    }
}

#[test]
fn p13_user_code_may_invalidate_everything_and_count() {
    for by in ALL {
        let cache = after(by, |cache| {
            let _ = (cache.len(), cache.stats(), cache.entries());
            cache.invalidate_tags(["tag"]);
            assert!(cache.len() <= 1);
            cache.scope("s").insert(key(1), Value::plain(1));
            cache.invalidate_all();
            assert!(cache.is_empty());
        });
        assert_eq!((get(&cache, 2), get(&cache, 3)), (None, None), "{by:?}");
    }
}
