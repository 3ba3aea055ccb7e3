//! The loads in flight of one shard. No locks in here. Nothing is inlined: it is compiled once per type of keys.
//!
//! At most one load of a key is *open*: callers wait for it. A caller that finds it invalidated closes it and begins
//! another; one that may not wait begins a closed load. Open or not, loads are listed while they run: invalidations of
//! their keys reach them.
//!
//! A load without a leader stays listed while it has followers. The next caller that claims the key takes it over.

pub(crate) mod context;
pub(crate) mod failures;
pub(crate) mod id;
pub(crate) mod promise;
pub(crate) mod span;
pub(crate) mod wait_graph;

use hashbrown::HashTable;

use crate::clock::Nanos;
use crate::flight::context::Context;
use crate::flight::failures::Failures;
use crate::flight::id::{LoadId, next_load};
use crate::flight::promise::Promise;
use crate::sync::Arc;
use crate::version::Version;
use crate::version::scope::ScopeId;

/// The most listed loads of one key. More run only after errors that cannot be shared, or if values expire before they
/// are loaded; these are not stored.
pub(crate) const MAX_LOADS_OF_A_KEY: usize = 8;

pub(crate) struct Flight<K> {
    /// Kept when another leader takes over.
    pub(crate) id: LoadId,
    pub(crate) order: LoadId,
    pub(crate) hash: u64,
    pub(crate) scope: ScopeId,
    pub(crate) key: K,
    pub(crate) began: Nanos,
    pub(crate) context: Arc<Context>,
    pub(crate) is_open: bool,
    /// Whether its key was invalidated after it began.
    pub(crate) is_fenced: bool,
    /// Whether a later load has stored its value: the last begun wins.
    pub(crate) is_superseded: bool,
    /// Where its followers wait, if it ever had one.
    pub(crate) promise: Option<Arc<Promise>>,
    /// Wakers hold references to the promise, too.
    pub(crate) followers: usize,
}

impl<K> Flight<K> {
    fn is_of(&self, hash: u64, scope: ScopeId, is_key: impl Fn(&K) -> bool) -> bool {
        self.hash == hash && self.scope == scope && is_key(&self.key)
    }

    /// Returns the last context.
    #[inline(never)]
    pub(crate) fn take_over(&mut self, context: Arc<Context>, now: Nanos) -> Arc<Context> {
        self.began = now;
        (self.order, self.is_open, self.is_fenced, self.is_superseded) = (next_load(), true, false, false);
        if let Some(promise) = &self.promise {
            promise.set_leaderless(false);
        }
        std::mem::replace(&mut self.context, context)
    }

    /// The leader has gone. Returns the promise if a follower must be woken.
    #[inline(never)]
    pub(crate) fn leave(&mut self) -> Option<Arc<Promise>> {
        let promise = self.promise.as_ref().filter(|_| self.followers > 0)?.clone();
        promise.set_leaderless(true);
        Some(promise)
    }

    #[inline(never)]
    pub(crate) fn join(&mut self) -> Arc<Promise> {
        self.followers += 1;
        self.promise.get_or_insert_with(Promise::new).clone()
    }

    pub(crate) fn is_leaderless(&self) -> bool {
        self.promise.as_ref().is_some_and(|promise| promise.is_leaderless())
    }

    /// Does not check its dependencies.
    fn is_joinable(&self, arrived: Version, now: Nanos) -> bool {
        self.is_open && now < self.context.expires_at && !(self.is_fenced && self.context.birth < arrived)
    }
}

// Not a closure: the table's code is compiled once per type of keys.
fn hash_of<K>(flight: &Flight<K>) -> u64 {
    flight.hash
}

/// Loads of one batch have one number: they differ in their hashes. Not a closure, for the same reason.
fn is_load<K>(hash: u64, id: LoadId) -> impl Fn(&Flight<K>) -> bool {
    move |flight| flight.id == id && flight.hash == hash
}

pub(crate) struct Flights<K> {
    loads: HashTable<Flight<K>>,
    pub(crate) failures: Failures,
}

pub(crate) struct OfKey {
    pub(crate) state: InFlight,
    pub(crate) loads: usize,
}

pub(crate) enum InFlight {
    /// No load that may be joined.
    Nothing,
    Open(LoadId),
    Leaderless(LoadId),
}

impl<K> Flights<K> {
    pub(crate) fn new() -> Self {
        Self { loads: HashTable::new(), failures: Failures::default() }
    }

    /// Loads, and followers.
    pub(crate) fn count(&self) -> (usize, usize) {
        let mut followers = 0;
        for flight in &self.loads {
            followers += flight.followers;
        }
        (self.loads.len(), followers)
    }

    pub(crate) fn find(
        &self,
        hash: u64,
        scope: ScopeId,
        is_key: impl Fn(&K) -> bool,
        arrived: Version,
        now: Nanos,
    ) -> OfKey {
        // The common case.
        if self.loads.is_empty() {
            return OfKey { state: InFlight::Nothing, loads: 0 };
        }
        self.find_dyn(hash, scope, &is_key, arrived, now)
    }

    /// Compiled once per type of keys, not per `is_key`.
    #[inline(never)]
    fn find_dyn(&self, hash: u64, scope: ScopeId, is_key: &dyn Fn(&K) -> bool, arrived: Version, now: Nanos) -> OfKey {
        let mut found = OfKey { state: InFlight::Nothing, loads: 0 };
        for flight in self.loads.iter_hash(hash).filter(|flight| flight.is_of(hash, scope, is_key)) {
            found.loads += 1;
            if flight.is_leaderless() {
                found.state = InFlight::Leaderless(flight.id);
            } else if flight.is_joinable(arrived, now) && !matches!(found.state, InFlight::Leaderless(_)) {
                found.state = InFlight::Open(flight.id);
            }
        }
        found
    }

    #[inline(never)]
    pub(crate) fn begin(&mut self, flight: Flight<K>) {
        self.loads.insert_unique(flight.hash, flight, hash_of);
    }

    #[inline(never)]
    pub(crate) fn get_mut(&mut self, hash: u64, id: LoadId) -> Option<&mut Flight<K>> {
        self.loads.find_mut(hash, is_load(hash, id))
    }

    pub(crate) fn get(&self, hash: u64, id: LoadId) -> Option<&Flight<K>> {
        self.loads.find(hash, is_load(hash, id))
    }

    #[inline(never)]
    pub(crate) fn end(&mut self, hash: u64, id: LoadId) -> Option<Flight<K>> {
        /// Smaller tables are not shrunk.
        const FEW: usize = 32;
        let found = self.loads.find_entry(hash, is_load(hash, id)).ok()?;
        let (flight, _) = found.remove();
        if self.loads.capacity() > FEW && self.loads.len() < self.loads.capacity() / 8 {
            self.loads.shrink_to(self.loads.len() * 2, hash_of);
        }
        Some(flight)
    }

    /// Keeps the loads of a key from being stored, and from being joined by callers after the next version. Returns
    /// whether there was one.
    pub(crate) fn fence(&mut self, hash: u64, scope: ScopeId, is_key: impl Fn(&K) -> bool) -> usize {
        let mut fenced = 0;
        for flight in self.loads.iter_hash_mut(hash) {
            if flight.is_of(hash, scope, &is_key) {
                flight.is_fenced = true;
                fenced += 1;
            }
        }
        fenced
    }

    /// A load has ended and stored its value.
    ///
    /// Keys are not compared, as `Eq` may panic. A load of another key with the same hash (probability 2^-64) may fail
    /// to replace a live value, which stays valid.
    pub(crate) fn supersede(&mut self, last: &Flight<K>) {
        if self.loads.is_empty() {
            return;
        }
        for flight in self.loads.iter_hash_mut(last.hash) {
            if flight.is_of(last.hash, last.scope, |_| true) {
                flight.is_superseded = flight.order < last.order;
            }
        }
    }

    pub(crate) fn shrink(&mut self) {
        self.loads.shrink_to(0, hash_of);
    }

    /// Panics if a load cannot be found.
    pub(crate) fn check_invariants(&self) {
        for flight in &self.loads {
            assert!(self.get(flight.hash, flight.id).is_some(), "load {} is not where it belongs", flight.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher;

    use foldhash::fast::FixedState;

    use crate::clock::TimeSource;
    use crate::flight::context::LoadStart;
    use crate::query::state::QueryState;
    use crate::version::tag_set::TagSet;
    use crate::version::timeline::Timeline;

    use super::*;

    const HASH: u64 = 7;

    fn flight(load: LoadId, key: &'static str, birth: Version) -> Flight<&'static str> {
        expiring(load, key, birth, Nanos::MAX)
    }

    fn expiring(load: LoadId, key: &'static str, birth: Version, expires_at: Nanos) -> Flight<&'static str> {
        let timeline = Arc::new(Timeline::new(TimeSource::System, None));
        (0..birth).for_each(|_| timeline.versions.invalidate(|_| ()));
        let query = Arc::new(QueryState::anonymous());
        Flight {
            id: load,
            order: load,
            hash: HASH,
            scope: 0,
            key,
            began: 0,
            context: Context::new(
                load,
                timeline,
                query,
                LoadStart { tags: TagSet::default(), own_ttl: false, began: 0, expires_at, is_audit: false },
            ),
            is_open: true,
            is_fenced: false,
            is_superseded: false,
            promise: None,
            followers: 0,
        }
    }

    fn flights(all: impl IntoIterator<Item = Flight<&'static str>>) -> Flights<&'static str> {
        let mut flights = Flights::new();
        all.into_iter().for_each(|flight| flights.begin(flight));
        flights.check_invariants();
        flights
    }

    fn open(flights: &Flights<&'static str>, key: &str, arrived: Version) -> Option<LoadId> {
        match flights.find(HASH, 0, |own| *own == key, arrived, 0).state {
            InFlight::Open(load) => Some(load),
            InFlight::Nothing | InFlight::Leaderless(_) => None,
        }
    }

    #[test]
    fn p4_only_the_open_load_of_the_very_key_is_joined() {
        let mut flights = flights([
            Flight { is_open: false, ..flight(1, "a", 0) },
            Flight { scope: 1, ..flight(3, "a", 0) },
            expiring(4, "a", 0, 0),
            flight(5, "b", 0),
        ]);
        assert_eq!((open(&flights, "a", 0), open(&flights, "b", 0)), (None, Some(5)));
        assert_eq!(flights.find(HASH, 0, |own| *own == "a", 0, 0).loads, 2);
        flights.begin(flight(6, "a", 0));
        assert_eq!(open(&flights, "a", 0), Some(6));
        assert!(matches!(flights.find(HASH + 1, 0, |_| true, 0, 0).state, InFlight::Nothing));
    }

    #[test]
    fn p1_a_fenced_load_is_joined_only_by_who_came_before_it_began() {
        let mut flights = flights([flight(1, "a", 4), flight(2, "b", 4), Flight { scope: 1, ..flight(3, "a", 4) }]);
        assert_eq!(flights.fence(HASH, 0, |key| *key == "a"), 1);
        assert_eq!(flights.fence(HASH, 0, |key| *key == "c"), 0);
        let fenced: Vec<_> = (1..=3).filter(|&id| flights.get(HASH, id).unwrap().is_fenced).collect();
        assert_eq!(fenced, [1]);
        assert_eq!((open(&flights, "a", 4), open(&flights, "a", 5)), (Some(1), None));
    }

    #[test]
    fn p5_a_load_without_a_leader_is_taken_over() {
        // Whoever takes over begins later, by the same count.
        let [first, other, last] = std::array::from_fn(|_| next_load());
        let mut flights = flights([flight(first, "a", 0), flight(other, "b", 0)]);
        let mut leave = |load| flights.get_mut(HASH, load).unwrap().leave().is_some();
        assert!(!leave(other), "nobody waits for it");
        let promise = flights.get_mut(HASH, first).unwrap().join();
        assert!(flights.get_mut(HASH, first).unwrap().leave().is_some() && promise.is_leaderless());
        flights.begin(flight(last, "a", 0));
        let found = flights.find(HASH, 0, |own| *own == "a", 0, 0).state;
        assert!(matches!(found, InFlight::Leaderless(load) if load == first));
        let taken = flights.get_mut(HASH, first).unwrap();
        taken.is_fenced = true;
        let context = flight(first, "a", 9).context;
        taken.take_over(context, 5);
        assert!(taken.order > last && taken.context.birth == 9 && !taken.is_fenced && !promise.is_leaderless());
        flights.check_invariants();
    }

    #[test]
    fn a_load_ends_once_and_is_known_by_its_number() {
        let mut flights = flights([flight(1, "a", 0), flight(2, "a", 0)]);
        assert_eq!(flights.count(), (2, 0));
        assert_eq!(flights.end(HASH, 2).map(|flight| flight.id), Some(2));
        assert!(flights.end(HASH, 2).is_none() && flights.get(HASH, 2).is_none());
        assert_eq!(flights.count(), (1, 0));
        flights.check_invariants();
    }

    /// The table compares a few bits of the hashes itself, and would find a load of another key among so many.
    #[test]
    fn p10_loads_of_one_batch_are_told_apart_by_their_hashes() {
        let hash = |key: u64| FixedState::default().hash_one(key);
        let mut flights = flights((0..1_750).map(|key| Flight { hash: hash(key), ..flight(1, "a", 0) }));
        for key in (0..1_750).rev() {
            assert_eq!(flights.get_mut(hash(key), 1).map(|flight| flight.hash), Some(hash(key)));
            assert_eq!(flights.end(hash(key), 1).map(|flight| flight.hash), Some(hash(key)));
        }
        assert_eq!(flights.count(), (0, 0));
    }

    #[test]
    fn p9_a_table_of_loads_shrinks() {
        let mut flights = flights((0..1_000).map(|load| Flight { hash: load << 32, ..flight(load, "a", 0) }));
        for load in 1..1_000 {
            flights.end(load << 32, load).expect("it is in flight");
        }
        flights.check_invariants();
        assert!(flights.loads.capacity() < 100);
    }

    #[test]
    #[should_panic(expected = "load 1 is not where it belongs")]
    fn the_check_notices_a_load_that_cannot_be_found() {
        let mut flights = flights([]);
        flights.loads.insert_unique(!HASH, flight(1, "a", 0), |_| !HASH);
        flights.check_invariants();
    }

    #[test]
    fn followers_of_a_load_wait_in_one_place() {
        let mut flight = flight(1, "a", 0);
        let (first, second) = (flight.join(), flight.join());
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(flights([flight]).count(), (1, 2));
    }
}
