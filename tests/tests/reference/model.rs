//! What a cache is to do, said as plainly as possible: a list of entries, and a list of all invalidations.
//!
//! What has been loaded is valid if none of the invalidations since its load began hits it. That list is
//! read from there to its end each time, so there is nothing here that could be out of date.
//!
//! An answer that a body gets from the cache is part of what it loads: whatever the answer depends on, the load
//! depends on since the answer's own load began, and it expires no later. So it is with what a load reads through
//! several others.
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
    /// The numbers of the loads that are running, the innermost last: what is handed out is read by that one.
    running: Vec<u64>,
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
    /// In every scope that the handle reaches.
    Key(Query, u8),
    /// In one scope, or in none.
    Place(Place),
}

/// What an answer depends on: invalidations that hit it are meant for the answer.
#[derive(Clone)]
struct Source {
    place: Place,
    tags: BTreeSet<TagName>,
    /// How many invalidations there had been when its load began.
    born: usize,
    /// Whether the cache may take an invalidation of other tags for one of it: see [`Model::end`].
    is_vague: bool,
}

struct Load {
    number: u64,
    /// Itself.
    own: Source,
    /// What its body has read so far, also through others.
    read: Vec<Source>,
    began: Duration,
    own_expires_at: Duration,
    /// The earliest of its own and of what it has read.
    expires_at: Duration,
    /// As soon as there is one.
    value: Option<Made>,
    part: Part,
}

/// Whether a load is part of one of the same place that can be waited for: that one is stored, and not this.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    No,
    Yes,
    /// What the other one has read was invalidated, or has expired: whether it can still be waited for is up to the
    /// cache, as nobody who asks now gets its value.
    Unknown,
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
    fn hits(&self, Source { place, tags, .. }: &Source) -> bool {
        let in_reach = self.scope.is_none() || self.scope == place.scope;
        in_reach
            && match self.of {
                Target::All => true,
                Target::Tag(tag) => tags.contains(tag),
                Target::Query(query) => place.query.id() == query,
                Target::Key(query, key) => (place.query, place.key) == (query, key),
                Target::Place(of) => *place == of,
            }
    }
}

impl Made {
    pub(crate) fn new(value: &Value) -> Self {
        Self { number: **value, held: Arc::downgrade(value) }
    }

    /// Whether the cache still has it.
    fn is_held(&self) -> bool {
        self.held.strong_count() > 0
    }
}

impl Load {
    /// What an answer of it depends on.
    fn sources(&self) -> impl Iterator<Item = &Source> {
        [&self.own].into_iter().chain(&self.read)
    }

    fn made(&self) -> &Made {
        self.value.as_ref().expect("an entry has a value")
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
            running: Vec::new(),
            loads_begun: 0,
            counts: BTreeMap::new(),
            needless: Needless::default(),
        }
    }

    fn is_hit(&self, source: &Source) -> bool {
        self.invalidations[source.born..].iter().any(|invalidation| invalidation.hits(source))
    }

    fn is_stale(&self, load: &Load) -> bool {
        load.sources().any(|source| self.is_hit(source))
    }

    /// An answer is handed out. If that is inside a load, the load depends on all that the answer does.
    fn hand_out(&mut self, sources: Vec<Source>, expires_at: Duration) {
        let Some(&reader) = self.running.last() else { return };
        let reader = self.under_way.iter_mut().find(|load| load.number == reader).expect("it is under way");
        reader.read.extend(sources);
        reader.expires_at = reader.expires_at.min(expires_at);
    }

    fn hand_out_entry(&mut self, place: Place) {
        let index = self.position(place).expect("an entry was found");
        let load = &self.entries[index].load;
        let (sources, expires_at) = (load.sources().cloned().collect(), load.expires_at);
        self.hand_out(sources, expires_at);
    }

    /// A value that came while a call had not begun to load is its answer.
    pub(crate) fn find_late(&mut self, place: Place) -> Option<u64> {
        let found = self.find(place, self.now)?;
        self.hand_out_entry(place);
        Some(found)
    }

    fn is_live(&self, entry: &Entry, at: Duration) -> bool {
        at < entry.load.expires_at && !self.is_stale(&entry.load)
    }

    fn counts(&mut self, query: Query) -> &mut Stats {
        self.counts.entry(Some(query.id())).or_default()
    }

    fn position(&self, place: Place) -> Option<usize> {
        self.entries.iter().position(|entry| entry.load.own.place == place)
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
            self.hand_out_entry(place);
            return Ok(value);
        }
        counts.misses += 1;
        Err(Miss { at: self.now, found_dead: self.position(place).is_some() })
    }

    /// A call asks, and does not load.
    pub(crate) fn get(&mut self, place: Place) -> Option<u64> {
        let found = self.ask(place).ok();
        if found.is_none() {
            // That there is none is an answer, too: a body that got it depends on the key.
            let absent = Source { place, tags: BTreeSet::new(), born: self.invalidations.len(), is_vague: false };
            self.hand_out(vec![absent], Duration::MAX);
            self.bury(place);
        }
        found
    }

    /// A body is about to run. Returns the load's number.
    pub(crate) fn begin(&mut self, place: Place, at: Duration, ttl: Option<Duration>, tags: &[TagName]) -> u64 {
        self.counts(place.query).loads += 1;
        let is_here = |load: &&Load| load.own.place == place && load.part != Part::Yes;
        let can_be_joined =
            |load: &Load| at < load.expires_at && !self.is_stale(load) && !load.read.iter().any(|read| read.is_vague);
        let may_be_joined = |load: &Load| at < load.own_expires_at && !self.is_hit(&load.own);
        let loads = || self.under_way.iter().filter(is_here);
        // Whether one can be waited for of which it is unknown whether it is part of another, is unknown, too.
        let part = if loads().any(|load| load.part == Part::No && can_be_joined(load)) {
            Part::Yes
        } else if loads().any(may_be_joined) {
            Part::Unknown
        } else {
            Part::No
        };
        let load = Load { part, ..self.load(place, at, ttl, tags) };
        let number = load.number;
        self.under_way.push(load);
        self.running.push(number);
        number
    }

    fn load(&mut self, place: Place, began: Duration, ttl: Option<Duration>, tags: &[TagName]) -> Load {
        self.loads_begun += 1;
        let tags = tags.iter().copied().collect();
        let expires_at = began + ttl.unwrap_or(self.default_ttl);
        Load {
            number: self.loads_begun,
            own: Source { place, tags, born: self.invalidations.len(), is_vague: false },
            read: Vec::new(),
            began,
            own_expires_at: expires_at,
            expires_at,
            value: None,
            part: Part::No,
        }
    }

    /// The body has made a value, and its call has not returned yet.
    pub(crate) fn made(&mut self, number: u64, value: &Value) {
        let load = self.under_way.iter_mut().find(|load| load.number == number).expect("it is under way");
        load.value = Some(Made::new(value));
    }

    fn end_of(&mut self, number: u64) -> Load {
        assert_eq!(self.running.pop(), Some(number), "loads end in their order");
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
        let place = load.own.place;
        load.own.tags.extend(late);
        load.own.is_vague = !late.is_empty();
        // Also if it is refused: a body that got it shows it.
        self.hand_out(load.sources().cloned().collect(), load.expires_at);
        if self.capacity == 0 || load.part == Part::Yes {
            return;
        }
        if load.part == Part::Unknown && !refused && !load.made().is_held() {
            self.leave_dead();
            return;
        }
        let mut is_stale = self.is_stale(&load);
        let is_tag = |invalidation: &Invalidation| matches!(invalidation.of, Target::Tag(_));
        let is_tag_in = |source: &Source| self.invalidations[source.born..].iter().any(is_tag);
        let is_vague = load.sources().any(|source| source.is_vague && is_tag_in(source));
        if !is_stale && is_vague {
            self.needless.possible += 1;
            self.needless.refused += u32::from(refused);
            is_stale = refused;
        }
        if is_stale {
            self.counts(place.query).discarded_loads += 1;
        }
        if is_stale || load.expires_at <= self.now {
            self.bury(place);
        } else {
            // Those tags have a version of their own from now on.
            load.own.is_vague = false;
            load.read.iter_mut().for_each(|source| source.is_vague = false);
            self.store(load);
        }
    }

    /// A load has ended in an `Err`.
    pub(crate) fn fail(&mut self, number: u64, miss: Miss) {
        let load = self.end_of(number);
        let place = load.own.place;
        self.counts(place.query).load_errors += 1;
        // A body that got the error shows it, as it shows a value.
        self.hand_out(load.sources().cloned().collect(), load.expires_at);
        match load.part {
            Part::No if miss.found_dead => self.bury(place),
            Part::Unknown => self.leave_dead(),
            Part::No | Part::Yes => {}
        }
    }

    /// A load has ended in a panic.
    pub(crate) fn panicked(&mut self, number: u64) {
        let load = self.end_of(number);
        self.counts(load.own.place.query).load_errors += 1;
        // As for an error: a body may have caught it.
        self.hand_out(load.sources().cloned().collect(), load.expires_at);
    }

    pub(crate) fn insert(&mut self, place: Place, value: Made, ttl: Option<Duration>, tags: &[TagName]) {
        if self.capacity == 0 {
            return;
        }
        // It replaces what is there, and what is on its way.
        self.invalidations.push(Invalidation { scope: place.scope, of: Target::Place(place) });
        let load = Load { value: Some(value), ..self.load(place, self.now, ttl, tags) };
        if load.expires_at <= self.now {
            self.bury(place);
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
        } else if self.entries.len() == self.capacity {
            self.make_room();
        }
        self.entries.push(Entry { load, hits: 0 });
    }

    fn make_room(&mut self) {
        self.leave_dead();
        if self.entries.len() < self.capacity {
            return;
        }
        let gone: Vec<_> =
            (0..self.entries.len()).filter(|&index| !self.entries[index].load.made().is_held()).collect();
        let [victim] = gone[..] else { panic!("{} entries made room for one", gone.len()) };
        let all_live = self.entries.iter().all(|entry| self.is_live(entry, self.now));
        assert!(all_live, "a live entry made room, and a dead one is there");
        let query = self.entries[victim].load.own.place.query;
        self.counts(query).evictions += 1;
        self.remove(victim);
    }

    /// The dead may leave at any time. These have.
    pub(crate) fn leave_dead(&mut self) {
        for index in (0..self.entries.len()).rev() {
            let entry = &self.entries[index];
            if !entry.load.made().is_held() && !self.is_live(entry, self.now) {
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

    /// Removes the entry of a place, if it is dead.
    fn bury(&mut self, place: Place) {
        if let Some(index) = self.position(place).filter(|&index| !self.is_live(&self.entries[index], self.now)) {
            self.remove(index);
        }
    }

    pub(crate) fn purge(&mut self) {
        for place in self.entries.iter().map(|entry| entry.load.own.place).collect::<Vec<_>>() {
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

    /// By the arguments: through the root in every scope.
    pub(crate) fn invalidate_arguments(&mut self, scope: Scope, query: Query, key: u8) {
        self.counts(query).invalidations += 1;
        self.invalidations.push(Invalidation { scope, of: Target::Key(query, key) });
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
        self.invalidations.push(Invalidation { scope: place.scope, of: Target::Place(place) });
        was_live
    }

    pub(crate) fn len(&self, scope: Scope) -> usize {
        self.live(scope).count()
    }

    fn live(&self, scope: Scope) -> impl Iterator<Item = &Entry> {
        let in_scope = move |entry: &&Entry| scope.is_none() || entry.load.own.place.scope == scope;
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
            stats.entries = self.live(None).filter(|entry| entry.load.own.place.query.id() == query).count();
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
            let Load { own: Source { place, tags, .. }, began, expires_at, .. } = &entry.load;
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
