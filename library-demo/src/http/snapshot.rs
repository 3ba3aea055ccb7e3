//! What the page of the cache shows, as JSON.

use std::sync::Arc;

use cache_core::{EntryInfo, MutationInfo, QueryStats, Stats, TargetInfo, TargetInfoKind};
use serde::Serialize;
use tokio::task::spawn_blocking;

use super::{App, last_misses::LastMiss};

/// How many entries a snapshot has: the youngest.
const ENTRIES: usize = 50;
/// How many invalidations it has: the last.
const MUTATIONS: usize = 30;

/// The state of the cache at a time.
#[derive(Default)]
pub(super) struct Snapshot {
    pub(super) mark: Mark,
    pub(super) json: Arc<str>,
}

/// It differs if there is something new to show. Ages differ at all times: the page counts those itself.
#[derive(Clone, Default, PartialEq)]
pub(super) struct Mark {
    stats: Stats,
    is_bypassed: bool,
    database_queries: u64,
}

impl App {
    /// What the cache is like now.
    pub(super) async fn snapshot(self: &Arc<Self>) -> Snapshot {
        let app = self.clone();
        // It visits all entries.
        spawn_blocking(move || {
            // What happens between the mark and the rest is in the next snapshot, too.
            let mark = app.mark();
            let json = serde_json::to_string(&app.content(&mark)).expect("all keys are strings").into();
            Snapshot { mark, json }
        })
        .await
        .expect("a snapshot does not panic")
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { stats: self.cache().stats(), is_bypassed: self.is_bypassed(), database_queries: self.database_queries() }
    }

    fn content(&self, mark: &Mark) -> Content {
        let mut entries = self.cache().entries();
        entries.sort_by_key(|entry| entry.age);
        Content {
            bypass: mark.is_bypassed,
            database_queries: mark.database_queries,
            totals: Totals::of(&mark.stats),
            queries: self.cache().query_stats().iter().map(Query::of).collect(),
            mutations: self.cache().mutations().iter().rev().take(MUTATIONS).map(Mutation::of).collect(),
            misses: self.last_misses.list(),
            entries_hidden: entries.len().saturating_sub(ENTRIES),
            entries: entries.into_iter().take(ENTRIES).map(Entry::of).collect(),
        }
    }
}

#[derive(Serialize)]
struct Content {
    bypass: bool,
    database_queries: u64,
    totals: Totals,
    queries: Vec<Query>,
    /// The last first.
    mutations: Vec<Mutation>,
    /// The last first.
    misses: Vec<LastMiss>,
    /// The youngest first.
    entries: Vec<Entry>,
    /// Entries that are not in the list.
    entries_hidden: usize,
}

#[derive(Serialize)]
struct Totals {
    entries: usize,
    capacity: usize,
    hits: u64,
    misses: u64,
    hit_rate: f64,
    loads: u64,
    load_errors: u64,
    discarded_loads: u64,
    evictions: u64,
    invalidations: u64,
}

#[derive(Serialize)]
struct Query {
    query: &'static str,
    owner: &'static str,
    entries: usize,
    hits: u64,
    misses: u64,
    hit_rate: f64,
    reasons: Reasons,
    loads: u64,
    load_errors: u64,
    discarded_loads: u64,
}

/// Why calls missed.
#[derive(Serialize)]
struct Reasons {
    cold: u64,
    invalidated: u64,
    expired: u64,
    evicted: u64,
    bypassed: u64,
}

#[derive(Serialize)]
struct Mutation {
    version: u64,
    function: &'static str,
    owner: &'static str,
    /// `file:line`; empty if it is unknown.
    place: String,
    ago_ms: u128,
    targets: Vec<Target>,
    removed: usize,
    fenced: usize,
    misses: u64,
}

#[derive(Serialize)]
struct Target {
    /// `everything`, `query`, `key` or `tag`.
    kind: &'static str,
    name: String,
    /// The function that named it.
    by: &'static str,
}

#[derive(Serialize)]
struct Entry {
    query: &'static str,
    arguments: String,
    tags: Vec<String>,
    age_ms: u128,
    expires_in_ms: u128,
    hits: u64,
}

impl Totals {
    fn of(stats: &Stats) -> Self {
        Self {
            entries: stats.entries,
            capacity: stats.capacity,
            hits: stats.hits,
            misses: stats.misses,
            hit_rate: stats.hit_rate(),
            loads: stats.loads,
            load_errors: stats.load_errors,
            discarded_loads: stats.discarded_loads,
            evictions: stats.evictions,
            invalidations: stats.invalidations,
        }
    }
}

impl Query {
    fn of(stats: &QueryStats) -> Self {
        Self {
            query: stats.query,
            owner: stats.owner,
            entries: stats.entries,
            hits: stats.hits,
            misses: stats.misses,
            hit_rate: stats.hit_rate(),
            reasons: Reasons {
                cold: stats.cold_misses,
                invalidated: stats.invalidated_misses,
                expired: stats.expired_misses,
                evicted: stats.evicted_misses,
                bypassed: stats.bypassed_misses,
            },
            loads: stats.loads,
            load_errors: stats.load_errors,
            discarded_loads: stats.discarded_loads,
        }
    }
}

impl Mutation {
    fn of(info: &MutationInfo) -> Self {
        Self {
            version: info.version,
            function: info.function,
            owner: info.owner,
            place: if info.file.is_empty() { String::new() } else { format!("{}:{}", info.file, info.line) },
            ago_ms: info.ago.as_millis(),
            targets: info.targets.iter().map(Target::of).collect(),
            removed: info.removed,
            fenced: info.fenced,
            misses: info.misses,
        }
    }
}

impl Target {
    fn of(info: &TargetInfo) -> Self {
        let (kind, name) = match &info.kind {
            TargetInfoKind::Query { name, .. } => ("query", (*name).to_owned()),
            TargetInfoKind::Key { name, .. } => ("key", (*name).to_owned()),
            TargetInfoKind::Tag(tag) => ("tag", tag.clone()),
            _ => ("everything", String::new()),
        };
        Self { kind, name, by: info.by }
    }
}

impl Entry {
    fn of(info: EntryInfo) -> Self {
        Self {
            query: info.query,
            arguments: info.arguments,
            tags: info.tags.iter().map(|tag| tag.as_str().to_owned()).collect(),
            age_ms: info.age.as_millis(),
            expires_in_ms: info.expires_in.as_millis(),
            hits: info.hits,
        }
    }
}
