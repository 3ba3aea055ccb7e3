//! Values that are not fresh: who is served one, and who loads.
//!
//! One caller loads; while it does, and for a while after a load that failed, the others are served. It is served as
//! well if its load fails, unless the value was invalidated meanwhile.

use std::time::Duration;

use super::parts::{Entry, Load, Part, Target};
use super::{Asked, Miss, Model};
use crate::ops::Place;

/// What the model knows of a fact that depends on whether the cache joins a load: see [`Part::Unknown`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sure {
    No,
    Unknown,
    Yes,
}

/// The failure of the last load of a place. Callers are served what there is, surely or perhaps until then.
#[derive(Clone, Copy, Default)]
pub(super) struct Failed {
    surely_until: Duration,
    perhaps_until: Duration,
}

impl Failed {
    fn has(self, at: Duration) -> Sure {
        if at < self.surely_until {
            Sure::Yes
        } else if at < self.perhaps_until {
            Sure::Unknown
        } else {
            Sure::No
        }
    }
}

impl Model {
    /// Whether a caller is served that could load.
    pub(super) fn serves(&self, place: Place, at: Duration) -> Sure {
        let Some(entry) = self.find_kept(place, at) else { return Sure::No };
        let (windows, expires_at) = (self.windows(place.query), entry.load.expires_at);
        if windows.is_fresh(expires_at, at) {
            return Sure::Yes;
        }
        let has_failed = self.failed.get(&place).copied().unwrap_or_default().has(at);
        let is_loading =
            if windows.is_served_while_loading(expires_at, at) { self.is_loading(place, at) } else { Sure::No };
        has_failed.max(is_loading)
    }

    /// Whether a load is in flight that a caller would wait for.
    fn is_loading(&self, place: Place, at: Duration) -> Sure {
        let loads = || self.in_flight.iter().filter(|load| load.own.place == place && load.part != Part::Yes);
        let is_key = |of: &Target| matches!(of, Target::Key(..) | Target::Place(_));
        let is_forgotten =
            |load: &Load| self.invalidations[load.own.since..].iter().any(|by| is_key(&by.of) && by.hits(&load.own));
        if loads().any(|load| load.part == Part::No && self.can_be_joined(load, at)) {
            Sure::Yes
        } else if loads().any(|load| at < load.own_expires_at && !is_forgotten(load)) {
            Sure::Unknown
        } else {
            Sure::No
        }
    }

    pub(super) fn find_kept(&self, place: Place, at: Duration) -> Option<&Entry> {
        let entry = &self.entries[self.position(place)?];
        self.is_kept(entry, at).then_some(entry)
    }

    /// A call that may load. If the answer is [`Asked::Either`], nothing is counted yet.
    pub(crate) fn look_up(&mut self, place: Place) -> Asked {
        match self.serves(place, self.now) {
            Sure::Yes => Asked::Hit(self.hit(place)),
            Sure::Unknown => Asked::Either,
            Sure::No => Asked::Miss(self.miss(place)),
        }
    }

    /// A call is served what is stored, without a load.
    pub(crate) fn hit(&mut self, place: Place) -> u64 {
        self.counts(place.query).hits += 1;
        self.answer(place)
    }

    pub(crate) fn miss(&mut self, place: Place) -> Miss {
        self.counts(place.query).misses += 1;
        Miss { at: self.now, arrived: self.invalidations.len(), found_dead: self.position(place).is_some() }
    }

    pub(super) fn answer(&mut self, place: Place) -> u64 {
        let index = self.position(place).expect("an entry was found");
        let load = self.entries[index].load.clone();
        self.serve_load(&load)
    }

    /// The value of a load that has ended is an answer. It may have expired: then the load that reads it is not stored.
    fn serve_load(&mut self, load: &Load) -> u64 {
        let has_expired = load.expires_at <= self.now;
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.load.number == load.number) {
            entry.hits += 1;
        }
        self.counts(load.own.place.query).stale_hits += u64::from(has_expired);
        self.serve(load.sources().cloned().collect(), if has_expired { Duration::ZERO } else { load.expires_at });
        load.made().number
    }

    /// When the load of a call begins that missed at `at`; `None` if the call must have been served.
    pub(crate) fn begins_at(&self, place: Place, at: Duration) -> Option<Duration> {
        match self.serves(place, at) {
            // What it has found is over by now.
            Sure::Yes | Sure::Unknown if self.find_kept(place, self.now).is_none() => Some(self.now),
            Sure::No | Sure::Unknown => Some(at),
            Sure::Yes => None,
        }
    }

    /// A value that is stored before a call begins to load is its answer, or one that is served by then.
    pub(crate) fn find_late(&mut self, place: Place, at: Duration) -> Option<u64> {
        let is_served = self.serves(place, at) != Sure::No && self.find_kept(place, self.now).is_some();
        is_served.then(|| self.answer(place))
    }

    /// The answer of a call whose load has failed, if it has one. `is_served`: the call returned a value.
    pub(super) fn answer_for_failed(&mut self, load: &Load, is_served: bool) -> Option<u64> {
        let aged = load.aged.as_ref()?;
        let is_valid = !self.is_stale(aged);
        // A load that is a part of another one of its place is of no use to others, nor to its caller if it fails.
        let counts = match load.part {
            Part::No => Sure::Yes,
            Part::Yes => Sure::No,
            Part::Unknown if is_valid => {
                if is_served {
                    Sure::Yes
                } else {
                    Sure::No
                }
            }
            Part::Unknown => Sure::Unknown,
        };
        self.record_failure(load, counts);
        (is_valid && counts == Sure::Yes).then(|| self.serve_load(aged))
    }

    /// Nobody loads for a while, if there was a value to serve.
    pub(super) fn record_failure(&mut self, load: &Load, counts: Sure) {
        if load.aged.is_none() || counts == Sure::No {
            return;
        }
        let place = load.own.place;
        let until = self.now + self.windows(place.query).retry_after;
        let failed = self.failed.entry(place).or_default();
        failed.perhaps_until = until;
        if counts == Sure::Yes {
            failed.surely_until = until;
        }
    }

    /// A load has succeeded.
    pub(super) fn forget_failure(&mut self, place: Place, counts: Sure) {
        match counts {
            Sure::Yes => _ = self.failed.remove(&place),
            Sure::Unknown => {
                if let Some(failed) = self.failed.get_mut(&place) {
                    failed.surely_until = Duration::ZERO;
                }
            }
            Sure::No => {}
        }
    }

    /// Whether a running load holds a value that is dead, but may still be stored: nothing tells when it is removed.
    pub(crate) fn holds_dead(&self) -> bool {
        self.entries.iter().any(|entry| !self.is_kept(entry, self.now) && self.is_held_by_load(entry))
    }

    pub(super) fn is_held_by_load(&self, entry: &Entry) -> bool {
        let mut aged = self.in_flight.iter().filter_map(|load| load.aged.as_ref());
        aged.any(|aged| aged.number == entry.load.number)
    }
}
