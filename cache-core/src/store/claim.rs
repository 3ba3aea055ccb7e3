//! The loads in flight of a store: who leads, follows, and leaves.

use crate::clock::Nanos;
use crate::entry::{Entry, discard_value};
use crate::flight::context::{Context, LoadStart};
use crate::flight::id::{LoadId, next_load};
use crate::flight::promise::Promise;
use crate::flight::{Flight, InFlight, MAX_LOADS_OF_A_KEY};
use crate::query::windows::Age;
use crate::store::aged::AgedEntry;
use crate::store::candidate::Candidate;
use crate::store::storage::Storage;
use crate::store::{ShardWriter, Storable, Store};
use crate::sync::Arc;
use crate::version::Version;
use crate::version::scope::ScopeId;

#[derive(Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) now: Nanos,
    /// What is valid as of its arrival is valid for it.
    pub(crate) arrived: Version,
    pub(crate) may_wait: bool,
    /// If not, it loads anew.
    pub(crate) takes_entries: bool,
    /// The number of its load, if that is one of several with one body.
    pub(crate) batch: Option<LoadId>,
}

pub(crate) enum Claim<K, V> {
    /// Stored meanwhile, or served while another caller loads or no load is tried.
    Found(Arc<Entry<K, V>>),
    /// It waits for a load in flight.
    Join {
        load: LoadId,
        order: LoadId,
        promise: Arc<Promise>,
        context: Arc<Context>,
        aged: Option<Arc<AgedEntry<K, V>>>,
    },
    /// It loads.
    Lead(NewLoad, Option<Arc<AgedEntry<K, V>>>),
}

pub(crate) struct NewLoad {
    /// Whether it is listed as a flight. If not, invalidations of its key do not reach it, so nobody joins it and its value is
    /// not stored.
    pub(crate) is_listed: bool,
    pub(crate) context: Arc<Context>,
}

impl<K: Storable, V: Storable> Store<K, V> {
    /// If the caller leads, the load begins here, and takes the candidate. A caller that must not wait joins no load.
    pub(crate) fn claim(&self, storage: &Storage, candidate: &mut Option<Candidate<K>>, caller: Caller) -> Claim<K, V>
    where
        K: Eq,
    {
        let wanted = candidate.as_ref().expect("only a load takes it, and no load has begun");
        let (hash, scope, is_key) = (wanted.hash, wanted.scope, |key: &K| *key == wanted.key);
        let mut shard = self.lock(hash);
        let found = if caller.takes_entries { shard.value().find(hash, scope, is_key).cloned() } else { None };
        let found = found.filter(|entry| !storage.seems_dead(&entry.meta, caller.now));
        let age = found.as_ref().map(|entry| self.query.windows.age(entry.meta.expires_at, caller.now));
        if let (Some(entry), Some(Age::Fresh)) = (&found, age) {
            return Claim::Found(entry.clone());
        }
        let in_flight = shard.state_mut().find(hash, scope, is_key, caller.arrived, caller.now);
        let is_loading = matches!(in_flight.state, InFlight::Open(_));
        let mut aged = None;
        if let (Some(entry), Some(age)) = (found, age) {
            let is_served_at_once = age == Age::Refreshable;
            if is_served_at_once && is_loading || shard.state().failures.has(hash, scope, caller.now) {
                return Claim::Found(entry);
            }
            let since = storage.timeline.versions.now();
            let has_expired = caller.now >= entry.meta.expires_at;
            aged = Some(Arc::new(AgedEntry::new(entry, is_served_at_once, has_expired, since, self.query.clone())));
        }
        if let (InFlight::Open(load), true) = (&in_flight.state, caller.may_wait) {
            let flight = shard.state_mut().get_mut(hash, *load).expect("it was found above");
            let (load, order, context) = (*load, flight.order, flight.context.clone());
            return Claim::Join { load, order, promise: flight.join(), context, aged };
        }
        let candidate = candidate.take().expect("it was there above");
        let expires_at = candidate.expires_at(caller.now);
        let taken_over = match in_flight.state {
            InFlight::Leaderless(load) => Some(load),
            InFlight::Nothing | InFlight::Open(_) => None,
        };
        // Loads of one batch have different hashes, except with a probability of 2^-64.
        let batch = caller.batch.filter(|batch| shard.state().get(hash, *batch).is_none());
        let id = taken_over.or(batch).unwrap_or_else(next_load);
        let start = LoadStart {
            tags: candidate.tags,
            own_ttl: candidate.own_ttl,
            began: caller.now,
            expires_at,
            is_audit: false,
        };
        let context = Context::new(id, storage.timeline.clone(), self.query.clone(), start);
        // A load that callers may join is always listed.
        let is_open = !matches!(in_flight.state, InFlight::Open(_));
        let is_listed = is_open || in_flight.loads < MAX_LOADS_OF_A_KEY;
        // To be dropped after the lock is released.
        let (mut unused_key, mut last_context) = (None, None);
        if let Some(flight) = taken_over.and_then(|load| shard.state_mut().get_mut(hash, load)) {
            last_context = Some(flight.take_over(context.clone(), caller.now));
            unused_key = Some(candidate.key);
        } else if is_listed {
            shard.state_mut().begin(Flight {
                id,
                order: id,
                hash,
                scope,
                key: candidate.key,
                began: caller.now,
                context: context.clone(),
                is_open,
                is_fenced: false,
                is_superseded: false,
                promise: None,
                followers: 0,
            });
        } else {
            unused_key = Some(candidate.key);
        }
        drop(shard);
        discard_value(&self.query.counters, unused_key);
        drop(last_context);
        Claim::Lead(NewLoad { is_listed, context }, aged)
    }

    /// The load was found invalid: nobody else joins it.
    pub(crate) fn close(&self, hash: u64, load: LoadId) {
        if let Some(flight) = self.lock(hash).state_mut().get_mut(hash, load) {
            flight.is_open = false;
        }
    }
}

impl<K, V> Store<K, V> {
    /// Ends a load without a value.
    pub(crate) fn fail(&self, hash: u64, load: LoadId) -> Option<Flight<K>> {
        self.lock(hash).state_mut().end(hash, load)
    }

    /// While there is a value to serve, nobody loads the key until then.
    pub(crate) fn record_failure(&self, hash: u64, scope: ScopeId, until: Nanos, now: Nanos) {
        self.lock(hash).state_mut().failures.record(hash, scope, until, now);
    }

    /// Does not end the load: a follower takes over, if there is one.
    pub(crate) fn abandon(&self, hash: u64, load: LoadId) {
        let mut shard = self.lock(hash);
        let Some(flight) = shard.state_mut().get_mut(hash, load) else { return };
        match flight.leave() {
            Some(promise) => {
                drop(shard);
                promise.wake_one();
                Promise::discard(promise, &self.query.counters);
            }
            None => self.end_unused(shard, hash, load),
        }
    }

    pub(crate) fn leave(&self, hash: u64, load: LoadId, promise: Arc<Promise>) {
        let mut shard = self.lock(hash);
        // If the leader has gone, another follower takes over.
        let (mut next, mut is_unused) = (None, false);
        if let Some(flight) = shard.state_mut().get_mut(hash, load) {
            flight.followers -= 1;
            if flight.is_leaderless() {
                is_unused = flight.followers == 0;
                next = flight.promise.clone().filter(|_| !is_unused);
            }
        }
        if is_unused {
            self.end_unused(shard, hash, load);
        } else {
            drop(shard);
        }
        if let Some(next) = next {
            next.wake_one();
            Promise::discard(next, &self.query.counters);
        }
        // After the lock: this may be the last reference to the value of an ended load.
        Promise::discard(promise, &self.query.counters);
    }

    /// Its key is dropped after the lock is released.
    fn end_unused(&self, mut shard: ShardWriter<'_, K, V>, hash: u64, load: LoadId) {
        let flight = shard.state_mut().end(hash, load);
        drop(shard);
        discard_value(&self.query.counters, flight);
    }
}
