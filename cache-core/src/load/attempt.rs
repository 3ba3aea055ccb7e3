//! What a caller does that missed: it follows a load in flight, or leads one.
//!
//! How that is decided is in [`Attempt::step`] and [`Follower::go_on`], for every kind of caller. Only how one waits
//! differs: see [`Step`].

use std::any::Any;
use std::future::poll_fn;
use std::task::{Context as Polling, Poll};

use crate::clock::Nanos;
use crate::engine::Engine;
use crate::entry::{AnyEntry, Entry, clone_value, discard_value};
use crate::flight::Flight;
use crate::flight::context::{self, Context, Dependencies, Lifetime, Origin, Running};
use crate::flight::id::{LoadId, next_load};
use crate::flight::promise::SharedError;
use crate::flight::promise::{Completer, End, Listening, Promise};
use crate::flight::wait_graph::Wait;
use crate::query::state::QueryState;
use crate::stats::counters::Event;
use crate::store::candidate::Candidate;
use crate::store::{Absent, Caller, Claim, Lead, Loaded, Storable, Store, Wanted};
use crate::sync::Arc;
use crate::tag::Tag;
use crate::version::Version;
use crate::version::registry::TagRef;
use crate::version::scope::Scope;
use crate::version::scope::ScopeRef;
use crate::version::tag_set::TagSet;
use crate::version::timeline::Timeline;

/// A caller's way from a miss to a value, or to a load of its own.
pub(crate) struct Attempt<K, V> {
    engine: Arc<Engine>,
    store: Arc<Store<K, V>>,
    scope: Option<Arc<Scope>>,
    hash: u64,
    /// Taken when its own load begins.
    candidate: Option<Candidate<K>>,
    /// When the cache was last asked.
    now: Nanos,
    /// The version when the caller came.
    arrived: Version,
    /// A load with a higher number began after the caller came: its value is as good as that of a load of its own.
    ticket: LoadId,
    /// The node of the key, if the caller is in the body of a load. It was found before the cache was asked.
    key_node: Option<TagRef>,
    /// Whether a dead entry was found, which is to go even if nothing takes its place.
    found_dead: bool,
    may_wait: bool,
    /// How often it may still wait for a value that expires before it is there.
    joins_left: u32,
}

/// After so many loads whose values had expired before they were there, a caller waits no more, but loads for itself.
const MAX_EXPIRED_JOINS: u32 = 2;

/// The result of a look-up that found no value: when it was made, and what was found instead.
pub(crate) struct Absence {
    pub(crate) absent: Absent,
    pub(crate) now: Nanos,
    /// The version when the caller came.
    pub(crate) arrived: Version,
    /// See [`Attempt`].
    pub(crate) ticket: LoadId,
    /// See [`Attempt`].
    pub(crate) key_node: Option<TagRef>,
}

/// What is to be done by a caller for whom there is no value yet.
pub(crate) enum Step<K, V> {
    Lead(Load<K, V>),
    /// Boxed: rare, and it would enlarge every future.
    Follow(Box<Follower<K, V>>),
}

/// What came of waiting.
pub(crate) enum Waited<K, V> {
    Value(V),
    /// Another's load failed with an error that may be shared, if the caller has the same type of error.
    Failed(SharedError, Box<Attempt<K, V>>),
    Lead(Load<K, V>),
}

/// What a follower finds when it is told.
enum Progress<K, V> {
    Value(V),
    Failed(SharedError, Box<Attempt<K, V>>),
    Step(Step<K, V>),
}

/// A caller that waits for the load of another. Dropped before the end, it leaves no trace.
pub(crate) struct Follower<K, V> {
    /// Taken when it waits no more.
    attempt: Option<Attempt<K, V>>,
    store: Arc<Store<K, V>>,
    hash: u64,
    load: LoadId,
    /// Taken when it is dropped.
    promise: Option<Arc<Promise>>,
    /// `None` once it is found that it would be for ever.
    wait: Option<Wait>,
    listener: Listening,
}

impl<K: Storable + Eq, V: Storable + Clone> Attempt<K, V> {
    pub(crate) fn new(
        engine: Arc<Engine>,
        store: Arc<Store<K, V>>,
        scope: ScopeRef<'_>,
        candidate: Candidate<K>,
        absence: Absence,
    ) -> Self {
        let Absence { absent, now, arrived, ticket, key_node } = absence;
        let (scope, hash, candidate) = (scope.cloned(), candidate.hash, Some(candidate));
        let (found_dead, may_wait, joins_left) = (absent == Absent::Dead, true, MAX_EXPIRED_JOINS);
        Self { engine, store, scope, hash, candidate, now, arrived, ticket, key_node, found_dead, may_wait, joins_left }
    }

    /// Finds a value, or what is to be done for one. If that is to load, the load has begun.
    pub(crate) fn step(mut self) -> Result<V, Step<K, V>> {
        depend_on_any_key(&self.store, self.key_node.as_ref());
        if self.engine.storage.capacity_of(&self.store.query) == 0 {
            // What isn't stored needs no flight.
            return Err(self.lead_unlisted());
        }
        loop {
            let Self { now, arrived, may_wait, joins_left, .. } = self;
            let caller = Caller { now, arrived, may_wait: may_wait && joins_left > 0 };
            // Before the entry is found: whoever invalidates its key later raises that to a later version.
            let since = self.engine.timeline().versions.now();
            match self.store.claim(&self.engine.storage, &mut self.candidate, caller) {
                Claim::Found(entry) => {
                    // Time has passed since the cache was asked, as user code ran.
                    self.now = self.engine.timeline().time.now();
                    if self.store.is_live(&self.engine.storage, &entry.meta, self.now) {
                        entry.meta.hits.record();
                        self.attach(entry.meta.tags.clone(), since, Lifetime::Until(entry.meta.expires_at));
                        let value = clone_value(entry, &self.store.query.counters);
                        self.discard();
                        return Ok(value);
                    }
                    self.store.remove_dead(&self.engine.storage, entry, self.now);
                }
                Claim::Join { load, order, promise, context } => {
                    if order < self.ticket && !context.is_as_good_for(self.arrived, self.now) {
                        self.store.close(self.hash, load);
                        self.store.leave(self.hash, load, promise);
                        continue;
                    }
                    let Some(wait) = Wait::begin(load) else {
                        // It is part of what it would wait for. That is what is stored, and not a part of it.
                        self.store.leave(self.hash, load, promise);
                        return Err(self.lead_unlisted());
                    };
                    let (store, hash) = (self.store.clone(), self.hash);
                    let (attempt, promise, wait, listener) =
                        (Some(self), Some(promise), Some(wait), Listening::default());
                    return Err(Step::Follow(Box::new(Follower {
                        attempt,
                        store,
                        hash,
                        load,
                        promise,
                        wait,
                        listener,
                    })));
                }
                Claim::Lead(lead) => return Err(self.lead(lead)),
            }
        }
    }

    /// Goes on without waiting for others.
    pub(crate) fn step_alone(mut self) -> Result<V, Step<K, V>> {
        self.may_wait = false;
        self.step()
    }

    /// A load that nobody waits for, and whose value is not stored.
    fn lead_unlisted(mut self) -> Step<K, V> {
        let candidate = self.candidate.take().expect("no load has begun");
        let Candidate { key, ttl, own_ttl, tags, .. } = candidate;
        discard_value(&self.store.query.counters, key);
        let origin = Origin { tags, own_ttl, expires_at: self.now.saturating_add(ttl) };
        let context = Context::new(next_load(), self.engine.timeline().clone(), self.store.query.clone(), origin);
        self.lead(Lead { is_listed: false, context })
    }

    fn lead(self, lead: Lead) -> Step<K, V> {
        let Self { engine, store, scope, hash, key_node, found_dead, .. } = self;
        let Lead { is_listed, context } = lead;
        Step::Lead(Load { engine, store, scope, hash, is_listed, context, key_node, found_dead, has_ended: false })
    }

    fn attach(&self, tags: TagSet, since: Version, lifetime: Lifetime) {
        attach(self.engine.timeline(), &self.store.query, self.key_node.as_ref(), tags, since, lifetime);
    }
}

impl<K, V> Attempt<K, V> {
    /// Depends on any key in place of its own: an invalidation that is in progress may have looked for the node of the key
    /// before there was one, and the load that it refuses is shared.
    fn depend_on_any_key(&mut self) {
        if self.key_node.is_some() {
            self.key_node = Some(self.store.query.any_key.clone());
        }
    }

    /// Ends it without a load.
    pub(crate) fn discard(self) {
        if let Some(Candidate { key, .. }) = self.candidate {
            discard_value(&self.store.query.counters, key);
        }
    }
}

/// Prepares for an answer of which there is no node of the key, as its caller was in no load when it asked: from now on an
/// insert of any key is taken for one of this.
fn depend_on_any_key<K, V>(store: &Store<K, V>, key_node: Option<&TagRef>) {
    if key_node.is_none() && context::is_inside() {
        store.query.any_key.stand_for_keys();
    }
}

/// Attaches an answer of a query to the load that this thread is in: its key, its query, and what it depends on. Not
/// generic: it is compiled in this crate.
pub(crate) fn attach(
    timeline: &Arc<Timeline>,
    query: &QueryState,
    key_node: Option<&TagRef>,
    tags: TagSet,
    since: Version,
    lifetime: Lifetime,
) {
    if !context::is_inside() {
        return;
    }
    // A caller that was in no load when it asked has no node of its key: see `depend_on_any_key`.
    let key_node = key_node.unwrap_or(&query.any_key);
    let sets = [key_node.clone().into(), query.node.clone().into(), tags];
    context::attach(timeline, sets, since, lifetime);
}

/// Attaches a load that has ended to the load around it. Not generic, like the above.
fn attach_load(
    context: &Context,
    query: &QueryState,
    key_node: Option<&TagRef>,
    tags: TagSet,
    since: Version,
    lifetime: Lifetime,
) {
    if !context::is_inside() {
        return;
    }
    // Not what is known of the rest: nobody has asked whether the key was invalidated meanwhile.
    let key = [key_node.unwrap_or(&query.any_key).clone().into(), TagSet::default(), TagSet::default()];
    context::attach(&context.timeline, key, context.birth, lifetime);
    attach(&context.timeline, query, key_node, tags, since, lifetime);
}

impl<K: Storable + Eq, V: Storable + Clone> Step<K, V> {
    /// Waits, if that is to be done, by blocking this thread.
    pub(crate) fn block(mut self) -> Waited<K, V> {
        loop {
            match self {
                Self::Lead(load) => return Waited::Lead(load),
                Self::Follow(follower) => {
                    follower.promise().wait();
                    match follower.go_on() {
                        Progress::Value(value) => return Waited::Value(value),
                        Progress::Failed(error, attempt) => return Waited::Failed(error, attempt),
                        Progress::Step(step) => self = step,
                    }
                }
            }
        }
    }

    /// Waits, if that is to be done, as a task. Dropped while it does, it leaves no trace.
    pub(crate) async fn wait(mut self) -> Waited<K, V> {
        loop {
            match self {
                Self::Lead(load) => return Waited::Lead(load),
                Self::Follow(mut follower) => {
                    poll_fn(|cx| follower.poll(cx)).await;
                    match follower.go_on() {
                        Progress::Value(value) => return Waited::Value(value),
                        Progress::Failed(error, attempt) => return Waited::Failed(error, attempt),
                        Progress::Step(step) => self = step,
                    }
                }
            }
        }
    }
}

impl<K, V> Follower<K, V> {
    fn promise(&self) -> &Arc<Promise> {
        self.promise.as_ref().expect("it is there until it is dropped")
    }
}

impl<K: Storable + Eq, V: Storable + Clone> Follower<K, V> {
    /// Is over when the load has ended or lost its leader, or when to wait for it any longer would be for ever.
    fn poll(&mut self, cx: &mut Polling<'_>) -> Poll<()> {
        if self.promise().end().is_none() && !self.wait.as_ref().is_some_and(Wait::is_of_this_thread) {
            self.wait = None;
            self.wait = Wait::begin(self.load);
            if self.wait.is_none() {
                return Poll::Ready(());
            }
        }
        // Not by `promise`: the listener is borrowed as well.
        let promise = self.promise.as_ref().expect("it is there until it is dropped");
        promise.poll(&mut self.listener, cx)
    }

    /// Takes the value of a load that has ended, or finds out what else is to be done.
    fn go_on(mut self) -> Progress<K, V> {
        // User code follows: this no longer waits for anything.
        let waits = self.wait.take().is_some();
        self.listener.clear();
        let mut attempt = self.attempt.take().expect("it is taken once");
        attempt.now = attempt.engine.timeline().time.now();
        // The load may have ended before there was a node of its key, and an insert may have come since.
        let has_key_node = attempt.key_node.is_some();
        let lifetime = |expires_at| if has_key_node { Lifetime::Until(expires_at) } else { Lifetime::OVER };
        let step = match self.promise().end() {
            None if waits || self.promise().is_leaderless() => attempt.step(),
            None => Err(attempt.lead_unlisted()),
            Some(End::Abandoned) => attempt.step(),
            Some(End::Failed { dependencies, order, .. })
                if attempt.arrived >= dependencies.shareable_before && *order < attempt.ticket =>
            {
                attempt.step()
            }
            Some(End::Failed { error, dependencies: Dependencies { tags, expires_at, .. }, is_fenced, .. }) => {
                if *is_fenced {
                    attempt.depend_on_any_key();
                }
                attempt.attach(tags.clone(), attempt.arrived, lifetime(*expires_at));
                match error {
                    Some(error) => return Progress::Failed(error.clone(), Box::new(attempt)),
                    None => attempt.step_alone(),
                }
            }
            Some(End::Loaded { entry, valid_as_of, shareable_before, order }) => {
                let has_expired = attempt.now >= entry.meta().expires_at;
                if !has_expired && (attempt.arrived < *shareable_before || *order > attempt.ticket) {
                    if valid_as_of.is_none() {
                        attempt.depend_on_any_key();
                    }
                    let since = valid_as_of.unwrap_or(attempt.arrived);
                    attempt.attach(entry.meta().tags.clone(), since, lifetime(entry.meta().expires_at));
                    let value = value_of::<K, V>(&**entry);
                    attempt.discard();
                    return Progress::Value(value);
                }
                attempt.joins_left -= u32::from(has_expired);
                attempt.step()
            }
        };
        match step {
            Ok(value) => Progress::Value(value),
            Err(step) => Progress::Step(step),
        }
    }
}

/// A copy of the value of a load that has ended.
fn value_of<K: Storable, V: Storable + Clone>(entry: &dyn AnyEntry) -> V {
    let entry: &dyn Any = entry;
    let entry: Option<&Entry<K, V>> = entry.downcast_ref();
    entry.expect("a promise is of the types of its load").value.clone()
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

/// A load that has begun. Dropped before it has ended, by a panic or because its future was dropped, it is left to one of
/// its followers.
pub(crate) struct Load<K, V> {
    engine: Arc<Engine>,
    store: Arc<Store<K, V>>,
    scope: Option<Arc<Scope>>,
    hash: u64,
    /// Whether it is in flight: if not, nobody waits for it, and its value is not stored.
    is_listed: bool,
    context: Arc<Context>,
    key_node: Option<TagRef>,
    found_dead: bool,
    has_ended: bool,
}

impl<K, V> Load<K, V> {
    /// Counts the load: its body is about to be run.
    pub(crate) fn count(&self) {
        self.store.query.counters.count(Event::Load);
    }

    /// Runs a part of the body.
    pub(crate) fn within<R>(&self, part: impl FnOnce() -> R) -> R {
        let _running = self.enter();
        part()
    }

    /// Begins a part of the body: what it reads is attached to this load, and it does not wait for it.
    pub(crate) fn enter(&self) -> Running {
        Running::enter(&self.context)
    }
}

impl<K: Storable + Eq, V: Storable + Clone> Load<K, V> {
    /// Ends the load with a value. A copy is stored if `judge` gives it tags, beside those that it has, and if nothing has
    /// been invalidated since that it was made from.
    pub(crate) fn finish(mut self, value: &V, judge: impl FnOnce(&V) -> Option<Vec<Tag>>) {
        // While an insert still refuses it.
        depend_on_any_key(&self.store, self.key_node.as_ref());
        // Much of this is user code, and may panic, or ask for a key for which this load is waited for.
        let running = self.enter();
        let tags = judge(value);
        let copy = (self.is_listed && tags.is_some()).then(|| value.clone());
        let late = late_tags(&self.engine, self.scope.as_ref(), tags);
        let dependencies = self.context.end(&late);
        let expires_at = self.context.expires_at.min(dependencies.expires_at);
        let (tags, mut since) = (dependencies.tags.clone(), dependencies.since);
        let now = self.context.timeline.time.now();
        if self.is_listed {
            let loaded = Loaded { copy, dependencies, expires_at, now };
            if self.store.complete(&self.engine.storage, self.hash, self.context.id, value, loaded) {
                self.store.query.counters.count(Event::DiscardedLoad);
                // Also what only its key was invalidated by.
                since = self.context.birth;
            }
        }
        self.has_ended = true;
        drop(running);
        self.attach(tags, since, Lifetime::Until(expires_at));
    }

    /// Ends a load that made no value. `error` makes a copy of what it made instead, if that can be shared.
    pub(crate) fn fail(mut self, error: impl FnOnce() -> Option<SharedError>) {
        depend_on_any_key(&self.store, self.key_node.as_ref());
        self.store.query.counters.count(Event::LoadError);
        self.has_ended = true;
        let dependencies = self.end_without_value();
        let flight = if self.is_listed { self.store.fail(self.hash, self.context.id) } else { None };
        if let Some(Flight { key, scope, promise, is_fenced, order, .. }) = flight {
            let counters = &self.store.query.counters;
            if let Some(promise) = promise.map(|promise| Completer::new(promise, counters)) {
                promise.complete(End::Failed { error: self.within(error), dependencies, is_fenced, order });
            }
            if self.found_dead {
                let wanted = Wanted { hash: self.hash, scope, is_key: |stored: &K| *stored == key };
                self.store.remove_if_dead(&self.engine.storage, &wanted, self.context.timeline.time.now());
            }
            discard_value(&self.store.query.counters, key);
        }
    }
}

impl<K, V> Load<K, V> {
    /// Ends what is known of the load, and attaches it to the load around it: also what made no value was read there.
    fn end_without_value(&self) -> Dependencies {
        let mut dependencies = self.context.end(&TagSet::default());
        // What a body makes of an error is to be made again when the value would have been.
        dependencies.expires_at = dependencies.expires_at.min(self.context.expires_at);
        let Dependencies { tags, since, expires_at, .. } = &dependencies;
        self.attach(tags.clone(), *since, Lifetime::Until(*expires_at));
        dependencies
    }

    fn attach(&self, tags: TagSet, since: Version, lifetime: Lifetime) {
        attach_load(&self.context, &self.store.query, self.key_node.as_ref(), tags, since, lifetime);
    }

    fn abandon(&self) {
        self.store.query.counters.count(Event::LoadError);
        if self.is_listed {
            self.store.abandon(self.hash, self.context.id);
        }
    }
}

/// The references to tags that were not known before. Not generic: it is compiled in this crate.
fn late_tags(engine: &Engine, scope: ScopeRef<'_>, tags: Option<Vec<Tag>>) -> TagSet {
    match tags {
        Some(tags) if !tags.is_empty() => tags.into_iter().map(|tag| engine.tag_node(scope, tag)).collect(),
        _ => TagSet::default(),
    }
}

impl<K, V> Drop for Load<K, V> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.abandon();
            self.end_without_value();
        }
    }
}
