//! What a cache is to do, said as plainly as possible: a list of entries, and a list of all invalidations.
//!
//! What has been loaded is valid if none of the invalidations since its load began hits it. That list is
//! read from there to its end each time, so there is nothing here that could be out of date.
//!
//! Which of several entries makes room the model can't know. It sees which one is gone, and holds that to
//! the rules. For that, and to see that nothing is kept which nobody can get, it has a [`Weak`] of each value.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Add;
use std::sync::{Arc, Weak};
use std::time::Duration;

use cache_core::{EntryInfo, QueryStats, Stats};

use crate::ops::{Place, Query, QueryId, Scope, TagName, scope_name};

/// Each value that is made has a number of its own.
pub(crate) type Value = Arc<u64>;

pub(crate) struct Model {
    capacity: usize,
    default_ttl: Duration,
    pub(crate) now: Duration,
    invalidations: Vec<Invalidation>,
    /// Live and dead: a dead one stays until something removes it. At most one of each place.
    entries: Vec<Entry>,
    under_way: Vec<Load>,
    loads_begun: u64,
    /// What is counted for each query that was used, and for none in particular.
    counts: BTreeMap<Option<QueryId>, Stats>,
    pub(crate) needless: Needless,
}

/// Values that bring tags of their own may be refused without need: see [`Model::end`].
#[derive(Clone, Copy, Default)]
pub(crate) struct Needless {
    pub(crate) possible: u32,
    pub(crate) refused: u32,
}

impl Add for Needless {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { possible: self.possible + other.possible, refused: self.refused + other.refused }
    }
}

struct Invalidation {
    /// Of the handle through which it came.
    scope: Scope,
    of: Target,
}

#[derive(Clone, Copy)]
enum Target {
    All,
    Tag(TagName),
    Query(QueryId),
    Key(Place),
}

struct Load {
    number: u64,
    place: Place,
    tags: BTreeSet<TagName>,
    /// How many invalidations there had been.
    born: usize,
    began: Duration,
    expires_at: Duration,
    /// As soon as there is one.
    value: Option<Made>,
    /// Whether it is part of a load of the same place that can be waited for: that one is stored, and not this.
    is_part: bool,
}

/// A value that was made.
#[derive(Clone)]
pub(crate) struct Made {
    number: u64,
    /// Whether anybody still has it.
    held: Weak<u64>,
}

struct Entry {
    load: Load,
    hits: u64,
}

/// What a call found that has to load.
#[derive(Clone, Copy)]
pub(crate) struct Miss {
    /// When it asked. It goes by that time until its load ends, if nothing comes between.
    pub(crate) at: Duration,
    pub(crate) found_dead: bool,
}

impl Invalidation {
    fn hits(&self, load: &Load) -> bool {
        let in_reach = self.scope.is_none() || self.scope == load.place.scope;
        in_reach
            && match self.of {
                Target::All => true,
                Target::Tag(tag) => load.tags.contains(tag),
                Target::Query(query) => load.place.query.id() == query,
                Target::Key(place) => load.place == place,
            }
    }
}

impl Made {
    pub(crate) fn new(value: &Value) -> Self {
        Self { number: **value, held: Arc::downgrade(value) }
    }
}

impl Load {
    fn made(&self) -> &Made {
        self.value.as_ref().expect("an entry has a value")
    }
}

impl Entry {
    /// Whether the cache still has the value.
    fn is_held(&self) -> bool {
        self.load.made().held.strong_count() > 0
    }
}

impl Model {
    pub(crate) fn new(capacity: usize, default_ttl: Duration) -> Self {
        Self {
            capacity,
            default_ttl,
            now: Duration::ZERO,
            invalidations: Vec::new(),
            entries: Vec::new(),
            under_way: Vec::new(),
            loads_begun: 0,
            counts: BTreeMap::new(),
            needless: Needless::default(),
        }
    }

    fn is_stale(&self, load: &Load) -> bool {
        self.invalidations[load.born..].iter().any(|invalidation| invalidation.hits(load))
    }

    fn is_live(&self, entry: &Entry, at: Duration) -> bool {
        at < entry.load.expires_at && !self.is_stale(&entry.load)
    }

    fn counts(&mut self, query: Query) -> &mut Stats {
        self.counts.entry(Some(query.id())).or_default()
    }

    fn position(&self, place: Place) -> Option<usize> {
        self.entries.iter().position(|entry| entry.load.place == place)
    }

    /// The value of a live entry, which is served.
    pub(crate) fn find(&mut self, place: Place, at: Duration) -> Option<u64> {
        let index = self.position(place).filter(|&index| self.is_live(&self.entries[index], at))?;
        let entry = &mut self.entries[index];
        entry.hits += 1;
        Some(entry.load.made().number)
    }

    /// A call asks for a value.
    pub(crate) fn ask(&mut self, place: Place) -> Result<u64, Miss> {
        let found = self.find(place, self.now);
        let counts = self.counts(place.query);
        if let Some(value) = found {
            counts.hits += 1;
            return Ok(value);
        }
        counts.misses += 1;
        Err(Miss { at: self.now, found_dead: self.position(place).is_some() })
    }

    /// A call asks, and does not load.
    pub(crate) fn get(&mut self, place: Place) -> Option<u64> {
        let found = self.ask(place).ok();
        if found.is_none() {
            self.bury(place);
        }
        found
    }

    /// A body is about to run. Returns the load's number.
    pub(crate) fn begin(&mut self, place: Place, at: Duration, ttl: Option<Duration>, tags: &[TagName]) -> u64 {
        self.counts(place.query).loads += 1;
        let can_be_joined =
            |load: &Load| load.place == place && !load.is_part && at < load.expires_at && !self.is_stale(load);
        let is_part = self.under_way.iter().any(can_be_joined);
        let load = Load { is_part, ..self.load(place, at, ttl, tags) };
        let number = load.number;
        self.under_way.push(load);
        number
    }

    fn load(&mut self, place: Place, began: Duration, ttl: Option<Duration>, tags: &[TagName]) -> Load {
        self.loads_begun += 1;
        Load {
            number: self.loads_begun,
            place,
            tags: tags.iter().copied().collect(),
            born: self.invalidations.len(),
            began,
            expires_at: began + ttl.unwrap_or(self.default_ttl),
            value: None,
            is_part: false,
        }
    }

    /// The body has made a value, and its call has not returned yet.
    pub(crate) fn made(&mut self, number: u64, value: &Value) {
        let load = self.under_way.iter_mut().find(|load| load.number == number).expect("it is under way");
        load.value = Some(Made::new(value));
    }

    fn end_of(&mut self, number: u64) -> Load {
        let index = self.under_way.iter().position(|load| load.number == number).expect("it is under way");
        self.under_way.remove(index)
    }

    /// A load has ended with a value. `late` are the tags that the value told, and `refused` is whether the
    /// cache counted it as discarded.
    ///
    /// The cache keeps no version of a tag that nothing bears, but some floors that such tags share. So the
    /// invalidation of one tag may, seldom, hit a load that brings another only with its value.
    pub(crate) fn end(&mut self, number: u64, late: &[TagName], refused: bool) {
        let mut load = self.end_of(number);
        if self.capacity == 0 || load.is_part {
            return;
        }
        load.tags.extend(late);
        let mut is_stale = self.is_stale(&load);
        let is_tag = |invalidation: &Invalidation| matches!(invalidation.of, Target::Tag(_));
        if !is_stale && !late.is_empty() && self.invalidations[load.born..].iter().any(is_tag) {
            self.needless.possible += 1;
            self.needless.refused += u32::from(refused);
            is_stale = refused;
        }
        if is_stale {
            self.counts(load.place.query).discarded_loads += 1;
        }
        if is_stale || load.expires_at <= self.now {
            self.bury(load.place);
        } else {
            self.store(load);
        }
    }

    /// A load has ended in an `Err`.
    pub(crate) fn fail(&mut self, number: u64, miss: Miss) {
        let load = self.end_of(number);
        self.counts(load.place.query).load_errors += 1;
        if miss.found_dead && !load.is_part {
            self.bury(load.place);
        }
    }

    /// A load has ended in a panic.
    pub(crate) fn panicked(&mut self, number: u64) {
        let load = self.end_of(number);
        self.counts(load.place.query).load_errors += 1;
    }

    pub(crate) fn insert(&mut self, place: Place, value: Made, ttl: Option<Duration>, tags: &[TagName]) {
        if self.capacity == 0 {
            return;
        }
        // It replaces what is there, and what is on its way.
        self.invalidations.push(Invalidation { scope: place.scope, of: Target::Key(place) });
        let load = Load { value: Some(value), ..self.load(place, self.now, ttl, tags) };
        if load.expires_at <= self.now {
            self.bury(place);
        } else {
            self.store(load);
        }
    }

    /// Stores a value, unless there is one whose load began later. The cache has done so already.
    fn store(&mut self, load: Load) {
        if let Some(index) = self.position(load.place) {
            let old = &self.entries[index];
            if old.load.number > load.number && self.is_live(old, self.now) {
                return;
            }
            self.remove(index);
        } else if self.entries.len() == self.capacity {
            self.make_room();
        }
        self.entries.push(Entry { load, hits: 0 });
    }

    fn make_room(&mut self) {
        let gone: Vec<_> = (0..self.entries.len()).filter(|&index| !self.entries[index].is_held()).collect();
        let [victim] = gone[..] else { panic!("{} entries made room for one", gone.len()) };
        if self.is_live(&self.entries[victim], self.now) {
            let all_live = self.entries.iter().all(|entry| self.is_live(entry, self.now));
            assert!(all_live, "a live entry made room, and a dead one is there");
            let query = self.entries[victim].load.place.query;
            self.counts(query).evictions += 1;
        }
        self.remove(victim);
    }

    fn remove(&mut self, index: usize) {
        let Load { place, expires_at, .. } = self.entries.remove(index).load;
        if expires_at <= self.now {
            self.counts(place.query).expirations += 1;
        }
    }

    /// Removes the entry of a place, if it is dead.
    fn bury(&mut self, place: Place) {
        if let Some(index) = self.position(place).filter(|&index| !self.is_live(&self.entries[index], self.now)) {
            self.remove(index);
        }
    }

    pub(crate) fn purge(&mut self) {
        for place in self.entries.iter().map(|entry| entry.load.place).collect::<Vec<_>>() {
            self.bury(place);
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

    /// By a name at run time: of queries that were never used, nothing is known.
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
        self.invalidations.push(Invalidation { scope: place.scope, of: Target::Key(place) });
        was_live
    }

    pub(crate) fn len(&self, scope: Scope) -> usize {
        self.live(scope).count()
    }

    fn live(&self, scope: Scope) -> impl Iterator<Item = &Entry> {
        let in_scope = move |entry: &&Entry| scope.is_none() || entry.load.place.scope == scope;
        self.entries.iter().filter(in_scope).filter(|entry| self.is_live(entry, self.now))
    }

    pub(crate) fn stats(&self) -> Stats {
        let mut all = Stats::default();
        (all.entries, all.capacity) = (self.len(None), self.capacity);
        for counts in self.counts.values() {
            all.hits += counts.hits;
            all.misses += counts.misses;
            all.loads += counts.loads;
            all.load_errors += counts.load_errors;
            all.discarded_loads += counts.discarded_loads;
            all.evictions += counts.evictions;
            all.expirations += counts.expirations;
            all.invalidations += counts.invalidations;
        }
        all
    }

    /// In the order of their names.
    pub(crate) fn query_stats(&self) -> Vec<QueryStats> {
        let of = |(query, counts): (&Option<QueryId>, &Stats)| {
            let query = (*query)?;
            let mut stats = QueryStats::default();
            (stats.query, stats.module, stats.owner) = (query.name, query.module, query.owner);
            stats.entries = self.live(None).filter(|entry| entry.load.place.query.id() == query).count();
            (stats.hits, stats.misses) = (counts.hits, counts.misses);
            (stats.loads, stats.load_errors) = (counts.loads, counts.load_errors);
            (stats.discarded_loads, stats.evictions) = (counts.discarded_loads, counts.evictions);
            (stats.expirations, stats.invalidations) = (counts.expirations, counts.invalidations);
            Some(stats)
        };
        self.counts.iter().filter_map(of).collect()
    }

    pub(crate) fn listing(&self, scope: Scope) -> Vec<Listed> {
        let listed = |entry: &Entry| {
            let Load { place, tags, began, expires_at, .. } = &entry.load;
            Listed {
                query: place.query.id(),
                arguments: place.query.arguments(place.key),
                scope: place.scope.map(|scope| scope_name(scope).into()),
                tags: tags.iter().map(|&tag| tag.into()).collect(),
                age: self.now.saturating_sub(*began),
                expires_in: expires_at.saturating_sub(self.now),
                hits: entry.hits,
            }
        };
        sorted(self.live(scope).map(listed))
    }

    /// The values that the cache is to hold, and those that a load under way has made: no others are in memory.
    pub(crate) fn held(&self) -> Vec<u64> {
        let loads = self.entries.iter().map(|entry| &entry.load).chain(&self.under_way);
        sorted(loads.filter_map(|load| load.value.as_ref()).map(|made| made.number))
    }
}

/// One line of a listing.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Listed {
    query: QueryId,
    arguments: String,
    scope: Option<String>,
    tags: Vec<String>,
    age: Duration,
    expires_in: Duration,
    hits: u64,
}

impl From<&EntryInfo> for Listed {
    fn from(info: &EntryInfo) -> Self {
        Self {
            query: QueryId { name: info.query, module: info.module, owner: info.owner },
            arguments: info.arguments.clone(),
            scope: info.scope.as_deref().map(Into::into),
            tags: sorted(info.tags.iter().map(|tag| tag.as_str().to_owned())),
            age: info.age,
            expires_in: info.expires_in,
            hits: info.hits,
        }
    }
}

pub(crate) fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<_> = items.collect();
    items.sort();
    items
}
