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
    /// The type whose method the query is, by [`std::any::type_name`]; empty for a free function.
    pub owner: &'static str,
    /// The arguments, as in `limit = 10, offset = 0`. One without `Debug` is shown as `_`, a secret one as
    /// `***`.
    pub arguments: String,
    /// The scope; `None` is the root.
    pub scope: Option<Arc<str>>,
    /// The tags from its query and options, without those of cached answers that its load read.
    pub tags: Vec<Tag>,
    /// The time since its load began.
    pub age: Duration,
    /// The remaining time to live, shorter if an answer that its load read expires earlier.
    pub expires_in: Duration,
    /// How often it was served. Exact up to 32, unless several threads hit it at once; above, an estimate in steps of
    /// 64 up to half a billion. The hits of [`Stats`](crate::Stats) are exact.
    pub hits: u64,
}
