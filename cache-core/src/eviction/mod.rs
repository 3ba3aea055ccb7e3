//! The entries of a cache in segments, each with an eviction of its own, so that misses of different keys do not wait for
//! one lock.
//!
//! An entry belongs to the segment of its shard. The entries of a query that has a capacity of its own are all in one
//! segment, so that there is one place where they are counted. The capacity is that of all segments together: an entry that comes
//! in while there is room takes a place, wherever the others are, and a full cache evicts from the segment of the new
//! entry. Hashes spread evenly, so that each segment has about the same share, and evicts about what the whole would.
//!
//! An insert sweeps its own segment, and now and then another one, in turns: inserts may all be in one segment, as those
//! of a query with a capacity are.
//!
//! At most one segment is locked at a time.

pub(crate) mod ghosts;
pub(crate) mod queues;
pub(crate) mod s3_fifo;
pub(crate) mod segment;
pub(crate) mod sweep;

use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_utils::CachePadded;

use crate::entry::{AnyEntry, Meta};
use crate::eviction::s3_fifo::SMALL;
use crate::eviction::segment::{Aftermath, Eviction, Inspector, Quota};
use crate::eviction::sweep::Snapshot;
use crate::sync::{Arc, Mutex, MutexGuard};

pub(crate) struct EvictionSegments {
    /// A power of two of them.
    segments: Box<[CachePadded<Mutex<Eviction>>]>,
    /// How many entries there are, or are about to be.
    places_taken: CachePadded<AtomicUsize>,
    capacity: usize,
}

/// A new entry, and what is known of its admission.
pub(crate) struct Admission<'a, I> {
    pub(crate) entry: &'a Arc<dyn AnyEntry>,
    /// The entry of its key, if there is one.
    pub(crate) predecessor: Option<&'a Meta>,
    pub(crate) quota: Option<Quota>,
    pub(crate) snapshot: Snapshot,
    pub(crate) inspector: &'a I,
}

impl EvictionSegments {
    /// For stores of so many shards each.
    pub(crate) fn new(capacity: usize, shards: usize) -> Self {
        let number = segments(capacity, shards);
        let segment = |_| CachePadded::new(Mutex::new(Eviction::new(capacity.div_ceil(number))));
        Self { segments: (0..number).map(segment).collect(), places_taken: CachePadded::default(), capacity }
    }

    /// The segment of an entry.
    ///
    /// In a large cache the segment follows from the shard, so that an evicted entry is usually in the same shard as the
    /// new one.
    pub(crate) fn segment_of(&self, shard: usize, quota: Option<Quota>) -> u8 {
        let key = quota.map_or(shard.to_le_bytes()[0], |quota| quota.number.to_le_bytes()[0]);
        key & u8::try_from(self.segments.len() - 1).expect("there are few")
    }

    fn of(&self, meta: &Meta) -> MutexGuard<'_, Eviction> {
        self.segments[meta.segment()].lock()
    }

    /// Admits an entry. If the cache is full, another one leaves: a dead one, if the sweep finds one soon, or else the
    /// one that the policy evicts.
    pub(crate) fn admit<I: Inspector>(&self, admission: &Admission<'_, I>) -> Aftermath {
        let Admission { entry, predecessor, quota, snapshot, inspector } = *admission;
        let mut aftermath = Aftermath::default();
        let mut segment = self.of(entry.meta());
        if self.segments.len() > 1 {
            aftermath.next = segment.next_to_sweep(self.segments.len());
        }
        self.sweep_locked(&mut segment, quota, snapshot, inspector, &mut aftermath);
        if predecessor.is_some_and(|predecessor| segment.replace(predecessor, entry)) {
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
        // By what there is room for in all: a segment may have less than its share for ever.
        let is_filling = self.places_taken.load(Ordering::Relaxed) + (self.capacity / SMALL).max(1) <= self.capacity;
        segment.admit(entry.clone(), quota, is_filling);
        aftermath
    }

    /// Takes one more place, if there is one left.
    fn take_place(&self) -> bool {
        let take = |taken| (taken < self.capacity).then_some(taken + 1);
        self.places_taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    /// Evicts an entry of any segment, for one whose own segment is empty. Its place is still taken.
    #[cold]
    fn evict_elsewhere(&self, inspector: &impl Inspector) -> Arc<dyn AnyEntry> {
        loop {
            // All places are taken: by entries, or for a moment by who is about to admit one.
            let victim = self.segments.iter().find_map(|segment| segment.lock().evict(None, inspector));
            if let Some(victim) = victim {
                return victim;
            }
            std::thread::yield_now();
        }
    }

    /// Looks for dead entries in a segment.
    pub(crate) fn sweep(&self, segment: usize, snapshot: Snapshot, inspector: &impl Inspector) -> Aftermath {
        let mut aftermath = Aftermath::default();
        self.sweep_locked(&mut self.segments[segment].lock(), None, snapshot, inspector, &mut aftermath);
        aftermath
    }

    fn sweep_locked(
        &self,
        segment: &mut Eviction,
        quota: Option<Quota>,
        snapshot: Snapshot,
        inspector: &impl Inspector,
        aftermath: &mut Aftermath,
    ) {
        let is_full = self.places_taken.load(Ordering::Relaxed) >= self.capacity;
        segment.sweep(quota, is_full, snapshot, inspector, aftermath);
        if !aftermath.dead.is_empty() {
            self.places_taken.fetch_sub(aftermath.dead.len(), Ordering::Relaxed);
        }
    }

    /// Lets go of an entry, if it is still one of these.
    pub(crate) fn remove(&self, meta: &Meta) -> Option<Arc<dyn AnyEntry>> {
        let mut segment = self.of(meta);
        let removed = segment.remove(meta)?;
        self.places_taken.fetch_sub(1, Ordering::Relaxed);
        Some(removed)
    }

    /// Records that an entry was found live that had been a suspect.
    pub(crate) fn note(&self, meta: &Meta) {
        self.of(meta).note(meta);
    }

    /// Visits all entries, a few at a time. No lock is held meanwhile.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(Arc<dyn AnyEntry>)) {
        self.for_each_while(|entry| {
            visit(entry);
            true
        });
    }

    /// The same, until a visit returns false. The entries that were listed together with that one are visited too, because
    /// whoever has a reference to an entry must discard it.
    pub(crate) fn for_each_while(&self, mut visit: impl FnMut(Arc<dyn AnyEntry>) -> bool) {
        /// Others wait for no longer than it takes to note so many.
        const AT_ONCE: usize = 128;
        for segment in &self.segments {
            let mut left = usize::MAX;
            while left > 0 {
                let (some, from) = {
                    let eviction = segment.lock();
                    let end = left.min(eviction.len());
                    let from = end.saturating_sub(AT_ONCE);
                    (eviction.slice(from, end - from).to_vec(), from)
                };
                let mut goes_on = true;
                some.into_iter().rev().for_each(|entry| goes_on &= visit(entry));
                if !goes_on {
                    return;
                }
                left = from;
            }
        }
    }

    /// Frees what memory it can.
    pub(crate) fn shrink(&self) {
        for segment in &self.segments {
            segment.lock().shrink();
        }
    }

    /// Panics if something contradicts something else. Nothing else may be going on.
    pub(crate) fn check_invariants(&self) {
        let mut entries = 0;
        for (number, segment) in self.segments.iter().enumerate() {
            let segment = segment.lock();
            segment.check_invariants();
            let is_at_home = |entry: &Arc<dyn AnyEntry>| entry.meta().segment() == number;
            assert!(segment.slice(0, usize::MAX).iter().all(is_at_home), "an entry is in another segment");
            entries += segment.len();
        }
        assert_eq!(entries, self.places_taken.load(Ordering::Relaxed), "the entries and their places disagree");
        assert!(entries <= self.capacity, "{entries} entries in room for {}", self.capacity);
    }
}

/// How many segments there are: one for each shard of a store, or for a few.
fn segments(capacity: usize, shards: usize) -> usize {
    /// In smaller ones chance would choose too much of what goes.
    const SMALLEST: usize = 1_024;
    /// The number of one fits in six bits.
    const MOST: usize = 64;
    let useful = (capacity / SMALLEST).max(1);
    shards.min(MOST).min(1 << useful.ilog2())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::clock::FOREVER;
    use crate::entry::{Entry, Origin};
    use crate::eviction::s3_fifo::State;
    use crate::version::tag_set::TagSet;

    /// Entries are dead that expire by 1.
    struct Expired;

    impl Inspector for Expired {
        fn state(&self, meta: &Meta) -> Option<State> {
            let is_dead = meta.expires_at <= 1;
            Some(if is_dead { State::Expired } else { State::Live { frequency: meta.hits.frequency() } })
        }
    }

    /// In so many segments.
    fn segments(capacity: usize, number: usize) -> EvictionSegments {
        let segment = |_| CachePadded::new(Mutex::new(Eviction::new(capacity / number)));
        EvictionSegments {
            segments: (0..number).map(segment).collect(),
            places_taken: CachePadded::default(),
            capacity,
        }
    }

    /// The hash of a number in a segment.
    fn hash(segment: u64, number: u64) -> u64 {
        segment << 48 | number
    }

    fn insert(all: &EvictionSegments, hash: u64, quota: Option<Quota>, expires_at: u64) -> Vec<u64> {
        let (tags, segment) = (TagSet::default(), all.segment_of((hash >> 48) as usize, quota));
        let store = quota.map_or(0, |quota| quota.number);
        let meta = Meta::new(Origin { hash, scope: 0, store, segment, tags, valid_as_of: 0, began: 0, expires_at });
        let entry: Arc<dyn AnyEntry> = Arc::new(Entry { meta, key: (), value: () });
        let snapshot = Snapshot { now: 1, version: 0 };
        let admission = Admission { entry: &entry, predecessor: None, quota, snapshot, inspector: &Expired };
        let Aftermath { victim, mut dead, suspects, next } = all.admit(&admission);
        assert!(suspects.is_empty());
        if let Some(next) = next {
            dead.extend(all.sweep(next, snapshot, &Expired).dead);
        }
        victim.iter().chain(&dead).map(|entry| entry.meta().hash).collect()
    }

    #[test]
    fn p9_all_segments_together_have_the_capacity() {
        let all = segments(8, 4);
        for number in 0..8 {
            assert_eq!(insert(&all, hash(1, number), None, FOREVER), [], "there is room, if elsewhere");
        }
        all.check_invariants();
        let gone = insert(&all, hash(2, 0), None, FOREVER);
        assert_eq!(gone.len(), 1, "its own segment is empty: one of another makes room");
        let gone = insert(&all, hash(2, 1), None, FOREVER);
        assert_eq!(gone, [hash(2, 0)], "and then it is not");
        all.check_invariants();
        let mut entries = 0;
        all.for_each(|entry| {
            entries += 1;
            assert!(all.remove(entry.meta()).is_some() && all.remove(entry.meta()).is_none(), "it leaves once");
        });
        assert_eq!(entries, 8);
        all.check_invariants();
        assert_eq!(insert(&all, hash(3, 0), None, FOREVER), []);
    }

    #[test]
    fn p9_the_entries_of_a_query_with_a_capacity_are_in_one_segment() {
        let (all, quota) = (segments(64, 4), Some(Quota { number: 6, capacity: 3 }));
        let gone: Vec<u64> =
            (0..16).flat_map(|number| insert(&all, hash(number % 4, number), quota, FOREVER)).collect();
        assert_eq!(gone.len(), 13);
        all.check_invariants();
        assert_eq!(all.segments[2].lock().len(), 3);
    }

    #[test]
    fn p9_inserts_in_one_segment_free_what_is_dead_in_others() {
        let all = segments(1_000, 4);
        let dead: BTreeSet<u64> = (0..100).map(|number| hash(number % 4, number)).collect();
        for &hash in &dead {
            // They come in alive: nothing looks at them yet.
            all.places_taken.fetch_add(1, Ordering::Relaxed);
            let (tags, segment) = (TagSet::default(), all.segment_of((hash >> 48) as usize, None));
            let origin = Origin { hash, scope: 0, store: 0, segment, tags, valid_as_of: 0, began: 0, expires_at: 1 };
            let entry = Arc::new(Entry { meta: Meta::new(origin), key: (), value: () });
            all.segments[usize::from(segment)].lock().admit(entry, None, true);
        }
        let gone: BTreeSet<u64> =
            (0..400).flat_map(|number| insert(&all, hash(0, 1_000 + number), None, FOREVER)).collect();
        assert_eq!(gone, dead);
        all.check_invariants();
    }

    #[cfg(not(shuttle))]
    #[test]
    fn p9_threads_take_no_more_places_than_there_are() {
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
        use super::segments as number;
        assert_eq!([number(0, 8), number(2_047, 8), number(10_000, 8), number(10_000, 64)], [1, 1, 8, 8]);
        assert_eq!([number(1 << 28, 8), number(1 << 28, 256)], [8, 64]);
    }

    #[test]
    fn the_check_notices_what_is_broken() {
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
            assert!(check.is_err(), "it went unnoticed");
        }
    }
}
