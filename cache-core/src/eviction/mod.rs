//! Eviction: which entry makes room for a new one.
//!
//! The entries of a cache are divided into segments, each with a lock and a policy: misses of different keys do not
//! wait for one lock. An entry belongs to the segment of its shard; the entries of a query with its own capacity are
//! all in one segment.
//!
//! One atomic counts all entries. While the cache is not full, any segment admits entries. A full cache evicts from the
//! segment of the new entry. Hashes are uniform, so each segment evicts about what a single policy would.
//!
//! An insert sweeps its own segment for dead entries, and at times another in turn: all inserts may be in one.
//!
//! If the weights of entries are limited, too, each admission may evict several: see [`weight`].
//!
//! *Locking*: at most one segment is locked at a time, and nothing else is locked under it.

pub(crate) mod ghosts;
pub(crate) mod queues;
pub(crate) mod quota;
pub(crate) mod s3_fifo;
pub(crate) mod segment;
pub(crate) mod sweep;
pub(crate) mod weight;

use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_utils::CachePadded;

use crate::entry::{AnyEntry, Meta};
use crate::eviction::quota::Quota;
use crate::eviction::s3_fifo::SMALL;
use crate::eviction::segment::{Aftermath, Inspector, Removed, Segment};
use crate::eviction::sweep::{Life, Snapshot};
use crate::eviction::weight::WeightLimit;
use crate::sync::{Arc, Mutex, MutexGuard};

pub(crate) struct EvictionSegments {
    /// Their number is a power of two.
    segments: Box<[CachePadded<Mutex<Segment>>]>,
    /// Includes entries about to be admitted.
    places_taken: CachePadded<AtomicUsize>,
    capacity: usize,
    weight_limit: Option<WeightLimit>,
}

pub(crate) struct Admission<'a, I> {
    pub(crate) entry: &'a Arc<dyn AnyEntry>,
    /// Means nothing without a limit.
    pub(crate) weight: u64,
    pub(crate) predecessor: Option<&'a Meta>,
    pub(crate) quota: Option<Quota>,
    pub(crate) snapshot: Snapshot,
    pub(crate) inspector: &'a I,
}

impl EvictionSegments {
    pub(crate) fn new(capacity: usize, max_weight: Option<u64>, shards: usize) -> Self {
        let count = segment_count(capacity, max_weight.is_some(), shards);
        let segment = |_| CachePadded::new(Mutex::new(Segment::new(capacity.div_ceil(count))));
        let (segments, places_taken) = ((0..count).map(segment).collect(), CachePadded::default());
        Self { segments, places_taken, capacity, weight_limit: max_weight.map(WeightLimit::new) }
    }

    /// By shard: in a large cache an evicted entry is usually in the shard of the new one.
    pub(crate) fn segment_of(&self, shard: usize, quota: Option<Quota>) -> u8 {
        let key = quota.map_or(shard.to_le_bytes()[0], |quota| quota.number.to_le_bytes()[0]);
        key & u8::try_from(self.segments.len() - 1).expect("there are at most 64 segments")
    }

    fn of(&self, meta: &Meta) -> MutexGuard<'_, Segment> {
        self.segments[meta.segment()].lock()
    }

    /// Admits an entry. If the cache or the quota is full, a dead entry makes room, if the sweep finds one, or else the
    /// policy evicts one.
    pub(crate) fn admit<I: Inspector>(&self, admission: &Admission<'_, I>) -> Aftermath {
        if let Some(limit) = &self.weight_limit {
            return self.admit_weighed(limit, admission);
        }
        let Admission { entry, predecessor, quota, snapshot, inspector, .. } = *admission;
        let mut aftermath = Aftermath::default();
        let mut segment = self.of(entry.meta());
        if self.segments.len() > 1 {
            aftermath.next = segment.next_to_sweep(self.segments.len());
        }
        self.sweep_locked(&mut segment, quota, self.is_full(), snapshot, inspector, &mut aftermath);
        if predecessor.is_some_and(|predecessor| segment.replace(predecessor, entry, None)) {
            return aftermath;
        }
        if segment.is_quota_full(quota) || !self.take_place() {
            aftermath.victim = segment.exchange(entry, quota, inspector);
            if aftermath.victim.is_some() {
                return aftermath;
            }
            drop(segment);
            aftermath.victim = Some(self.evict_elsewhere(inspector));
            segment = self.of(entry.meta());
        }
        segment.admit(entry.clone(), None, quota, self.is_filling());
        aftermath
    }

    fn is_full(&self) -> bool {
        self.places_taken.load(Ordering::Relaxed) >= self.capacity
    }

    /// By the room in the whole cache: a segment may stay below its share for ever.
    fn is_filling(&self) -> bool {
        self.places_taken.load(Ordering::Relaxed) + (self.capacity / SMALL).max(1) <= self.capacity
    }

    fn take_place(&self) -> bool {
        let take = |taken| (taken < self.capacity).then_some(taken + 1);
        self.places_taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    /// The segment of the new entry is empty. The new entry takes over the place.
    #[cold]
    fn evict_elsewhere(&self, inspector: &impl Inspector) -> Removed {
        loop {
            // All places are taken: by entries, or briefly by threads that admit one.
            let victim = self.segments.iter().find_map(|segment| segment.lock().evict(None, inspector));
            if let Some(victim) = victim {
                return victim;
            }
            std::thread::yield_now();
        }
    }

    pub(crate) fn sweep(&self, segment: usize, snapshot: Snapshot, inspector: &impl Inspector) -> Aftermath {
        let mut aftermath = Aftermath::default();
        self.sweep_locked(
            &mut self.segments[segment].lock(),
            None,
            self.is_full(),
            snapshot,
            inspector,
            &mut aftermath,
        );
        aftermath
    }

    fn sweep_locked(
        &self,
        segment: &mut Segment,
        quota: Option<Quota>,
        is_full: bool,
        snapshot: Snapshot,
        inspector: &impl Inspector,
        aftermath: &mut Aftermath,
    ) {
        let (dead, weight) = (aftermath.dead.len(), segment.weight());
        segment.sweep(quota, is_full, snapshot, inspector, aftermath);
        if aftermath.dead.len() > dead {
            self.give_places_back(aftermath.dead.len() - dead);
            self.give_weight_back(weight - segment.weight());
        }
    }

    fn give_places_back(&self, places: usize) {
        self.places_taken.fetch_sub(places, Ordering::Relaxed);
    }

    fn give_weight_back(&self, weight: u64) {
        if let Some(limit) = &self.weight_limit {
            limit.give_back(weight);
        }
    }

    pub(crate) fn remove(&self, meta: &Meta) -> Option<Removed> {
        let mut segment = self.of(meta);
        let removed = segment.remove(meta)?;
        self.give_places_back(1);
        self.give_weight_back(removed.weight);
        Some(removed)
    }

    pub(crate) fn record_live(&self, meta: &Meta, life: Life) {
        self.of(meta).record_live(meta, life);
    }

    /// No lock is held: a few at a time are copied.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(Arc<dyn AnyEntry>)) {
        self.for_each_while(|entry| {
            visit(entry);
            true
        });
    }

    /// Until a visit returns false. Entries copied with that one are visited, too: each reference must be discarded.
    pub(crate) fn for_each_while(&self, mut visit: impl FnMut(Arc<dyn AnyEntry>) -> bool) {
        /// Bounds the time under the lock.
        const AT_ONCE: usize = 128;
        for segment in &self.segments {
            let mut left = usize::MAX;
            while left > 0 {
                let (some, from) = {
                    let segment = segment.lock();
                    let end = left.min(segment.len());
                    let from = end.saturating_sub(AT_ONCE);
                    (segment.slice(from, end - from).to_vec(), from)
                };
                let mut continues = true;
                some.into_iter().rev().for_each(|entry| continues &= visit(entry));
                if !continues {
                    return;
                }
                left = from;
            }
        }
    }

    pub(crate) fn shrink(&self) {
        for segment in &self.segments {
            segment.lock().shrink();
        }
    }

    /// No other thread may use the cache meanwhile.
    pub(crate) fn check_invariants(&self) {
        let (mut entries, mut weight) = (0, 0);
        for (number, segment) in self.segments.iter().enumerate() {
            let segment = segment.lock();
            segment.check_invariants(self.limits_weight());
            let is_at_home = |entry: &Arc<dyn AnyEntry>| entry.meta().segment() == number;
            assert!(
                segment.slice(0, usize::MAX).iter().all(is_at_home),
                "an entry is in a segment that is not its own"
            );
            entries += segment.len();
            weight += segment.weight();
        }
        let (taken, limit) = self.weight();
        assert_eq!(weight, taken, "the weights of the entries are not what was taken");
        assert!(weight <= limit, "a weight of {weight} where {limit} is the most");
        assert_eq!(entries, self.places_taken.load(Ordering::Relaxed), "the entries and their places disagree");
        assert!(entries <= self.capacity, "{entries} entries in room for {}", self.capacity);
    }
}

/// One for each shard of a store, or for several.
fn segment_count(capacity: usize, is_weighed: bool, shards: usize) -> usize {
    /// Smaller segments would evict too differently from a single policy.
    const MIN_CAPACITY: usize = 1_024;
    /// There is seldom room for so many entries if they have weights.
    const MIN_CAPACITY_WEIGHED: usize = 8 * MIN_CAPACITY;
    /// The number of a segment must fit in six bits of [`Meta`].
    const MAX_SEGMENTS: usize = 64;
    let useful = (capacity / if is_weighed { MIN_CAPACITY_WEIGHED } else { MIN_CAPACITY }).max(1);
    shards.min(MAX_SEGMENTS).min(1 << useful.ilog2())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::clock::FOREVER;
    use crate::entry::{Entry, EntryOrigin};
    use crate::eviction::s3_fifo::State;
    use crate::version::tag_set::TagSet;

    /// Entries that expire by 1 are dead.
    pub(super) struct Expired;

    impl Inspector for Expired {
        fn life(&self, meta: &Meta) -> Life {
            Life { dies_at: meta.expires_at, valid_as_of: 0 }
        }

        fn state(&self, meta: &Meta) -> Option<State> {
            let is_dead = meta.expires_at <= 1;
            Some(if is_dead { State::Expired } else { State::Live { frequency: meta.hits.frequency() } })
        }
    }

    pub(super) fn segments(capacity: usize, count: usize) -> EvictionSegments {
        let segment = |_| CachePadded::new(Mutex::new(Segment::new(capacity / count)));
        let (segments, places_taken) = ((0..count).map(segment).collect(), CachePadded::default());
        EvictionSegments { segments, places_taken, capacity, weight_limit: None }
    }

    pub(super) fn hash(segment: u64, number: u64) -> u64 {
        segment << 48 | number
    }

    /// Returns the hashes of removed entries.
    fn insert(all: &EvictionSegments, hash: u64, quota: Option<Quota>, expires_at: u64) -> Vec<u64> {
        let (tags, segment) = (TagSet::default(), all.segment_of((hash >> 48) as usize, quota));
        let store = quota.map_or(0, |quota| quota.number);
        let meta = Meta::new(EntryOrigin {
            hash,
            scope: 0,
            store,
            segment,
            tags,
            birth: 0,
            valid_as_of: 0,
            began: 0,
            expires_at,
        });
        let entry: Arc<dyn AnyEntry> = Arc::new(Entry { meta, key: (), value: () });
        let snapshot = Snapshot { now: 1, version: 0 };
        let admission = Admission { entry: &entry, weight: 1, predecessor: None, quota, snapshot, inspector: &Expired };
        let Aftermath { victim, more_victims, mut dead, suspects, next } = all.admit(&admission);
        assert!(suspects.is_empty());
        if let Some(next) = next {
            dead.extend(all.sweep(next, snapshot, &Expired).dead);
        }
        victim.iter().chain(&more_victims).chain(&dead).map(|removed| removed.entry.meta().hash).collect()
    }

    #[test]
    fn p9_all_segments_together_have_the_capacity() {
        let all = segments(8, 4);
        for number in 0..8 {
            assert_eq!(insert(&all, hash(1, number), None, FOREVER), [], "the cache has room, if not the segment");
        }
        all.check_invariants();
        let removed = insert(&all, hash(2, 0), None, FOREVER);
        assert_eq!(removed.len(), 1, "its segment is empty: an entry of another one makes room");
        let removed = insert(&all, hash(2, 1), None, FOREVER);
        assert_eq!(removed, [hash(2, 0)], "an entry of its segment makes room");
        all.check_invariants();
        let mut entries = 0;
        all.for_each(|entry| {
            entries += 1;
            assert!(
                all.remove(entry.meta()).is_some() && all.remove(entry.meta()).is_none(),
                "an entry is removed once"
            );
        });
        assert_eq!(entries, 8);
        all.check_invariants();
        assert_eq!(insert(&all, hash(3, 0), None, FOREVER), []);
    }

    #[test]
    fn p9_the_entries_of_a_query_with_a_capacity_are_in_one_segment() {
        let (all, quota) = (segments(64, 4), Some(Quota { number: 6, capacity: 3 }));
        let removed: Vec<u64> =
            (0..16).flat_map(|number| insert(&all, hash(number % 4, number), quota, FOREVER)).collect();
        assert_eq!(removed.len(), 13);
        all.check_invariants();
        assert_eq!(all.segments[2].lock().len(), 3);
    }

    #[test]
    fn p9_inserts_in_one_segment_remove_dead_entries_of_others() {
        let all = segments(1_000, 4);
        let dead: BTreeSet<u64> = (0..100).map(|number| hash(number % 4, number)).collect();
        for &hash in &dead {
            // Admitted without a sweep.
            all.places_taken.fetch_add(1, Ordering::Relaxed);
            let (tags, segment) = (TagSet::default(), all.segment_of((hash >> 48) as usize, None));
            let origin = EntryOrigin {
                hash,
                scope: 0,
                store: 0,
                segment,
                tags,
                birth: 0,
                valid_as_of: 0,
                began: 0,
                expires_at: 1,
            };
            let entry = Arc::new(Entry { meta: Meta::new(origin), key: (), value: () });
            all.segments[usize::from(segment)].lock().admit(entry, None, None, true);
        }
        let removed: BTreeSet<u64> =
            (0..400).flat_map(|number| insert(&all, hash(0, 1_000 + number), None, FOREVER)).collect();
        assert_eq!(removed, dead);
        all.check_invariants();
    }

    #[cfg(not(shuttle))]
    #[test]
    fn p9_concurrent_inserts_never_exceed_the_capacity() {
        let all = segments(16, 4);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let all = &all;
                scope.spawn(move || {
                    for number in 0..5_000 {
                        insert(all, hash(number * thread % 5, number), None, number % 3);
                        let taken = all.places_taken.load(Ordering::Relaxed);
                        assert!(taken <= 16, "{taken} places");
                    }
                });
            }
        });
        all.check_invariants();
    }

    #[test]
    fn small_caches_have_one_segment() {
        let count = |capacity, shards| segment_count(capacity, false, shards);
        assert_eq!([count(0, 8), count(2_047, 8), count(10_000, 8), count(10_000, 64)], [1, 1, 8, 8]);
        assert_eq!([count(1 << 28, 8), count(1 << 28, 256)], [8, 64]);
        assert_eq!([10_000, 20_000, 1 << 28].map(|capacity| segment_count(capacity, true, 64)), [1, 2, 64]);
    }

    #[test]
    fn the_check_fails_on_each_inconsistency() {
        let breaks: [fn(&EvictionSegments); 2] = [
            |all| _ = all.places_taken.fetch_add(1, Ordering::Relaxed),
            |all| _ = all.segments[1].lock().evict(None, &Expired),
        ];
        for break_it in breaks {
            let all = segments(8, 4);
            insert(&all, hash(1, 1), None, FOREVER);
            all.check_invariants();
            break_it(&all);
            let check = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| all.check_invariants()));
            assert!(check.is_err(), "the check passed");
        }
    }
}
