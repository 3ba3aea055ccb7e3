//! Invalidations, for people.

use std::fmt;
use std::time::Duration;

/// An invalidation that has happened: of a mutation, of a call such as [`Cache::invalidate`](crate::Cache::invalidate), or
/// of the commit of a transaction. See [`Cache::mutations`](crate::Cache::mutations).
///
/// `Display` is for people, and its words may change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MutationInfo {
    /// Its number in the order of all invalidations of the cache.
    pub version: u64,
    /// The annotated function; of a call of the cache itself the method, such as `invalidate`; `commit` of a transaction in
    /// which several wrote.
    pub function: &'static str,
    /// The module of the function; empty for a call or a commit.
    pub module: &'static str,
    /// The type whose method the function is, by [`std::any::type_name`]; empty for a free function, a call or a commit.
    pub owner: &'static str,
    /// The file of the function or the call; empty if it is unknown.
    pub file: &'static str,
    /// The line in the file; 0 if it is unknown.
    pub line: u32,
    /// The scope of the handle, if it has one; `None` for a commit whose targets are not all in one.
    pub scope: Option<String>,
    /// How long ago it happened, by the clock of the cache.
    pub ago: Duration,
    /// What it named. The log keeps the first 64; an observer is told of all.
    pub targets: Vec<TargetInfo>,
    /// How many more it named.
    pub more_targets: usize,
    /// Entries that it removed at once: those of the keys that it named. Other entries are found invalid when they are
    /// asked for: see `misses`.
    pub removed: usize,
    /// Loads in flight whose values it keeps from being stored: of the keys and of the whole queries that it named, and of
    /// all for everything. Those that would not have been stored, as of a bypass or in a transaction, count, too. In a scope, those of the query in all scopes. Loads that have a tag are not known.
    pub fenced: usize,
    /// Calls that missed because of it so far: see [`MissReason`](crate::events::MissReason).
    pub misses: u64,
}

/// The invalidations after a version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct MutationsSince {
    /// The oldest first.
    pub(crate) known: Vec<MutationInfo>,
    /// Or the log reaches no further back, or is off.
    pub(crate) are_all: bool,
}

/// What an invalidation named.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TargetInfo {
    /// What it is.
    pub kind: TargetInfoKind,
    /// The function, or the method of the cache, that named it.
    pub by: &'static str,
}

/// What a target is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetInfoKind {
    /// Nothing of this cache. Recorded only with an [audit](crate::CacheBuilder::audit).
    Nothing,
    /// Everything, or everything in a scope.
    Everything,
    /// All entries of a query.
    Query {
        /// Its name.
        name: &'static str,
        /// The type whose method it is; empty for a free function.
        owner: &'static str,
    },
    /// The entry of one key.
    Key {
        /// The name of its query.
        name: &'static str,
        /// The type whose method that is; empty for a free function.
        owner: &'static str,
    },
    /// All entries with a tag.
    Tag(String),
    /// What another process has named, in words: a query, or one of its keys.
    Shared(String),
}

impl fmt::Display for TargetInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            TargetInfoKind::Nothing => f.write_str("nothing"),
            TargetInfoKind::Everything => f.write_str("everything"),
            TargetInfoKind::Query { name, .. } => write!(f, "`{name}`"),
            TargetInfoKind::Key { name, .. } => write!(f, "one key of `{name}`"),
            TargetInfoKind::Tag(tag) => write!(f, "the tag `{tag}`"),
            TargetInfoKind::Shared(what) => write!(f, "`{what}`"),
        }
    }
}

impl fmt::Display for MutationInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`, {:?} ago, named ", self.function, self.ago)?;
        for (number, target) in self.targets.iter().enumerate() {
            write!(f, "{}{target}", if number == 0 { "" } else { ", " })?;
            if target.by != self.function {
                write!(f, " by `{}`", target.by)?;
            }
        }
        if self.more_targets > 0 {
            write!(f, " and {} more", self.more_targets)?;
        }
        if let Some(scope) = &self.scope { write!(f, ", in the scope `{scope}`") } else { Ok(()) }
    }
}
