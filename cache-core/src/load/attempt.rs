//! After a miss: the caller follows a load in flight, or leads one.
//!
//! [`Attempt::step`] and [`Follower::resume`] decide. [`Step::block`] waits as a thread, [`Step::wait`] as a task.

use std::any::Any;
use std::future::poll_fn;
use std::ops::ControlFlow;
use std::task::{Context as Polling, Poll};

use crate::clock::Nanos;
use crate::engine::Engine;
use crate::engine::mode::ReadMode;
use crate::entry::{AnyEntry, Entry, clone_value, discard_value};
use crate::flight::context::{self, Context, Dependencies, Lifetime, LoadStart};
use crate::flight::id::{LoadId, next_load};
use crate::flight::promise::{End, Listening, Promise, SharedError};
use crate::flight::wait_graph::Wait;
use crate::history::departed::Gone;
use crate::load::aged::{Standby, Timer, serve, soft_timeout};
use crate::load::attach::{Answer, attach, prepare};
use crate::load::leader::Leader;
use crate::load::second_level::SharedLoad;
use crate::observer::events::Subject;
use crate::store::aged::AgedEntry;
use crate::store::candidate::Candidate;
use crate::store::{Absent, Caller, Claim, NewLoad, Storable, Store};
use crate::sync::Arc;
use crate::version::Version;
use crate::version::registry::TagRef;
use crate::version::scope::{Scope, ScopeRef};
use crate::version::tag_set::TagSet;

/// A caller that missed.
pub(crate) struct Attempt<K, V> {
    engine: Arc<Engine>,
    store: Arc<Store<K, V>>,
    scope: Option<Arc<Scope>>,
    hash: u64,
    /// Taken when its own load begins.
    candidate: Option<Candidate<K>>,
    now: Nanos,
    arrived: Version,
    /// A load with a higher number began later: its value is as good as one that the caller loads.
    ticket: LoadId,
    /// Found before the look-up, if the caller is in the body of a load.
    key_node: Option<TagRef>,
    /// Whether a dead entry was found: it is removed even if nothing replaces it.
    found_dead: bool,
    /// Found when it last claimed the key.
    aged: Option<Arc<AgedEntry<K, V>>>,
    mode: ReadMode,
    may_wait: bool,
    /// See [`MAX_EXPIRED_JOINS`].
    joins_left: u32,
    /// See [`Request`](crate::load::miss::Request).
    batch: Option<LoadId>,
    /// If somebody watches.
    subject: Option<Arc<Subject>>,
    shared: Option<Box<SharedLoad<V>>>,
}

/// After so many loads whose values expired before they were loaded, a caller loads for itself.
const MAX_EXPIRED_JOINS: u32 = 2;

pub(crate) struct Absence {
    pub(crate) absent: Absent,
    pub(crate) gone: Gone,
    pub(crate) now: Nanos,
    /// As in [`Attempt`]; so are the next two.
    pub(crate) arrived: Version,
    pub(crate) ticket: LoadId,
    pub(crate) key_node: Option<TagRef>,
    pub(crate) subject: Option<Arc<Subject>>,
}

pub(crate) enum Step<K, V> {
    Lead(Leader<K, V>),
    /// Boxed: rare, and it would enlarge every future.
    Follow(Box<Follower<K, V>>),
}

pub(crate) enum Waited<K, V> {
    Value(V),
    /// The load that it followed failed. The error can be shared if this caller has the same error type.
    Failed(SharedError, Box<Attempt<K, V>>),
    Lead(Leader<K, V>),
}

/// Dropping it leaves no trace.
pub(crate) struct Follower<K, V> {
    /// Taken when it stops waiting.
    attempt: Option<Attempt<K, V>>,
    store: Arc<Store<K, V>>,
    hash: u64,
    load: LoadId,
    /// Taken when it is dropped.
    promise: Option<Arc<Promise>>,
    /// `None` if the wait would never end.
    wait: Option<Wait>,
    listener: Listening,
}

impl<K: Storable + Eq, V: Storable + Clone> Attempt<K, V> {
    pub(crate) fn new(
        engine: Arc<Engine>,
        store: Arc<Store<K, V>>,
        scope: ScopeRef<'_>,
        candidate: Candidate<K>,
        mode: ReadMode,
        absence: Absence,
        batch: Option<LoadId>,
    ) -> Self {
        let Absence { absent, now, arrived, ticket, key_node, subject, .. } = absence;
        Self {
            engine,
            store,
            scope: scope.cloned(),
            hash: candidate.hash,
            candidate: Some(candidate),
            now,
            arrived,
            ticket,
            key_node,
            found_dead: absent == Absent::Dead,
            aged: None,
            mode,
            may_wait: true,
            joins_left: MAX_EXPIRED_JOINS,
            batch,
            subject,
            shared: None,
        }
    }

    /// Its own load asks the second level.
    pub(crate) fn sharing(self, shared: Option<Box<SharedLoad<V>>>) -> Self {
        Self { shared, ..self }
    }

    /// Finds a value or the next step. In [`Step::Lead`] the load has begun.
    pub(crate) fn step(mut self) -> Result<V, Step<K, V>> {
        prepare(&self.store, self.key_node.as_ref());
        if self.mode.is_alone() || self.engine.storage.capacity_of(&self.store.query) == 0 {
            // A value that cannot be stored needs no flight.
            return Err(self.lead_unlisted());
        }
        loop {
            let takes_entries = self.mode == ReadMode::Cached && self.engine.timeline().may_serve(self.now);
            let Self { now, arrived, may_wait, joins_left, batch, .. } = self;
            let caller = Caller { now, arrived, may_wait: may_wait && joins_left > 0, takes_entries, batch };
            // Read before the look-up: later invalidations of the key have a later version.
            let since = self.engine.timeline().versions.now();
            self.aged = None;
            match self.store.claim(&self.engine.storage, &mut self.candidate, caller) {
                Claim::Found(entry) => {
                    // User code has run since.
                    self.now = self.engine.timeline().time.now();
                    if self.store.is_kept(&self.engine.storage, &entry.meta, self.now) {
                        self.store.count_served(&self.engine.storage, &entry, self.now);
                        self.attach(entry.meta.tags.clone(), since, Lifetime::of_served(&entry.meta, self.now));
                        let value = clone_value(entry, &self.store.query.counters);
                        self.discard();
                        return Ok(value);
                    }
                    self.store.remove_dead(&self.engine.storage, entry, self.now);
                }
                Claim::Join { load, order, promise, context, aged } => {
                    self.aged = aged;
                    let is_early = order < self.ticket && !context.is_as_good_for(self.arrived, self.now);
                    if is_early || context.is_private() || !context.is_recent() {
                        self.store.close(self.hash, load);
                        self.store.leave(self.hash, load, promise);
                        continue;
                    }
                    let Some(wait) = Wait::begin(load) else {
                        // The caller is part of that load, which stores its value.
                        self.store.leave(self.hash, load, promise);
                        return Err(self.lead_unlisted());
                    };
                    return Err(Step::Follow(Box::new(self.follow(load, promise, wait))));
                }
                Claim::Lead(lead, aged) => {
                    self.aged = aged;
                    return Err(self.lead(lead));
                }
            }
        }
    }

    /// Like [`step`](Self::step), without waiting.
    pub(crate) fn step_alone(mut self) -> Result<V, Step<K, V>> {
        self.may_wait = false;
        self.step()
    }

    fn follow(self, load: LoadId, promise: Arc<Promise>, wait: Wait) -> Follower<K, V> {
        Follower {
            store: self.store.clone(),
            hash: self.hash,
            attempt: Some(self),
            load,
            promise: Some(promise),
            wait: Some(wait),
            listener: Listening::default(),
        }
    }

    /// Nobody joins the load, and its value is not stored.
    fn lead_unlisted(mut self) -> Step<K, V> {
        let candidate = self.candidate.take().expect("no load has begun");
        let expires_at = candidate.expires_at(self.now);
        let Candidate { key, own_ttl, tags, .. } = candidate;
        discard_value(&self.store.query.counters, key);
        let start = LoadStart { tags, own_ttl, began: self.now, expires_at, is_audit: false };
        let id = self.batch.unwrap_or_else(next_load);
        let context = Context::new(id, self.engine.timeline().clone(), self.store.query.clone(), start);
        if self.mode == ReadMode::Private {
            context.set_private();
            context::set_running_private();
        }
        self.lead(NewLoad { is_listed: false, context })
    }

    fn lead(self, lead: NewLoad) -> Step<K, V> {
        let shared = self.shared.filter(|_| lead.is_listed);
        let Self { engine, store, scope, hash, key_node, found_dead, aged, mode, subject, .. } = self;
        let NewLoad { is_listed, context } = lead;
        Step::Lead(Leader {
            engine,
            store,
            scope,
            hash,
            is_listed,
            mode,
            context,
            key_node,
            found_dead,
            aged,
            is_in_background: false,
            has_begun: false,
            has_ended: false,
            subject,
            audited: None,
            shared,
        })
    }

    /// The value that is served because a load failed or takes long, unless it was invalidated meanwhile. The key was not
    /// invalidated.
    fn serve_aged(&mut self) -> Option<V> {
        let aged = self.aged.take()?;
        serve(&self.engine, &self.store, &aged, self.key_node.as_ref(), self.now)
    }

    fn attach(&self, tags: TagSet, since: Version, lifetime: Lifetime) {
        let answer = Answer { tags, since, lifetime };
        attach(self.engine.timeline(), &self.store.query, self.key_node.as_ref(), answer);
    }
}

impl<K, V> Attempt<K, V> {
    /// Whether the result of a load that may have begun before the call is good for it.
    fn may_share(&self, shareable_before: Version) -> bool {
        self.mode == ReadMode::Cached && self.arrived < shareable_before
    }

    /// Depends on every key of the query instead of its own: a concurrent invalidation may have refused the shared load
    /// before the key's node existed.
    fn depend_on_any_key(&mut self) {
        if self.key_node.is_some() {
            self.key_node = Some(self.store.query.any_key.clone());
        }
    }

    /// Ends without a load.
    pub(crate) fn discard(self) {
        if let Some(Candidate { key, .. }) = self.candidate {
            discard_value(&self.store.query.counters, key);
        }
    }
}

impl<K: Storable + Eq, V: Storable + Clone> Step<K, V> {
    /// Goes on without waiting, if it need not wait.
    pub(crate) fn resume_if_settled(self) -> Result<Waited<K, V>, Self> {
        match self {
            Self::Lead(load) => Ok(Waited::Lead(load)),
            Self::Follow(follower) if !follower.promise().is_settled() => Err(Self::Follow(follower)),
            Self::Follow(follower) => match follower.resume() {
                ControlFlow::Break(waited) => Ok(waited),
                ControlFlow::Continue(step) => Err(step),
            },
        }
    }

    /// Blocks this thread while the step is to follow.
    pub(crate) fn block(mut self) -> Waited<K, V> {
        loop {
            let follower = match self {
                Self::Lead(load) => return Waited::Lead(load),
                Self::Follow(follower) => follower,
            };
            follower.promise().wait();
            match follower.resume() {
                ControlFlow::Break(waited) => return waited,
                ControlFlow::Continue(step) => self = step,
            }
        }
    }

    /// Like [`block`](Self::block), for a task.
    pub(crate) async fn wait(mut self) -> Waited<K, V> {
        loop {
            let mut follower = match self {
                Self::Lead(load) => return Waited::Lead(load),
                Self::Follow(follower) => follower,
            };
            if let Some(mut timer) = follower.soft_timeout()
                && timer.in_time(|cx| follower.poll(cx)).await.is_none()
                && let Some(value) = follower.serve_standby()
            {
                return Waited::Value(value);
            }
            poll_fn(|cx| follower.poll(cx)).await;
            match follower.resume() {
                ControlFlow::Break(waited) => return waited,
                ControlFlow::Continue(step) => self = step,
            }
        }
    }
}

impl<K, V> Follower<K, V> {
    fn promise(&self) -> &Arc<Promise> {
        self.promise.as_ref().expect("it is taken on drop")
    }
}

impl<K: Storable + Eq, V: Storable + Clone> Follower<K, V> {
    /// Ready when the load has ended or lost its leader, or if the wait would never end.
    fn poll(&mut self, cx: &mut Polling<'_>) -> Poll<()> {
        if self.promise().end().is_none() && !self.wait.as_ref().is_some_and(Wait::is_of_this_thread) {
            self.wait = None;
            self.wait = Wait::begin(self.load);
            if self.wait.is_none() {
                return Poll::Ready(());
            }
        }
        // Not `self.promise()`: the listener is borrowed too.
        let promise = self.promise.as_ref().expect("it is taken on drop");
        promise.poll(&mut self.listener, cx)
    }

    fn soft_timeout(&self) -> Option<Timer> {
        let attempt = self.attempt.as_ref()?;
        soft_timeout(&attempt.engine, attempt.aged.as_ref())
    }

    /// The load takes long.
    fn serve_standby(&self) -> Option<V> {
        let Attempt { engine, store, aged, key_node, .. } = self.attempt.as_ref()?;
        let (engine, store, key_node) = (engine.clone(), store.clone(), key_node.clone());
        Standby { engine, store, aged: aged.clone()?, key_node }.serve()
    }

    /// Takes the result if it is good for this caller, or finds the next step.
    fn resume(mut self) -> ControlFlow<Waited<K, V>, Step<K, V>> {
        // User code may wait, too.
        let was_waiting = self.wait.take().is_some();
        self.listener.clear();
        let mut attempt = self.attempt.take().expect("it is taken once");
        attempt.now = attempt.engine.timeline().time.now();
        // Without a node of the key, inserts since the end of the load go unnoticed.
        let has_key_node = attempt.key_node.is_some();
        let lifetime = |expires_at| if has_key_node { Lifetime::Until(expires_at) } else { Lifetime::OVER };
        let next = match self.promise().end() {
            None if was_waiting || self.promise().is_leaderless() => attempt.step(),
            None => Err(attempt.lead_unlisted()),
            Some(End::Abandoned) => attempt.step(),
            // All at once, as without a cache.
            Some(End::Private) => attempt.step_alone(),
            Some(End::Failed { dependencies, order, .. })
                if *order < attempt.ticket && !attempt.may_share(dependencies.shareable_before) =>
            {
                attempt.step()
            }
            Some(End::Failed { error, dependencies: Dependencies { tags, expires_at, .. }, is_fenced, .. }) => {
                if *is_fenced {
                    attempt.depend_on_any_key();
                }
                attempt.attach(tags.clone(), attempt.arrived, lifetime(*expires_at));
                if !*is_fenced && let Some(value) = attempt.serve_aged() {
                    attempt.discard();
                    return ControlFlow::Break(Waited::Value(value));
                }
                match error {
                    Some(error) => return ControlFlow::Break(Waited::Failed(error.clone(), Box::new(attempt))),
                    None => attempt.step_alone(),
                }
            }
            Some(End::Loaded { entry, valid_as_of, shareable_before, order }) => {
                let has_expired = attempt.now >= entry.meta().expires_at;
                if !has_expired && (*order > attempt.ticket || attempt.may_share(*shareable_before)) {
                    if valid_as_of.is_none() {
                        attempt.depend_on_any_key();
                    }
                    let since = valid_as_of.unwrap_or(attempt.arrived);
                    attempt.attach(entry.meta().tags.clone(), since, lifetime(entry.meta().expires_at));
                    let value = value_of::<K, V>(&**entry);
                    attempt.discard();
                    return ControlFlow::Break(Waited::Value(value));
                }
                attempt.joins_left -= u32::from(has_expired);
                attempt.step()
            }
        };
        match next {
            Ok(value) => ControlFlow::Break(Waited::Value(value)),
            Err(step) => ControlFlow::Continue(step),
        }
    }
}

fn value_of<K: Storable, V: Storable + Clone>(entry: &dyn AnyEntry) -> V {
    let entry: &dyn Any = entry;
    let entry: Option<&Entry<K, V>> = entry.downcast_ref();
    entry.expect("a promise has the types of its load").value.clone()
}

impl<K, V> Drop for Follower<K, V> {
    fn drop(&mut self) {
        self.wait = None;
        self.listener.clear();
        if let Some(attempt) = self.attempt.take() {
            attempt.discard();
        }
        match self.promise.take() {
            Some(promise) if promise.end().is_none() => self.store.leave(self.hash, self.load, promise),
            Some(promise) => Promise::discard(promise, &self.store.query.counters),
            None => {}
        }
    }
}
