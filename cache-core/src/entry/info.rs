//! The public description of an entry.

use std::time::Duration;

use crate::sync::Arc;
use crate::tag::Tag;

/// One live entry, as [`Cache::entries`](crate::Cache::entries) shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntryInfo {
    /// The query that made it; empty in a [`TaggedCache`](crate::TaggedCache).
    pub query: &'static str,
    /// The module of the query.
    pub module: &'static str,
    /// The type whose method the query is, as [`std::any::type_name`] writes it; empty for a free function.
    pub owner: &'static str,
    /// The arguments of the call, as in `limit = 10, offset = 0`. An argument without `Debug` is shown as `_`.
    pub arguments: String,
    /// The scope of the entry; `None` is the root.
    pub scope: Option<Arc<str>>,
    /// The tags from its query or its [`EntryOptions`](crate::EntryOptions). Tags of other cached answers that its load
    /// read are not listed.
    pub tags: Vec<Tag>,
    /// The time since the load that made it began.
    pub age: Duration,
    /// How long it may still be served: by its own time to live, or less, if an answer that its load read expires earlier.
    pub expires_in: Duration,
    /// How often it was served. Exact up to 32, unless several threads hit the entry at the same moment. Above that it is
    /// an estimate that grows in steps of 64 and stops at half a billion: a hot entry is written to once in 64 hits, so
    /// that its readers do not contend. The hits of [`Stats`](crate::Stats) are exact.
    pub hits: u64,
}
