//! What the model is made of.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::Value;
use crate::ops::{Place, Query, QueryId, Scope, TagName};

pub(super) struct Invalidation {
    /// Of the handle.
    pub(super) scope: Scope,
    pub(super) of: Target,
}

#[derive(Clone, Copy)]
pub(super) enum Target {
    All,
    Tag(TagName),
    Query(QueryId),
    /// In every scope of the handle.
    Key(Query, u8),
    /// In one scope or in the root.
    Place(Place),
}

/// A dependency of an answer: invalidations that affect it affect the answer.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) place: Place,
    pub(super) tags: BTreeSet<TagName>,
    /// The number of invalidations when its load began.
    pub(super) since: usize,
    /// Whether an invalidation of other tags may affect it: see [`Model::end`].
    pub(super) may_share_floor: bool,
}

#[derive(Clone)]
pub(super) struct Load {
    pub(super) number: u64,
    pub(super) own: Source,
    /// What its body has read so far, also through others.
    pub(super) read: Vec<Source>,
    pub(super) began: Duration,
    pub(super) own_expires_at: Duration,
    /// The earliest of its own and of its reads.
    pub(super) expires_at: Duration,
    /// Once there is one.
    pub(super) value: Option<Made>,
    pub(super) part: Part,
    /// The value that is served if this load fails: the caller holds it until the load ends.
    pub(super) aged: Option<Box<Load>>,
}

/// Whether a load is nested in one of the same place that can be joined: then the outer one is stored, and this is not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    No,
    Yes,
    /// The outer load's reads were invalidated or have expired. The cache decides whether it can be joined: no caller
    /// that comes now gets its value.
    Unknown,
}

#[derive(Clone)]
pub(crate) struct Made {
    pub(super) number: u64,
    /// To see whether anything holds it.
    held: Weak<u64>,
}

pub(super) struct Entry {
    pub(super) load: Load,
    pub(super) hits: u64,
}

impl Invalidation {
    pub(super) fn hits(&self, Source { place, tags, .. }: &Source) -> bool {
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

    pub(super) fn is_held(&self) -> bool {
        self.held.strong_count() > 0
    }
}

impl Load {
    pub(super) fn sources(&self) -> impl Iterator<Item = &Source> {
        [&self.own].into_iter().chain(&self.read)
    }

    /// That of its value.
    pub(super) fn weight(&self) -> u64 {
        self.own.place.query.weight(self.made().number)
    }

    pub(super) fn made(&self) -> &Made {
        self.value.as_ref().expect("an entry has a value")
    }
}
