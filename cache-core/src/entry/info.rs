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
    /// The tags from its query and its [`EntryOptions`](crate::EntryOptions), without those of cached answers that its load
    /// read.
    pub tags: Vec<Tag>,
    /// The time since its load began.
    pub age: Duration,
    /// How long it may still be served: less than its own time to live, if an answer that its load read expires earlier.
    pub expires_in: Duration,
    /// How often it was served. Exact up to 32, unless several threads hit the entry at the same moment. Above that, an
    /// estimate in steps of 64 that stops at half a billion: a hot entry is written to once in 64 hits, so that its readers
    /// do not contend. The hits of [`Stats`](crate::Stats) are exact.
    pub hits: u64,
}
