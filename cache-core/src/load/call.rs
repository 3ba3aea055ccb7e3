//! Look-ups: from a call to a hit or a miss. [`crate::store`] describes a hit.

use crate::clock::Nanos;
use crate::engine::Engine;
use crate::engine::mode::Mode;
use crate::entry::{Entry, clone_value, discard};
use crate::flight::context::{self, Lifetime};
use crate::flight::id::{LoadId, next_load};
use crate::history::departed::Gone;
use crate::load::attach::{Answer, attach};
use crate::load::attempt::Absence;
use crate::stats::counters::Event;
use crate::store::{Absent, Held, Storable, Store, Wanted};
use crate::sync::Arc;
use crate::version::Version;
use crate::version::registry::TagRef;
use crate::version::scope::ScopeRef;

pub(crate) struct Call<'a, K, V> {
    pub(crate) engine: &'a Arc<Engine>,
    pub(crate) store: &'a Store<K, V>,
    pub(crate) scope: ScopeRef<'a>,
}

impl<K: Storable, V: Storable + Clone> Call<'_, K, V> {
    /// Finds a fresh value. What is not fresh may still be [served](Self::serve_aged).
    #[inline]
    pub(crate) fn look_up(&self, wanted: &Wanted<impl Fn(&K) -> bool + Copy>) -> Result<V, Absence> {
        if context::is_inside() {
            return self.look_up_inside(*wanted);
        }
        let found = self.store.look_up(&self.engine.storage, *wanted, |entry| entry.value.clone());
        found.map_err(|absent| self.absence(&wanted.as_dyn(), absent))
    }

    /// The same, compiled once for all types of arguments.
    #[inline(never)]
    pub(crate) fn look_up_dyn(&self, wanted: &Wanted<&dyn Fn(&K) -> bool>) -> Result<V, Absence> {
        self.look_up(wanted)
    }

    /// After a look-up: serves a value that is not fresh, and counts a hit or a miss if the look-up has not. Apart from
    /// that, so that it costs a hit nothing. `can_load`: whether the caller loads what it does not get.
    #[inline]
    pub(crate) fn serve_aged(
        &self,
        wanted: &Wanted<impl Fn(&K) -> bool>,
        absence: Absence,
        can_load: bool,
    ) -> Result<V, Absence> {
        if absence.absent == Absent::Dead && self.store.has_windows {
            self.serve_aged_dyn(&wanted.as_dyn(), absence, can_load)
        } else {
            Err(absence)
        }
    }

    #[cold]
    #[inline(never)]
    fn serve_aged_dyn(
        &self,
        wanted: &Wanted<&dyn Fn(&K) -> bool>,
        absence: Absence,
        can_load: bool,
    ) -> Result<V, Absence> {
        let (store, storage, now) = (self.store, &self.engine.storage, absence.now);
        let found = if can_load {
            store.look_up_aged(storage, wanted, now)
        } else {
            self.find_live(wanted, now).ok_or(Absent::Dead)
        };
        match found {
            Ok(entry) => {
                store.query.counters.count(Event::Hit);
                store.count_served(storage, &entry, now);
                if let Some(key_node) = &absence.key_node {
                    let lifetime = Lifetime::of_served(&entry.meta, now);
                    let answer = Answer { tags: entry.meta.tags.clone(), since: absence.arrived, lifetime };
                    self.attach(key_node, answer);
                }
                Ok(clone_value(entry, &store.query.counters))
            }
            Err(absent) => {
                storage.count_miss(&store.query, absence.gone);
                Err(Absence { absent, ..absence })
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
    pub(crate) fn absence(&self, wanted: &Wanted<&dyn Fn(&K) -> bool>, (absent, now): (Absent, Nanos)) -> Absence {
        let gone = self.why(wanted, absent);
        self.absence_of(absent, gone, now)
    }

    /// Why a look-up found nothing fresh. Counts a miss, unless a value may still be served.
    fn why(&self, wanted: &Wanted<&dyn Fn(&K) -> bool>, absent: Absent) -> Gone {
        let may_serve = self.engine.timeline().lease.as_ref().is_none_or(|lease| lease.is_live_now());
        let gone = if may_serve { self.store.why(&self.engine.storage, wanted, absent) } else { Gone::PassedBy };
        if absent == Absent::Missing || !self.store.has_windows {
            self.engine.storage.count_miss(&self.store.query, gone);
        }
        gone
    }

    fn absence_of(&self, absent: Absent, gone: Gone, now: Nanos) -> Absence {
        self.engine.resume_certain();
        let (arrived, ticket) = (self.engine.timeline().versions.now(), next_load());
        Absence { absent, gone, now, arrived, ticket, key_node: None, subject: None }
    }

    /// A miss without a look-up, through a handle that takes nothing from the cache.
    #[cold]
    #[inline(never)]
    pub(crate) fn pass_by(&self, hash: u64, mode: &Mode) -> Absence {
        let (absent, gone) = (Absent::Missing, Gone::PassedBy);
        if let Mode::Entry(_) = mode {
            // There is no load that it would be of use to.
            let ticket = LoadId::default();
            return Absence { absent, gone, now: 0, arrived: 0, ticket, key_node: None, subject: None };
        }
        self.engine.storage.count_miss(&self.store.query, gone);
        let now = self.engine.timeline().time.now();
        if !context::is_inside() {
            return self.absence_of(absent, gone, now);
        }
        context::record_question();
        let ((key_node, arrived), ticket) = (self.key_node_as_of_now(hash), next_load());
        Absence { absent, gone, now, arrived, ticket, key_node: Some(key_node), subject: None }
    }

    /// Attaches the answer to the load around the call, with nothing pinned.
    #[cold]
    #[inline(never)]
    fn look_up_inside(&self, wanted: Wanted<impl Fn(&K) -> bool + Copy>) -> Result<V, Absence> {
        let Self { engine, store, .. } = *self;
        context::record_question();
        let (key_node, arrived) = self.key_node_as_of_now(wanted.hash);
        let ticket = next_load();
        match store.look_up(&engine.storage, wanted, Arc::clone) {
            Ok(entry) => {
                let lifetime = Lifetime::Until(entry.meta.expires_at);
                self.attach(&key_node, Answer { tags: entry.meta.tags.clone(), since: arrived, lifetime });
                Ok(clone_value(entry, &store.query.counters))
            }
            Err((absent, now)) => {
                let gone = self.why(&wanted.as_dyn(), absent);
                Err(Absence { absent, gone, now, arrived, ticket, key_node: Some(key_node), subject: None })
            }
        }
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
    pub(crate) fn get(&self, wanted: &Wanted<impl Fn(&K) -> bool + Copy>) -> Option<V> {
        match self.look_up(wanted).or_else(|absence| self.serve_aged(wanted, absence, false)) {
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
    pub(crate) fn contains(&self, wanted: &Wanted<impl Fn(&K) -> bool + Copy>) -> bool {
        let held = |entry| Held { entry, counters: &self.store.query.counters };
        if !context::is_inside() {
            return match self.store.peek(&self.engine.storage, *wanted, |_| ()) {
                Err((Absent::Dead, now)) if self.store.has_windows => held(self.find_live(wanted, now)).entry.is_some(),
                found => found.is_ok(),
            };
        }
        let (key_node, since) = self.key_node_as_of_now(wanted.hash);
        let found = self.store.peek(&self.engine.storage, *wanted, Arc::clone);
        let found = found.or_else(|(_, now)| self.find_live(wanted, now).ok_or(()));
        let found = held(found.ok());
        let (tags, lifetime) = match &found.entry {
            Some(entry) => (entry.meta.tags.clone(), Lifetime::Until(entry.meta.expires_at)),
            None => (self.engine.absence_marks(self.scope, &self.store.query), Lifetime::Unlimited),
        };
        self.attach(&key_node, Answer { tags, since, lifetime });
        found.entry.is_some()
    }

    pub(crate) fn attach_absence(&self, absence: &Absence) {
        let (query, key_node) = (&self.store.query, absence.key_node.as_ref());
        let tags = self.engine.absence_marks(self.scope, query);
        let answer = Answer { tags, since: absence.arrived, lifetime: Lifetime::Unlimited };
        attach(self.engine.timeline(), query, key_node, answer);
    }
}
