//! Values that are cloned in place while other threads write.

use std::sync::Arc;

use cache_core::TaggedCache;
use shuttle::thread;

use crate::support::{concurrently, explore};

/// A value whose clone yields, and whose `Arc` counts the copies.
struct Slow(u32, Arc<()>);

impl Clone for Slow {
    fn clone(&self) -> Self {
        thread::yield_now();
        Self(self.0, self.1.clone())
    }
}

/// So small that all its entries share a shard.
fn cache() -> TaggedCache<u32, Slow> {
    TaggedCache::builder().capacity(8).build()
}

fn number(cache: &TaggedCache<u32, Slow>, key: u32) -> Option<u32> {
    cache.get(&key).map(|value| value.0)
}

/// Guards: a stripe that stays pinned is marked as stale before the write returns; a reader that finds the mark reads the
/// current table.
#[test]
fn p1_an_entry_removed_during_a_clone_is_not_served_afterwards() {
    explore(|| {
        let cache = cache();
        cache.insert(1, Slow(1, Arc::new(())));
        let (readers, writer) = ([cache.clone(), cache.clone()], cache.clone());
        let [first, second] = readers;
        concurrently([
            Box::new(move || _ = number(&first, 1)),
            Box::new(move || {
                // Once removed, it does not come back.
                let seen = [number(&second, 1), number(&second, 1)];
                assert!(seen != [None, Some(1)], "{seen:?}");
            }),
            Box::new(move || {
                writer.invalidate_key(&1);
                assert_eq!(number(&writer, 1), None);
            }),
        ]);
        assert_eq!(number(&cache, 1), None);
    });
}

/// Guards: a reader that finds its stripe stale reads the current table; a writer updates the stripes that are not pinned.
#[test]
fn p13_a_writer_reads_its_own_write_during_a_clone() {
    explore(|| {
        let cache = cache();
        cache.insert(1, Slow(1, Arc::new(())));
        let (reader, one, other) = (cache.clone(), cache.clone(), cache.clone());
        concurrently([
            Box::new(move || assert_eq!(number(&reader, 1), Some(1))),
            Box::new(move || {
                one.insert(2, Slow(2, Arc::new(())));
                assert_eq!((number(&one, 2), number(&one, 1)), (Some(2), Some(1)));
            }),
            Box::new(move || {
                other.insert(3, Slow(3, Arc::new(())));
                assert_eq!(number(&other, 3), Some(3));
            }),
        ]);
        assert_eq!([1, 2, 3].map(|key| number(&cache, key)), [1, 2, 3].map(Some));
    });
}

/// Guards: the last pin of a stale stripe, or the last writer, drops the former table.
#[test]
fn p9_an_entry_removed_during_a_clone_is_dropped_after_the_clone() {
    explore(|| {
        let (cache, held) = (cache(), Arc::new(()));
        cache.insert(1, Slow(1, held.clone()));
        cache.insert(2, Slow(2, Arc::new(())));
        let (first, second, writer) = (cache.clone(), cache.clone(), cache.clone());
        concurrently([
            Box::new(move || _ = number(&first, 2)),
            Box::new(move || _ = number(&second, 2)),
            Box::new(move || _ = writer.invalidate_key(&1)),
        ]);
        assert_eq!(Arc::strong_count(&held), 1);
    });
}
