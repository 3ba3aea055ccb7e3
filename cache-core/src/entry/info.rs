//! What is cached right now, and why.

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
    /// The type that the query is a method of, as [`std::any::type_name`] writes it; empty for a free function.
    pub owner: &'static str,
    /// The arguments of the call, as in `limit = 10, offset = 0`. An argument without `Debug` is shown as `_`.
    pub arguments: String,
    /// The scope that it is in.
    pub scope: Option<Arc<str>>,
    /// The tags that its query or its [`EntryOptions`](crate::EntryOptions) gave it. Those of what it was made from are
    /// not listed.
    pub tags: Vec<Tag>,
    /// The time since the load that made it began.
    pub age: Duration,
    /// The time for which it may still be served: its own time to live, or less, if something that it was made from expires
    /// earlier.
    pub expires_in: Duration,
    /// How often it was served. Up to 32 it is exact, unless several threads hit the entry at the very same moment.
    /// Above that it is an estimate, which grows in steps of 64 and stops at half a billion: a hot entry is written to
    /// once in 64 hits, so that threads that read it do not contend. The hits of [`Stats`](crate::Stats) are exact.
    pub hits: u64,
}
