//! The specification of lists: each id as a key of its own.

use std::collections::HashMap;
use std::time::Duration;

use crate::windows::Windows;

/// An id in a scope, or in the root.
pub(super) type Place = (Option<u8>, u8);

/// What belongs to an id; `None` if the source does not know it: that is remembered.
pub(super) type Item = Option<u64>;

#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    All,
    /// In every scope of the handle.
    Id(u8),
    /// In one scope or in the root.
    Place(Place),
}

/// What an answer depends on: its place, and the number of invalidations when its load began.
type Source = (Place, usize);

#[derive(Clone)]
struct Entry {
    value: Item,
    sources: Vec<Source>,
    expires_at: Duration,
}

/// The load of one id.
struct Load {
    place: Place,
    /// Its own, then those that its body has read.
    sources: Vec<Source>,
    expires_at: Duration,
    aged: Option<Entry>,
    /// Whether the caller is part of another load of the id: that one is stored, and this is not.
    is_part: bool,
}

/// Of calls, in ids.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Counts {
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) loads: u64,
    pub(super) load_errors: u64,
    pub(super) discarded_loads: u64,
    pub(super) refreshes: u64,
    pub(super) stale_hits: u64,
}

pub(super) struct Model {
    has_capacity: bool,
    windows: Windows,
    ttl: Duration,
    pub(super) now: Duration,
    invalidations: Vec<(Option<u8>, Target)>,
    entries: HashMap<Place, Entry>,
    /// Until when nobody loads an id that has a value to serve.
    failed: HashMap<Place, Duration>,
    /// The loads of each body that runs, innermost last.
    running: Vec<Vec<Load>>,
    pub(super) counts: Counts,
}

impl Model {
    pub(super) fn new(has_capacity: bool, windows: Windows, ttl: Duration) -> Self {
        Self {
            has_capacity,
            windows,
            ttl,
            now: Duration::ZERO,
            invalidations: Vec::new(),
            entries: HashMap::new(),
            failed: HashMap::new(),
            running: Vec::new(),
            counts: Counts::default(),
        }
    }

    fn is_valid(&self, sources: &[Source]) -> bool {
        let hits = |&(by, of): &(Option<u8>, Target), place: Place| match of {
            Target::Place(of) => of == place,
            Target::Id(id) => (by.is_none() || by == place.0) && id == place.1,
            Target::All => by.is_none() || by == place.0,
        };
        !sources.iter().any(|&(place, since)| self.invalidations[since..].iter().any(|by| hits(by, place)))
    }

    fn is_kept(&self, entry: &Entry) -> bool {
        self.windows.is_kept(entry.expires_at, self.now) && self.is_valid(&entry.sources)
    }

    fn is_live(&self, entry: &Entry) -> bool {
        self.now < entry.expires_at && self.is_valid(&entry.sources)
    }

    fn in_flight(&self, place: Place) -> Option<&Load> {
        self.running.iter().flatten().find(|load| load.place == place && !load.is_part)
    }

    /// Whether a load of it is in flight that no caller may join. The cache need not have noticed yet.
    pub(super) fn is_doomed(&self, place: Place) -> bool {
        self.in_flight(place).is_some_and(|load| load.expires_at <= self.now || !self.is_valid(&load.sources))
    }

    /// The entry of a caller that is served without a load.
    fn served(&self, place: Place) -> Option<Entry> {
        let entry = self.entries.get(&place).filter(|entry| self.is_kept(entry))?;
        let has_failed = self.failed.get(&place).is_some_and(|until| self.now < *until);
        let is_loading =
            self.in_flight(place).is_some() && self.windows.is_served_while_loading(entry.expires_at, self.now);
        let is_served = self.windows.is_fresh(entry.expires_at, self.now) || has_failed || is_loading;
        is_served.then(|| entry.clone())
    }

    /// The body around, if any, has read this.
    fn read(&mut self, sources: &[Source], expires_at: Duration) {
        for load in self.running.last_mut().into_iter().flatten() {
            load.sources.extend(sources);
            load.expires_at = load.expires_at.min(expires_at);
        }
    }

    fn serve(&mut self, entry: &Entry) -> Item {
        let has_expired = entry.expires_at <= self.now;
        self.counts.stale_hits += u64::from(has_expired);
        self.read(&entry.sources, if has_expired { Duration::ZERO } else { entry.expires_at });
        entry.value
    }

    /// Without a load.
    pub(super) fn get(&mut self, place: Place) -> Option<Item> {
        let live = self.entries.get(&place).filter(|entry| self.is_live(entry)).cloned();
        if live.is_some() {
            self.counts.hits += 1;
        } else {
            self.counts.misses += 1;
            let since = self.invalidations.len();
            self.read(&[(place, since)], Duration::MAX);
        }
        live.map(|entry| self.serve(&entry))
    }

    /// The value, if the call is served one without a load.
    pub(super) fn look_up(&mut self, place: Place) -> Option<Item> {
        let Some(entry) = self.served(place) else {
            self.counts.misses += 1;
            return None;
        };
        self.counts.hits += 1;
        Some(self.serve(&entry))
    }

    /// One body begins, for all of these ids.
    pub(super) fn begin(&mut self, places: &[Place]) {
        let load = |&place: &Place| {
            let aged = self.entries.get(&place).filter(|entry| self.is_kept(entry)).cloned();
            let sources = vec![(place, self.invalidations.len())];
            let is_part = self.in_flight(place).is_some();
            Load { place, sources, expires_at: self.now + self.ttl, aged, is_part }
        };
        let loads: Vec<_> = places.iter().map(load).collect();
        self.counts.loads += loads.len() as u64;
        self.counts.refreshes += loads.iter().filter(|load| load.aged.is_some()).count() as u64;
        self.running.push(loads);
    }

    fn end_body(&mut self) -> Vec<Load> {
        let loads = self.running.pop().expect("a body runs");
        for load in &loads {
            self.read(&load.sources, load.expires_at);
        }
        loads
    }

    /// The body has returned these values, and for the other ids nothing.
    pub(super) fn end(&mut self, values: &HashMap<u8, u64>) {
        for Load { place, sources, expires_at, is_part, .. } in self.end_body() {
            if is_part || !self.has_capacity {
                continue;
            }
            self.failed.remove(&place);
            if !self.is_valid(&sources) {
                self.counts.discarded_loads += 1;
            } else if self.now < expires_at {
                let value = values.get(&place.1).copied();
                self.entries.insert(place, Entry { value, sources, expires_at });
            }
        }
    }

    /// The body has failed. Returns what is served instead; `None` for ids without such a value.
    pub(super) fn fail(&mut self) -> Vec<Option<Item>> {
        let mut served = Vec::new();
        for load in self.end_body() {
            self.counts.load_errors += 1;
            let aged = load.aged.filter(|_| !load.is_part);
            if aged.is_some() {
                self.failed.insert(load.place, self.now + self.windows.retry_after);
            }
            let aged = aged.filter(|aged| self.is_valid(&aged.sources));
            served.push(aged.map(|aged| self.serve(&aged)));
        }
        served
    }

    pub(super) fn panicked(&mut self) {
        for load in self.end_body() {
            self.counts.load_errors += 1;
            if load.aged.is_some() {
                self.failed.insert(load.place, self.now + self.windows.retry_after);
            }
        }
    }

    pub(super) fn insert(&mut self, place: Place, value: Item) {
        if self.has_capacity {
            self.invalidate(None, Target::Place(place));
            let sources = vec![(place, self.invalidations.len())];
            self.entries.insert(place, Entry { value, sources, expires_at: self.now + self.ttl });
        }
    }

    pub(super) fn invalidate(&mut self, scope: Option<u8>, of: Target) {
        self.invalidations.push((scope, of));
    }

    /// Whether there is a live entry.
    pub(super) fn has(&self, place: Place) -> bool {
        self.entries.get(&place).is_some_and(|entry| self.is_live(entry))
    }

    pub(super) fn len(&self) -> usize {
        self.entries.values().filter(|entry| self.is_live(entry)).count()
    }

    pub(super) fn len_with_stale(&self) -> usize {
        self.entries.values().filter(|entry| self.is_kept(entry)).count()
    }
}
