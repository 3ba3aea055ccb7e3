//! Look-ups: from a call to a hit or a miss. [`crate::store`] describes a hit.

use crate::clock::Nanos;
use crate::engine::Engine;
use crate::engine::mode::Mode;
use crate::entry::{Entry, clone_value, discard};
use crate::flight::context::{self, Lifetime};
use crate::flight::id::{LoadId, next_load};
use crate::load::attach::{Answer, attach};
use crate::load::attempt::Absence;
use crate::stats::counters::Event;
use crate::store::aged::Aged;
use crate::store::{Absent, Held, Storable, Store, Wanted};
use crate::sync::Arc;
use crate::version::Version;
use crate::version::registry::TagRef;
use crate::version::scope::ScopeRef;
use crate::version::tag_set::TagSet;

pub(crate) struct Call<'a, K, V> {
    pub(crate) engine: &'a Arc<Engine>,
    pub(crate) store: &'a Store<K, V>,
    pub(crate) scope: ScopeRef<'a>,
}

impl<K: Storable, V: Storable + Clone> Call<'_, K, V> {
    /// For a caller that loads what it does not find.
    #[inline]
    pub(crate) fn look_up(&self, wanted: &Wanted<impl Fn(&K) -> bool>) -> Result<V, Absence> {
        self.find(wanted, true)
    }

    #[inline]
    fn find(&self, wanted: &Wanted<impl Fn(&K) -> bool>, can_load: bool) -> Result<V, Absence> {
        if context::is_inside() {
            return self.find_inside(wanted, can_load);
        }
        let found = self.store.look_up(&self.engine.storage, wanted, |entry| entry.value.clone());
        found.or_else(|(absent, now)| self.find_aged(&wanted.as_dyn(), can_load, absent, now))
    }

    #[cold]
    #[inline(never)]
    fn find_aged(
        &self,
        wanted: &Wanted<&dyn Fn(&K) -> bool>,
        can_load: bool,
        absent: Absent,
        now: Nanos,
    ) -> Result<V, Absence> {
        match self.take_aged(wanted, can_load, absent, now) {
            Ok(entry) => Ok(clone_value(entry, &self.store.query.counters)),
            Err(absent) => Err(self.absence((absent, now))),
        }
    }

    /// Finds an entry that is not fresh, and counts a hit or a miss if the look-up has not.
    fn take_aged(
        &self,
        wanted: &Wanted<&dyn Fn(&K) -> bool>,
        can_load: bool,
        absent: Absent,
        now: Nanos,
    ) -> Result<Arc<Entry<K, V>>, Absent> {
        let (store, storage) = (self.store, &self.engine.storage);
        if absent == Absent::Missing || !store.has_windows {
            return Err(absent);
        }
        let found = if can_load {
            store.look_up_aged(storage, wanted, now)
        } else {
            match self.find_live(wanted, now) {
                Some(entry) => Aged::Serve(entry),
                None => Aged::Load(Absent::Dead),
            }
        };
        match found {
            Aged::Serve(entry) => {
                store.query.counters.count(Event::Hit);
                store.count_served(&entry.meta, now);
                Ok(entry)
            }
            Aged::Load(absent) => {
                store.query.counters.count(Event::Miss);
                Err(absent)
            }
        }
    }

    /// Of a store with windows, whose live entries are not all fresh.
    fn find_live(&self, wanted: &Wanted<impl Fn(&K) -> bool>, now: Nanos) -> Option<Arc<Entry<K, V>>> {
        let entry = self.store.find_current(wanted)?;
        if self.store.is_live(&self.engine.storage, &entry.meta, now) {
            return Some(entry);
        }
        discard(entry, &self.store.query.counters);
        None
    }

    #[cold]
    fn absence(&self, (absent, now): (Absent, Nanos)) -> Absence {
        self.engine.resume_certain();
        let (arrived, ticket) = (self.engine.timeline().versions.now(), next_load());
        Absence { absent, now, arrived, ticket, key_node: None }
    }

    /// A miss without a look-up, through a handle that takes nothing from the cache.
    #[cold]
    #[inline(never)]
    pub(crate) fn pass_by(&self, hash: u64, mode: &Mode) -> Absence {
        if let Mode::Entry(_) = mode {
            // There is no load that it would be of use to.
            return Absence { absent: Absent::Missing, now: 0, arrived: 0, ticket: LoadId::default(), key_node: None };
        }
        self.store.query.counters.count(Event::Miss);
        let now = self.engine.timeline().time.now();
        if !context::is_inside() {
            return self.absence((Absent::Missing, now));
        }
        let ((key_node, arrived), ticket) = (self.key_node_as_of_now(hash), next_load());
        Absence { absent: Absent::Missing, now, arrived, ticket, key_node: Some(key_node) }
    }

    /// Attaches the answer to the load around the call, with nothing pinned.
    #[cold]
    #[inline(never)]
    fn find_inside(&self, wanted: &Wanted<impl Fn(&K) -> bool>, can_load: bool) -> Result<V, Absence> {
        let Self { engine, store, .. } = *self;
        let (key_node, arrived) = self.key_node_as_of_now(wanted.hash);
        let ticket = next_load();
        let (entry, lifetime) = match store.look_up(&engine.storage, wanted, Arc::clone) {
            Ok(entry) => {
                let lifetime = Lifetime::Until(entry.meta.expires_at);
                (entry, lifetime)
            }
            Err((absent, now)) => match self.take_aged(&wanted.as_dyn(), can_load, absent, now) {
                Ok(entry) => {
                    let lifetime = Lifetime::of_served(&entry.meta, now);
                    (entry, lifetime)
                }
                Err(absent) => return Err(Absence { absent, now, arrived, ticket, key_node: Some(key_node) }),
            },
        };
        self.attach(&key_node, Answer { tags: entry.meta.tags.clone(), since: arrived, lifetime });
        Ok(clone_value(entry, &store.query.counters))
    }

    /// The node of a key that is looked up next, and the version as of which it is read.
    pub(crate) fn key_node_as_of_now(&self, hash: u64) -> (TagRef, Version) {
        // In this order: an invalidation finds the node, or has removed the entry before the look-up.
        let key_node = self.engine.key_node(self.scope, &self.store.query, self.store.instance, hash);
        (key_node, self.engine.timeline().versions.now())
    }

    /// Attaches an answer about a key to the load around the call.
    pub(crate) fn attach(&self, key_node: &TagRef, answer: Answer) {
        attach(self.engine.timeline(), &self.store.query, Some(key_node), answer);
    }

    /// Finds the value of a key, or attaches that there is none. A dead entry is removed.
    pub(crate) fn get(&self, wanted: &Wanted<impl Fn(&K) -> bool>) -> Option<V> {
        match self.find(wanted, false) {
            Ok(value) => Some(value),
            Err(miss) => {
                self.attach_absence(&miss);
                if miss.absent == Absent::Dead {
                    self.store.remove_if_dead(&self.engine.storage, wanted, miss.now);
                }
                None
            }
        }
    }

    /// Whether there is a live entry. It counts as read in the load around the call, and as no hit or miss.
    pub(crate) fn contains(&self, wanted: &Wanted<impl Fn(&K) -> bool>) -> bool {
        let held = |entry| Held { entry, counters: &self.store.query.counters };
        if !context::is_inside() {
            return match self.store.peek(&self.engine.storage, wanted, |_| ()) {
                Err((Absent::Dead, now)) if self.store.has_windows => held(self.find_live(wanted, now)).entry.is_some(),
                found => found.is_ok(),
            };
        }
        let (key_node, since) = self.key_node_as_of_now(wanted.hash);
        let found = self.store.peek(&self.engine.storage, wanted, Arc::clone);
        let found = found.or_else(|(_, now)| self.find_live(wanted, now).ok_or(()));
        let found = held(found.ok());
        let (tags, lifetime) = found.entry.as_ref().map_or((TagSet::default(), Lifetime::Unlimited), |entry| {
            (entry.meta.tags.clone(), Lifetime::Until(entry.meta.expires_at))
        });
        self.attach(&key_node, Answer { tags, since, lifetime });
        found.entry.is_some()
    }

    pub(crate) fn attach_absence(&self, absence: &Absence) {
        let (query, key_node) = (&self.store.query, absence.key_node.as_ref());
        let answer = Answer { tags: TagSet::default(), since: absence.arrived, lifetime: Lifetime::Unlimited };
        attach(self.engine.timeline(), query, key_node, answer);
    }
}
