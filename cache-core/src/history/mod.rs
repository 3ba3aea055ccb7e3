//! What was invalidated lately, by whom, and why keys are no longer stored.
//!
//! An invalidation is recorded with its version, under the turn of the version clock: so the records are in the order of
//! their versions, and who finds a node raised finds the record.
//!
//! *Locking*: the list has a mutex, taken under the turn or alone. No user code runs under it.

pub(crate) mod departed;
pub(crate) mod info;
#[cfg(test)]
mod reasons;

use std::panic::Location;
use std::time::Duration;

use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::clock::Nanos;
use crate::history::departed::{Departed, as_shown};
use crate::history::info::{MutationInfo, TargetInfo, TargetInfoKind};
use crate::query::KeyHash;
use crate::query::mutation_facts::MutationSite;
use crate::query::seen::record_run_time_name;
use crate::query::state::QueryState;
use crate::sync::{Arc, Mutex};
use crate::tag::Tag;
use crate::version::Version;
use crate::version::scope::{ROOT, ScopeId, ScopeRef, scope_id};

pub(crate) struct History {
    records: Mutex<Records>,
    /// How many are kept.
    capacity: usize,
    pub(crate) departed: Departed,
}

/// The last records, in a ring.
#[derive(Default)]
struct Records {
    ring: Vec<Record>,
    /// The place of the oldest one, when the ring is full.
    oldest: usize,
}

impl Records {
    /// In the order of their versions.
    fn parts(&self) -> [&[Record]; 2] {
        let (later, earlier) = self.ring.split_at(self.oldest);
        [earlier, later]
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = &Record> {
        self.parts().into_iter().flatten()
    }

    /// The first one for which it is false, in a list whose first part it is true of.
    fn partition_point(&self, is_before: impl Fn(&Record) -> bool) -> usize {
        let [earlier, later] = self.parts();
        match earlier.partition_point(&is_before) {
            all if all == earlier.len() => all + later.partition_point(&is_before),
            index => index,
        }
    }

    /// In the order of their versions.
    fn get_mut(&mut self, index: usize) -> Option<&mut Record> {
        let earlier = self.ring.len() - self.oldest;
        let place = if index < earlier { index + self.oldest } else { index - earlier };
        if index < self.ring.len() { self.ring.get_mut(place) } else { None }
    }

    /// The place of a new one, which may have an old one. `None` if none are kept.
    fn next(&mut self, capacity: usize) -> Option<&mut Record> {
        if self.ring.len() < capacity {
            self.ring.push(Record::default());
            return self.ring.last_mut();
        }
        let place = self.oldest;
        self.oldest = if place + 1 < capacity { place + 1 } else { 0 };
        self.ring.get_mut(place)
    }

    fn find(&mut self, version: Version) -> Option<&mut Record> {
        let index = self.partition_point(|record| as_shown(record.version) < as_shown(version));
        self.get_mut(index).filter(|record| as_shown(record.version) == as_shown(version))
    }
}

/// Who invalidates.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Writer {
    /// An annotated function.
    Function(MutationSite),
    /// A call of a method of the cache.
    Call { method: &'static str, place: &'static Location<'static> },
    /// What a tier has told.
    #[cfg(feature = "shared")]
    Tier(&'static str),
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
            #[cfg(feature = "shared")]
            Self::Tier(what) => what,
        }
    }

    pub(crate) fn module(&self) -> &'static str {
        match self {
            Self::Function(site) => site.facts.place.module,
            Self::Call { .. } => "",
            #[cfg(feature = "shared")]
            Self::Tier(_) => "",
        }
    }

    pub(crate) fn owner(&self) -> &'static str {
        match self {
            Self::Function(site) => site.owner_name(),
            Self::Call { .. } => "",
            #[cfg(feature = "shared")]
            Self::Tier(_) => "",
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
            #[cfg(feature = "shared")]
            Self::Tier(_) => ("", 0),
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

#[cfg(feature = "shared")]
fn tag_info(tag: &str) -> TargetInfoKind {
    crate::shared::mark::parse(tag)
        .map_or_else(|| TargetInfoKind::Tag(tag.to_owned()), |mark| TargetInfoKind::Shared(mark.to_string()))
}

#[cfg(not(feature = "shared"))]
fn tag_info(tag: &str) -> TargetInfoKind {
    TargetInfoKind::Tag(tag.to_owned())
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
                    query.tags.contains(&tag.as_str())
                        || tags.iter().any(|own| own.as_str() == tag.as_str())
                        || Tag::name_of_query_mark(tag) == Some(query.name)
                }
            }
    }

    pub(crate) fn info(&self) -> TargetInfo {
        let kind = match &self.what {
            Logged::Nothing => TargetInfoKind::Nothing,
            Logged::Everything => TargetInfoKind::Everything,
            Logged::Query(query) => TargetInfoKind::Query { name: query.name, owner: query.owner },
            Logged::Key(query, _) => TargetInfoKind::Key { name: query.name, owner: query.owner },
            Logged::Tag(tag) => tag_info(tag),
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
        let Some(record) = records.next(self.capacity) else { return };
        record.write(version, facts, targets);
    }

    /// A miss is put down to an invalidation.
    #[cold]
    pub(crate) fn count_miss(&self, version: Version) {
        if !self.keeps_records() {
            return;
        }
        if let Some(record) = self.records.lock().find(version) {
            record.misses += 1;
        }
    }

    pub(crate) fn find(&self, version: Version) -> Option<Record> {
        self.records.lock().find(version).cloned()
    }

    /// The last one that was about an entry.
    pub(crate) fn last_about(&self, affected: &Affected<'_>) -> Option<Record> {
        let records = self.records.lock();
        let is_about = |record: &&Record| record.targets.iter().any(|target| target.is_about(affected));
        records.iter().rev().find(is_about).cloned()
    }

    /// Those after a version.
    pub(crate) fn since(&self, version: Version) -> Vec<Record> {
        let records = self.records.lock();
        let index = records.partition_point(|record| record.version <= version);
        records.iter().skip(index).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_records_are_found_by_their_version() {
        let history = History::new(3, 10);
        let versions = |since| history.since(since).iter().map(|record| record.version).collect::<Vec<_>>();
        assert_eq!(versions(0), []);
        for (count, version) in (1..).zip([2, 3, 5, 8, 9, 12, 13]) {
            history.record(version, &Facts::default(), std::iter::empty());
            history.count_miss(version);
            assert_eq!(versions(0).len(), count.min(3));
            assert_eq!(versions(version - 1), [version]);
            assert!(history.find(version).is_some_and(|record| record.misses == 1), "a place is used anew");
            assert!(history.find(version + 1).is_none() && history.find(4).is_none());
        }
        assert_eq!((versions(0), versions(9)), (vec![9, 12, 13], vec![12, 13]));
        assert!(history.find(8).is_none(), "the log reaches no further");
    }

    #[test]
    fn a_log_of_none_keeps_none() {
        let history = History::new(0, 10);
        history.record(1, &Facts::default(), std::iter::empty());
        assert!(history.find(1).is_none() && history.since(0).is_empty());
    }
}
