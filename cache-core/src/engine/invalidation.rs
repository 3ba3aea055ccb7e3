//! Invalidations: what they raise.

use std::any::TypeId;
use std::panic::resume_unwind;

use smol_str::SmolStr;

use crate::clock::Nanos;
use crate::engine::Engine;
use crate::engine::hash::{in_scope, without_scope};
use crate::engine::publishing::Published;
use crate::engine::target::{ScopedTarget, TargetRef};
use crate::eviction::segment::RemovedEntries;
use crate::history::departed::Gone;
use crate::history::info::{MutationInfo, MutationsSince, TargetInfo};
use crate::history::{Affected, Facts, Logged, LoggedTarget, Record, Writer};
use crate::observer::events::{MissReason, Missed, Subject};
use crate::query::KeyHash;
use crate::query::seen::{record_call, record_call_of_tag};
use crate::query::state::QueryState;
use crate::shared::ticket::Ticket;
use crate::stats::counters::Event;
use crate::store::Store;
use crate::sync::unwind::catch;
use crate::tag::Tag;
use crate::version::Version;
use crate::version::label::{KeyId, LabelRef};
use crate::version::scope::{ScopeRef, scope_id};

impl Engine {
    /// Invalidates all targets at one version, here and in other processes.
    pub(crate) fn invalidate(&self, targets: &[ScopedTarget<'_>]) -> Ticket {
        self.invalidate_and_judge(targets, |_| ())
    }

    /// `judge` is called with the version before anything is raised to it, under the turn of the clock: what it finds
    /// valid is valid as of that version.
    pub(crate) fn invalidate_and_judge(&self, targets: &[ScopedTarget<'_>], judge: impl FnOnce(Version)) -> Ticket {
        self.invalidate_with(targets, Published::default(), judge)
    }

    /// `published`: what other processes hear beside the targets.
    pub(crate) fn invalidate_with(
        &self,
        targets: &[ScopedTarget<'_>],
        published: Published<'_>,
        judge: impl FnOnce(Version),
    ) -> Ticket {
        let Some(prepared) = self.prepare(targets, published) else {
            self.invalidate_marked(targets, &[], judge);
            return Ticket::default();
        };
        // A panic of user code resumes after others have heard.
        let result = catch(|| self.invalidate_marked(targets, prepared.marks(), judge));
        let ticket = self.publish(&prepared);
        result.unwrap_or_else(|panic| resume_unwind(panic));
        ticket
    }

    /// Invalidates all targets at one version, in this process alone.
    ///
    /// First the entries of keys are removed and their loads fenced. Then every target is raised, and the clock shows
    /// the version: from here on, dependents are refused. Last, with no lock held, the removed entries are dropped.
    ///
    /// `marks`: tags that are raised, too.
    pub(crate) fn invalidate_marked(
        &self,
        targets: &[ScopedTarget<'_>],
        marks: &[(ScopeRef<'_>, SmolStr)],
        judge: impl FnOnce(Version),
    ) {
        if targets.is_empty() && marks.is_empty() {
            return;
        }
        let is_told = !targets.is_empty() && self.storage.observers.want_invalidations();
        let is_recorded = !targets.is_empty() && self.storage.history.keeps_records();
        let (mut removed, mut fenced) = (RemovedEntries::new(), 0);
        // Stores and hashes of keys that are loaded now, which is rare.
        let mut overtaken = Vec::new();
        for &ScopedTarget { scope, target, by } in targets {
            if let Writer::Call { .. } = by {
                self.show_in_graph(target);
            }
            match target {
                TargetRef::Everything => {
                    self.counters.count(Event::Invalidation);
                    if is_told || is_recorded {
                        fenced += self.names.all().iter().map(|query| query.counters.loads_in_flight()).sum::<usize>();
                    }
                }
                TargetRef::Tag(_) => self.counters.count(Event::Invalidation),
                TargetRef::Query(query) => {
                    query.counters.count(Event::Invalidation);
                    fenced += query.counters.loads_in_flight();
                }
                TargetRef::Key(query, key) => {
                    query.counters.count(Event::Invalidation);
                    let scope = scope_id(scope);
                    for number in query.stores.alike(key.instance) {
                        let store = self.storage.stores.of_number(number);
                        let hash = in_scope(key.hash, scope);
                        let loads = store.forget_hash(&self.storage, hash, scope, &mut removed);
                        if loads > 0 {
                            overtaken.push((number, hash));
                        }
                        fenced += loads;
                    }
                }
            }
        }
        let at = if is_told || is_recorded { self.time_of_record() } else { 0 };
        let facts = Facts { at, removed: removed.len(), fenced };
        let at = self.raise_at_next(|version| {
            judge(version);
            // Before anything is raised: a reader of a raised node, or a load that is discarded for it, finds the record.
            if is_recorded {
                self.storage.history.record(version, &facts, targets[0].scope, targets.iter().map(LoggedTarget::from));
            }
            for &ScopedTarget { scope, target, .. } in targets {
                self.raise(scope, target, version);
            }
            for (scope, mark) in marks {
                self.registry.raise(LabelRef::Tag(mark, scope_id(*scope)), version);
            }
        });
        for (store, hash) in overtaken {
            self.storage.history.departed.record(store, hash, Gone::Invalidated(at));
        }
        let result = if removed.is_empty() {
            Ok(())
        } else {
            // A clock that panics does so after everything is done.
            catch(|| self.storage.count_and_discard(removed, at)).map(|_| ())
        };
        if is_told {
            self.tell_invalidated(at, &facts, targets);
        }
        result.unwrap_or_else(|panic| resume_unwind(panic));
    }

    /// What calls of methods invalidate, the graph knows only when they run.
    #[cold]
    fn show_in_graph(&self, target: TargetRef<'_>) {
        match target {
            TargetRef::Everything => self.names.all().iter().for_each(|query| record_call(query.number)),
            TargetRef::Query(query) | TargetRef::Key(query, _) => record_call(query.number),
            TargetRef::Tag(tag) => record_call_of_tag(tag),
        }
    }

    /// A mutation has named nothing here, as its list was empty, or named what is in another cache. If an answer is wrong
    /// then, it may be its fault.
    pub(crate) fn record_nothing(&self, scope: ScopeRef<'_>, by: Writer) {
        if self.auditor.is_none() {
            return;
        }
        if self.storage.history.keeps_records() {
            let facts = Facts { at: self.time_of_record(), ..Facts::default() };
            self.raise_at_next(|version| {
                let nothing = LoggedTarget::new(Logged::Nothing, scope, by);
                self.storage.history.record(version, &facts, scope, [nothing].into_iter());
            });
        }
    }

    /// A clock that panics keeps nothing from being invalidated.
    fn time_of_record(&self) -> Nanos {
        catch(|| self.storage.timeline.time.now()).unwrap_or_default()
    }

    /// `hash` is that in the scope of the subject. `tags`: of the entry, as far as they are known.
    #[cold]
    pub(crate) fn tell_missed(&self, subject: &Subject, gone: Gone, instance: TypeId, hash: u64, tags: &[Tag]) {
        let reason = match gone {
            Gone::Unknown => MissReason::Cold,
            Gone::Expired => MissReason::Expired,
            Gone::Evicted => MissReason::Evicted,
            Gone::Invalidated(_) => MissReason::Invalidated,
            Gone::PassedBy => MissReason::Bypassed,
        };
        let key = KeyHash { hash: without_scope(hash, subject.scope_id()), instance, mark: 0 };
        let by = self.who(gone, &Affected { query: subject.query(), key, scope: subject.scope_id(), tags });
        let (mutation, target) = by.map_or((None, None), |(mutation, target)| (Some(mutation), target));
        let (call, mutation, target) = (subject.call(), mutation.as_ref(), target.as_ref());
        self.storage.observers.tell(|observer| observer.missed(&Missed { call, reason, mutation, target }));
    }

    /// By what an entry was invalidated, and through which target, if the records reach.
    pub(crate) fn who(&self, gone: Gone, affected: &Affected<'_>) -> Option<(MutationInfo, Option<TargetInfo>)> {
        let Gone::Invalidated(version) = gone else { return None };
        let record = self.storage.history.find(version)?;
        let target = record.target_of(affected).map(LoggedTarget::info);
        let now = self.storage.timeline.time.now();
        Some((record.info(now), target))
    }

    /// The invalidations of the cache after a version, as far as they are kept.
    pub(crate) fn mutations_since(&self, version: Version) -> MutationsSince {
        let (records, are_all) = self.storage.history.since(version);
        // A clock of the user's is not asked for nothing.
        let now = if records.is_empty() { 0 } else { self.storage.timeline.time.now() };
        MutationsSince { known: records.iter().map(|record| record.info(now)).collect(), are_all }
    }

    #[cold]
    fn tell_invalidated(&self, version: Version, facts: &Facts, targets: &[ScopedTarget<'_>]) {
        let mut record = Record::default();
        let scope = targets.first().and_then(|target| target.scope);
        record.write(version, facts, scope, targets.iter().map(LoggedTarget::from));
        self.storage.observers.invalidated(&record.info(facts.at));
    }

    /// At one version. A panic of user code resumes afterwards.
    pub(crate) fn invalidate_tags<T: AsRef<str>>(
        &self,
        scope: ScopeRef<'_>,
        tags: impl IntoIterator<Item = T>,
        by: Writer,
    ) -> Ticket {
        let (tags, result) = read_names(tags);
        let targets: Vec<_> = tags.iter().map(|tag| ScopedTarget { scope, target: TargetRef::Tag(tag), by }).collect();
        let ticket = self.invalidate(&targets);
        result.unwrap_or_else(|panic| resume_unwind(panic));
        ticket
    }

    /// Like [`invalidate_tags`](Self::invalidate_tags), for names of queries.
    pub(crate) fn invalidate_names<T: AsRef<str>>(
        &self,
        scope: ScopeRef<'_>,
        names: impl IntoIterator<Item = T>,
        by: Writer,
    ) -> Ticket {
        let (names, result) = read_names(names);
        for name in &names {
            by.record_name(name);
        }
        let queries: Vec<_> = names.iter().flat_map(|name| self.queries_of_name(name)).collect();
        let targets: Vec<_> =
            queries.iter().map(|query| ScopedTarget { scope, target: TargetRef::Query(query), by }).collect();
        // Other processes may have queries that this one has not used.
        let names: Vec<_> = names.iter().map(|name| (scope, name.as_str())).collect();
        let published = Published { names: &names, ..Published::default() };
        let ticket = self.invalidate_with(&targets, published, |_| ());
        result.unwrap_or_else(|panic| resume_unwind(panic));
        ticket
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

    fn raise_at_next(&self, raise: impl FnOnce(Version)) -> Version {
        let mut at = 0;
        self.storage.timeline.versions.invalidate(|version| {
            raise(version);
            at = version;
        });
        at
    }

    /// `hash` is that in the scope. The entry has been removed. Returns the version; so does the next but one.
    pub(crate) fn invalidate_key_of<K, V>(&self, scope: ScopeRef<'_>, store: &Store<K, V>, hash: u64) -> Version {
        let key = self.key_id(&store.query, store.instance, without_scope(hash, scope_id(scope)));
        self.raise_at_next(|version| self.raise_key(scope, &store.query, key, version))
    }

    pub(crate) fn invalidate_dependents<K, V>(&self, scope: ScopeRef<'_>, store: &Store<K, V>, hash: u64) {
        let key = self.key_id(&store.query, store.instance, without_scope(hash, scope_id(scope)));
        let is_attached = self.registry.has_keys() && self.registry.is_attached(LabelRef::Key(key, scope_id(scope)));
        if is_attached || store.query.any_key.stands_for_keys() {
            self.storage.timeline.versions.invalidate(|version| self.raise_key(scope, &store.query, key, version));
        }
    }

    /// Which key is meant is unknown.
    pub(crate) fn invalidate_query_of<K, V>(&self, scope: ScopeRef<'_>, store: &Store<K, V>) -> Version {
        self.raise_at_next(|version| self.raise(scope, TargetRef::Query(&store.query), version))
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
