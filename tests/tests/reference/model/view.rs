//! What a cache shows of itself: statistics and listings.

use std::time::Duration;

use cache_core::{EntryInfo, QueryStats, Stats};

use super::Model;
use super::parts::{Entry, Load, Source};
use crate::ops::{QueryId, Scope, scope_name};

impl Model {
    pub(crate) fn stats(&self) -> Stats {
        let mut all = Stats::default();
        (all.entries, all.capacity) = (self.len(None), self.settings.capacity);
        (all.weight, all.max_weight) = (self.weight(), self.settings.max_weight.unwrap_or_default());
        for counts in self.counts.values() {
            all.hits += counts.hits;
            all.misses += counts.misses;
            all.loads += counts.loads;
            all.load_errors += counts.load_errors;
            all.discarded_loads += counts.discarded_loads;
            all.evictions += counts.evictions;
            all.evicted_weight += counts.evicted_weight;
            all.expirations += counts.expirations;
            all.invalidations += counts.invalidations;
            all.too_heavy += counts.too_heavy;
            all.refreshes += counts.refreshes;
            all.stale_hits += counts.stale_hits;
        }
        all
    }

    /// Of all entries, with dead ones; 0 if nothing is weighed.
    pub(super) fn weight(&self) -> u64 {
        self.settings.max_weight.map_or(0, |_| self.entries.iter().map(|entry| entry.load.weight()).sum())
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
            stats.discarded_loads = counts.discarded_loads;
            (stats.evictions, stats.evicted_weight) = (counts.evictions, counts.evicted_weight);
            (stats.expirations, stats.invalidations) = (counts.expirations, counts.invalidations);
            stats.too_heavy = counts.too_heavy;
            (stats.refreshes, stats.stale_hits) = (counts.refreshes, counts.stale_hits);
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

    /// The values that the cache should hold, and those of loads in flight: no others are in memory.
    pub(crate) fn held(&self) -> Vec<u64> {
        let aged = self.in_flight.iter().filter_map(|load| load.aged.as_deref());
        let loads = self.entries.iter().map(|entry| &entry.load).chain(&self.in_flight).chain(aged);
        let mut held = sorted(loads.filter_map(|load| load.value.as_ref()).map(|made| made.number));
        held.dedup();
        held
    }
}

/// A line of a listing.
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
