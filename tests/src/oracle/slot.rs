//! What is cached: numbered versions of keys, each in a place.

use std::array;
use std::time::Duration;

use super::stumble::{in_clone, spring, stumble};

/// The places that a key is in: the root and two scopes.
pub(super) const PLACES: usize = 3;

pub(super) const SCOPES: [&str; PLACES] = ["", "tenant:1", "tenant:2"];

/// A key in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotId {
    pub(super) place: usize,
    pub(super) key: usize,
}

/// How a key is asked for. Those in `Cache` are annotated methods, the others are asked for by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    /// Under a tag that is known before the load, and with half the time to live.
    Tagged,
    /// Under a tag that only the value tells.
    Late,
    /// Writers insert what they wrote.
    Inserted,
    Query,
    FallibleQuery,
}

const KINDS: [Kind; 6] = [Kind::Plain, Kind::Tagged, Kind::Late, Kind::Inserted, Kind::Query, Kind::FallibleQuery];

impl SlotId {
    pub(super) fn kind(self) -> Kind {
        KINDS[self.key % KINDS.len()]
    }

    /// Keys of one kind that share their tags.
    fn group(self) -> usize {
        self.key / KINDS.len() / 4
    }

    /// Another key that shares this one's tags, if there is one.
    pub(super) fn neighbour(self, keys: usize) -> Option<Self> {
        let neighbour = Self { key: self.key + KINDS.len(), ..self };
        (neighbour.key < keys && neighbour.group() == self.group()).then_some(neighbour)
    }

    pub(super) fn everywhere(self) -> [Self; PLACES] {
        array::from_fn(|place| Self { place, ..self })
    }

    pub(super) fn tag(self) -> String {
        format!("group:{}", self.group())
    }

    /// The tag of a value of this number. Others bear it too, and it moves when the number does.
    pub(super) fn late_tag(self, number: u64) -> String {
        format!("late:{}:{}", self.group(), number % 2)
    }
}

impl Kind {
    pub(super) fn is_query(self) -> bool {
        matches!(self, Self::Query | Self::FallibleQuery)
    }
}

/// A value: it knows what it is.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) of: SlotId,
    pub(super) number: u64,
    /// A time at which its load had begun, by the manual clock. The end of time, if there is none or if the
    /// value was inserted: that it lives too long can't be told then.
    pub(super) made_at: Duration,
    pub(super) trap: Trap,
}

impl Clone for Answer {
    fn clone(&self) -> Self {
        stumble();
        in_clone();
        Self { of: self.of, number: self.number, made_at: self.made_at, trap: Trap::armed() }
    }
}

impl Answer {
    /// To be called by whoever gets it from a cache: from now on its drop is the caller's.
    pub(super) fn received(&mut self) {
        self.trap.disarm();
    }
}

/// Panics now and then when it is dropped, if it is armed. It is while a cache has it: such a panic must reach nobody.
#[derive(Debug, Default)]
pub(super) struct Trap(bool);

impl Trap {
    pub(super) fn armed() -> Self {
        Self(true)
    }

    pub(super) fn disarm(&mut self) {
        self.0 = false;
    }
}

impl Clone for Trap {
    fn clone(&self) -> Self {
        Self::armed()
    }
}

impl Drop for Trap {
    fn drop(&mut self) {
        if self.0 {
            spring();
        }
    }
}
