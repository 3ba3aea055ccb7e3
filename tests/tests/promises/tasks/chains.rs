//! P6 and P15: a long chain of tasks, each of which waits for the load of the next.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;

use cache_core::TaggedCache;

use super::{Task, assert_idle, assert_in_flight, until_set};

const LINKS: u32 = 2_000;

/// An entry depends on each of up to this many keys of one query. One made from more depends on every key of that
/// query.
const EXACT: u32 = 256;

/// Each task leads the load of its own key; its body reads the next key, which another task loads.
fn cache_after_a_chain(links: u32) -> TaggedCache<u32, u32> {
    let cache: TaggedCache<u32, u32> = TaggedCache::builder().capacity(10_000).build();
    let (ready, bodies) = (AtomicBool::new(false), AtomicUsize::new(0));
    let link = |key: u32| {
        let (cache, ready, bodies) = (&cache, &ready, &bodies);
        cache.get_or_load_async(&LINK[key as usize], async move || {
            bodies.fetch_add(1, Ordering::SeqCst);
            if key + 1 == links {
                until_set(ready).await;
                return 0;
            }
            cache.get_or_load_async(&(key + 1), async || unreachable!("another task loads it")).await + 1
        })
    };
    // From the end: each finds the load that it waits for.
    let mut tasks: Vec<_> = (0..links).rev().map(|key| Task::begun(link(key))).collect();
    assert_in_flight(&cache, links as usize, links as usize - 1);
    ready.store(true, Ordering::SeqCst);
    let mut polls = 0;
    // Nothing wakes the first. Each wakes the one before it.
    for (number, task) in (0..).zip(&mut tasks) {
        assert!(number == 0 || task.is_woken(), "{number} was not woken");
        polls += 1;
        assert_eq!(task.poll(), Poll::Ready(number));
    }
    assert_eq!((polls, bodies.load(Ordering::SeqCst)), (links, links as usize));
    drop(tasks);
    assert_idle(&cache);
    cache
}

#[test]
fn p6_a_long_chain_of_tasks_that_wait_for_each_other_ends() {
    let cache = cache_after_a_chain(LINKS);
    assert_eq!(cache.len(), LINKS as usize);
    assert!((0..LINKS).all(|key| cache.get(&key) == Some(LINKS - 1 - key)));
}

/// Each has read all keys behind it, through the others.
#[test]
fn p15_a_key_in_a_chain_of_loads_invalidates_those_before_it() {
    // The first one is made from the most keys that are told apart.
    let links = EXACT + 1;
    let cache = cache_after_a_chain(links);
    cache.invalidate_key(&0);
    assert_eq!(cache.len(), links as usize - 1, "no load has read the first one");
    cache.invalidate_key(&(links / 2));
    assert_eq!(cache.len(), links as usize / 2, "those after it stay");
    assert!((links / 2 + 1..links).all(|key| cache.get(&key) == Some(links - 1 - key)));
    cache.invalidate_key(&(links - 1));
    assert_eq!(cache.len(), 0, "each was made from the last one");
    cache.check_invariants();
}

/// No stale value is left, and those made from few enough keys stay.
#[test]
fn p15_the_last_key_of_a_long_chain_of_loads_invalidates_all_of_it() {
    let cache = cache_after_a_chain(LINKS);
    cache.invalidate_key(&(LINKS / 2));
    assert!((0..=LINKS / 2).all(|key| cache.get(&key).is_none()), "each was made from it");
    assert!((LINKS - 1 - EXACT..LINKS).all(|key| cache.get(&key) == Some(LINKS - 1 - key)), "those far after it stay");
    cache.invalidate_key(&(LINKS - 1));
    assert_eq!(cache.len(), 0, "each was made from the last one");
    cache.check_invariants();
}

/// Keys that outlive the futures.
static LINK: [u32; LINKS as usize] = {
    let mut links = [0; LINKS as usize];
    let mut key = 0;
    while key < LINKS {
        links[key as usize] = key;
        key += 1;
    }
    links
};
