//! The memory of a process: entries, and the versions at which targets were invalidated.

use crate::protocol::{Doubt, Query, Targets, Value};

#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) value: Value,
    pub(super) depends_on: Targets,
    /// A version as of which it is valid.
    pub(super) since: u32,
    pub(super) doubt: Doubt,
}

#[derive(Default, Debug)]
pub(super) struct Memory {
    /// The version clock, what it was when each target was raised, and when everything was.
    pub(super) version: u32,
    raised: [u32; Query::COUNT],
    floor: u32,
    pub(super) entries: [Option<Entry>; Query::COUNT],
}

impl Memory {
    /// An invalidation takes effect: on entries, and on loads in flight.
    pub(super) fn raise(&mut self, targets: Targets) {
        self.version += 1;
        for target in targets.indices() {
            self.raised[target] = self.version;
        }
    }

    /// The invalidation of everything takes effect.
    pub(super) fn raise_all(&mut self) {
        self.version += 1;
        self.floor = self.version;
    }

    pub(super) fn is_valid(&self, entry: &Entry) -> bool {
        self.floor <= entry.since && entry.depends_on.indices().all(|target| self.raised[target] <= entry.since)
    }

    pub(super) fn get(&self, query: Query) -> Option<Entry> {
        self.entries[query.index()].filter(|entry| self.is_valid(entry))
    }
}
