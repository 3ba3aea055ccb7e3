//! What was invalidated lately, by whom, and why keys are no longer stored.
//!
//! An invalidation is recorded with its version, under the turn of the version clock: so the records are in the order of
//! their versions, and who finds a node raised finds the record.
//!
//! *Locking*: the list has a mutex, taken under the turn or alone. No user code runs under it.

pub(crate) mod departed;
pub(crate) mod info;

use std::collections::VecDeque;
use std::panic::Location;
use std::time::Duration;

use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::clock::Nanos;
use crate::engine::elsewhere::MutationSite;
use crate::graph::record_run_time_name;
use crate::history::departed::{Departed, as_shown};
use crate::history::info::{MutationInfo, TargetInfo, TargetInfoKind};
use crate::query::KeyHash;
use crate::query::state::QueryState;
use crate::sync::{Arc, Mutex};
use crate::tag::Tag;
use crate::version::Version;
use crate::version::scope::{ROOT, ScopeId, ScopeRef, scope_id};

pub(crate) struct History {
    /// The oldest first.
    records: Mutex<VecDeque<Record>>,
    /// How many are kept.
    capacity: usize,
    pub(crate) departed: Departed,
}

/// Who invalidates.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Writer {
    /// An annotated function.
    Function(MutationSite),
    /// A call of a method of the cache.
    Call { method: &'static str, place: &'static Location<'static> },
}

impl Writer {
    #[track_caller]
    pub(crate) fn call(method: &'static str) -> Self {
        Self::Call { method, place: Location::caller() }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Function(site) => site.facts.name,
            Self::Call { method, .. } => method,
        }
    }

    pub(crate) fn module(&self) -> &'static str {
        match self {
            Self::Function(site) => site.facts.place.module,
            Self::Call { .. } => "",
        }
    }

    pub(crate) fn owner(&self) -> &'static str {
        match self {
            Self::Function(site) => site.owner_name(),
            Self::Call { .. } => "",
        }
    }

    /// It has named a query at run time, which the graph compares with those that there are.
    pub(crate) fn record_name(&self, name: &str) {
        if let Self::Call { place, .. } = self {
            record_run_time_name(name, place);
        }
    }

    /// File and line.
    pub(crate) fn place(&self) -> (&'static str, u32) {
        match self {
            Self::Function(site) => (site.facts.place.file, site.facts.place.line),
            Self::Call { place, .. } => (place.file(), place.line()),
        }
    }

    fn is(&self, other: &Self) -> bool {
        (self.name(), self.place()) == (other.name(), other.place())
    }
}

/// A target as the records keep it: without what an entry or a scope lives by.
#[derive(Clone)]
pub(crate) struct LoggedTarget {
    pub(crate) what: Logged,
    pub(crate) scope: ScopeId,
    pub(crate) scope_name: Option<SmolStr>,
    pub(crate) by: Writer,
}

#[derive(Clone)]
pub(crate) enum Logged {
    Nothing,
    Everything,
    Query(Arc<QueryState>),
    Key(Arc<QueryState>, KeyHash),
    Tag(SmolStr),
}

/// One invalidation.
#[derive(Clone, Default)]
pub(crate) struct Record {
    version: Version,
    facts: Facts,
    targets: SmallVec<[LoggedTarget; 2]>,
    misses: u64,
}

/// What is known of an invalidation beside its version and its targets.
#[derive(Clone, Copy, Default)]
pub(crate) struct Facts {
    pub(crate) at: Nanos,
    /// Entries that it removed at once.
    pub(crate) removed: usize,
    /// Loads in flight whose values it keeps from being stored.
    pub(crate) fenced: usize,
}

/// What an invalidation may have been about.
pub(crate) struct Affected<'a> {
    pub(crate) query: &'a QueryState,
    pub(crate) key: KeyHash,
    pub(crate) scope: ScopeId,
    /// Besides those of the query.
    pub(crate) tags: &'a [Tag],
}

impl Record {
    pub(crate) fn write(&mut self, version: Version, facts: &Facts, targets: impl Iterator<Item = LoggedTarget>) {
        (self.version, self.facts, self.misses) = (version, *facts, 0);
        self.targets.clear();
        self.targets.extend(targets);
    }

    /// The target that was about an entry; if none is known to be, the only one.
    pub(crate) fn target_of(&self, affected: &Affected<'_>) -> Option<&LoggedTarget> {
        let known = self.targets.iter().find(|target| target.is_about(affected));
        known.or_else(|| self.targets.first().filter(|_| self.targets.len() == 1))
    }

    pub(crate) fn info(&self, now: Nanos) -> MutationInfo {
        let first = self.targets.first();
        let is_of_one = |first: &LoggedTarget| self.targets.iter().all(|target| target.by.is(&first.by));
        let (function, module, owner, (file, line)) = match first {
            Some(first) if is_of_one(first) => (first.by.name(), first.by.module(), first.by.owner(), first.by.place()),
            _ => ("commit", "", "", ("", 0)),
        };
        MutationInfo {
            version: self.version,
            function,
            module,
            owner,
            file,
            line,
            scope: first.and_then(|first| first.scope_name.as_deref().map(str::to_owned)),
            ago: Duration::from_nanos(now.saturating_sub(self.facts.at)),
            targets: self.targets.iter().map(LoggedTarget::info).collect(),
            removed: self.facts.removed,
            fenced: self.facts.fenced,
            misses: self.misses,
        }
    }
}

impl LoggedTarget {
    fn is_about(&self, Affected { query, key, scope, tags }: &Affected<'_>) -> bool {
        let is_in_scope = self.scope == ROOT || self.scope == *scope;
        is_in_scope
            && match &self.what {
                Logged::Nothing => false,
                Logged::Everything => true,
                Logged::Query(named) => named.id == query.id,
                Logged::Key(named, named_key) => named.id == query.id && named_key == key,
                Logged::Tag(tag) => {
                    query.tags.contains(&tag.as_str()) || tags.iter().any(|own| own.as_str() == tag.as_str())
                }
            }
    }

    pub(crate) fn info(&self) -> TargetInfo {
        let kind = match &self.what {
            Logged::Nothing => TargetInfoKind::Nothing,
            Logged::Everything => TargetInfoKind::Everything,
            Logged::Query(query) => TargetInfoKind::Query { name: query.name, owner: query.owner },
            Logged::Key(query, _) => TargetInfoKind::Key { name: query.name, owner: query.owner },
            Logged::Tag(tag) => TargetInfoKind::Tag(tag.as_str().to_owned()),
        };
        TargetInfo { kind, by: self.by.name() }
    }

    pub(crate) fn new(what: Logged, scope: ScopeRef<'_>, by: Writer) -> Self {
        let scope_name = scope.map(|scope| SmolStr::from(&*scope.name));
        Self { what, scope: scope_id(scope), scope_name, by }
    }
}

impl History {
    /// `records`: how many are kept. `capacity`: that of the cache, in entries.
    pub(crate) fn new(records: usize, capacity: usize) -> Self {
        Self { records: Mutex::default(), capacity: records, departed: Departed::new(capacity) }
    }

    pub(crate) fn keeps_records(&self) -> bool {
        self.capacity > 0
    }

    /// Called under the turn of the clock. The place of the oldest record is used again: nothing is moved or, mostly,
    /// allocated.
    pub(crate) fn record(&self, version: Version, facts: &Facts, targets: impl Iterator<Item = LoggedTarget>) {
        let mut records = self.records.lock();
        if records.len() < self.capacity {
            records.push_back(Record::default());
        } else {
            records.rotate_left(1);
        }
        let Some(record) = records.back_mut() else { return };
        record.write(version, facts, targets);
    }

    /// A miss is put down to an invalidation.
    #[cold]
    pub(crate) fn count_miss(&self, version: Version) {
        if !self.keeps_records() {
            return;
        }
        let mut records = self.records.lock();
        if let Some(index) = position(&records, version) {
            records[index].misses += 1;
        }
    }

    pub(crate) fn find(&self, version: Version) -> Option<Record> {
        let records = self.records.lock();
        position(&records, version).map(|index| records[index].clone())
    }

    /// The last one after `since` that was about an entry.
    pub(crate) fn last_about(&self, affected: &Affected<'_>, since: Version) -> Option<Record> {
        let records = self.records.lock();
        let mut after = records.iter().rev().take_while(|record| record.version > since);
        after.find(|record| record.targets.iter().any(|target| target.is_about(affected))).cloned()
    }

    /// Those after a version.
    pub(crate) fn since(&self, version: Version) -> Vec<Record> {
        let records = self.records.lock();
        let index = records.partition_point(|record| record.version <= version);
        records.iter().skip(index).cloned().collect()
    }
}

fn position(records: &VecDeque<Record>, version: Version) -> Option<usize> {
    let index = records.partition_point(|record| as_shown(record.version) < as_shown(version));
    records.get(index).filter(|record| as_shown(record.version) == as_shown(version)).map(|_| index)
}
