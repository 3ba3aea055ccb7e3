//! What a process has heard of the log, and so which values of the second level it may take.
//!
//! A value was *born* at the last record that its process had heard when the load began. It is accepted if none of what it
//! depends on was invalidated by a later record, as far as this process has heard; if it was not born before what is known
//! here; and if nothing that it depends on is *pending*: invalidated here, and not heard back yet. So a slow loader, and a
//! value of another epoch, can only cause misses.
//!
//! Places are kept by a hash with a random seed. Equal hashes cause misses, too.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::time::Duration;

use foldhash::fast::RandomState;

use crate::shared::lease::LeaseTime;
use crate::shared::mark::{self, EVERYTHING, Mark};
use crate::shared::record::{LogPosition, Place, Record, ValueHead};

/// So many places are remembered: sixteen bytes each in a table, and as many in a list.
const MOST_PLACES: usize = 1 << 18;

/// How long a publication is kept, to be published again in a new epoch.
pub(crate) const KEPT: Duration = Duration::from_secs(60);

/// So many are kept at most.
const MOST_KEPT: u64 = 1 << 16;

/// After this, what was published is not waited for any more: a tier has given it up.
const NOT_HEARD_BACK: Duration = Duration::from_secs(120);

/// Of a scope and a mark.
type PlaceHash = u64;

#[derive(Default)]
pub(crate) struct Heard {
    hasher: RandomState,
    /// `None` before the first restart.
    position: Option<LogPosition>,
    /// The same when it has taken effect in memory: what is loaded then may be made from what memory has.
    applied: Option<LogPosition>,
    /// Values that were born before this are refused.
    floor: u64,
    /// The last record that named each place.
    last: HashMap<PlaceHash, u64, RandomState>,
    /// In the order of the records.
    order: VecDeque<(u64, PlaceHash)>,
    own: HashMap<u64, Own, RandomState>,
    /// The number of own publications that name each place, and are pending.
    pending: HashMap<PlaceHash, usize, RandomState>,
    intents: Vec<Intent>,
}

/// What this process has published, or is about to.
struct Own {
    places: Vec<PlaceHash>,
    since: LeaseTime,
    /// `None`: nobody may have heard it.
    acknowledged: Option<LogPosition>,
    is_pending: bool,
}

/// A write of another process that is in progress.
struct Intent {
    origin: u64,
    token: u64,
    places: Vec<PlaceHash>,
    since: LeaseTime,
    lasts: Duration,
}

impl Heard {
    /// Where a load is born that begins now.
    pub(crate) fn applied(&self) -> Option<LogPosition> {
        self.applied
    }

    /// All that was heard has taken effect in memory.
    pub(crate) fn apply(&mut self) {
        self.applied = self.position;
    }

    fn hash(&self, scope: Option<&str>, mark: &str) -> PlaceHash {
        self.hasher.hash_one((scope, mark))
    }

    /// With a key, any key of its query is named.
    fn hashes(&self, places: &[Place]) -> Vec<PlaceHash> {
        let mut hashes = Vec::with_capacity(places.len());
        for Place { scope, mark } in places {
            hashes.push(self.hash(scope.as_deref(), mark));
            if let Some(Mark::Key(query)) = mark::parse(mark) {
                hashes.push(self.hash(scope.as_deref(), &mark::of_any_key(query)));
            }
        }
        hashes
    }

    /// This process is about to invalidate. Called before it does: until it hears of it in the log, nothing that depends on
    /// it is accepted.
    pub(crate) fn begin_own(&mut self, token: u64, places: &[Place]) {
        let places = self.hashes(places);
        for place in &places {
            *self.pending.entry(*place).or_default() += 1;
        }
        let own = Own { places, since: LeaseTime::now(), acknowledged: None, is_pending: true };
        self.own.insert(token, own);
    }

    /// It could not be published, and never will be.
    pub(crate) fn give_up(&mut self, token: u64) {
        self.end_pending(token);
        self.own.remove(&token);
    }

    pub(crate) fn acknowledge(&mut self, token: u64, position: LogPosition) {
        if let Some(own) = self.own.get_mut(&token) {
            own.acknowledged = Some(position);
        }
    }

    /// Publications that nobody may have heard.
    pub(crate) fn unpublished(&self) -> usize {
        self.own.values().filter(|own| own.acknowledged.is_none()).count()
    }

    fn end_pending(&mut self, token: u64) {
        let Some(own) = self.own.get_mut(&token).filter(|own| own.is_pending) else { return };
        own.is_pending = false;
        for place in &own.places {
            if let Some(count) = self.pending.get_mut(place) {
                *count -= 1;
                if *count == 0 {
                    self.pending.remove(place);
                }
            }
        }
    }

    /// What was heard before is unknown.
    pub(crate) fn restart(&mut self, position: LogPosition) {
        let is_new_epoch = self.position.is_some_and(|last| last.epoch != position.epoch);
        (self.position, self.applied) = (Some(position), None);
        self.floor = position.id;
        self.last.clear();
        self.order.clear();
        let now = LeaseTime::now();
        if is_new_epoch {
            // It is published again. A process that has not heard it in the last epoch may have loaded before it, in this one.
            for own in self.own.values_mut().filter(|own| !own.is_pending) {
                own.is_pending = true;
                for place in &own.places {
                    *self.pending.entry(*place).or_default() += 1;
                }
            }
        }
        // What is before the floor is not heard any more, and not accepted either.
        let is_before =
            |own: &Own| own.acknowledged.is_some_and(|at| at.epoch == position.epoch && at.id <= position.id);
        let before: Vec<u64> = self.own.iter().filter(|(_, own)| is_before(own)).map(|(token, _)| *token).collect();
        for token in before {
            self.end_pending(token);
        }
        self.forget_old(now);
    }

    /// Own publications are kept as long as they may be published again.
    fn forget_old(&mut self, now: LeaseTime) {
        let is_over = |own: &Own| {
            let age = now.since(own.since);
            own.acknowledged.is_some() && if own.is_pending { age > NOT_HEARD_BACK } else { age > KEPT }
        };
        let newest = self.own.keys().max().copied().unwrap_or_default();
        let is_one_of_many = |token: u64, own: &Own| token + MOST_KEPT < newest && !own.is_pending;
        let over = self.own.iter().filter(|(token, own)| is_over(own) || is_one_of_many(**token, own));
        let over: Vec<u64> = over.map(|(token, _)| *token).collect();
        for token in over {
            self.give_up(token);
        }
        self.intents.retain(|intent| now.since(intent.since) <= intent.lasts);
    }

    /// The next record. Called before it takes effect in memory: what is accepted before is invalidated by that. Returns
    /// whether it is the next.
    pub(crate) fn hear(&mut self, position: LogPosition, record: &Record, is_own: bool) -> bool {
        if !self.is_next(position) {
            return false;
        }
        self.position = Some(position);
        for place in self.hashes(&record.places) {
            self.last.insert(place, position.id);
            self.order.push_back((position.id, place));
        }
        while self.order.len() > MOST_PLACES {
            let Some((id, place)) = self.order.pop_front() else { break };
            self.floor = self.floor.max(id);
            if self.last.get(&place) == Some(&id) {
                self.last.remove(&place);
            }
        }
        if is_own {
            self.end_pending(record.token);
            self.acknowledge(record.token, position);
        } else if let Some(lasts) = record.intent {
            let (origin, token, places) = (record.origin, record.token, self.hashes(&record.places));
            let (since, lasts) = (LeaseTime::now(), Duration::from_millis(lasts));
            self.intents.push(Intent { origin, token, places, since, lasts });
        }
        if let Some(ended) = record.ends {
            self.intents.retain(|intent| (intent.origin, intent.token) != (record.origin, ended));
        }
        // Now and then.
        if position.id.is_multiple_of(1024) || !self.intents.is_empty() {
            self.forget_old(LeaseTime::now());
        }
        true
    }

    fn is_next(&self, position: LogPosition) -> bool {
        self.position.is_some_and(|last| last.epoch == position.epoch && last.id + 1 == position.id)
    }

    /// What the next record says is unknown. Returns whether it is the next.
    pub(crate) fn hear_unreadable(&mut self, position: LogPosition) -> bool {
        let is_next = self.is_next(position);
        if is_next {
            self.restart(position);
        }
        is_next
    }

    pub(crate) fn accepts(&self, head: &ValueHead) -> bool {
        let is_known = self.position.is_some_and(|position| position.epoch == head.epoch) && head.born >= self.floor;
        is_known
            && !self.is_invalidated(None, EVERYTHING, head.born)
            && head.places.iter().all(|place| {
                let (scope, mark) = (place.scope.as_deref(), &*place.mark);
                let in_scope = scope.is_some()
                    && (self.is_invalidated(scope, mark, head.born)
                        || self.is_invalidated(scope, EVERYTHING, head.born));
                !in_scope && !self.is_invalidated(None, mark, head.born)
            })
    }

    fn is_invalidated(&self, scope: Option<&str>, mark: &str, born: u64) -> bool {
        let place = self.hash(scope, mark);
        self.last.get(&place).is_some_and(|id| *id > born)
            || self.pending.contains_key(&place)
            || self.intents.iter().any(|intent| intent.places.contains(&place))
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    fn place(scope: Option<&str>, mark: &str) -> Place {
        Place { scope: scope.map(Into::into), mark: mark.into() }
    }

    fn record(token: u64, mark: &str) -> Record {
        let places = vec![place(None, mark)];
        Record { origin: 1, token, intent: None, ends: None, places }
    }

    fn at(id: u64) -> LogPosition {
        LogPosition { epoch: 9, id }
    }

    fn value(born: u64, marks: &[&str]) -> ValueHead {
        ValueHead { epoch: 9, born, places: marks.iter().map(|mark| place(Some("tenant"), mark)).collect() }
    }

    fn heard() -> Heard {
        let mut heard = Heard::default();
        heard.restart(at(10));
        heard
    }

    #[test]
    fn p21_a_value_is_refused_if_what_it_depends_on_was_invalidated_after_its_load_began() {
        let mut heard = heard();
        assert!(heard.accepts(&value(10, &["a", "b"])));
        assert!(heard.hear(at(11), &record(1, "b"), false));
        assert!(!heard.accepts(&value(10, &["a", "b"])) && heard.accepts(&value(10, &["a"])));
        assert!(heard.accepts(&value(11, &["a", "b"])));
        let in_scope =
            Record { places: vec![place(Some("other"), "a"), place(Some("tenant"), EVERYTHING)], ..record(2, "") };
        assert!(heard.hear(at(12), &in_scope, false));
        assert!(!heard.accepts(&value(11, &["a"])) && heard.accepts(&value(12, &["a"])));
    }

    #[test]
    fn p21_a_value_from_before_what_is_known_is_refused() {
        let mut heard = heard();
        assert!(!heard.accepts(&value(9, &["a"])), "it is older than the history");
        assert!(!heard.accepts(&ValueHead { epoch: 8, ..value(10, &["a"]) }), "it is of another epoch");
        heard.restart(at(20));
        assert!(!heard.accepts(&value(19, &["a"])) && heard.accepts(&value(20, &["a"])));
        assert!(!Heard::default().accepts(&value(0, &[])), "nothing is known yet");
    }

    #[test]
    fn p21_nothing_is_accepted_of_what_is_published_until_it_is_heard() {
        let mut heard = heard();
        heard.begin_own(5, &[place(None, "a")]);
        heard.begin_own(6, &[place(None, "a")]);
        heard.acknowledge(5, at(11));
        assert_eq!(heard.unpublished(), 1);
        assert!(!heard.accepts(&value(10, &["a"])));
        assert!(heard.hear(at(11), &record(5, "a"), true));
        assert!(!heard.accepts(&value(11, &["a"])), "the other one is still pending");
        heard.give_up(6);
        assert!(heard.accepts(&value(11, &["a"])) && !heard.accepts(&value(10, &["a"])));
    }

    #[test]
    fn p21_what_was_published_and_lost_is_not_waited_for() {
        let mut heard = heard();
        heard.begin_own(5, &[place(None, "a")]);
        heard.begin_own(6, &[place(None, "b")]);
        heard.acknowledge(5, at(11));
        heard.restart(at(12));
        assert!(heard.accepts(&value(12, &["a"])) && !heard.accepts(&value(12, &["b"])));
    }

    #[test]
    fn p21_what_was_published_is_pending_again_in_a_new_epoch() {
        let mut heard = heard();
        heard.begin_own(5, &[place(None, "a")]);
        assert!(heard.hear(at(11), &record(5, "a"), true) && heard.unpublished() == 0);
        heard.restart(LogPosition { epoch: 10, id: 0 });
        let value = ValueHead { epoch: 10, ..value(3, &["a"]) };
        assert!(!heard.accepts(&value));
        assert!(heard.hear(LogPosition { epoch: 10, id: 1 }, &record(5, "a"), true));
        assert!(heard.accepts(&value));
    }

    #[test]
    fn p21_nothing_is_accepted_of_what_an_announced_write_names_until_its_outcome() {
        let mut heard = heard();
        assert!(heard.hear(at(11), &Record { intent: Some(60_000), ..record(5, "a") }, false));
        assert!(!heard.accepts(&value(11, &["a"])) && heard.accepts(&value(11, &["b"])));
        assert!(heard.hear(at(12), &Record { ends: Some(5), ..record(6, "a") }, false));
        assert!(!heard.accepts(&value(11, &["a"])) && heard.accepts(&value(12, &["a"])));
        assert!(heard.hear(at(13), &Record { intent: Some(0), ..record(7, "a") }, false));
        while !heard.accepts(&value(13, &["a"])) {
            heard.forget_old(LeaseTime::now());
        }
    }

    #[test]
    fn p20_only_the_next_record_is_heard() {
        let mut heard = heard();
        assert!(!heard.hear(at(12), &record(1, "a"), false) && !heard.hear(at(10), &record(1, "a"), false));
        assert!(!heard.hear(LogPosition { epoch: 8, id: 11 }, &record(1, "a"), false));
        assert_eq!(heard.position, Some(at(10)));
    }

    #[test]
    fn p9_what_was_heard_is_bounded_and_older_values_are_refused() {
        let mut heard = heard();
        for id in 11..=(11 + MOST_PLACES as u64) {
            assert!(heard.hear(at(id), &record(id, &id.to_string()), false));
        }
        assert_eq!((heard.order.len(), heard.last.len()), (MOST_PLACES, MOST_PLACES));
        assert!(!heard.accepts(&value(10, &["none"])) && heard.accepts(&value(11, &["none"])));
    }

    #[test]
    fn p21_each_scope_has_its_own_history() {
        let mut heard = heard();
        let of = |scope: &str| ValueHead { places: vec![place(Some(scope), "a")], ..value(10, &[]) };
        let in_scope = Record { places: vec![place(Some("tenant"), "a")], ..record(1, "") };
        assert!(heard.hear(at(11), &in_scope, false));
        assert!(!heard.accepts(&of("tenant")) && heard.accepts(&of("other")));
        assert!(heard.accepts(&ValueHead { places: vec![place(None, "a")], ..value(10, &[]) }), "that of the root");
        assert!(heard.hear(at(12), &record(2, EVERYTHING), false));
        assert!(!heard.accepts(&of("other")));
    }

    /// Each process counts its own.
    #[test]
    fn p21_the_outcome_of_one_process_ends_no_write_of_another() {
        let mut heard = heard();
        assert!(heard.hear(at(11), &Record { intent: Some(60_000), ..record(5, "a") }, false));
        let of_another = Record { origin: 2, ends: Some(5), ..record(6, "b") };
        assert!(heard.hear(at(12), &of_another, false));
        assert!(!heard.accepts(&value(12, &["a"])));
    }

    #[test]
    fn p21_nothing_from_before_a_record_that_cannot_be_read_is_accepted() {
        let mut heard = heard();
        assert!(!heard.hear_unreadable(at(12)) && heard.accepts(&value(10, &["a"])));
        assert!(heard.hear_unreadable(at(11)));
        assert!(!heard.accepts(&value(10, &["a"])) && heard.accepts(&value(11, &["a"])));
    }

    #[test]
    fn p21_what_a_restart_may_still_hear_is_waited_for() {
        let mut heard = heard();
        let next = LogPosition { epoch: 10, id: 20 };
        heard.begin_own(5, &[place(None, "a")]);
        heard.acknowledge(5, at(13));
        heard.begin_own(6, &[place(None, "b")]);
        heard.restart(at(12));
        assert!(!heard.accepts(&value(12, &["a"])), "its record is the next");
        heard.restart(next);
        // The number of its record says nothing in this epoch.
        for mark in ["a", "b"] {
            assert!(!heard.accepts(&ValueHead { epoch: 10, ..value(20, &[mark]) }), "{mark}");
        }
    }

    #[test]
    fn p22_a_new_epoch_knows_nothing_of_the_numbers_before_it() {
        let mut heard = heard();
        for id in 11..=(11 + MOST_PLACES as u64) {
            assert!(heard.hear(at(id), &record(id, &id.to_string()), false));
        }
        let first = LogPosition { epoch: 10, id: 1 };
        heard.restart(LogPosition { id: 0, ..first });
        assert!(heard.hear(first, &record(1, "a"), false));
        let value = ValueHead { epoch: 10, ..value(1, &["a", "11", "12"]) };
        assert!(heard.accepts(&value) && !heard.accepts(&ValueHead { born: 0, ..value }));
    }

    /// The record of a place may be newer than the one that is forgotten.
    #[test]
    fn p21_a_place_is_remembered_by_its_last_record() {
        let mut heard = heard();
        let last = 11 + MOST_PLACES as u64;
        for id in 11..=last {
            let mark = if id == 11 || id == last { "a".to_owned() } else { id.to_string() };
            assert!(heard.hear(at(id), &record(id, &mark), false));
        }
        assert!(!heard.accepts(&value(last - 1, &["a"])) && heard.accepts(&value(last, &["a"])));
    }

    #[test]
    fn p22_what_was_published_is_waited_for_and_kept_for_a_while() {
        const MOMENT: Duration = Duration::from_nanos(1);
        let (mut heard, announced) = (heard(), Duration::from_secs(10));
        let before = LeaseTime::now();
        for (token, mark) in [(5, "not heard back"), (6, "heard"), (7, "not acknowledged")] {
            heard.begin_own(token, &[place(None, mark)]);
        }
        heard.acknowledge(5, at(12));
        assert!(heard.hear(at(11), &record(6, "heard"), true));
        assert!(heard.hear(at(12), &Record { intent: Some(10_000), ..record(8, "announced") }, false));
        let after = LeaseTime::now();
        let value = |mark| value(12, &[mark]);
        heard.forget_old(before.later(announced));
        assert!(!heard.accepts(&value("announced")));
        heard.forget_old(after.later(announced + MOMENT));
        assert!(heard.accepts(&value("announced")), "the time that it has said is over");
        heard.forget_old(before.later(KEPT));
        assert_eq!(heard.own.len(), 3);
        heard.forget_old(after.later(KEPT + MOMENT));
        assert_eq!(heard.own.len(), 2, "no tier publishes it again");
        heard.forget_old(before.later(NOT_HEARD_BACK));
        assert!(!heard.accepts(&value("not heard back")));
        heard.forget_old(after.later(NOT_HEARD_BACK + MOMENT));
        assert!(heard.accepts(&value("not heard back")) && !heard.accepts(&value("not acknowledged")));
    }

    #[test]
    fn p9_own_publications_are_bounded() {
        let mut heard = heard();
        for id in 11..=(11 + 2 * MOST_KEPT) {
            heard.begin_own(id, &[place(None, "a")]);
            assert!(heard.hear(at(id), &record(id, "a"), true));
        }
        assert!(heard.own.len() as u64 <= MOST_KEPT + 1025 && heard.pending.is_empty());
    }

    #[test]
    fn p21_of_very_many_publications_none_is_forgotten_before_it_was_heard() {
        let mut heard = heard();
        heard.begin_own(1, &[place(None, "a")]);
        heard.acknowledge(1, at(12));
        heard.begin_own(2 + 2 * MOST_KEPT, &[place(None, "b")]);
        heard.forget_old(LeaseTime::now());
        assert!(!heard.accepts(&value(10, &["a"])));
    }
}
