//! What a caller does that missed: it waits for the load of another, or loads and leaves an entry.
//!
//! How that is decided is in [`Attempt::step`], for every kind of caller. Only how one waits differs.

use crate::clock::Nanos;
use crate::engine::{Engine, ScopeRef};
use crate::landing::{Landed, Landing};
use crate::reentry;
use crate::scope::Scope;
use crate::stats::Event;
use crate::store::{Candidate, Claim, Storable, Store, Wanted};
use crate::sync::Arc;
use crate::tag::{Bearings, Tag};
use crate::waits::{LoadId, Running, Wait};

/// A caller's way from a miss to a value, or to a load of its own.
pub(crate) struct Attempt<K, V> {
    engine: Arc<Engine>,
    store: Arc<Store<K, V>>,
    scope: Option<Arc<Scope>>,
    hash: u64,
    /// Taken when its own load begins.
    candidate: Option<Candidate<K>>,
    /// When the cache was asked.
    now: Nanos,
    /// Whether a dead entry was found, which is to go even if nothing takes its place.
    found_dead: bool,
    /// How often it may still wait and be refused what it waited for.
    patience: u32,
}

/// After so many loads whose values were not for it, a caller waits no more, but loads for itself. A load
/// that makes no value doesn't count: the next waiter loads, and so all get on.
const PATIENCE: u32 = 2;

/// What is to be done next.
enum Step<V> {
    Return(V),
    /// The load has begun already, if it has a number: what has none is not stored, nor waited for.
    Load(Option<LoadId>),
    Wait(Waiter<V>),
}

/// Somebody who waits for the load of another.
struct Waiter<V> {
    landing: Arc<Landing<V>>,
    _wait: Wait,
}

impl<V> Waiter<V> {
    /// Blocks this thread.
    fn block(self) -> (Landed, Arc<Landing<V>>) {
        (self.landing.wait(), self.landing)
    }
}

impl<K: Storable + Eq, V: Storable + Clone> Attempt<K, V> {
    pub(crate) fn new(
        engine: Arc<Engine>,
        store: Arc<Store<K, V>>,
        scope: ScopeRef<'_>,
        candidate: Candidate<K>,
        now: Nanos,
        found_dead: bool,
    ) -> Self {
        let (scope, hash, candidate) = (scope.cloned(), candidate.hash, Some(candidate));
        Self { engine, store, scope, hash, candidate, now, found_dead, patience: PATIENCE }
    }

    /// Waits, if it has to, by blocking this thread.
    pub(crate) fn run(mut self) -> Result<V, Load<K, V>> {
        loop {
            match self.step() {
                Step::Return(value) => return Ok(value),
                Step::Load(flight) => return Err(self.into_load(flight)),
                Step::Wait(waiter) => {
                    let (landed, landing) = waiter.block();
                    if let Some(value) = self.landed(landed, &landing) {
                        return Ok(value);
                    }
                }
            }
        }
    }

    fn step(&mut self) -> Step<V> {
        if self.engine.capacity_of(&self.store.query) == 0 || reentry::is_inside() {
            // What isn't stored needs no flight. Inside, where a lock is held, there must be no waiting either.
            return Step::Load(None);
        }
        loop {
            match self.store.claim(&self.engine, &mut self.candidate, self.now, self.patience > 0) {
                Claim::Found => {
                    // It may have gone again meanwhile, or expired: code of the user's ran since the cache was asked.
                    self.now = self.engine.time.now();
                    if let Some(value) = self.find() {
                        return Step::Return(value);
                    }
                }
                Claim::Join(load, landing) => match Wait::begin(load) {
                    Some(wait) => return Step::Wait(Waiter { landing, _wait: wait }),
                    // It is part of what it would wait for. That is what is stored, and not a part of it.
                    None => return Step::Load(None),
                },
                Claim::Lead(load) => return Step::Load(Some(load)),
            }
        }
    }

    /// Takes note of how a load ended, and takes its value.
    fn landed(&mut self, landed: Landed, landing: &Landing<V>) -> Option<V> {
        self.now = self.engine.time.now();
        if landed == Landed::Shared
            && let Some(shared) = landing.shared()
            && self.now < shared.expires_at
        {
            return Some(shared.value.clone());
        }
        if landed != Landed::Failed {
            self.patience -= 1;
        }
        None
    }

    fn find(&self) -> Option<V> {
        let Candidate { key, hash, scope, .. } = self.candidate.as_ref()?;
        let wanted = Wanted { hash: *hash, scope: *scope, is_key: |stored: &K| stored == key };
        self.store.get(&self.engine, &wanted, self.now).ok()
    }

    fn into_load(self, flight: Option<LoadId>) -> Load<K, V> {
        let Self { engine, store, scope, hash, found_dead, .. } = self;
        Load { engine, store, scope, hash, flight, found_dead, has_ended: false }
    }
}

/// A load that has begun. Dropped before it is finished, it has failed, by an `Err` or by a panic, and one of
/// those who wait for it loads next.
pub(crate) struct Load<K, V> {
    engine: Arc<Engine>,
    pub(crate) store: Arc<Store<K, V>>,
    scope: Option<Arc<Scope>>,
    hash: u64,
    flight: Option<LoadId>,
    found_dead: bool,
    has_ended: bool,
}

impl<K, V> Load<K, V> {
    /// Runs the body, in which no wait for this load is allowed.
    pub(crate) fn run<R>(&self, body: impl FnOnce() -> R) -> R {
        self.store.query.counters.count(Event::Load);
        let _running = self.flight.map(Running::enter);
        body()
    }
}

impl<K: Storable + Eq, V: Storable + Clone> Load<K, V> {
    /// Ends the load with a value. A copy is stored if `judge` gives it tags, beside those that it has, and if what
    /// it was made from has not been invalidated since.
    pub(crate) fn finish<T>(mut self, value: &V, judge: impl FnOnce(&V) -> Option<T>)
    where
        T: IntoIterator<Item: Into<Tag>>,
    {
        let Some(load) = self.flight else {
            self.has_ended = true;
            return;
        };
        // Much of this is code of the user's, and may panic, or ask for a key for which this load is waited for.
        let _running = Running::enter(load);
        let tags = judge(value);
        let copy = tags.is_some().then(|| value.clone());
        let tags = tags.into_iter().flatten().map(Into::into);
        let late: Bearings = self.engine.bear_tags(self.scope.as_ref(), tags).collect();
        let now = self.engine.time.now();
        let completion = self.store.complete(&self.engine, (self.hash, load), copy, late, now);
        if completion.is_stale {
            self.store.query.counters.count(Event::DiscardedLoad);
        }
        if let Some(duty) = completion.duty {
            if completion.may_share {
                duty.share(value.clone(), completion.expires_at);
            } else {
                duty.refuse();
            }
        }
        self.has_ended = true;
    }

    /// Ends a load that made no value.
    pub(crate) fn fail(mut self) {
        let Some(load) = self.flight.take() else { return };
        let Some(flight) = self.store.abandon(self.hash, load) else { return };
        if self.found_dead {
            let wanted = Wanted { hash: flight.hash, scope: flight.scope, is_key: |stored: &K| *stored == flight.key };
            self.store.bury(&self.engine, &wanted, self.engine.time.now());
        }
    }
}

impl<K, V> Drop for Load<K, V> {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        self.store.query.counters.count(Event::LoadError);
        if let Some(load) = self.flight {
            drop(self.store.abandon(self.hash, load));
        }
    }
}
