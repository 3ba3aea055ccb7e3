//! What the page of the cache shows, as JSON.

use std::sync::Arc;

use cache_core::{EntryInfo, MutationInfo, QueryStats, Stats, TargetInfo, TargetInfoKind};
use serde::Serialize;
use tokio::task::spawn_blocking;

use super::{App, age::Age, findings::Finding, last_misses::Miss, other_processes::OtherProcesses};

/// How many entries a snapshot has: the youngest.
const ENTRIES: usize = 50;
/// How many invalidations it has: the last.
const MUTATIONS: usize = 30;

/// The state of the cache at a time.
pub(super) struct Snapshot {
    pub(super) content: Content,
    /// Not a part of the content: the lag changes all the time.
    pub(super) other_processes: Option<OtherProcesses>,
    pub(super) json: Arc<str>,
}

#[derive(Serialize)]
struct Json<'a> {
    #[serde(flatten)]
    content: &'a Content,
    /// Only with a tier.
    #[serde(skip_serializing_if = "Option::is_none")]
    other_processes: Option<&'a OtherProcesses>,
}

impl App {
    /// What the cache is like now.
    pub(super) async fn snapshot(self: &Arc<Self>) -> Snapshot {
        let app = self.clone();
        // It visits all entries.
        spawn_blocking(move || {
            let content = app.content();
            let other_processes = app.cache().shared_stats().as_ref().map(OtherProcesses::of);
            let json = Json { content: &content, other_processes: other_processes.as_ref() };
            let json = serde_json::to_string(&json).expect("all keys are strings").into();
            Snapshot { content, other_processes, json }
        })
        .await
        .expect("a snapshot does not panic")
    }

    fn content(&self) -> Content {
        let mut entries = self.cache().entries();
        entries.sort_by_key(|entry| entry.age);
        Content {
            bypass: self.is_bypassed(),
            database_queries: self.database_queries(),
            totals: Totals::of(&self.cache().stats()),
            queries: self.cache().query_stats().iter().map(QueryCounts::of).collect(),
            mutations: self.cache().mutations().iter().rev().take(MUTATIONS).map(Mutation::of).collect(),
            misses: self.last_misses.list(),
            findings: self.findings.list(),
            entries_hidden: entries.len().saturating_sub(ENTRIES),
            entries: entries.into_iter().take(ENTRIES).map(Entry::of).collect(),
        }
    }
}

#[derive(PartialEq, Serialize)]
pub(super) struct Content {
    bypass: bool,
    database_queries: u64,
    totals: Totals,
    queries: Vec<QueryCounts>,
    /// The last first.
    mutations: Vec<Mutation>,
    /// The last first.
    misses: Vec<Miss>,
    /// The last first.
    findings: Vec<Finding>,
    /// The youngest first.
    entries: Vec<Entry>,
    /// Entries that are not in the list.
    entries_hidden: usize,
}

#[derive(PartialEq, Serialize)]
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
    audited: u64,
    stale_found: u64,
}

#[derive(PartialEq, Serialize)]
struct QueryCounts {
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
#[derive(PartialEq, Serialize)]
struct Reasons {
    cold: u64,
    invalidated: u64,
    expired: u64,
    evicted: u64,
    bypassed: u64,
}

#[derive(PartialEq, Serialize)]
struct Mutation {
    version: u64,
    function: &'static str,
    owner: &'static str,
    /// `file:line`; empty if it is unknown.
    place: String,
    ago_ms: Age,
    targets: Vec<Target>,
    removed: usize,
    fenced: usize,
    misses: u64,
}

#[derive(PartialEq, Serialize)]
struct Target {
    /// `nothing`, `everything`, `query`, `key`, `tag`, or in words: `shared` is what another process has named, and `other`
    /// is of a kind that this page does not know.
    kind: &'static str,
    name: String,
    /// The function that named it.
    by: &'static str,
}

#[derive(PartialEq, Serialize)]
struct Entry {
    query: &'static str,
    arguments: String,
    tags: Vec<String>,
    age_ms: Age,
    expires_in_ms: Age,
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
            audited: stats.audited,
            stale_found: stats.stale_found,
        }
    }
}

impl QueryCounts {
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
            ago_ms: info.ago.into(),
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
            TargetInfoKind::Shared(what) => ("shared", what.clone()),
            TargetInfoKind::Nothing => ("nothing", String::new()),
            TargetInfoKind::Everything => ("everything", String::new()),
            _ => ("other", info.to_string()),
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
            age_ms: info.age.into(),
            expires_in_ms: info.expires_in.into(),
            hits: info.hits,
        }
    }
}

#[cfg(test)]
mod tests {
    use cache_core::{Cache, HasCache, cached_query, invalidates};
    use tempfile::TempDir;

    use crate::http::{App, Settings};

    #[derive(HasCache)]
    struct Artists {
        cache: Cache,
    }

    impl Artists {
        #[cached_query(ttl = "5m", tags("artist:{id}"))]
        fn name(&self, id: u32) -> String {
            format!("artist {id}")
        }

        #[invalidates(for id in ids { tags("artist:{id}") })]
        fn rename(&self, ids: &[u32]) -> usize {
            ids.len()
        }
    }

    #[tokio::test]
    async fn entries_have_tags() {
        let folder = TempDir::new().unwrap();
        let app = App::open(&folder.path().join("library.db"), Settings::default()).await.unwrap();
        Artists { cache: app.cache().clone() }.name(7);
        let content = app.content();
        assert_eq!((content.entries[0].query, &*content.entries[0].tags), ("name", &["artist:7".to_owned()][..]));
        assert!(content == app.content(), "only ages differ");

        app.cache().invalidate_tags(["artist:7"]);
        assert!(app.content().entries.is_empty() && content != app.content());
    }

    #[tokio::test]
    async fn a_mutation_that_named_nothing_is_not_one_of_everything() {
        let folder = TempDir::new().unwrap();
        let app = App::open(&folder.path().join("library.db"), Settings::default()).await.unwrap();
        let artists = Artists { cache: app.cache().clone() };
        assert_eq!((artists.rename(&[]), artists.rename(&[7])), (0, 1));
        app.cache().invalidate_all();
        let content = app.content();
        let targets = content.mutations.iter().flat_map(|mutation| &mutation.targets);
        let targets: Vec<_> = targets.map(|target| (target.kind, &*target.name, target.by)).collect();
        assert_eq!(
            targets,
            [("everything", "", "invalidate_all"), ("tag", "artist:7", "rename"), ("nothing", "", "rename")]
        );
    }
}
