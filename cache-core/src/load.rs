//! What a caller does that missed: it waits for the load of another, or loads and leaves an entry.
//!
//! How that is decided is in [`Attempt::step`] and [`Waiting::go_on`], for every kind of caller. Only how one waits
//! differs: see [`Todo`].

use std::future::poll_fn;
use std::task::{Context, Poll};

use crate::clock::Nanos;
use crate::engine::{Engine, ScopeRef};
use crate::landing::{End, Landing};
use crate::reentry;
use crate::scope::Scope;
use crate::stats::Event;
use crate::store::{Candidate, Claim, Storable, Store, Wanted};
use crate::sync::{Arc, EventListener};
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

/// What is to be done by a caller for whom there is no value yet.
pub(crate) enum Todo<K, V> {
    Load(Load<K, V>),
    /// In a box: it is seldom, and a future has to have room for it.
    Wait(Box<Waiting<K, V>>),
}

/// Somebody who waits for the load of another.
pub(crate) struct Waiting<K, V> {
    attempt: Attempt<K, V>,
    landing: Arc<Landing<V>>,
    load: LoadId,
    /// `None` once it is found that it would be for ever.
    wait: Option<Wait>,
    listener: Option<EventListener>,
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

    /// Finds a value, or what is to be done for one. A load has begun then; one without a number is not stored, nor
    /// waited for.
    pub(crate) fn step(mut self) -> Result<V, Todo<K, V>> {
        if self.engine.capacity_of(&self.store.query) == 0 || reentry::is_inside() {
            // What isn't stored needs no flight. Inside, where a lock is held, there must be no waiting either.
            return Err(self.load(None));
        }
        loop {
            match self.store.claim(&self.engine, &mut self.candidate, self.now, self.patience > 0) {
                Claim::Found => {
                    // It may have gone again meanwhile, or expired: code of the user's ran since the cache was asked.
                    self.now = self.engine.time.now();
                    if let Some(value) = self.find() {
                        return Ok(value);
                    }
                }
                Claim::Join(load, landing) => {
                    return Err(match Wait::begin(load) {
                        Some(wait) => {
                            let (attempt, wait) = (self, Some(wait));
                            Todo::Wait(Box::new(Waiting { attempt, landing, load, wait, listener: None }))
                        }
                        // It is part of what it would wait for. That is what is stored, and not a part of it.
                        None => self.load(None),
                    });
                }
                Claim::Lead(load) => return Err(self.load(Some(load))),
            }
        }
    }

    fn find(&self) -> Option<V> {
        let Candidate { key, hash, scope, .. } = self.candidate.as_ref()?;
        let wanted = Wanted { hash: *hash, scope: *scope, is_key: |stored: &K| stored == key };
        self.store.get(&self.engine, &wanted, self.now).ok()
    }

    fn load(self, flight: Option<LoadId>) -> Todo<K, V> {
        let Self { engine, store, scope, hash, found_dead, .. } = self;
        Todo::Load(Load { engine, store, scope, hash, flight, found_dead, has_ended: false })
    }
}

impl<K: Storable + Eq, V: Storable + Clone> Todo<K, V> {
    /// Waits, if that is to be done, by blocking this thread.
    pub(crate) fn block(mut self) -> Result<V, Load<K, V>> {
        loop {
            match self {
                Self::Load(load) => return Err(load),
                Self::Wait(waiting) => {
                    waiting.landing.wait();
                    match waiting.go_on() {
                        Ok(value) => return Ok(value),
                        Err(todo) => self = todo,
                    }
                }
            }
        }
    }

    /// Waits, if that is to be done, as a task. Dropped while it does, it leaves no trace.
    pub(crate) async fn wait(mut self) -> Result<V, Load<K, V>> {
        loop {
            match self {
                Self::Load(load) => return Err(load),
                Self::Wait(mut waiting) => {
                    poll_fn(|cx| waiting.poll(cx)).await;
                    match waiting.go_on() {
                        Ok(value) => return Ok(value),
                        Err(todo) => self = todo,
                    }
                }
            }
        }
    }
}

impl<K: Storable + Eq, V: Storable + Clone> Waiting<K, V> {
    /// Is over when the load has ended, or when to wait for it any longer would be for ever.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.landing.end().is_none() && !self.wait.as_ref().is_some_and(Wait::is_of_this_thread) {
            self.wait = None;
            self.wait = Wait::begin(self.load);
            if self.wait.is_none() {
                return Poll::Ready(());
            }
        }
        self.landing.poll(&mut self.listener, cx)
    }

    /// Takes the value of a load that has ended, or finds out what else is to be done.
    fn go_on(self) -> Result<V, Todo<K, V>> {
        let Self { mut attempt, landing, wait, .. } = self;
        // Code of the user's follows: this no longer waits for anything.
        drop(wait);
        attempt.now = attempt.engine.time.now();
        match landing.end() {
            None => return Err(attempt.load(None)),
            Some(End::Failed) => {}
            Some(End::Shared { value, expires_at }) if attempt.now < *expires_at => return Ok(value.clone()),
            Some(End::Shared { .. } | End::Refused) => attempt.patience -= 1,
        }
        attempt.step()
    }
}

/// A load that has begun. Dropped before it is finished, it has failed, by a panic or because its future was
/// dropped, and one of those who wait for it loads next.
pub(crate) struct Load<K, V> {
    engine: Arc<Engine>,
    store: Arc<Store<K, V>>,
    scope: Option<Arc<Scope>>,
    hash: u64,
    flight: Option<LoadId>,
    found_dead: bool,
    has_ended: bool,
}

impl<K, V> Load<K, V> {
    /// Counts the load: its body is about to be run.
    pub(crate) fn count(&self) {
        self.store.query.counters.count(Event::Load);
    }

    /// Runs a part of the body, in which no wait for this load is allowed.
    pub(crate) fn within<R>(&self, part: impl FnOnce() -> R) -> R {
        let _running = self.enter();
        part()
    }

    /// Begins a part of the body, in which no wait for this load is allowed.
    pub(crate) fn enter(&self) -> Option<Running> {
        self.flight.map(Running::enter)
    }
}

impl<K: Storable + Eq, V: Storable + Clone> Load<K, V> {
    /// Ends the load with a value. A copy is stored if `judge` gives it tags, beside those that it has, and if what
    /// it was made from has not been invalidated since.
    pub(crate) fn finish(mut self, value: &V, judge: impl FnOnce(&V) -> Option<Vec<Tag>>) {
        let Some(load) = self.flight else {
            self.has_ended = true;
            return;
        };
        let (engine, store) = (&*self.engine, &*self.store);
        // Much of this is code of the user's, and may panic, or ask for a key for which this load is waited for.
        let _running = Running::enter(load);
        let tags = judge(value);
        let copy = tags.is_some().then(|| value.clone());
        let late = bearings(engine, self.scope.as_ref(), tags);
        let now = engine.time.now();
        let completion = store.complete(engine, (self.hash, load), copy, late, now);
        if completion.is_stale {
            store.query.counters.count(Event::DiscardedLoad);
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

/// The bearings of tags that were not known before. Not generic: it is compiled in this crate.
fn bearings(engine: &Engine, scope: ScopeRef<'_>, tags: Option<Vec<Tag>>) -> Bearings {
    match tags {
        Some(tags) if !tags.is_empty() => engine.bear_tags(scope, &tags),
        _ => Bearings::default(),
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
