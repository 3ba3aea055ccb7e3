//! Invalidations: what they name, and what they raise.

use std::panic::{Location, resume_unwind};

use smol_str::SmolStr;

use crate::engine::Engine;
use crate::engine::hash::{in_scope, without_scope};
use crate::eviction::segment::RemovedEntries;
use crate::graph::record_run_time_name;
use crate::query::KeyHash;
use crate::query::state::QueryState;
use crate::stats::counters::Event;
use crate::store::Store;
use crate::sync::Arc;
use crate::sync::unwind::catch;
use crate::version::Version;
use crate::version::label::{KeyId, LabelRef};
use crate::version::scope::{ScopeRef, scope_id};

#[derive(Clone, Copy)]
pub(crate) enum TargetRef<'a> {
    Everything,
    Query(&'a Arc<QueryState>),
    /// One key of a query; through the root handle, in every scope.
    Key(&'a Arc<QueryState>, KeyHash),
    Tag(&'a str),
}

pub(crate) type ScopedTarget<'a> = (ScopeRef<'a>, TargetRef<'a>);

impl Engine {
    /// Invalidates all targets at one version.
    ///
    /// First the entries of keys are removed and their loads fenced. Then every target is raised, and the clock shows
    /// the version: from here on, dependents are refused. Last, with no lock held, the removed entries are dropped.
    pub(crate) fn invalidate(&self, targets: &[ScopedTarget<'_>]) {
        self.invalidate_and_judge(targets, |_| ());
    }

    /// `judge` is called with the version before anything is raised to it, under the turn of the clock: what it finds
    /// valid is valid as of that version.
    pub(crate) fn invalidate_and_judge(&self, targets: &[ScopedTarget<'_>], judge: impl FnOnce(Version)) {
        let mut removed = RemovedEntries::new();
        for &(scope, target) in targets {
            match target {
                TargetRef::Everything | TargetRef::Tag(_) => self.counters.count(Event::Invalidation),
                TargetRef::Query(query) => query.counters.count(Event::Invalidation),
                TargetRef::Key(query, key) => {
                    query.counters.count(Event::Invalidation);
                    let scope = scope_id(scope);
                    for number in query.stores.alike(key.instance) {
                        let store = self.storage.stores.of_number(number);
                        store.forget_hash(&self.storage, in_scope(key.hash, scope), scope, &mut removed);
                    }
                }
            }
        }
        if targets.is_empty() {
            return;
        }
        self.storage.timeline.versions.invalidate(|version| {
            judge(version);
            for &(scope, target) in targets {
                self.raise(scope, target, version);
            }
        });
        if !removed.is_empty() {
            self.storage.count_and_discard(removed);
        }
    }

    /// At one version. A panic of user code resumes afterwards.
    pub(crate) fn invalidate_tags<T: AsRef<str>>(&self, scope: ScopeRef<'_>, tags: impl IntoIterator<Item = T>) {
        let (tags, result) = read_names(tags);
        let targets: Vec<_> = tags.iter().map(|tag| (scope, TargetRef::Tag(tag))).collect();
        self.invalidate(&targets);
        result.unwrap_or_else(|panic| resume_unwind(panic));
    }

    /// Like [`invalidate_tags`](Self::invalidate_tags), for names of queries.
    pub(crate) fn invalidate_names<T: AsRef<str>>(
        &self,
        scope: ScopeRef<'_>,
        names: impl IntoIterator<Item = T>,
        place: &'static Location<'static>,
    ) {
        let (names, result) = read_names(names);
        for name in &names {
            record_run_time_name(name, place);
        }
        let queries: Vec<_> = names.iter().flat_map(|name| self.queries_of_name(name)).collect();
        let targets: Vec<_> = queries.iter().map(|query| (scope, TargetRef::Query(query))).collect();
        self.invalidate(&targets);
        result.unwrap_or_else(|panic| resume_unwind(panic));
    }

    fn raise(&self, scope: ScopeRef<'_>, target: TargetRef<'_>, version: Version) {
        match (target, scope) {
            (TargetRef::Everything, None) => self.storage.timeline.everything.raise(version),
            (TargetRef::Everything, Some(scope)) => scope.invalidated_at.raise(version),
            (TargetRef::Query(query), None) => query.node.raise(version),
            (TargetRef::Query(query), Some(scope)) => {
                self.registry.raise_if_attached(LabelRef::Query(query.id, scope.id), version);
            }
            (TargetRef::Tag(tag), _) => self.registry.raise(LabelRef::Tag(tag, scope_id(scope)), version),
            (TargetRef::Key(query, key), _) => {
                self.raise_key(scope, query, self.key_id(query, key.instance, key.hash), version);
            }
        }
    }

    fn raise_key(&self, scope: ScopeRef<'_>, query: &QueryState, key: KeyId, version: Version) {
        if self.registry.has_keys() {
            self.registry.raise_if_attached(LabelRef::Key(key, scope_id(scope)), version);
        }
        query.any_key.raise(version);
    }

    /// `hash` is that in the scope. The entry has been removed.
    pub(crate) fn invalidate_key_of<K, V>(&self, scope: ScopeRef<'_>, store: &Store<K, V>, hash: u64) {
        let key = self.key_id(&store.query, store.instance, without_scope(hash, scope_id(scope)));
        self.storage.timeline.versions.invalidate(|version| self.raise_key(scope, &store.query, key, version));
    }

    pub(crate) fn invalidate_dependents<K, V>(&self, scope: ScopeRef<'_>, store: &Store<K, V>, hash: u64) {
        let key = self.key_id(&store.query, store.instance, without_scope(hash, scope_id(scope)));
        let is_attached = self.registry.has_keys() && self.registry.is_attached(LabelRef::Key(key, scope_id(scope)));
        if is_attached || store.query.any_key.stands_for_keys() {
            self.storage.timeline.versions.invalidate(|version| self.raise_key(scope, &store.query, key, version));
        }
    }

    /// Which key is meant is unknown.
    pub(crate) fn invalidate_query_of<K, V>(&self, scope: ScopeRef<'_>, store: &Store<K, V>) {
        self.storage.timeline.versions.invalidate(|version| self.raise(scope, TargetRef::Query(&store.query), version));
    }
}

/// If one panics, the others are still read.
pub(crate) fn read_names<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> (Vec<SmolStr>, std::thread::Result<()>) {
    let (mut read, mut panicked) = (Vec::new(), Ok(()));
    let listed = catch(|| {
        for name in names {
            match catch(|| SmolStr::from({ name }.as_ref())) {
                Ok(name) => read.push(name),
                Err(panic) => panicked = Err(panic),
            }
        }
    });
    (read, listed.and(panicked))
}
