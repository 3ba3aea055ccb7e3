//! Snapshots of the cache, and who watches them.
//!
//! Hits tell nobody, so the counters are looked at: four times a second while somebody watches. All viewers share the last
//! snapshot: one that is slow skips those before, and holds no other.

use std::{sync::Arc, time::Duration};

use cache_core::{EntryInfo, QueryStats, Stats};
use serde::Serialize;
use tokio::{
    sync::{Mutex, OwnedSemaphorePermit, Semaphore, watch},
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};

use super::App;

/// How many may watch at once.
pub(super) const MAX_VIEWERS: usize = 64;
/// The least time between two snapshots.
const PERIOD: Duration = Duration::from_millis(250);
/// How many entries a snapshot has: the youngest.
const ENTRIES: usize = 50;

/// The state of the cache at a time.
#[derive(Default)]
pub(super) struct Snapshot {
    mark: Mark,
    pub(super) json: Arc<str>,
}

/// It differs if there is something new to show. Ages and expiries differ at all times: pages count those themselves.
#[derive(Clone, Default, PartialEq)]
struct Mark {
    stats: Stats,
    is_bypassed: bool,
    database_queries: u64,
}

#[derive(Serialize)]
struct Content<'a> {
    bypass: bool,
    database_queries: u64,
    totals: Totals,
    queries: Vec<Query>,
    /// The youngest first.
    entries: Vec<Entry<'a>>,
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
    expirations: u64,
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
    loads: u64,
    load_errors: u64,
    discarded_loads: u64,
}

#[derive(Serialize)]
struct Entry<'a> {
    query: &'static str,
    arguments: &'a str,
    tags: Vec<&'a str>,
    age_ms: u128,
    expires_in_ms: u128,
    hits: u64,
}

impl App {
    /// What the cache is like now.
    pub(super) async fn snapshot(self: &Arc<Self>) -> Snapshot {
        let app = self.clone();
        // It visits all entries.
        spawn_blocking(move || {
            // What happens between the mark and the rest is in the next snapshot, too.
            let mark = app.mark();
            let json = app.content(&mark).into();
            Snapshot { mark, json }
        })
        .await
        .expect("a snapshot does not panic")
    }

    fn mark(&self) -> Mark {
        Mark { stats: self.cache().stats(), is_bypassed: self.is_bypassed(), database_queries: self.database_queries() }
    }

    fn content(&self, mark: &Mark) -> String {
        let mut entries = self.cache().entries();
        entries.sort_by_key(|entry| entry.age);
        let content = Content {
            bypass: mark.is_bypassed,
            database_queries: mark.database_queries,
            totals: Totals::of(&mark.stats),
            queries: self.cache().query_stats().iter().map(Query::of).collect(),
            entries: entries.iter().take(ENTRIES).map(Entry::of).collect(),
            entries_hidden: entries.len().saturating_sub(ENTRIES),
        };
        serde_json::to_string(&content).expect("its keys are strings")
    }

    /// Shows viewers what has changed, for ever.
    pub(super) async fn publish(self: &Arc<Self>) {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if self.live.has_viewers() {
                self.publish_changes().await;
            }
        }
    }

    async fn publish_changes(self: &Arc<Self>) {
        let mut published = self.live.published.lock().await;
        if self.mark() != *published {
            let snapshot = self.snapshot().await;
            *published = snapshot.mark.clone();
            self.live.latest.send_replace(Arc::new(snapshot));
        }
    }

    /// `None` if there are too many viewers.
    pub(super) async fn view(self: Arc<Self>, stopped: watch::Receiver<bool>) -> Option<Viewer> {
        let permit = self.live.viewers.clone().try_acquire_owned().ok()?;
        // Nothing is published meanwhile: what comes from `latest` is younger than the first snapshot.
        let _published = self.live.published.lock().await;
        let latest = self.live.latest.subscribe();
        let first = self.snapshot().await;
        Some(Viewer { first: Some(first.json), seen: first.mark, latest, stopped, _permit: permit })
    }
}

pub(super) struct Live {
    /// What the last snapshot in `latest` shows.
    published: Mutex<Mark>,
    latest: watch::Sender<Arc<Snapshot>>,
    viewers: Arc<Semaphore>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            published: Mutex::default(),
            latest: watch::Sender::default(),
            viewers: Arc::new(Semaphore::new(MAX_VIEWERS)),
        }
    }
}

impl Live {
    fn has_viewers(&self) -> bool {
        self.viewers.available_permits() < MAX_VIEWERS
    }
}

/// One who watches.
pub(super) struct Viewer {
    first: Option<Arc<str>>,
    /// What the last snapshot of this viewer shows.
    seen: Mark,
    latest: watch::Receiver<Arc<Snapshot>>,
    stopped: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

impl Viewer {
    /// The next snapshot that shows something new; `None` when the service ends.
    pub(super) async fn next(&mut self) -> Option<Arc<str>> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            tokio::select! {
                _ = self.stopped.wait_for(|stopped| *stopped) => return None,
                changed = self.latest.changed() => changed.ok()?,
            }
            let latest = self.latest.borrow_and_update().clone();
            if latest.mark != self.seen {
                self.seen = latest.mark.clone();
                return Some(latest.json.clone());
            }
        }
    }
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
            expirations: stats.expirations,
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
            loads: stats.loads,
            load_errors: stats.load_errors,
            discarded_loads: stats.discarded_loads,
        }
    }
}

impl<'a> Entry<'a> {
    fn of(entry: &'a EntryInfo) -> Self {
        Self {
            query: entry.query,
            arguments: &entry.arguments,
            tags: entry.tags.iter().map(|tag| tag.as_str()).collect(),
            age_ms: entry.age.as_millis(),
            expires_in_ms: entry.expires_in.as_millis(),
            hits: entry.hits,
        }
    }
}
