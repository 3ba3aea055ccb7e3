//! The invalidations that a transaction holds until its end.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::panic::resume_unwind;

use foldhash::fast::RandomState;
use smol_str::SmolStr;

use crate::engine::Engine;
use crate::engine::invalidation::{ScopedTarget, TargetRef};
use crate::query::KeyHash;
use crate::query::state::QueryState;
use crate::sync::unwind::catch;
use crate::sync::{Arc, Mutex, Weak};
use crate::tag::Tag;
use crate::version::scope::{Scope, ScopeRef, scope_id};

/// A target that outlives the call that named it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum HeldTarget {
    Everything,
    /// All queries of a name, also those that are first used before the end of the transaction.
    Name(SmolStr),
    Query(QueryHandle),
    Key(QueryHandle, KeyHash),
    Tag(Tag),
}

/// Compared by its number in the cache.
#[derive(Clone)]
pub(crate) struct QueryHandle(pub(crate) Arc<QueryState>);

/// Compared by its number in the cache.
#[derive(Clone)]
struct ScopeHandle(Option<Arc<Scope>>);

impl PartialEq for QueryHandle {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for QueryHandle {}

impl Hash for QueryHandle {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id.hash(state);
    }
}

impl PartialEq for ScopeHandle {
    fn eq(&self, other: &Self) -> bool {
        scope_id(self.0.as_ref()) == scope_id(other.0.as_ref())
    }
}

impl Eq for ScopeHandle {}

impl Hash for ScopeHandle {
    fn hash<H: Hasher>(&self, state: &mut H) {
        scope_id(self.0.as_ref()).hash(state);
    }
}

impl From<ScopedTarget<'_>> for Held {
    fn from((scope, target): ScopedTarget<'_>) -> Self {
        let target = match target {
            TargetRef::Everything => HeldTarget::Everything,
            TargetRef::Query(query) => HeldTarget::Query(QueryHandle(query.clone())),
            TargetRef::Key(query, key) => HeldTarget::Key(QueryHandle(query.clone()), key),
            TargetRef::Tag(tag) => HeldTarget::Tag(Tag::from(tag)),
        };
        Self { scope: ScopeHandle(scope.cloned()), target }
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Held {
    scope: ScopeHandle,
    target: HeldTarget,
}

impl Held {
    pub(crate) fn name(scope: ScopeRef<'_>, name: SmolStr) -> Self {
        Self { scope: ScopeHandle(scope.cloned()), target: HeldTarget::Name(name) }
    }

    /// `None` if it is a name: it may be that of several queries.
    fn target(&self) -> Option<ScopedTarget<'_>> {
        let target = match &self.target {
            HeldTarget::Everything => TargetRef::Everything,
            HeldTarget::Query(QueryHandle(query)) => TargetRef::Query(query),
            HeldTarget::Key(QueryHandle(query), key) => TargetRef::Key(query, *key),
            HeldTarget::Tag(tag) => TargetRef::Tag(tag.as_str()),
            HeldTarget::Name(_) => return None,
        };
        Some((self.scope.0.as_ref(), target))
    }
}

/// Distinct targets in one cache: a transaction that writes one row often holds it once.
type HeldSet = HashSet<Held, RandomState>;

/// What is held, by cache. Nearly always of one.
#[derive(Default)]
pub(crate) struct HeldTargets(Vec<(Arc<Engine>, HeldSet)>);

impl HeldTargets {
    fn add(&mut self, engine: &Arc<Engine>, targets: impl IntoIterator<Item = Held>) {
        match self.0.iter_mut().find(|(known, _)| Arc::ptr_eq(known, engine)) {
            Some((_, held)) => held.extend(targets),
            None => self.0.push((engine.clone(), targets.into_iter().collect())),
        }
    }

    fn add_all(&mut self, more: Self) {
        for (engine, targets) in more.0 {
            self.add(&engine, targets);
        }
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|(_, held)| held.is_empty())
    }

    /// In each cache at one version. A panic of one resumes after the others.
    fn invalidate(&self, certainty: Certainty) {
        let mut result = Ok(());
        for (engine, held) in &self.0 {
            result = result.and(catch(|| engine.invalidate_held(held, certainty)));
        }
        result.unwrap_or_else(|panic| resume_unwind(panic));
    }
}

/// Whether a commit has certainly ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Certainty {
    Ended,
    /// It may still happen.
    Uncertain,
}

/// A transaction, as its handles know it.
pub(crate) struct TransactionState {
    parent: Option<Parent>,
    progress: Mutex<Progress>,
}

struct Parent {
    state: Arc<TransactionState>,
    /// A savepoint takes effect with its parent. An inner transaction does so at its own commit, too: it may be one of
    /// another connection.
    is_savepoint: bool,
}

#[derive(Default)]
struct Progress {
    has_ended: bool,
    held: HeldTargets,
    /// They end with this transaction.
    savepoints: Vec<Weak<TransactionState>>,
}

impl TransactionState {
    pub(crate) fn new() -> Arc<Self> {
        Self::within(None)
    }

    /// Of a handle that is in a transaction.
    pub(crate) fn inner(parent: &Arc<Self>) -> Arc<Self> {
        Self::within(Some(Parent { state: parent.clone(), is_savepoint: false }))
    }

    pub(crate) fn savepoint(parent: &Arc<Self>) -> Arc<Self> {
        let savepoint = Self::within(Some(Parent { state: parent.clone(), is_savepoint: true }));
        let mut progress = parent.progress.lock();
        if progress.has_ended {
            savepoint.progress.lock().has_ended = true;
        }
        progress.savepoints.retain(|savepoint| savepoint.strong_count() > 0);
        progress.savepoints.push(Arc::downgrade(&savepoint));
        drop(progress);
        savepoint
    }

    fn within(parent: Option<Parent>) -> Arc<Self> {
        Arc::new(Self { parent, progress: Mutex::new(Progress::default()) })
    }

    /// Holds targets, or after the end of the transaction invalidates them at once.
    pub(crate) fn hold(&self, engine: &Arc<Engine>, targets: Vec<Held>) {
        let mut more = HeldTargets::default();
        more.add(engine, targets);
        self.hold_all(more, Certainty::Ended);
    }

    fn hold_all(&self, more: HeldTargets, certainty: Certainty) {
        if more.is_empty() {
            return;
        }
        let mut progress = self.progress.lock();
        if progress.has_ended {
            drop(progress);
            more.invalidate(certainty);
        } else {
            progress.held.add_all(more);
        }
    }

    /// Ends it: what it holds takes effect, or is handed to its parent.
    pub(crate) fn commit(&self, certainty: Certainty) {
        let held = self.end();
        if held.is_empty() {
            return;
        }
        match &self.parent {
            None => held.invalidate(certainty),
            Some(Parent { state, is_savepoint: true }) => state.hold_all(held, certainty),
            Some(Parent { state, is_savepoint: false }) => {
                let result = catch(|| held.invalidate(certainty));
                state.hold_all(held, certainty);
                result.unwrap_or_else(|panic| resume_unwind(panic));
            }
        }
    }

    /// Ends it: nothing has changed.
    pub(crate) fn roll_back(&self) {
        drop(self.end());
    }

    /// Its targets, with those of its savepoints, which end, too.
    fn end(&self) -> HeldTargets {
        let mut ended = HeldTargets::default();
        let mut progress = self.progress.lock();
        progress.has_ended = true;
        let (held, savepoints) = (std::mem::take(&mut progress.held), std::mem::take(&mut progress.savepoints));
        drop(progress);
        ended.add_all(held);
        for savepoint in savepoints.iter().filter_map(Weak::upgrade) {
            ended.add_all(savepoint.end());
        }
        ended
    }

    pub(crate) fn count(&self) -> usize {
        self.progress.lock().held.0.iter().map(|(_, held)| held.len()).sum()
    }
}

impl Engine {
    /// At one version.
    fn invalidate_held(&self, held: &HeldSet, certainty: Certainty) {
        let (mut targets, mut named) = (Vec::new(), Vec::new());
        for one in held {
            match &one.target {
                HeldTarget::Name(name) => named.push((one.scope.0.as_ref(), name, self.queries_of_name(name))),
                _ => targets.extend(one.target()),
            }
        }
        for (scope, _, queries) in &named {
            targets.extend(queries.iter().map(|query| (*scope, TargetRef::Query(query))));
        }
        if certainty == Certainty::Uncertain {
            self.suspend(&targets, named.iter().map(|(_, name, _)| (*name).clone()));
        }
        self.invalidate(&targets);
    }
}
