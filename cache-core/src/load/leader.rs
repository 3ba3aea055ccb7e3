//! The end of a load: a value, an error, or a follower that takes over.

use std::panic::resume_unwind;
use std::thread::panicking;

use crate::clock::{FOREVER, Nanos};
use crate::engine::Engine;
use crate::engine::mode::ReadMode;
use crate::entry::discard_value;
use crate::eviction::weight::weight_of;
use crate::flight::Flight;
use crate::flight::context::{Context, Dependencies, Lifetime, LoadStart, Running};
use crate::flight::id::LoadId;
use crate::flight::promise::{Completer, End, SharedError};
use crate::load::aged::{Standby, Timer, serve, soft_timeout};
use crate::load::attach::{Answer, attach_load, prepare};
use crate::load::audit::AuditedHit;
use crate::load::judge::Judged;
use crate::load::second_level::{SharedLoad, Source, Taking};
use crate::observer::events::{LoadOutcome, Loaded, Subject};
use crate::shared::ticket::Ticket;
use crate::stats::counters::Event;
use crate::store::aged::AgedEntry;
use crate::store::{Loaded as LoadedValue, Storable, Store, Wanted};
use crate::sync::Arc;
use crate::sync::unwind::catch;
use crate::tag::Tag;
use crate::version::Version;
use crate::version::registry::TagRef;
use crate::version::scope::{Scope, ScopeRef, scope_id};
use crate::version::tag_set::TagSet;

/// A load that this caller leads. Dropped before its end, by a panic or with its future, it is left to a follower.
#[expect(clippy::struct_excessive_bools, reason = "they do not depend on each other")]
pub(crate) struct Leader<K, V> {
    pub(super) engine: Arc<Engine>,
    pub(super) store: Arc<Store<K, V>>,
    pub(super) scope: Option<Arc<Scope>>,
    pub(super) hash: u64,
    /// If not, nobody joins it, and its value is not stored.
    pub(super) is_listed: bool,
    pub(super) mode: ReadMode,
    pub(super) context: Arc<Context>,
    /// If the caller is in another load.
    pub(super) key_node: Option<TagRef>,
    /// See [`Attempt`](crate::load::attempt::Attempt).
    pub(super) found_dead: bool,
    pub(super) aged: Option<Arc<AgedEntry<K, V>>>,
    /// Whether no caller waits for it: it serves nothing instead of its own value.
    pub(super) is_in_background: bool,
    /// Whether its body runs, or has run.
    pub(super) has_begun: bool,
    pub(super) has_ended: bool,
    /// If somebody watches.
    pub(super) subject: Option<Arc<Subject>>,
    /// If it is the body of a hit that is audited: then nothing else is done with its value.
    pub(super) audited: Option<Box<AuditedHit<K, V>>>,
    /// If other processes may have its value.
    pub(super) shared: Option<Box<SharedLoad<V>>>,
}

impl<K, V> Leader<K, V> {
    /// Runs the body of a hit; of several, if they have one number.
    pub(crate) fn of_audit(
        engine: Arc<Engine>,
        store: Arc<Store<K, V>>,
        scope: Option<Arc<Scope>>,
        hash: u64,
        hit: Box<AuditedHit<K, V>>,
        now: Nanos,
        id: LoadId,
    ) -> Self {
        let tags = TagSet::default();
        let start = LoadStart { tags, own_ttl: true, began: now, expires_at: FOREVER, is_audit: true };
        let context = Context::new(id, engine.timeline().clone(), store.query.clone(), start);
        Self {
            engine,
            store,
            scope,
            hash,
            is_listed: false,
            mode: ReadMode::Uncached,
            context,
            key_node: None,
            found_dead: false,
            aged: None,
            is_in_background: false,
            has_begun: false,
            has_ended: false,
            subject: None,
            audited: Some(hit),
            shared: None,
        }
    }

    /// Called before the body runs.
    pub(crate) fn count(&mut self) {
        if self.audited.is_some() {
            return self.store.query.counters.count(Event::Audited);
        }
        self.has_begun = true;
        self.store.query.counters.begin_load();
        if let Some(subject) = &self.subject {
            subject.begin(&self.engine.timeline().time);
        }
        if self.aged.is_some() {
            self.store.query.counters.count(Event::Refresh);
        }
    }

    /// What its caller may serve, if the cache has a runtime to load on.
    pub(crate) fn standby(&self) -> Option<Standby<K, V>> {
        let aged = self.aged.clone()?;
        if !self.engine.background.has_runtime() {
            // Only debug builds report it.
            if cfg!(debug_assertions) {
                self.engine.background.report_no_runtime(self.store.query.name);
            }
            return None;
        }
        let (engine, store, key_node) = (self.engine.clone(), self.store.clone(), self.key_node.clone());
        Some(Standby { engine, store, aged, key_node })
    }

    pub(crate) fn soft_timeout(&self) -> Option<Timer> {
        soft_timeout(&self.engine, self.aged.as_ref())
    }

    pub(crate) fn leave_to_background(&mut self) {
        self.is_in_background = true;
        // While the caller's span is known.
        self.begin_span();
    }

    /// Called before the body runs, and once for several loads of one body.
    pub(crate) fn begin_span(&self) {
        self.context.span.begin(&self.store.query, self.scope.as_ref());
    }

    pub(crate) fn within<R>(&self, part: impl FnOnce() -> R) -> R {
        let _running = self.enter();
        part()
    }

    /// What the body reads is attached to this load, for which it never waits.
    pub(crate) fn enter(&self) -> Running {
        Running::enter(&self.context)
    }
}

impl<K: Storable + Eq, V: Storable + Clone> Leader<K, V> {
    /// Ends the load with a value. A copy is stored if `judge` does not refuse it, and no dependency was invalidated.
    ///
    /// Returns what the load still has to wait for.
    pub(crate) fn finish_from(
        mut self,
        source: &Source,
        value: &V,
        judge: impl FnOnce(&V) -> Option<Judged>,
    ) -> Ticket {
        // While the load is listed: inserts still fence it.
        prepare(&self.store, self.key_node.as_ref());
        self.engine.resume_certain();
        // User code may panic, or ask for a key whose load waits for this one.
        let running = self.enter();
        let judged = judge(value);
        let is_refused = judged.as_ref().is_none_or(|judged| judged.ttl.is_some_and(|ttl| ttl.is_zero()));
        let Judged { tags, ttl, weight } = judged.unwrap_or_default();
        let weight = weight_of(weight);
        let copy = (self.is_listed && !is_refused).then(|| value.clone());
        let late = late_tags(&self.engine, self.scope.as_ref(), tags);
        source.attach(&self.context, &late);
        let dependencies = self.context.end(&late);
        let own_expiry = ttl.map_or(self.context.expires_at, |ttl| {
            self.context.began.saturating_add(self.engine.own_ttl(&self.store.query, ttl))
        });
        let expires_at = own_expiry.min(dependencies.expires_at).min(source.expires_at());
        let (tags, mut since) = (dependencies.tags.clone(), dependencies.since);
        let now = self.context.timeline.time.now();
        let mut outcome = LoadOutcome::Refused;
        let mut shared_by = 0;
        if self.is_listed {
            // What is there is outdated.
            let replaces = is_refused && (self.mode == ReadMode::Anew || self.aged.is_some());
            let loaded = LoadedValue { copy, replaces, dependencies, expires_at, weight, now };
            let completed = self.store.complete(&self.engine.storage, self.hash, self.context.id, value, loaded);
            shared_by = completed.shared_by;
            if completed.is_stored {
                outcome = LoadOutcome::Stored;
            }
            if completed.is_refused {
                outcome = LoadOutcome::Discarded;
                self.store.query.counters.count(Event::DiscardedLoad);
                // Only its key may have been invalidated.
                since = self.context.birth;
            }
        }
        self.has_ended = true;
        let after = if outcome == LoadOutcome::Stored && source.is_body() {
            self.put(value, &tags, expires_at, now)
        } else {
            Ticket::default()
        };
        drop(running);
        self.attach(tags, since, Lifetime::Until(expires_at));
        if !source.is_body() {
            outcome = LoadOutcome::Taken;
        }
        self.tell(outcome, shared_by, || now);
        after
    }

    /// Stores a value in the second level, too.
    fn put(&self, value: &V, tags: &TagSet, expires_at: Nanos, now: Nanos) -> Ticket {
        let put = |shared: &SharedLoad<V>| shared.put(&self.engine, value, tags, expires_at.saturating_sub(now));
        self.shared.as_deref().and_then(put).unwrap_or_default()
    }

    /// `error` copies the error, if it can be shared. Returns the value that is served instead, if there is one.
    pub(crate) fn fail(mut self, error: impl FnOnce() -> Option<SharedError>) -> Option<V> {
        prepare(&self.store, self.key_node.as_ref());
        self.store.query.counters.count(Event::LoadError);
        self.has_ended = true;
        let dependencies = self.end_without_value();
        if !self.is_listed {
            self.tell(LoadOutcome::Failed, 0, || self.context.timeline.time.now());
            return None;
        }
        let needs_time = self.aged.is_some() || self.found_dead || self.subject.is_some();
        // A clock that panics keeps no follower waiting.
        let now = if needs_time { catch(|| self.context.timeline.time.now()) } else { Ok(0) };
        if let Ok(now) = now {
            self.record_failure(now);
        }
        let (mut served, mut shared_by) = (None, 0);
        if let Some(flight) = self.store.fail(self.hash, self.context.id) {
            let Flight { key, scope, promise, is_fenced, order, followers, .. } = flight;
            shared_by = followers;
            let counters = &self.store.query.counters;
            if let Some(promise) = promise.map(|promise| Completer::new(promise, counters)) {
                promise.complete(if dependencies.is_private {
                    End::Private
                } else {
                    End::Failed { error: self.within(error), dependencies, is_fenced, order }
                });
            }
            if let (true, Ok(now)) = (self.found_dead, &now) {
                let wanted = Wanted { hash: self.hash, scope, is_key: |stored: &K| *stored == key };
                self.store.remove_if_dead(&self.engine.storage, &wanted, *now);
            }
            self.store.record_unstored(&self.engine.storage, self.hash, self.context.birth, None);
            discard_value(&self.store.query.counters, key);
            served = self.aged.take().filter(|_| !is_fenced && !self.is_in_background);
        }
        let now = now.unwrap_or_else(|panic| resume_unwind(panic));
        self.tell(LoadOutcome::Failed, shared_by, || now);
        served.and_then(|aged| serve(&self.engine, &self.store, &aged, self.key_node.as_ref(), now))
    }
}

impl<K, V> Leader<K, V> {
    /// Asks the second level, if the value may be there. Not if there is one that is only to be refreshed.
    pub(crate) fn take(&self) -> Option<Taking<V>> {
        if self.mode == ReadMode::Cached && self.aged.is_none() {
            self.shared.as_ref()?.ask(&self.engine)
        } else {
            None
        }
    }

    /// The load has ended. The caller holds no lock.
    fn tell(&self, outcome: LoadOutcome, shared_by: usize, now: impl FnOnce() -> Nanos) {
        if self.has_begun {
            self.store.query.counters.end_load();
        }
        let is_failure = matches!(outcome, LoadOutcome::Failed | LoadOutcome::Panicked);
        self.context.span.end(&self.store.query, outcome.as_str(), is_failure);
        if let Some(subject) = &self.subject {
            tell_loaded(&self.engine, subject, self.context.began, outcome, shared_by, now());
        }
    }

    fn end_without_value(&self) -> Dependencies {
        let mut dependencies = self.context.end(&TagSet::default());
        // A result made from the error expires when the value would have.
        dependencies.expires_at = dependencies.expires_at.min(self.context.expires_at);
        let Dependencies { tags, since, expires_at, .. } = &dependencies;
        self.attach(tags.clone(), *since, Lifetime::Until(*expires_at));
        dependencies
    }

    fn attach(&self, tags: TagSet, since: Version, lifetime: Lifetime) {
        let answer = Answer { tags, since, lifetime };
        attach_load(&self.context, &self.store.query, self.key_node.as_ref(), answer);
    }

    /// While there is a value to serve, nobody loads for a while.
    fn record_failure(&self, now: Nanos) {
        if self.aged.is_some() {
            let retry_at = now.saturating_add(self.store.query.windows.retry_after);
            self.store.record_failure(self.hash, scope_id(self.scope.as_ref()), retry_at, now);
        }
    }

    fn abandon(&self) {
        // If its body has not begun, the second level was asked.
        if self.has_begun {
            self.store.query.counters.count(Event::LoadError);
        }
        // A dropped future says nothing about the next load, a panic does.
        if panicking()
            && let Ok(now) = catch(|| self.context.timeline.time.now())
        {
            self.record_failure(now);
        }
        if self.is_listed {
            self.store.abandon(self.hash, self.context.id);
        }
    }
}

impl<K: Storable, V: Storable> Leader<K, V> {
    /// Compares the value of an audit's body with the cached one, and returns the answer of the call.
    pub(crate) fn conclude_audit(mut self, loaded: Option<&V>) -> V {
        let hit = self.audited.take().expect("it is an audit");
        self.has_ended = true;
        let counters = &self.store.query.counters;
        // A body that fails says nothing of the answer.
        let found = loaded
            .and_then(|loaded| self.within(|| hit.finding(&self.engine, &self.store, self.scope.as_ref(), loaded)));
        let answer = hit.into_answer(counters);
        if let (Some(finding), Some(auditor)) = (found, &self.engine.auditor) {
            counters.count(Event::StaleFound);
            auditor.report(&finding);
        }
        answer
    }
}

/// Not generic: compiled in this crate.
#[cold]
fn tell_loaded(engine: &Engine, subject: &Subject, began: Nanos, outcome: LoadOutcome, shared_by: usize, now: Nanos) {
    let (call, duration) = (subject.call(), subject.duration(now.saturating_sub(began)));
    engine.storage.observers.tell(|observer| observer.loaded(&Loaded { call, duration, outcome, shared_by }));
}

/// Not generic: compiled in this crate.
fn late_tags(engine: &Engine, scope: ScopeRef<'_>, tags: Vec<Tag>) -> TagSet {
    if tags.is_empty() {
        return TagSet::default();
    }
    tags.into_iter().map(|tag| engine.tag_node(scope, tag)).collect()
}

impl<K, V> Drop for Leader<K, V> {
    fn drop(&mut self) {
        if let Some(hit) = self.audited.take() {
            hit.discard(&self.store.query.counters);
        } else if !self.has_ended {
            self.abandon();
            self.end_without_value();
            let outcome = if panicking() { LoadOutcome::Panicked } else { LoadOutcome::Dropped };
            // A clock that panics would end the program.
            self.tell(outcome, 0, || catch(|| self.context.timeline.time.now()).unwrap_or(self.context.began));
        }
    }
}
