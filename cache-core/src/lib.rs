//! A cache for the reads of a repository that invalidates exactly what each write makes stale.
//!
//! Annotate the reads with [`#[cached_query]`](macro@cached_query) and the writes with
//! [`#[invalidates]`](macro@invalidates), and say with [`HasCache`] where the cache is:
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
//! `async fn`s are annotated the same way, and run on any executor: the crate knows none.
//!
//! # What is where
//!
//! - The [guide] has one short chapter for each question: which writes invalidate what, composition, errors, tenants,
//!   testing, and how it works.
//! - [`cached_query`](macro@cached_query), [`invalidates`](macro@invalidates), [`cached_impl`](macro@cached_impl) and the
//!   derive [`HasCache`](derive@HasCache) are all that most repositories need.
//! - [`Cache`] is the handle that a repository holds, made by [`Cache::new`] or [`Cache::builder`].
//! - [`TaggedCache`] is the same cache without the attributes. [`TaggedEntry`] loads one of its entries, and
//!   [`EntryOptions`] are the tags and the time to live of an entry.
//! - [`LoadContext`] says that a spawned thread or task belongs to a load.
//! - [`Stats`], [`QueryStats`] and [`EntryInfo`] show what is cached, and how well.
//! - [`ManualClock`] gives tests control of the time, [`TickingClock`] makes reading it cheaper, and [`Clock`] is for
//!   clocks of your own.
//!
//! # What is promised
//!
//! - **No stale fill.** Once an invalidation has returned, no call that starts later gets a value whose load
//!   began before the invalidation did, nor one that was made from such a value.
//! - **Composition.** What a body reads through other cached queries counts as read by it: it is invalidated with them, and
//!   expires no later. It is enough to name the inner one.
//! - **One write, one event.** All targets of one write take effect at one version.
//! - **One load.** Calls for one key at the same time, by threads or tasks, wait for the first of them, and share its
//!   value. A call that would wait for itself loads instead.
//! - **No convoy.** A load that fails ends the wait of all its waiters: they share the error if it can be cloned, or else
//!   each loads at once. If a body panics or its future is dropped, exactly one waiter loads next.
//! - **Invalidation costs the same** at a thousand entries and at ten million, at ten scopes and at a hundred thousand.
//! - **Errors are not cached.** A mutation that fails, panics, or is dropped half-done invalidates all the same.
//! - **Nothing is shared by accident.** Entries are separate per query, type of `Self`, generic arguments, argument values
//!   and [scope](Cache::scope).
//! - **No locks across your code**, other than `Eq` of keys. `Clone`, `Drop` and `Debug` may use the cache.
//! - **Bounded memory.** There are at most as many entries as the capacity says, and dead ones leave as others are
//!   inserted.
//! - **A hit allocates nothing** and waits for no other hit, unless it is part of a load.

#![forbid(unsafe_code)]

// `ARCHITECTURE.md`, beside this crate's manifest, says what is in which folder.

// For the derive and the attributes, in the examples and tests of this crate.
extern crate self as cache_core;

mod cache;
mod has_cache;
mod tagged_cache;

mod clock;
mod error;
mod stats;
mod tag;

mod engine;
mod load;
mod store;

mod entry;
mod eviction;
mod flight;
mod query;
mod version;

mod sync;

#[cfg(feature = "macros")]
pub mod guide;

#[doc(hidden)]
pub mod private;

pub use cache::{Cache, CacheBuilder};
#[cfg(feature = "macros")]
pub use cache_macros::{HasCache, cached_impl, cached_query, invalidates};
pub use clock::{Clock, ManualClock, SystemClock, TickingClock};
pub use entry::info::EntryInfo;
pub use entry::options::EntryOptions;
pub use error::GlobalCacheInUse;
pub use has_cache::HasCache;
pub use load::context::{Instrumented, LoadContext};
pub use stats::{QueryStats, Stats};
pub use tag::Tag;
pub use tagged_cache::entry::TaggedEntry;
pub use tagged_cache::{TaggedCache, TaggedCacheBuilder};
