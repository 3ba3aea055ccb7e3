//! A limit of the sum of all weights, and how an entry is admitted under it.
//!
//! One atomic has the sum of the weights of all entries and of what admissions hold; it never exceeds the limit. So an
//! admission takes the weight of its entry first, all at once. While there is too little, it evicts, and holds the weight
//! and the place of each victim: no other admission can take them.

use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;

use crate::entry::Meta;
use crate::eviction::quota::Quota;
use crate::eviction::s3_fifo::SMALL;
use crate::eviction::segment::{Aftermath, Inspector, Segment};
use crate::eviction::{Admission, EvictionSegments};

/// Of a value that nobody has weighed: 1.
pub(crate) fn weight_of(weight: Option<usize>) -> u64 {
    weight.map_or(1, |weight| u64::try_from(weight).unwrap_or(u64::MAX))
}

pub(crate) struct WeightLimit {
    pub(super) max: u64,
    taken: CachePadded<AtomicU64>,
}

impl WeightLimit {
    pub(super) fn new(max: u64) -> Self {
        Self { max, taken: CachePadded::default() }
    }

    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    fn take(&self, weight: u64) -> bool {
        let take = |taken: u64| taken.checked_add(weight).filter(|taken| *taken <= self.max);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    pub(super) fn give_back(&self, weight: u64) {
        self.taken.fetch_sub(weight, Ordering::Relaxed);
    }

    /// Whether no eviction is near.
    fn is_filling(&self) -> bool {
        self.taken().saturating_add((self.max / SMALL as u64).max(1)) <= self.max
    }
}

/// What an admission has taken over from its victims.
#[derive(Clone, Copy, Default)]
struct Held {
    place: bool,
    weight: u64,
}

/// In which segments an admission looks for what can leave: in its own for dead entries, and then for a victim; if that
/// is not enough, in all for dead ones, then in turn for a victim of each, and so on.
struct Tour {
    segments: usize,
    /// The segment, counted from that of the new entry.
    turn: usize,
    /// How many segments are still searched for dead entries, and how many it were at first.
    searches: usize,
    all_searches: usize,
    /// How many segments in a row had no victim.
    fruitless: usize,
}

impl Tour {
    fn new(segments: usize) -> Self {
        Self { segments, turn: 0, searches: 1, all_searches: 1, fruitless: 0 }
    }

    fn go_on(&mut self, has_freed: bool) {
        if self.searches > 0 {
            self.searches = if has_freed { self.all_searches } else { self.searches - 1 };
            // Where one is dead, others may be.
            self.turn += usize::from(!has_freed && self.all_searches > 1);
            return;
        }
        self.turn += 1;
        self.fruitless = if has_freed { 0 } else { self.fruitless + 1 };
        if has_freed && (self.all_searches < self.segments || self.turn.is_multiple_of(self.segments)) {
            (self.searches, self.all_searches) = (self.segments, self.segments);
        }
    }

    fn spares_few(&self) -> bool {
        self.fruitless < self.segments
    }

    fn is_fruitless(&self) -> bool {
        self.fruitless == 2 * self.segments
    }
}

impl EvictionSegments {
    pub(crate) fn limits_weight(&self) -> bool {
        self.weight_limit.is_some()
    }

    /// The sum of all weights, and its limit; zeros without one.
    pub(crate) fn weight(&self) -> (u64, u64) {
        self.weight_limit.as_ref().map_or((0, 0), |limit| (limit.taken(), limit.max))
    }

    pub(crate) fn is_too_heavy(&self, weight: u64) -> bool {
        self.weight_limit.as_ref().is_some_and(|limit| weight > limit.max)
    }

    /// Admits an entry that is not too heavy.
    pub(super) fn admit_weighed<I: Inspector>(&self, limit: &WeightLimit, admission: &Admission<'_, I>) -> Aftermath {
        debug_assert!(admission.weight <= limit.max, "there will never be room for it");
        let Admission { entry, quota, snapshot, inspector, .. } = *admission;
        let (home, segments) = (entry.meta().segment(), self.segments.len());
        let (mut aftermath, mut held, mut tour) = (Aftermath::default(), Held::default(), Tour::new(segments));
        let mut segment = self.segments[home].lock();
        if segments > 1 {
            aftermath.next = segment.next_to_sweep(segments);
        }
        self.sweep_locked(&mut segment, quota, false, snapshot, inspector, &mut aftermath);
        while !self.admit_if_possible(limit, &mut segment, admission, &mut held) {
            // If an entry of the quota has to leave, it is here.
            let full_quota = quota.filter(|_| admission.replaced().is_none() && segment.is_quota_full(quota));
            if full_quota.is_some() {
                let _ = self.remove_dead(&mut segment, full_quota, admission, &mut aftermath)
                    || self.evict(&mut segment, full_quota, admission, &mut held, &mut aftermath);
                continue;
            }
            let place = (home + tour.turn) % segments;
            let has_freed = if place == home {
                self.free(&mut segment, &tour, admission, &mut held, &mut aftermath)
            } else {
                drop(segment);
                let has_freed =
                    self.free(&mut self.segments[place].lock(), &tour, admission, &mut held, &mut aftermath);
                segment = self.segments[home].lock();
                has_freed
            };
            tour.go_on(has_freed);
            if tour.is_fruitless() {
                // All is held by other admissions, one of which may wait for what this one holds.
                drop(segment);
                self.release(limit, std::mem::take(&mut held));
                std::thread::yield_now();
                segment = self.segments[home].lock();
                tour = Tour::new(segments);
            }
        }
        aftermath
    }

    /// Admits the entry if there is room, also by what it holds, and by its predecessor.
    fn admit_if_possible<I: Inspector>(
        &self,
        limit: &WeightLimit,
        segment: &mut Segment,
        admission: &Admission<'_, I>,
        held: &mut Held,
    ) -> bool {
        let Admission { entry, weight, quota, .. } = *admission;
        let replaced = admission.replaced();
        if replaced.is_none() {
            if segment.is_quota_full(quota) || !(held.place || self.take_place()) {
                return false;
            }
            held.place = true;
        }
        let own = held.weight + replaced.map_or(0, |replaced| segment.weight_of(replaced));
        if !limit.take(weight.saturating_sub(own)) {
            return false;
        }
        if let Some(replaced) = replaced {
            segment.replace(replaced, entry, Some(weight));
        } else {
            held.place = false;
            let is_filling = self.is_filling() && limit.is_filling();
            segment.admit(entry.clone(), Some(weight), quota, is_filling);
        }
        self.release(limit, Held { weight: own.saturating_sub(weight), ..*held });
        true
    }

    /// Removes a dead entry, or evicts one, as it is its turn. Returns whether it did.
    fn free<I: Inspector>(
        &self,
        segment: &mut Segment,
        tour: &Tour,
        admission: &Admission<'_, I>,
        held: &mut Held,
        aftermath: &mut Aftermath,
    ) -> bool {
        if tour.searches > 0 {
            return self.remove_dead(segment, None, admission, aftermath);
        }
        // One with few entries keeps them, as a single policy would evict others.
        let has_few = segment.len() * self.segments.len() < self.places_taken.load(Ordering::Relaxed);
        !(has_few && tour.spares_few()) && self.evict(segment, None, admission, held, aftermath)
    }

    /// What it frees is anybody's.
    fn remove_dead<I: Inspector>(
        &self,
        segment: &mut Segment,
        full_quota: Option<Quota>,
        admission: &Admission<'_, I>,
        aftermath: &mut Aftermath,
    ) -> bool {
        let Admission { snapshot, inspector, .. } = *admission;
        let dead = aftermath.dead.len();
        self.sweep_locked(segment, full_quota, true, snapshot, inspector, aftermath);
        aftermath.dead.len() > dead
    }

    /// What it frees is the admission's. `false` if the segment is empty.
    fn evict<I: Inspector>(
        &self,
        segment: &mut Segment,
        full_quota: Option<Quota>,
        admission: &Admission<'_, I>,
        held: &mut Held,
        aftermath: &mut Aftermath,
    ) -> bool {
        let Some(victim) = segment.evict(full_quota, admission.inspector) else { return false };
        held.weight += victim.weight;
        if std::mem::replace(&mut held.place, true) {
            self.give_places_back(1);
        }
        // The predecessor is replaced in its shard.
        if !admission.predecessor.is_some_and(|predecessor| std::ptr::eq(predecessor, victim.entry.meta())) {
            aftermath.more_victims.push(victim);
        }
        true
    }

    fn release(&self, limit: &WeightLimit, held: Held) {
        limit.give_back(held.weight);
        self.give_places_back(usize::from(held.place));
    }
}

impl<'a, I> Admission<'a, I> {
    /// The entry whose place in the queues the new one takes. Called under the lock of its segment.
    fn replaced(&self) -> Option<&'a Meta> {
        self.predecessor.filter(|predecessor| predecessor.id().is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::FOREVER;
    use crate::entry::{AnyEntry, Entry, EntryOrigin};
    use crate::eviction::sweep::Snapshot;
    use crate::eviction::tests::{Expired, hash, segments};
    use crate::sync::Arc;
    use crate::version::tag_set::TagSet;

    const SNAPSHOT: Snapshot = Snapshot { now: 1, version: 0 };

    fn weighed(capacity: usize, max: u64, count: usize) -> EvictionSegments {
        EvictionSegments { weight_limit: Some(WeightLimit::new(max)), ..segments(capacity, count) }
    }

    fn entry(all: &EvictionSegments, hash: u64, quota: Option<Quota>, expires_at: u64) -> Arc<dyn AnyEntry> {
        let (tags, segment) = (TagSet::default(), all.segment_of((hash >> 48) as usize, quota));
        let store = quota.map_or(0, |quota| quota.number);
        let origin =
            EntryOrigin { hash, scope: 0, store, segment, tags, birth: 0, valid_as_of: 0, began: 0, expires_at };
        Arc::new(Entry { meta: Meta::new(origin), key: (), value: () })
    }

    /// Returns the hashes of removed entries.
    fn admit(
        all: &EvictionSegments,
        entry: &Arc<dyn AnyEntry>,
        weight: u64,
        predecessor: Option<&Arc<dyn AnyEntry>>,
        quota: Option<Quota>,
    ) -> Vec<u64> {
        admit_and_weigh(all, entry, weight, predecessor, quota).into_iter().map(|(hash, _)| hash).collect()
    }

    /// Returns the hashes and the weights of removed entries.
    fn admit_and_weigh(
        all: &EvictionSegments,
        entry: &Arc<dyn AnyEntry>,
        weight: u64,
        predecessor: Option<&Arc<dyn AnyEntry>>,
        quota: Option<Quota>,
    ) -> Vec<(u64, u64)> {
        let predecessor = predecessor.map(|entry| entry.meta());
        let admission = Admission { entry, weight, predecessor, quota, snapshot: SNAPSHOT, inspector: &Expired };
        let Aftermath { victim, more_victims, mut dead, suspects, next } = all.admit(&admission);
        assert!(victim.is_none() && suspects.is_empty());
        if let Some(next) = next {
            dead.extend(all.sweep(next, SNAPSHOT, &Expired).dead);
        }
        more_victims.iter().chain(&dead).map(|removed| (removed.entry.meta().hash, removed.weight)).collect()
    }

    fn insert(all: &EvictionSegments, hash: u64, weight: u64) -> Vec<u64> {
        admit(all, &entry(all, hash, None, FOREVER), weight, None, None)
    }

    #[test]
    fn p9_a_heavy_entry_evicts_as_many_as_it_has_to() {
        let all = weighed(100, 10, 1);
        for number in 0..10 {
            assert_eq!(insert(&all, hash(0, number), 1), []);
        }
        assert_eq!(insert(&all, hash(0, 10), 4).len(), 4);
        all.check_invariants();
        assert_eq!(all.weight(), (10, 10));
        assert_eq!(insert(&all, hash(0, 11), 10).len(), 7, "all others");
        all.check_invariants();
        assert_eq!((insert(&all, hash(0, 12), 0).len(), all.weight()), (0, (10, 10)), "no weight needs no room");
        assert_eq!((insert(&all, hash(0, 13), 1).len(), all.weight()), (1, (1, 10)), "the heavy one went");
        all.check_invariants();
    }

    #[test]
    fn p9_what_leaves_is_known_with_its_last_weight() {
        let all = weighed(100, 20, 1);
        let first = entry(&all, hash(0, 0), None, FOREVER);
        admit(&all, &first, 9, None, None);
        admit(&all, &entry(&all, hash(0, 0), None, FOREVER), 2, Some(&first), None);
        insert(&all, hash(0, 1), 3);
        admit(&all, &entry(&all, hash(0, 2), None, 1), 5, None, None);
        let heavy = entry(&all, hash(0, 3), None, FOREVER);
        let mut removed = admit_and_weigh(&all, &heavy, 20, None, None);
        removed.sort_unstable();
        assert_eq!(removed, [(0, 2), (1, 3), (2, 5)], "of another value, of a live entry, of a dead one");
        assert_eq!(all.remove(heavy.meta()).map(|removed| removed.weight), Some(20));
        all.check_invariants();
    }

    #[test]
    fn p9_what_makes_room_is_of_all_segments_in_turn() {
        let all = weighed(100, 40, 4);
        for number in 0..40 {
            assert_eq!(insert(&all, hash(number % 4, number), 1), []);
        }
        let removed = insert(&all, hash(1, 40), 8);
        for segment in 0..4 {
            assert_eq!(removed.iter().filter(|hash| *hash >> 48 == segment).count(), 2, "of segment {segment}");
        }
        all.check_invariants();
        assert_eq!(insert(&all, hash(2, 41), 40).len(), 33, "also if that is all there is");
        all.check_invariants();
        assert_eq!(all.weight(), (40, 40));
    }

    #[test]
    fn p9_a_full_cache_of_light_entries_evicts_one_for_one() {
        let all = weighed(8, 1_000, 4);
        for number in 0..8 {
            assert_eq!(insert(&all, hash(1, number), 1), []);
        }
        assert_eq!(insert(&all, hash(2, 0), 1).len(), 1, "its segment is empty");
        let removed = [insert(&all, hash(2, 1), 1), insert(&all, hash(2, 2), 1)].concat();
        assert_eq!(removed.iter().map(|hash| hash >> 48).collect::<Vec<_>>(), [1, 2], "the one with few keeps them");
        all.check_invariants();
        assert_eq!(all.weight(), (8, 1_000));
    }

    #[test]
    fn p9_dead_entries_make_room_before_live_ones() {
        let all = weighed(1_000, 100, 1);
        for number in 0..100 {
            let expires_at = if number % 10 == 0 { 1 } else { FOREVER };
            // Admitted without a sweep.
            let entry = entry(&all, hash(0, number), None, expires_at);
            assert!(all.take_place() && all.weight_limit.as_ref().is_some_and(|limit| limit.take(1)));
            all.segments[0].lock().admit(entry, Some(1), None, true);
        }
        all.check_invariants();
        let mut removed = insert(&all, hash(0, 1_000), 10);
        removed.sort_unstable();
        assert_eq!(removed, (0..10).map(|number| hash(0, number * 10)).collect::<Vec<_>>());
        all.check_invariants();
    }

    #[test]
    fn p9_dead_entries_of_all_segments_make_room_before_a_second_live_one() {
        let all = weighed(1_000, 100, 4);
        for number in 0..100 {
            let (expires_at, hash) = (if number % 2 == 0 { FOREVER } else { 1 }, hash(number % 4, number));
            let entry = entry(&all, hash, None, expires_at);
            assert!(all.take_place() && all.weight_limit.as_ref().is_some_and(|limit| limit.take(1)));
            all.segments[entry.meta().segment()].lock().admit(entry, Some(1), None, true);
        }
        let removed = insert(&all, hash(0, 1_000), 50);
        let live = removed.iter().filter(|hash| *hash % 2 == 0).count();
        assert!(removed.len() >= 50 && live == 1, "{live} of {}", removed.len());
        all.check_invariants();
    }

    #[test]
    fn p9_a_scan_does_not_evict_entries_in_use() {
        let all = weighed(100_000, 100, 1);
        let used: Vec<_> = (0..50).map(|number| entry(&all, hash(0, number), None, FOREVER)).collect();
        for entry in &used {
            admit(&all, entry, 1, None, None);
            entry.meta().hits.set_frequency(2);
        }
        (50..2_000).for_each(|number| _ = insert(&all, hash(0, number), 1));
        assert!(used.iter().all(|entry| entry.meta().id().is_some()));
        all.check_invariants();
    }

    #[test]
    fn p9_a_replacement_keeps_its_place_and_may_evict_others() {
        let all = weighed(100, 10, 1);
        let first = entry(&all, hash(0, 0), None, FOREVER);
        assert_eq!(admit(&all, &first, 5, None, None), []);
        for number in 1..4 {
            assert_eq!(insert(&all, hash(0, number), 1), []);
        }
        let second = entry(&all, hash(0, 0), None, FOREVER);
        first.meta().hits.set_frequency(3);
        assert_eq!(admit(&all, &second, 2, Some(&first), None), [], "a lighter one");
        assert_eq!((second.meta().id(), second.meta().hits.frequency(), all.weight().0), (Some(0), 3, 5));
        assert_eq!(first.meta().id(), None);
        let third = entry(&all, hash(0, 0), None, FOREVER);
        assert_eq!(admit(&all, &third, 7, Some(&second), None), [], "a heavier one, for which there is room");
        let fourth = entry(&all, hash(0, 0), None, FOREVER);
        assert_eq!(admit(&all, &fourth, 9, Some(&third), None).len(), 2);
        assert_eq!((all.segments[0].lock().len(), all.weight().0), (2, 10));
        all.check_invariants();
        let fifth = entry(&all, hash(0, 0), None, FOREVER);
        assert_eq!(admit(&all, &fifth, 10, Some(&fourth), None).len(), 1);
        assert_eq!((all.segments[0].lock().len(), all.weight().0), (1, 10));
        all.check_invariants();
    }

    /// The predecessor alone is in the small queue: the policy chooses it first.
    #[test]
    fn p9_a_predecessor_may_be_what_is_evicted() {
        let all = weighed(100, 4, 1);
        for number in 1..4 {
            insert(&all, hash(0, number), 1);
        }
        let old = entry(&all, hash(0, 0), None, FOREVER);
        admit(&all, &old, 1, None, None);
        let new = entry(&all, hash(0, 0), None, FOREVER);
        assert_eq!(admit(&all, &new, 2, Some(&old), None).len(), 1, "the predecessor is not listed: it is replaced");
        all.check_invariants();
        assert_eq!((old.meta().id(), new.meta().id().is_some(), all.weight().0), (None, true, 4));
    }

    #[test]
    fn p9_a_query_with_a_capacity_keeps_to_both_limits() {
        let (all, quota) = (weighed(64, 10, 4), Some(Quota { number: 6, capacity: 3 }));
        for number in 0..4 {
            insert(&all, hash(number, number), 1);
        }
        for number in 10..30 {
            admit(&all, &entry(&all, hash(number % 4, number), quota, FOREVER), number % 5, None, quota);
            all.check_invariants();
        }
        let of_quota = all.segments[2].lock().slice(0, 64).iter().filter(|entry| entry.meta().store() == 6).count();
        assert!((1..=3).contains(&of_quota));
    }

    #[test]
    fn p9_with_a_limit_of_0_what_weighs_nothing_is_stored() {
        let all = weighed(2, 0, 1);
        assert_eq!([insert(&all, 1, 0).len(), insert(&all, 2, 0).len(), insert(&all, 3, 0).len()], [0, 0, 1]);
        assert!(all.is_too_heavy(1) && !all.is_too_heavy(0));
        all.check_invariants();
    }

    /// Two admissions of the largest weight may hold half of it each.
    #[cfg(not(shuttle))]
    #[test]
    fn p9_concurrent_admissions_never_exceed_the_limit_and_all_end() {
        for capacity in [4, 64] {
            let all = weighed(capacity, 12, 4);
            std::thread::scope(|scope| {
                for thread in 0..4 {
                    let all = &all;
                    scope.spawn(move || {
                        for number in 0..10_000 {
                            let weight = if number % 3 == 0 { 12 } else { number * (thread + 1) % 7 };
                            insert(all, hash((number + thread) % 4, number), weight);
                            assert!(all.weight().0 <= 12, "{:?}", all.weight());
                        }
                    });
                }
            });
            all.check_invariants();
        }
    }

    #[test]
    fn the_check_fails_on_each_inconsistency() {
        let breaks: [fn(&EvictionSegments); 3] = [
            |all| assert!(all.weight_limit.as_ref().is_some_and(|limit| limit.take(1))),
            |all| all.segments[0].lock().admit(entry(all, 2, None, FOREVER), None, None, true),
            |all| _ = all.segments[0].lock().evict(None, &Expired),
        ];
        for break_it in breaks {
            let all = weighed(8, 10, 1);
            insert(&all, 1, 3);
            all.check_invariants();
            break_it(&all);
            let check = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| all.check_invariants()));
            assert!(check.is_err(), "the check passed");
        }
    }
}
