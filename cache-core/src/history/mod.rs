//! What was invalidated lately, by whom, and why keys are no longer stored.
//!
//! An invalidation is recorded with its version, under the turn of the version clock and before it raises anything: so the
//! records are in the order of their versions, and a reader that finds a raised node finds the record.
//!
//! *Locking*: the list has a mutex, taken under the turn or alone. No user code runs under it.

pub(crate) mod departed;
pub(crate) mod info;
#[cfg(test)]
mod reasons;

use std::panic::Location;
use std::time::Duration;

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

/// The most targets of a record that are kept: a mutation may name as many as it likes.
const MOST_TARGETS: usize = 64;

/// A place in the list keeps room for no more targets when it is used again.
const MANY: usize = 16;

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

    pub(crate) fn identity(&self) -> WriterIdentity {
        (self.name(), self.place())
    }

    fn is(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

/// Name and place.
pub(crate) type WriterIdentity = (&'static str, (&'static str, u32));

/// A target as the records keep it: without what an entry or a scope lives by.
#[derive(Clone)]
pub(crate) struct LoggedTarget {
    pub(crate) what: Logged,
    pub(crate) scope: ScopeId,
    pub(crate) by: Writer,
}

#[derive(Clone)]
pub(crate) enum Logged {
    Nothing,
    Everything,
    Query(LoggedQuery),
    Key(LoggedQuery, KeyHash),
    Tag(SmolStr),
}

/// What is shown of a query. Copied, as a count of references would be one more write that all invalidations share.
#[derive(Clone, Copy)]
pub(crate) struct LoggedQuery {
    id: u32,
    name: &'static str,
    owner: &'static str,
}

impl From<&QueryState> for LoggedQuery {
    fn from(&QueryState { id, name, owner, .. }: &QueryState) -> Self {
        Self { id, name, owner }
    }
}

/// One invalidation.
#[derive(Clone, Default)]
pub(crate) struct Record {
    version: Version,
    facts: Facts,
    /// Of the first target.
    scope_name: Option<Arc<str>>,
    /// Apart from the others: mostly there are none.
    first: Option<LoggedTarget>,
    others: Vec<LoggedTarget>,
    /// Those that were not kept.
    more: usize,
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
    /// Takes the place of what was there. `scope`: that of the first target.
    pub(crate) fn write(
        &mut self,
        version: Version,
        facts: &Facts,
        scope: ScopeRef<'_>,
        mut targets: impl ExactSizeIterator<Item = LoggedTarget>,
    ) {
        (self.version, self.facts, self.more, self.misses) = (version, *facts, 0, 0);
        self.scope_name = scope.map(|scope| scope.name.clone());
        self.first = targets.next();
        if !self.others.is_empty() || targets.len() > 0 {
            self.others.clear();
            if targets.len() <= MANY {
                self.others.shrink_to(MANY);
            }
            self.others.extend(targets);
        }
    }

    fn targets(&self) -> impl Iterator<Item = &LoggedTarget> {
        self.first.iter().chain(&self.others)
    }

    /// The target that was about an entry; if none is known to be, the only one.
    pub(crate) fn target_of(&self, affected: &Affected<'_>) -> Option<&LoggedTarget> {
        let known = self.targets().find(|target| target.is_about(affected));
        known.or_else(|| self.first.as_ref().filter(|_| self.others.is_empty()))
    }

    pub(crate) fn info(&self, now: Nanos) -> MutationInfo {
        let first = self.first.as_ref();
        let is_of_one = |first: &LoggedTarget| self.others.iter().all(|target| target.by.is(&first.by));
        let is_in_one_scope = |first: &LoggedTarget| self.others.iter().all(|target| target.scope == first.scope);
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
            scope: self.scope_name.as_deref().filter(|_| first.is_some_and(is_in_one_scope)).map(str::to_owned),
            ago: Duration::from_nanos(now.saturating_sub(self.facts.at)),
            targets: self.targets().map(LoggedTarget::info).collect(),
            more_targets: self.more,
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
        Self { what, scope: scope_id(scope), by }
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

    /// Called under the turn of the clock, before anything is raised to the version. The place of the oldest record is used again: nothing is moved or, mostly,
    /// allocated. `scope`: that of the first target.
    pub(crate) fn record(
        &self,
        version: Version,
        facts: &Facts,
        scope: ScopeRef<'_>,
        targets: impl ExactSizeIterator<Item = LoggedTarget>,
    ) {
        let mut records = self.records.lock();
        let Some(record) = records.next(self.capacity) else { return };
        let count = targets.len();
        record.write(version, facts, scope, targets.take(MOST_TARGETS));
        record.more = count.saturating_sub(MOST_TARGETS);
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
        let is_about = |record: &&Record| record.targets().any(|target| target.is_about(affected));
        records.iter().rev().find(is_about).cloned()
    }

    /// Those after a version, and whether these are all that there were.
    pub(crate) fn since(&self, version: Version) -> (Vec<Record>, bool) {
        let records = self.records.lock();
        let index = records.partition_point(|record| record.version <= version);
        let are_all = index > 0 || records.ring.len() < self.capacity;
        (records.iter().skip(index).cloned().collect(), are_all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BY: Writer = Writer::Call { method: "test", place: Location::caller() };

    #[test]
    fn the_last_records_are_found_by_their_version() {
        let history = History::new(3, 10);
        let versions = |since| history.since(since).0.iter().map(|record| record.version).collect::<Vec<_>>();
        assert_eq!(versions(0), []);
        for (count, version) in (1..).zip([2, 3, 5, 8, 9, 12, 13]) {
            history.record(version, &Facts::default(), None, std::iter::empty());
            history.count_miss(version);
            assert_eq!(versions(0).len(), count.min(3));
            assert_eq!(versions(version - 1), [version]);
            assert!(history.find(version).is_some_and(|record| record.misses == 1), "a place is used anew");
            assert!(history.find(version + 1).is_none() && history.find(4).is_none());
        }
        assert_eq!((versions(0), versions(9)), (vec![9, 12, 13], vec![12, 13]));
        assert!(history.find(8).is_none(), "the log reaches no further");
        assert_eq!([8, 9, 12, 13].map(|version| history.since(version).1), [false, true, true, true]);
    }

    #[test]
    fn p9_a_place_is_used_anew_and_keeps_no_room_for_many_targets() {
        let history = History::new(1, 10);
        for (version, count) in (1..).zip([1, 3, 10_000, 2, 1, 0, 5]) {
            let tag = |number: usize| Logged::Tag(format!("{number}").into());
            let targets: Vec<_> = (0..count).map(|number| LoggedTarget::new(tag(number), None, BY)).collect();
            history.record(version, &Facts::default(), None, targets.into_iter());
            let info = history.find(version).expect("it is the last").info(0);
            let shown: Vec<_> = info.targets.iter().map(ToString::to_string).collect();
            let kept = count.min(MOST_TARGETS);
            assert_eq!(shown, (0..kept).map(|number| format!("the tag `{number}`")).collect::<Vec<_>>());
            assert_eq!(info.more_targets, count - kept);
            let room = history.records.lock().ring[0].others.capacity();
            assert!(room <= kept.max(MANY), "room for {room} targets besides the first of {count}");
        }
    }

    #[test]
    fn a_log_of_none_keeps_none() {
        let history = History::new(0, 10);
        history.record(1, &Facts::default(), None, std::iter::empty());
        assert!(history.find(1).is_none());
        let (records, are_all) = history.since(0);
        assert!(records.is_empty() && !are_all);
    }
}
