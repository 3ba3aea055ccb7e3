//! P13 and P4: a hit clones its value in place. However many clones there are, and however long they take, all other
//! operations proceed; what is removed meanwhile is dropped when the clones end.

use std::sync::Arc;
use std::thread;

use cache_core::{EntryOptions, TaggedCache};

use super::mode::block_on;
use crate::support::{Latch, finishes};

#[derive(Default)]
struct Gate {
    here: Latch,
    go: Latch,
}

/// Opens the gate in the end, also if the test fails.
struct Opens<'a>(&'a Gate);

impl Drop for Opens<'_> {
    fn drop(&mut self) {
        self.0.go.open();
    }
}

struct Value {
    number: u32,
    gate: Option<Arc<Gate>>,
    /// References to it are counted.
    #[expect(dead_code, reason = "only its reference count matters")]
    held: Option<Arc<()>>,
}

impl Value {
    fn plain(number: u32) -> Self {
        Self { number, gate: None, held: None }
    }

    fn slow(number: u32, gate: &Arc<Gate>) -> Self {
        Self { gate: Some(gate.clone()), ..Self::plain(number) }
    }

    fn holding(held: &Arc<()>) -> Self {
        Self { held: Some(held.clone()), ..Self::plain(0) }
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        if let Some(gate) = &self.gate {
            gate.here.count_up();
            gate.go.pass();
        }
        Self::plain(self.number)
    }
}

type Values = TaggedCache<u32, Value>;

const CAPACITY: usize = 16;

fn cache() -> Values {
    TaggedCache::builder().capacity(CAPACITY).build()
}

fn hit(cache: &Values, key: u32) -> u32 {
    block_on(cache.get_or_load_async(&key, async || panic!("it is cached"))).number
}

fn get(cache: &Values, key: u32) -> Option<u32> {
    cache.get(&key).map(|value| value.number)
}

#[test]
fn p13_a_hundred_slow_clones_delay_no_other_call() {
    const CLONES: usize = 100;
    finishes("calls beside slow clones", || {
        let (cache, gate) = (cache(), Arc::<Gate>::default());
        cache.insert(1, Value::slow(1, &gate));
        thread::scope(|scope| {
            let _opens = Opens(&gate);
            // The first hundred clones pin a table that has not been written to, the others one that has.
            for begun in [CLONES, 2 * CLONES] {
                (0..CLONES).for_each(|_| _ = scope.spawn(|| assert_eq!(hit(&cache, 1), 1)));
                gate.here.until(begun);
                for number in 0..100 {
                    cache.insert_with(2, Value::plain(number), EntryOptions::new().tag("tag"));
                    let loaded = block_on(cache.get_or_load_async(&3, async || Value::plain(number))).number;
                    assert_eq!((get(&cache, 2), loaded, hit(&cache, 3)), (Some(number), number, number));
                    assert!(cache.invalidate_key(&3));
                    assert_eq!((get(&cache, 2), get(&cache, 3)), (Some(number), None));
                    cache.invalidate_tags(["tag"]);
                    assert_eq!(get(&cache, 2), None);
                }
            }
            // In a full cache, so that some inserts evict.
            (100..200).for_each(|key| cache.insert(key, Value::plain(key)));
            assert_eq!(cache.len(), CAPACITY);
        });
        cache.check_invariants();
    });
}

/// A name, and an operation that removes entry 2.
type Removal = (&'static str, fn(&Values));

const REMOVALS: [Removal; 5] = [
    ("by its key", |cache| assert!(cache.invalidate_key(&2))),
    ("by another value", |cache| cache.insert(2, Value::plain(0))),
    ("by a load, when it is dead", |cache| {
        cache.invalidate_tags(["doomed"]);
        assert_eq!(block_on(cache.get_or_load_async(&2, async || Value::plain(7))).number, 7);
    }),
    ("by a purge", |cache| {
        cache.invalidate_tags(["doomed"]);
        cache.purge();
    }),
    ("by the inserts of others, when it is dead", |cache| {
        cache.invalidate_tags(["doomed"]);
        (100..110).for_each(|key| cache.insert(key, Value::plain(key)));
    }),
];

#[test]
fn p13_an_entry_removed_during_a_slow_clone_is_dropped_after_it() {
    // The value that is cloned, and another one.
    for slow in [1, 2] {
        for (how, remove) in REMOVALS {
            finishes(how, move || {
                let (cache, gate, held) = (cache(), Arc::<Gate>::default(), Arc::new(()));
                cache.insert(1, Value::slow(0, &gate));
                let doomed = Value { gate: Some(gate.clone()), ..Value::holding(&held) };
                cache.insert_with(2, doomed, EntryOptions::new().tag("doomed"));
                thread::scope(|scope| {
                    let _opens = Opens(&gate);
                    scope.spawn(|| assert_eq!(hit(&cache, slow), 0));
                    gate.here.until(1);
                    remove(&cache);
                });
                // No operation follows the end of the clone.
                assert_eq!(Arc::strong_count(&held), 1, "an entry removed {how} was not dropped");
                cache.check_invariants();
            });
        }
    }
}

/// Some clones begin before the removal, and some after it.
#[test]
fn p13_an_entry_removed_during_many_slow_clones_is_dropped_after_them() {
    finishes("many slow clones", || {
        let (cache, gate, held) = (cache(), Arc::<Gate>::default(), Arc::new(()));
        cache.insert(1, Value::slow(0, &gate));
        thread::scope(|scope| {
            let _opens = Opens(&gate);
            for round in 1..=10 {
                (0..3).for_each(|_| _ = scope.spawn(|| assert_eq!(hit(&cache, 1), 0)));
                gate.here.until(3 * round);
                cache.insert(2, Value::holding(&held));
                assert!(cache.invalidate_key(&2));
            }
        });
        // If clones that end at the same moment leave something behind, the next write drops it.
        cache.insert(3, Value::plain(3));
        assert_eq!(Arc::strong_count(&held), 1);
        cache.check_invariants();
    });
}
