//! The cached data: numbered versions of keys, each in a place.

use std::array;
use std::time::Duration;

use super::faults::{maybe_panic_in_drop, maybe_use_cache_in_clone, maybe_yield};

/// The root and two scopes.
pub(super) const PLACES: usize = 3;

pub(super) const SCOPES: [&str; PLACES] = ["", "tenant:1", "tenant:2"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotId {
    pub(super) place: usize,
    pub(super) key: usize,
}

/// How a key is loaded. Queries are annotated methods of `Cache`; the others use a `TaggedCache` directly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    /// With a tag that is known before the load, and half the time to live.
    Tagged,
    /// With a tag that comes from the value.
    Late,
    /// Writers insert what they write.
    Inserted,
    Query,
    FallibleQuery,
    /// Served past its expiry while it is loaded anew, or if that fails.
    Aged,
}

// Low keys are used more often.
pub(super) const KINDS: [Kind; 7] =
    [Kind::Plain, Kind::Aged, Kind::Tagged, Kind::Late, Kind::Inserted, Kind::Query, Kind::FallibleQuery];

impl SlotId {
    pub(super) fn kind(self) -> Kind {
        KINDS[self.key % KINDS.len()]
    }

    /// Keys of a kind in the same group share their tags.
    fn group(self) -> usize {
        self.key / KINDS.len() / 4
    }

    /// Another key with the same tags, if there is one.
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

    /// The tag of a value with this number. The next number has another one.
    pub(super) fn late_tag(self, number: u64) -> String {
        format!("late:{}:{}", self.group(), number % 2)
    }
}

impl Kind {
    /// Whether it is also asked for in lists.
    pub(super) fn is_in_lists(self) -> bool {
        matches!(self, Self::Query | Self::FallibleQuery)
    }

    pub(super) fn is_query(self) -> bool {
        matches!(self, Self::Query | Self::FallibleQuery | Self::Aged)
    }
}

/// A value that holds its slot and number.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) of: SlotId,
    pub(super) number: u64,
    /// A time after the start of its load, by the manual clock. The maximum without one, and for inserted values: their
    /// age is not checked.
    pub(super) made_at: Duration,
    pub(super) bomb: DropBomb,
}

impl Clone for Answer {
    fn clone(&self) -> Self {
        maybe_yield();
        maybe_use_cache_in_clone();
        Self { of: self.of, number: self.number, made_at: self.made_at, bomb: DropBomb::armed() }
    }
}

impl Answer {
    /// Of its entry: from 0 to 3.
    pub(super) fn weight(&self) -> usize {
        usize::from(self.number.to_le_bytes()[0] % 4)
    }

    /// To be called after a cache returned it: from then on its drop does not panic.
    pub(super) fn received(&mut self) {
        self.bomb.defuse();
    }
}

/// While armed, its drop may panic. It is armed in a cache: such a panic must reach no caller.
#[derive(Debug, Default)]
pub(super) struct DropBomb(bool);

impl DropBomb {
    pub(super) fn armed() -> Self {
        Self(true)
    }

    pub(super) fn defuse(&mut self) {
        self.0 = false;
    }
}

impl Clone for DropBomb {
    fn clone(&self) -> Self {
        Self::armed()
    }
}

impl Drop for DropBomb {
    fn drop(&mut self) {
        if self.0 {
            maybe_panic_in_drop();
        }
    }
}
