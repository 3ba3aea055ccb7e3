//! The specification of a cache, as simple as possible: a list of entries, and a list of all invalidations.
//!
//! A load is valid if no invalidation since it began affects it. The list is searched from there each time, so no state
//! can be out of date.
//!
//! A load depends on the answers that its body reads, directly or through other loads: on all that each answer depends
//! on since its own load began, and on its expiry.
//!
//! The model cannot know which entry is evicted. It observes that, and checks it against the rules. For this, and to
//! find values that are kept although no call can return them, it holds a [`Weak`] of each value.

mod aged;
mod parts;
mod view;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Add;
use std::sync::Arc;
use std::time::Duration;

use cache_core::Stats;

pub(crate) use parts::Made;
pub(crate) use view::{Listed, sorted};

use crate::ops::{Place, Query, QueryId, Scope, TagName};
use crate::windows::Windows;

use aged::{Failed, Sure};
use parts::{Entry, Invalidation, Load, Part, Source, Target};

/// Each value that is made has its own number.
pub(crate) type Value = Arc<u64>;

/// What a cache is built with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) capacity: usize,
    pub(crate) default_ttl: Duration,
    /// Of a cache without queries.
    pub(crate) windows: Windows,
    pub(crate) max_weight: Option<u64>,
}

pub(crate) struct Model {
    settings: Settings,
    pub(crate) now: Duration,
    invalidations: Vec<Invalidation>,
    /// Live and dead: a dead one stays until something removes it. At most one per place.
    entries: Vec<Entry>,
    in_flight: Vec<Load>,
    /// The running loads, innermost last: what is served belongs to that one.
    running: Vec<u64>,
    loads_begun: u64,
    failed: HashMap<Place, Failed>,
    /// The statistics of each query that was used; `None` is for the cache as a whole.
    counts: BTreeMap<Option<QueryId>, Stats>,
    pub(crate) false_refusals: FalseRefusals,
}

/// Values with late tags that may be refused without a reason: see [`Model::end`].
#[derive(Clone, Copy, Default)]
pub(crate) struct FalseRefusals {
    pub(crate) possible: u32,
    pub(crate) refused: u32,
}

impl Add for FalseRefusals {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { possible: self.possible + other.possible, refused: self.refused + other.refused }
    }
}

/// What a call finds that may load.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asked {
    Hit(u64),
    Miss(Miss),
    /// Either is right: it is unknown whether another load is in flight, or has failed.
    Either,
}

/// A call that has to load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Miss {
    /// The time of the call, which it uses until its load ends, unless a value comes in between.
    pub(crate) at: Duration,
    /// The number of invalidations by then.
    arrived: usize,
    found_dead: bool,
}

impl Model {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            now: Duration::ZERO,
            invalidations: Vec::new(),
            entries: Vec::new(),
            in_flight: Vec::new(),
            running: Vec::new(),
            loads_begun: 0,
            failed: HashMap::new(),
            counts: BTreeMap::new(),
            false_refusals: FalseRefusals::default(),
        }
    }

    fn windows(&self, query: Query) -> Windows {
        query.windows().unwrap_or(self.settings.windows)
    }

    fn is_hit(&self, source: &Source) -> bool {
        self.invalidations[source.since..].iter().any(|invalidation| invalidation.hits(source))
    }

    fn is_stale(&self, load: &Load) -> bool {
        load.sources().any(|source| self.is_hit(source))
    }

    /// An answer is served. The load that reads it, if any, depends on all that the answer depends on.
    fn serve(&mut self, sources: Vec<Source>, expires_at: Duration) {
        let Some(&reader) = self.running.last() else { return };
        let reader = self.in_flight.iter_mut().find(|load| load.number == reader).expect("it is running");
        reader.read.extend(sources);
        reader.expires_at = reader.expires_at.min(expires_at);
    }

    fn is_live(&self, entry: &Entry, at: Duration) -> bool {
        at < entry.load.expires_at && !self.is_stale(&entry.load)
    }

    /// Whether it may still be served, if only because a load fails.
    fn is_kept(&self, entry: &Entry, at: Duration) -> bool {
        self.windows(entry.load.own.place.query).is_kept(entry.load.expires_at, at) && !self.is_stale(&entry.load)
    }

    fn counts(&mut self, query: Query) -> &mut Stats {
        self.counts.entry(Some(query.id())).or_default()
    }

    fn position(&self, place: Place) -> Option<usize> {
        self.entries.iter().position(|entry| entry.load.own.place == place)
    }

    /// A call that does not load.
    pub(crate) fn get(&mut self, place: Place) -> Option<u64> {
        let is_live = self.position(place).is_some_and(|index| self.is_live(&self.entries[index], self.now));
        if !is_live {
            self.counts(place.query).misses += 1;
            // The absence is an answer too: a load that reads it depends on the key.
            let absent =
                Source { place, tags: BTreeSet::new(), since: self.invalidations.len(), may_share_floor: false };
            self.serve(vec![absent], Duration::MAX);
            self.remove_if_dead(place);
        }
        is_live.then(|| self.hit(place))
    }

    /// A body begins. Returns the number of the load.
    pub(crate) fn begin(
        &mut self,
        place: Place,
        Miss { arrived, .. }: Miss,
        at: Duration,
        ttl: Option<Duration>,
        tags: &[TagName],
    ) -> u64 {
        self.counts(place.query).loads += 1;
        let is_here = |load: &&Load| load.own.place == place && load.part != Part::Yes;
        // A caller that arrived before an invalidation may get what the invalidation affects.
        let is_hit = |load: &Load| {
            self.invalidations[load.own.since..arrived.max(load.own.since)].iter().any(|by| by.hits(&load.own))
        };
        let may_be_joined = |load: &Load| at < load.own_expires_at && !is_hit(load);
        let loads = || self.in_flight.iter().filter(is_here);
        // If it is unknown whether an outer load can be joined, it is unknown of this one.
        let part = if loads().any(|load| load.part == Part::No && self.can_be_joined(load, at)) {
            Part::Yes
        } else if loads().any(may_be_joined) {
            Part::Unknown
        } else {
            Part::No
        };
        let aged = self.find_kept(place, at).map(|entry| Box::new(entry.load.clone()));
        self.counts(place.query).refreshes += u64::from(aged.is_some());
        let load = Load { part, aged, ..self.load(place, at, ttl, tags) };
        let number = load.number;
        self.in_flight.push(load);
        self.running.push(number);
        number
    }

    /// Whether a caller that comes now gets its value, as far as that is known.
    fn can_be_joined(&self, load: &Load, at: Duration) -> bool {
        at < load.expires_at && !self.is_stale(load) && !load.read.iter().any(|read| read.may_share_floor)
    }

    fn load(&mut self, place: Place, began: Duration, ttl: Option<Duration>, tags: &[TagName]) -> Load {
        self.loads_begun += 1;
        let tags = tags.iter().copied().collect();
        let expires_at = began + ttl.unwrap_or(self.settings.default_ttl);
        Load {
            number: self.loads_begun,
            own: Source { place, tags, since: self.invalidations.len(), may_share_floor: false },
            read: Vec::new(),
            began,
            own_expires_at: expires_at,
            expires_at,
            value: None,
            part: Part::No,
            aged: None,
        }
    }

    /// The body has made a value, and its call has not returned yet.
    pub(crate) fn made(&mut self, number: u64, value: &Value) {
        let load = self.in_flight.iter_mut().find(|load| load.number == number).expect("it is running");
        load.value = Some(Made::new(value));
    }

    fn end_of(&mut self, number: u64) -> Load {
        assert_eq!(self.running.pop(), Some(number), "loads end in their order");
        let index = self.in_flight.iter().position(|load| load.number == number).expect("it is running");
        self.in_flight.remove(index)
    }

    /// A load has ended with a value. `late` are the tags from the value; `refused`: the cache counted it as discarded,
    /// `heavy`: as too heavy.
    ///
    /// The cache keeps no version of a tag without entries, but floors that several such tags share. So the
    /// invalidation of one tag may, rarely, refuse a load with another late tag.
    pub(crate) fn end(&mut self, number: u64, late: &[TagName], refused: bool, heavy: bool) {
        let mut load = self.end_of(number);
        let place = load.own.place;
        load.own.tags.extend(late);
        load.own.may_share_floor = !late.is_empty();
        // Also if it is refused: the body that reads it shows it.
        self.serve(load.sources().cloned().collect(), load.expires_at);
        if self.settings.capacity == 0 || load.part == Part::Yes {
            return;
        }
        if load.part == Part::Unknown && !refused && !heavy && !load.made().is_held() {
            self.forget_failure(place, Sure::Unknown);
            self.remove_dead();
            return;
        }
        self.forget_failure(place, Sure::Yes);
        let mut is_stale = self.is_stale(&load);
        let is_tag = |invalidation: &Invalidation| matches!(invalidation.of, Target::Tag(_));
        let is_tag_in = |source: &Source| self.invalidations[source.since..].iter().any(is_tag);
        let may_share_floor = load.sources().any(|source| source.may_share_floor && is_tag_in(source));
        if !is_stale && may_share_floor {
            self.false_refusals.possible += 1;
            self.false_refusals.refused += u32::from(refused);
            is_stale = refused;
        }
        if is_stale {
            self.counts(place.query).discarded_loads += 1;
        }
        if is_stale || load.expires_at <= self.now {
            self.remove_if_dead(place);
        } else {
            // Those tags have a node of their own from now on.
            load.own.may_share_floor = false;
            load.read.iter_mut().for_each(|source| source.may_share_floor = false);
            self.store(load);
        }
    }

    /// A load has ended in an `Err`. Returns the value that its caller is served instead, if there is one. `is_served`: the
    /// call returned a value.
    pub(crate) fn fail(&mut self, number: u64, miss: Miss, is_served: bool) -> Option<u64> {
        let load = self.end_of(number);
        let place = load.own.place;
        self.counts(place.query).load_errors += 1;
        // A body that reads the error shows it, as it shows a value.
        self.serve(load.sources().cloned().collect(), load.expires_at);
        match load.part {
            Part::No if miss.found_dead => self.remove_if_dead(place),
            Part::Unknown => self.remove_dead(),
            Part::No | Part::Yes => {}
        }
        self.answer_for_failed(&load, is_served)
    }

    /// A load has ended in a panic.
    pub(crate) fn panicked(&mut self, number: u64) {
        let load = self.end_of(number);
        self.counts(load.own.place.query).load_errors += 1;
        // As for an error: the body around may have caught it.
        self.serve(load.sources().cloned().collect(), load.expires_at);
        self.record_failure(&load, Sure::Yes);
    }

    pub(crate) fn insert(&mut self, place: Place, value: Made, ttl: Option<Duration>, tags: &[TagName]) {
        if self.settings.capacity == 0 {
            return;
        }
        // It replaces the entry, and any load in flight.
        self.invalidations.push(Invalidation { scope: place.scope, of: Target::Place(place) });
        let load = Load { value: Some(value), ..self.load(place, self.now, ttl, tags) };
        if load.expires_at <= self.now {
            self.remove_if_dead(place);
        } else {
            self.store(load);
        }
    }

    /// Stores a value, unless there is one whose load began later. The cache has done so already.
    fn store(&mut self, load: Load) {
        if let Some(index) = self.position(load.own.place) {
            let old = &self.entries[index];
            if old.load.number > load.number && self.is_live(old, self.now) {
                return;
            }
            self.remove(index);
        }
        if self.settings.max_weight.is_some_and(|most| load.weight() > most) {
            self.counts(load.own.place.query).too_heavy += 1;
            return;
        }
        self.make_room(&load);
        self.entries.push(Entry { load, hits: 0 });
    }

    /// Whether there is room for entries of these weights.
    fn fits(&self, weights: &[u64]) -> bool {
        self.entries.len() + weights.len() <= self.settings.capacity
            && self.settings.max_weight.is_none_or(|most| self.weight() + weights.iter().sum::<u64>() <= most)
    }

    fn make_room(&mut self, new: &Load) {
        if self.fits(&[new.weight()]) {
            return;
        }
        self.remove_dead();
        if self.fits(&[new.weight()]) {
            return;
        }
        let all_kept = self.entries.iter().all(|entry| self.is_kept(entry, self.now));
        assert!(all_kept, "an entry that may be served was evicted although there is a dead one");
        let indices = |is_meant: &dyn Fn(&Entry) -> bool| -> Vec<usize> {
            (0..self.entries.len()).filter(|&index| is_meant(&self.entries[index])).collect()
        };
        let mut gone = indices(&|entry| !entry.load.made().is_held());
        if gone.is_empty() {
            // A running load still holds what was evicted.
            gone = indices(&|entry| self.is_held_by_load(entry));
        }
        let mut weights = Vec::new();
        for &index in gone.iter().rev() {
            let evicted = self.entries.remove(index).load;
            let weight = evicted.weight();
            weights.push(weight);
            // Nothing is weighed if that limits nothing.
            let counted = self.settings.max_weight.map_or(1, |_| weight);
            let counts = self.counts(evicted.own.place.query);
            counts.evictions += 1;
            counts.evicted_weight += counted;
        }
        assert!(self.fits(&[new.weight()]), "there is more than fits after {} evictions", gone.len());
        // As they leave one by one, the last one had to.
        let had_to = weights.iter().any(|weight| !self.fits(&[new.weight(), *weight]));
        assert!(had_to, "{} entries were evicted, and fewer would have done", gone.len());
    }

    /// Dead entries may be removed at any time. These have been.
    pub(crate) fn remove_dead(&mut self) {
        for index in (0..self.entries.len()).rev() {
            let entry = &self.entries[index];
            if !entry.load.made().is_held() && !self.is_kept(entry, self.now) {
                self.remove(index);
            }
        }
    }

    fn remove(&mut self, index: usize) {
        let Load { own: Source { place, .. }, expires_at, .. } = self.entries.remove(index).load;
        if expires_at <= self.now {
            self.counts(place.query).expirations += 1;
        }
    }

    fn remove_if_dead(&mut self, place: Place) {
        if let Some(index) = self.position(place).filter(|&index| !self.is_kept(&self.entries[index], self.now)) {
            self.remove(index);
        }
    }

    pub(crate) fn purge(&mut self) {
        for place in self.entries.iter().map(|entry| entry.load.own.place).collect::<Vec<_>>() {
            self.remove_if_dead(place);
        }
    }

    pub(crate) fn invalidate_all(&mut self, scope: Scope) {
        self.counts.entry(None).or_default().invalidations += 1;
        self.invalidations.push(Invalidation { scope, of: Target::All });
    }

    pub(crate) fn invalidate_tags(&mut self, scope: Scope, tags: &[TagName]) {
        for tag in tags {
            self.counts.entry(None).or_default().invalidations += 1;
            self.invalidations.push(Invalidation { scope, of: Target::Tag(tag) });
        }
    }

    pub(crate) fn invalidate_query(&mut self, scope: Scope, query: QueryId) {
        self.counts.entry(Some(query)).or_default().invalidations += 1;
        self.invalidations.push(Invalidation { scope, of: Target::Query(query) });
    }

    /// By its arguments: through the root in every scope.
    pub(crate) fn invalidate_arguments(&mut self, scope: Scope, query: Query, key: u8) {
        self.counts(query).invalidations += 1;
        self.invalidations.push(Invalidation { scope, of: Target::Key(query, key) });
    }

    /// By a run-time name. Queries that were never used are unknown.
    pub(crate) fn invalidate_named(&mut self, scope: Scope, name: &str) {
        let known: Vec<_> = self.counts.keys().flatten().copied().filter(|query| query.name == name).collect();
        for query in known {
            self.invalidate_query(scope, query);
        }
    }

    /// Returns whether there was a live entry.
    pub(crate) fn invalidate_key(&mut self, place: Place) -> bool {
        self.counts(place.query).invalidations += 1;
        let found = self.position(place);
        let was_live = found.is_some_and(|index| self.is_live(&self.entries[index], self.now));
        if let Some(index) = found {
            self.remove(index);
        }
        self.invalidations.push(Invalidation { scope: place.scope, of: Target::Place(place) });
        was_live
    }

    pub(crate) fn len(&self, scope: Scope) -> usize {
        self.live(scope).count()
    }

    pub(crate) fn len_with_stale(&self, scope: Scope) -> usize {
        self.in_scope(scope).filter(|entry| self.is_kept(entry, self.now)).count()
    }

    fn live(&self, scope: Scope) -> impl Iterator<Item = &Entry> {
        self.in_scope(scope).filter(|entry| self.is_live(entry, self.now))
    }

    fn in_scope(&self, scope: Scope) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| scope.is_none() || entry.load.own.place.scope == scope)
    }
}
