//! The loads that are under way in one shard. No locks in here.
//!
//! Of the loads of one key, one is *open*: whoever asks for the key waits for it. It is no longer joined
//! once something that it bears has been invalidated, and the next caller begins another. A load beside an
//! open one, by a caller that has waited in vain, is closed from its start. Open or not, each is listed here
//! for as long as it runs, so that an invalidation of its key reaches it.

use hashbrown::HashTable;

use crate::clock::Nanos;
use crate::landing::{Duty, Landing};
use crate::scope::ScopeId;
use crate::shard::{Entry, Origin, not_zero};
use crate::sync::Arc;
use crate::tag::Bearings;
use crate::uses::Uses;
use crate::version::Version;
use crate::waits::LoadId;

/// A load that has begun.
pub(crate) struct Flight<K, V> {
    /// Tells also which of two loads began first: times are too coarse for that.
    pub(crate) id: LoadId,
    pub(crate) hash: u64,
    pub(crate) scope: ScopeId,
    pub(crate) key: K,
    pub(crate) origin: Origin,
    pub(crate) expires_at: Nanos,
    pub(crate) bearings: Bearings,
    /// Whether others may wait for it.
    pub(crate) is_open: bool,
    /// Whether its key was invalidated after it began.
    pub(crate) is_fenced: bool,
    /// Whether what was last stored for its key is of a load that began later. Of several loads of one key, the last
    /// begun is kept; entries need not know for that which load they are of.
    pub(crate) is_superseded: bool,
    /// Of those who wait, if there are any.
    pub(crate) duty: Option<Duty<V>>,
}

impl<K, V> Flight<K, V> {
    pub(crate) fn birth(&self) -> Version {
        self.origin.birth
    }

    pub(crate) fn landing(&mut self) -> Arc<Landing<V>> {
        self.duty.get_or_insert_with(Duty::new).landing()
    }

    /// The entry that it leaves, without a place in the eviction queues.
    pub(crate) fn into_entry(self, value: V) -> Entry<K, V> {
        Entry {
            hash: self.hash,
            scope: self.scope,
            uses: Uses::new(0),
            current_as_of: self.origin.birth.into(),
            expires_at: not_zero(self.expires_at),
            key: self.key,
            value,
            bearings: self.bearings,
            began: self.origin.time,
        }
    }

    fn is_of(&self, hash: u64, scope: ScopeId, is_key: impl Fn(&K) -> bool) -> bool {
        self.hash == hash && self.scope == scope && is_key(&self.key)
    }
}

pub(crate) struct Flights<K, V>(HashTable<Flight<K, V>>);

impl<K, V> Flights<K, V> {
    pub(crate) fn new() -> Self {
        Self(HashTable::new())
    }

    /// How many loads are under way, and how many callers wait for one of them.
    pub(crate) fn count(&self) -> (usize, usize) {
        let waiting = self.0.iter().filter_map(|flight| flight.duty.as_ref()).map(Duty::waiting).sum();
        (self.0.len(), waiting)
    }

    /// The load of a key that may be waited for, as far as `is_current` knows.
    pub(crate) fn find_open(
        &mut self,
        hash: u64,
        scope: ScopeId,
        is_key: impl Fn(&K) -> bool,
        is_current: impl Fn(&Flight<K, V>) -> bool,
    ) -> Option<&mut Flight<K, V>> {
        if self.0.is_empty() {
            return None;
        }
        self.0.find_mut(hash, |flight| flight.is_open && flight.is_of(hash, scope, &is_key) && is_current(flight))
    }

    pub(crate) fn begin(&mut self, flight: Flight<K, V>) {
        self.0.insert_unique(flight.hash, flight, |flight| flight.hash);
    }

    pub(crate) fn get(&self, hash: u64, id: LoadId) -> Option<&Flight<K, V>> {
        self.0.find(hash, |flight| flight.id == id)
    }

    pub(crate) fn end(&mut self, hash: u64, id: LoadId) -> Option<Flight<K, V>> {
        let found = self.0.find_entry(hash, |flight| flight.id == id).ok()?;
        Some(found.remove().0)
    }

    /// Lets no load of a key that was born before `version` be stored, or waited for by anyone new.
    pub(crate) fn fence(&mut self, hash: u64, scope: ScopeId, is_key: impl Fn(&K) -> bool, version: Version) {
        for flight in self.0.iter_hash_mut(hash) {
            if flight.origin.birth < version && flight.is_of(hash, scope, &is_key) {
                flight.is_fenced = true;
            }
        }
    }

    /// Takes note that the value of a load that has ended is stored for its key.
    ///
    /// Keys are not compared: that is code of the user's, and a load ends here. Once in 2^64 times a load of another
    /// key is taken for one of this. Then it does not replace a value that is live, which may be served all the same.
    pub(crate) fn supersede(&mut self, last: &Flight<K, V>) {
        // Most often no other is under way.
        if self.0.is_empty() {
            return;
        }
        for flight in self.0.iter_hash_mut(last.hash) {
            if flight.is_of(last.hash, last.scope, |_| true) {
                flight.is_superseded = flight.id < last.id;
            }
        }
    }

    /// Panics if a load can't be found.
    pub(crate) fn check_invariants(&self) {
        for flight in &self.0 {
            assert!(self.get(flight.hash, flight.id).is_some(), "load {} is not where it belongs", flight.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::builder::Settings;
    use crate::engine::Engine;
    use crate::query::QueryState;
    use crate::store::{Claim, Wanted};

    use super::*;

    const HASH: u64 = 7;

    fn flight(load: LoadId, key: &'static str, birth: Version) -> Flight<&'static str, u32> {
        Flight {
            id: load,
            hash: HASH,
            scope: 0,
            key,
            origin: Origin { birth, time: 0 },
            expires_at: Nanos::MAX,
            bearings: Bearings::default(),
            is_open: true,
            is_fenced: false,
            is_superseded: false,
            duty: None,
        }
    }

    fn flights(all: impl IntoIterator<Item = Flight<&'static str, u32>>) -> Flights<&'static str, u32> {
        let mut flights = Flights::new();
        all.into_iter().for_each(|flight| flights.begin(flight));
        flights.check_invariants();
        flights
    }

    fn open(flights: &mut Flights<&'static str, u32>, key: &str) -> Option<LoadId> {
        flights.find_open(HASH, 0, |own| *own == key, |flight| !flight.is_fenced).map(|flight| flight.id)
    }

    #[test]
    fn p4_only_the_open_and_current_load_of_the_very_key_is_joined() {
        let mut flights = flights([
            Flight { is_open: false, ..flight(1, "a", 0) },
            Flight { is_fenced: true, ..flight(2, "a", 0) },
            Flight { scope: 1, ..flight(3, "a", 0) },
            flight(4, "b", 0),
        ]);
        assert_eq!((open(&mut flights, "a"), open(&mut flights, "b")), (None, Some(4)));
        flights.begin(flight(5, "a", 0));
        assert_eq!(open(&mut flights, "a"), Some(5));
        assert!(flights.find_open(HASH + 1, 0, |_| true, |_| true).is_none());
    }

    #[test]
    fn p1_a_key_fences_all_its_older_loads_and_no_others() {
        let mut flights = flights([
            Flight { is_open: false, ..flight(1, "a", 4) },
            flight(2, "a", 4),
            flight(3, "a", 5),
            flight(4, "b", 4),
            Flight { scope: 1, ..flight(5, "a", 4) },
        ]);
        flights.fence(HASH, 0, |key| *key == "a", 5);
        let fenced: Vec<_> = (1..=5).filter(|&id| flights.get(HASH, id).unwrap().is_fenced).collect();
        assert_eq!(fenced, [1, 2], "the third began after the invalidation");
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

    #[test]
    #[should_panic(expected = "load 1 is not where it belongs")]
    fn the_check_notices_a_load_that_cannot_be_found() {
        let mut flights = flights([]);
        flights.0.insert_unique(!HASH, flight(1, "a", 0), |_| !HASH);
        flights.check_invariants();
    }

    #[test]
    fn those_who_wait_for_a_load_wait_in_one_place() {
        let mut flight = flight(1, "a", 0);
        let (first, second) = (flight.landing(), flight.landing());
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(flights([flight]).count(), (1, 2));
    }

    /// Loads of one key, all of them current, that end in this order; instead of 0, what is stored is removed.
    /// Returns what is stored after each.
    fn stored_after(order: &[u32]) -> Vec<Option<u32>> {
        let engine = Engine::new(Settings::default());
        let store = engine.make_store::<u32, u32>(Arc::new(QueryState::anonymous()), |_, _, _| Ok(()));
        let candidate = || engine.candidate(None, &store.query, (7, HASH), None, &[]);
        let now = engine.time.now();
        let begin = || match store.claim(&engine, &mut Some(candidate()), now, false) {
            Claim::Lead(load) => load,
            Claim::Found | Claim::Join(..) => unreachable!("nothing is stored, and it must not wait"),
        };
        let loads: Vec<_> = std::iter::repeat_with(begin).take(order.len()).collect();
        let wanted = Wanted { hash: HASH, scope: 0, is_key: |key: &u32| *key == 7 };
        let end = |&number: &u32| {
            if number == 0 {
                assert!(store.invalidate(&engine, &wanted, 0, now), "there was something to remove");
            } else {
                let load = (HASH, loads[number as usize - 1]);
                drop(store.complete(&engine, load, Some(number), Bearings::default(), now));
            }
            store.get(&engine, &wanted, now).ok()
        };
        order.iter().map(end).collect()
    }

    #[test]
    fn of_several_loads_of_one_key_the_last_begun_is_kept() {
        assert_eq!(stored_after(&[1, 2, 3]), [1, 2, 3].map(Some));
        assert_eq!(stored_after(&[2, 1, 3]), [2, 2, 3].map(Some));
        assert_eq!(stored_after(&[3, 1, 2]), [3, 3, 3].map(Some));
        assert_eq!(stored_after(&[3, 0, 1, 2]), [Some(3), None, Some(1), Some(2)], "what has gone is in nobody's way");
        assert_eq!(stored_after(&[3, 0, 2, 1]), [Some(3), None, Some(2), Some(2)]);
    }
}
