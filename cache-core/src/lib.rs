//! A cache for the reads of a repository that invalidates exactly what each write makes stale.
//!
//! Annotate reads with [`#[cached_query]`](macro@cached_query) and writes with [`#[invalidates]`](macro@invalidates).
//! [`HasCache`] says where the cache is:
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::sync::Mutex;
//! use cache_core::{cached_query, invalidates, Cache, HasCache};
//!
//! #[derive(HasCache)]
//! struct Library {
//!     tracks: Mutex<BTreeMap<u32, String>>,
//!     cache: Cache,
//! }
//!
//! impl Library {
//!     #[cached_query(ttl = "5m")]
//!     fn get_track(&self, id: u32) -> Option<String> {
//!         self.tracks.lock().unwrap().get(&id).cloned()
//!     }
//!
//!     #[cached_query(ttl = "1h30m")]
//!     fn count_tracks(&self) -> usize {
//!         self.tracks.lock().unwrap().len()
//!     }
//!
//!     #[invalidates(get_track(id))] // a name that no query has does not compile
//!     fn rename_track(&self, id: u32, title: &str) {
//!         self.tracks.lock().unwrap().insert(id, title.to_owned());
//!     }
//! }
//!
//! let library = Library { tracks: Mutex::new(BTreeMap::from([(1, "Helo".into())])), cache: Cache::new() };
//! assert_eq!((library.get_track(1).as_deref(), library.count_tracks()), (Some("Helo"), 1));
//! library.rename_track(1, "Hello");
//! assert_eq!((library.get_track(1).as_deref(), library.count_tracks()), (Some("Hello"), 1));
//! assert_eq!(library.cache.stats().hits, 1); // the count was not invalidated
//! ```
//!
//! `async fn`s are annotated alike, and run on any executor.
//!
//! # What is where
//!
//! - The [guide] has a short chapter for each question, from invalidation to testing.
//! - [`cached_query`](macro@cached_query), [`invalidates`](macro@invalidates), [`cached_impl`](macro@cached_impl) and the
//!   derive [`HasCache`](derive@HasCache) are all that most repositories need.
//! - [`Cache`] is the handle that a repository holds.
//! - [`TaggedCache`] is the same cache without the attributes. [`TaggedEntry`] loads one of its entries, with
//!   [`EntryOptions`].
//! - [`LoadContext`] makes a spawned thread or task part of a load.
//! - [`Stats`], [`QueryStats`] and [`EntryInfo`] show what is cached, and how well.
//! - [`graph()`] shows which write invalidates which read, and what is missing.
//! - An [`Observer`] is told what happens. The feature `metrics` has figures for [exporters](guide::metrics), the feature
//!   `tracing` spans for [subscribers](guide::tracing).
//! - [`ManualClock`] is for tests, [`TickingClock`] is cheaper to read, and [`Clock`] is for your own.
//!
//! # What is promised
//!
//! - **No stale fill.** Once an invalidation has returned, no later call gets a value whose load began before the
//!   invalidation, nor one made from such a value.
//! - **Composition.** An entry is invalidated with the cached queries that its body reads, and expires no later. Naming
//!   the inner query is enough.
//! - **One write, one event.** All targets of one write take effect at one version.
//! - **One load.** Concurrent calls for one key, by threads or tasks, share one load. A call that would wait for itself
//!   loads instead.
//! - **No convoy.** A failed load releases its waiters: they share the error if it can be cloned, or else all load at
//!   once. After a panic or a dropped future, exactly one loads next.
//! - **Invalidation costs the same** for any number of entries and scopes.
//! - **Stale only on request, and only by age.** Expired values may be served where a query says so, as in an
//!   [outage](guide::outages); invalidated values never.
//! - **Errors are not cached.** A mutation invalidates even if it fails, panics, or is dropped half-done.
//! - **Nothing is shared by accident.** Entries are separate per query, type of `Self`, generic arguments, argument values
//!   and [scope](Cache::scope).
//! - **No locks across your code**, other than `Eq` of keys. `Clone`, `Drop` and `Debug` may use the cache.
//! - **Bounded memory.** The capacity limits the number of entries, and inserts free dead ones.
//! - **A hit allocates nothing** and waits for no other hit, unless it is part of a load.

#![forbid(unsafe_code)]

// `ARCHITECTURE.md`, beside this crate's manifest, describes the folders.

// For macro expansions in this crate's examples and tests.
extern crate self as cache_core;

mod cache;
mod has_cache;
#[cfg(feature = "metrics")]
mod metrics;
mod query_entry;
mod read_point;
mod tagged_cache;
mod transaction;
mod waiting;

mod clock;
mod error;
mod runtime;
mod stats;
mod tag;

mod engine;
mod load;
mod store;

mod audit;
mod history;
mod observer;

mod entry;
mod eviction;
mod flight;
mod graph;
mod query;
#[cfg(feature = "shared")]
mod shared;
#[cfg(not(feature = "shared"))]
#[path = "shared/absent.rs"]
mod shared;
mod version;

mod sync;

#[cfg(feature = "macros")]
pub mod guide;

#[doc(hidden)]
pub mod private;

pub use audit::Audit;
pub use audit::finding::StaleFinding;
pub use cache::{Cache, CacheBuilder};
#[cfg(feature = "macros")]
pub use cache_macros::{HasCache, cached_impl, cached_query, invalidates};
pub use clock::{Clock, ManualClock, SystemClock, TickingClock};
pub use entry::info::EntryInfo;
pub use entry::options::EntryOptions;
pub use error::GlobalCacheInUse;
pub use graph::{Graph, GraphMutation, GraphQuery, GraphTarget, GraphTargetKind, Warning, graph};
pub use has_cache::HasCache;
pub use history::info::{MutationInfo, TargetInfo, TargetInfoKind};
pub use load::context::{Instrumented, LoadContext};
#[cfg(feature = "metrics")]
pub use metrics::CacheMetrics;
pub use observer::{Observer, events};
pub use query_entry::QueryEntry;
pub use query_entry::explanation::Explanation;
pub use read_point::ReadPoint;
#[cfg(feature = "thread-pool")]
pub use runtime::ThreadPool;
#[cfg(feature = "tokio")]
pub use runtime::TokioRuntime;
pub use runtime::{Runtime, Task};
#[cfg(feature = "shared")]
pub use shared::error::{PublishError, TierError};
#[cfg(feature = "shared")]
pub use shared::follower::{Follower, Restart};
#[cfg(feature = "shared")]
pub use shared::lease::LeaseTime;
#[cfg(feature = "shared")]
pub use shared::record::LogPosition;
#[cfg(feature = "shared")]
pub use shared::stats::SharedStats;
#[cfg(feature = "shared")]
pub use shared::tier::{Publication, PutOutcome, SharedTier, StoredValue, TierFuture};
pub use stats::{QueryStats, Stats};
pub use tag::Tag;
pub use tagged_cache::TaggedCache;
pub use tagged_cache::builder::TaggedCacheBuilder;
pub use tagged_cache::entry::TaggedEntry;
pub use transaction::{CacheTransaction, CommitAfter};
