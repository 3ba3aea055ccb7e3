//! The invalidations that a transaction holds until its end.

use std::collections::HashMap;
use std::panic::resume_unwind;

use foldhash::fast::RandomState;
use smol_str::SmolStr;

use crate::audit::writes::Write;
use crate::engine::Engine;
use crate::engine::publishing::Published;
use crate::engine::target::{ScopedTarget, TargetRef};
use crate::history::{Writer, WriterIdentity};
use crate::query::KeyHash;
use crate::query::state::QueryState;
use crate::shared::ticket::Ticket;
use crate::sync::unwind::catch;
use crate::sync::{Arc, Mutex, Weak};
use crate::tag::Tag;
use crate::version::scope::{Scope, ScopeId, ScopeRef, scope_id};

/// A target that outlives the call that named it, without what it refers to.
#[derive(Clone, PartialEq, Eq, Hash)]
struct HeldKey {
    scope: ScopeId,
    kind: HeldKind,
    /// Two mutations that name the same are both recorded: each may name too little.
    by: WriterIdentity,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum HeldKind {
    Everything,
    /// All queries of a name, also those that are first used before the end of the transaction.
    Name(SmolStr),
    /// By its number in the cache.
    Query(u32),
    Key(u32, KeyHash),
    Tag(Tag),
    /// With an audit: a mutation has named nothing.
    Nothing,
}

/// A target that a transaction holds.
pub(crate) struct HeldTarget {
    key: HeldKey,
    scope: Option<Arc<Scope>>,
    /// Of a query or a key.
    query: Option<Arc<QueryState>>,
    by: Writer,
}

impl From<ScopedTarget<'_>> for HeldTarget {
    fn from(ScopedTarget { scope, target, by }: ScopedTarget<'_>) -> Self {
        let (kind, query) = match target {
            TargetRef::Everything => (HeldKind::Everything, None),
            TargetRef::Query(query) => (HeldKind::Query(query.id), Some(query.clone())),
            TargetRef::Key(query, key) => (HeldKind::Key(query.id, key), Some(query.clone())),
            TargetRef::Tag(tag) => (HeldKind::Tag(Tag::from(tag)), None),
        };
        Self::new(scope, kind, query, by)
    }
}

impl HeldTarget {
    fn new(scope: ScopeRef<'_>, kind: HeldKind, query: Option<Arc<QueryState>>, by: Writer) -> Self {
        Self { key: HeldKey { scope: scope_id(scope), kind, by: by.identity() }, scope: scope.cloned(), query, by }
    }

    pub(crate) fn name(scope: ScopeRef<'_>, name: SmolStr, by: Writer) -> Self {
        Self::new(scope, HeldKind::Name(name), None, by)
    }

    fn nothing(scope: ScopeRef<'_>, by: Writer) -> Self {
        Self::new(scope, HeldKind::Nothing, None, by)
    }

    /// `None` if it is nothing, or a name: it may be that of several queries.
    fn target(&self) -> Option<ScopedTarget<'_>> {
        let target = match (&self.key.kind, &self.query) {
            (HeldKind::Everything, _) => TargetRef::Everything,
            (HeldKind::Tag(tag), _) => TargetRef::Tag(tag.as_str()),
            (HeldKind::Query(_), Some(query)) => TargetRef::Query(query),
            (HeldKind::Key(_, key), Some(query)) => TargetRef::Key(query, *key),
            (HeldKind::Name(_) | HeldKind::Query(_) | HeldKind::Key(..) | HeldKind::Nothing, _) => return None,
        };
        Some(ScopedTarget { scope: self.scope.as_ref(), target, by: self.by })
    }
}

/// Distinct targets in one cache: a mutation that writes one row often in a transaction holds it once.
type HeldSet = HashMap<HeldKey, HeldTarget, RandomState>;

/// What is held, by cache. Nearly always of one.
#[derive(Default)]
pub(crate) struct HeldTargets(Vec<HeldOfCache>);

struct HeldOfCache {
    engine: Arc<Engine>,
    targets: HeldSet,
    /// Ends after they are invalidated.
    write: Option<Write>,
}

impl HeldTargets {
    fn add(&mut self, engine: &Arc<Engine>, targets: impl IntoIterator<Item = HeldTarget>) {
        let targets = targets.into_iter().map(|held| (held.key.clone(), held));
        if let Some(held) = self.0.iter_mut().find(|held| Arc::ptr_eq(&held.engine, engine)) {
            held.targets.extend(targets);
        } else {
            let (engine, write) = (engine.clone(), engine.begin_write());
            self.0.push(HeldOfCache { engine, targets: targets.collect(), write });
        }
    }

    fn add_all(&mut self, more: Self) {
        for HeldOfCache { engine, targets, write } in more.0 {
            self.add(&engine, targets.into_values());
            drop(write);
        }
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|held| held.targets.is_empty())
    }

    /// In each cache at one version. A panic of one resumes after the others.
    fn invalidate(&self, certainty: Certainty) -> Ticket {
        let mut result = Ok(Ticket::default());
        for HeldOfCache { engine, targets, .. } in &self.0 {
            let of_cache = catch(|| engine.invalidate_held(targets, certainty));
            result = result.and_then(|ticket| of_cache.map(|of_cache| ticket.and(of_cache)));
        }
        result.unwrap_or_else(|panic| resume_unwind(panic))
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
    pub(crate) fn hold(&self, engine: &Arc<Engine>, targets: Vec<HeldTarget>) -> Ticket {
        let mut more = HeldTargets::default();
        more.add(engine, targets);
        self.hold_all(more, Certainty::Ended)
    }

    /// See [`Engine::record_nothing`]. What the mutation has written is not committed before the end of the transaction.
    pub(crate) fn hold_nothing(&self, engine: &Arc<Engine>, scope: ScopeRef<'_>, by: Writer) {
        if engine.auditor.is_some() {
            self.hold(engine, vec![HeldTarget::nothing(scope, by)]).leave();
        }
    }

    fn hold_all(&self, more: HeldTargets, certainty: Certainty) -> Ticket {
        if more.is_empty() {
            return Ticket::default();
        }
        let mut progress = self.progress.lock();
        if progress.has_ended {
            drop(progress);
            return more.invalidate(certainty);
        }
        progress.held.add_all(more);
        Ticket::default()
    }

    /// Ends it: what it holds takes effect, or is handed to its parent.
    pub(crate) fn commit(&self, certainty: Certainty) -> Ticket {
        let held = self.end();
        if held.is_empty() {
            return Ticket::default();
        }
        match &self.parent {
            None => held.invalidate(certainty),
            Some(Parent { state, is_savepoint: true }) => state.hold_all(held, certainty),
            Some(Parent { state, is_savepoint: false }) => {
                let result = catch(|| held.invalidate(certainty));
                let ticket = state.hold_all(held, certainty);
                result.unwrap_or_else(|panic| resume_unwind(panic)).and(ticket)
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
        self.progress.lock().held.0.iter().map(|held| held.targets.len()).sum()
    }
}

impl Engine {
    /// At one version.
    fn invalidate_held(&self, held: &HeldSet, certainty: Certainty) -> Ticket {
        let (mut targets, mut named) = (Vec::new(), Vec::new());
        for one in held.values() {
            match &one.key.kind {
                HeldKind::Name(name) => named.push((one, name, self.queries_of_name(name))),
                _ => targets.extend(one.target()),
            }
        }
        for (one, _, queries) in &named {
            let (scope, by) = (one.scope.as_ref(), one.by);
            targets.extend(queries.iter().map(|query| ScopedTarget { scope, target: TargetRef::Query(query), by }));
        }
        let mut may_happen_for = None;
        if certainty == Certainty::Uncertain {
            self.suspend(&targets, named.iter().map(|(_, name, _)| (*name).clone()));
            may_happen_for = Some(self.commit_grace());
        }
        let published: Vec<_> = named.iter().map(|(one, name, _)| (one.scope.as_ref(), name.as_str())).collect();
        let ticket =
            self.invalidate_with(&targets, Published { names: &published, ends: None, may_happen_for }, |_| ());
        for one in held.values().filter(|one| matches!(one.key.kind, HeldKind::Nothing)) {
            self.record_nothing(one.scope.as_ref(), one.by);
        }
        ticket
    }
}
