//! P6 and P15: a long chain of tasks, each of which waits for the load of the next.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;

use cache_core::TaggedCache;

use super::{Task, assert_nothing_is_left, assert_shows};

const LINKS: u32 = 2_000;

/// Waits until the flag is set, and has nobody to wake it.
async fn until_set(flag: &AtomicBool) {
    std::future::poll_fn(|_| if flag.load(Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending }).await;
}

/// Each task leads the load of its own key, whose body asks for the next key, which another task loads.
fn cache_after_a_chain() -> TaggedCache<u32, u32> {
    let cache: TaggedCache<u32, u32> = TaggedCache::builder().capacity(10_000).build();
    let (ready, bodies) = (AtomicBool::new(false), AtomicUsize::new(0));
    let link = |key: u32| {
        let (cache, ready, bodies) = (&cache, &ready, &bodies);
        cache.get_or_load_async(&LINK[key as usize], async move || {
            bodies.fetch_add(1, Ordering::SeqCst);
            if key + 1 == LINKS {
                until_set(ready).await;
                return 0;
            }
            cache.get_or_load_async(&(key + 1), async || unreachable!("another task loads it")).await + 1
        })
    };
    // From the end: each finds the one that it waits for.
    let mut tasks: Vec<_> = (0..LINKS).rev().map(|key| Task::begun(link(key))).collect();
    assert_shows(&cache, LINKS as usize, LINKS as usize - 1);
    ready.store(true, Ordering::SeqCst);
    let mut polls = 0;
    // The first has nobody to wake it. Each wakes the one before it.
    for (number, task) in (0..).zip(&mut tasks) {
        assert!(number == 0 || task.is_woken(), "nobody told {number} to go on");
        polls += 1;
        assert_eq!(task.poll(), Poll::Ready(number));
    }
    assert_eq!((polls, bodies.load(Ordering::SeqCst)), (LINKS, LINKS as usize));
    drop(tasks);
    assert_nothing_is_left(&cache);
    cache
}

#[test]
fn p6_a_long_chain_of_tasks_that_wait_for_each_other_comes_to_its_end() {
    let cache = cache_after_a_chain();
    assert_eq!(cache.len(), LINKS as usize);
    assert!((0..LINKS).all(|key| cache.get(&key) == Some(LINKS - 1 - key)));
}

/// All of them have read the last one, the one through the other.
#[test]
fn p15_a_long_chain_of_loads_is_forgotten_by_its_last_key() {
    let cache = cache_after_a_chain();
    cache.invalidate_key(&(LINKS / 2));
    assert_eq!(cache.len(), LINKS as usize / 2 - 1, "those behind it stay");
    cache.invalidate_key(&(LINKS - 1));
    assert_eq!(cache.len(), 0, "each was made of the next one");
    cache.check_invariants();
}

/// Keys that outlive the futures that ask for them.
static LINK: [u32; LINKS as usize] = {
    let mut links = [0; LINKS as usize];
    let mut key = 0;
    while key < LINKS {
        links[key as usize] = key;
        key += 1;
    }
    links
};
