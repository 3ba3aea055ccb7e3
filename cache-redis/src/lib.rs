//! A second level on Redis for caches of [`cache_core`], and a log of their invalidations: so several processes have one
//! cache. Redis 7.0 or later, or Valkey; no module.
//!
//! ```no_run
//! use cache_redis::RedisTier;
//!
//! # fn example() -> Result<(), cache_redis::ConnectError> {
//! let tier = RedisTier::builder("redis://localhost").namespace("shop").schema("3").connect_blocking()?;
//! # drop(tier); Ok(()) }
//! ```
//!
//! The tier is given to `CacheBuilder::shared`, and queries that are to use the second level say `shared`. It has a thread of
//! its own, so it works in async and in blocking programs alike. It can be made while Redis is down: it goes on trying.
//!
//! # What is promised
//!
//! - An invalidation that was acknowledged is heard by every process at most [`max_lag`](RedisTierBuilder::max_lag) later.
//!   A process that cannot prove that it has heard everything serves nothing from its memory.
//! - What is lost of the log is found, and whoever may have missed something forgets everything: after `FLUSHALL`, `DEL`,
//!   `XTRIM`, an eviction, a restart of the server with or without its data, a failover.
//! - After each of these, a process publishes again what it has published within a minute.
//! - Nobody waits for Redis longer than the [`timeout`](RedisTierBuilder::timeout), each time. Invalidations that cannot be
//!   published are queued in memory, without a limit, and published when Redis is back, also after the cache was dropped, for
//!   up to a second. A process that ends before has lost them.
//! - Values live as long as their query says, by the server's clock, whatever the clocks of the processes say.
//!
//! # What is not promised
//!
//! - *A failover without `WAIT`*: Redis acknowledges before its replicas have a record. If primary and writer are lost at
//!   once, nobody publishes it again.
//! - *Split brain*: a primary that was replaced and does not know it yet acknowledges records that only the processes on its
//!   side hear. `min-replicas-to-write 1` bounds that by `min-replicas-max-lag`: without its replicas, such a server also
//!   refuses polls, so the processes on its side serve nothing from memory.
//! - *Proxies* that share connections, or move them to another server: a moved connection is found, but only at the next
//!   poll. Connect directly.
//! - *Replicas* cannot be read from: they refuse to be polled.
//! - *A clock of the server that is set back* lets the values that are stored live for longer, by as much.
//!
//! # Keys
//!
//! | key | what it is |
//! |---|---|
//! | `{namespace}:head` | a hash: `epoch`, `run` (the server's process in which it began), `id` and `nonce` of the last record |
//! | `{namespace}:log` | a stream with the invalidations, with consecutive ids |
//! | `namespace:schema:...` | a value: a byte with the format, eight with the deadline, and what the cache has written |
//!
//! The log keeps about [`max_records`](RedisTierBuilder::max_records) records: whoever publishes trims it. Those that are
//! older than [`max_entry_age`](RedisTierBuilder::max_entry_age) are removed by each process, as far as it has seen when they
//! were the last.
//!
//! # The server
//!
//! *Rules* of a user who needs no others (here for the namespace `shop`):
//!
//! ```text
//! ACL SETUSER app on >secret resetkeys ~shop:* ~{shop}:* -@all +ping +info +time +eval +evalsha
//!   +hget +hmget +hset +del +xadd +xrange +xread +xtrim +get +set
//! ```
//!
//! A URL with another database than 0 asks for `+select`, too.
//!
//! *Memory*: `maxmemory-policy noeviction`, or one of the `volatile-` policies: they evict values, which have an expiry, but
//! neither head nor log. With an `allkeys-` policy, an eviction of these makes all processes forget everything. When the
//! memory is full, values are not stored, but invalidations are published.
//!
//! *Persistence* is not needed: values are lost with the server, and the epoch ends either way. If Redis refuses writes
//! because it could not save (`stop-writes-on-bgsave-error`), nothing is served from memory.
//!
//! *Sentinel and managed services*: with a URL that leads to the primary (a name that follows it, a virtual address). After a
//! failover the connections are made again: within about a second of the new primary's being reachable. Managed services must
//! allow `INFO` and Lua.
//!
//! *Cluster* is not supported: commands that are redirected fail. A tier on a node of a cluster would need all slots on that
//! node. The head and the log have a common slot, for a later release.
//!
//! Values are not compressed.

#![forbid(unsafe_code)]

mod age;
mod builder;
mod error;
mod hub;
mod listener;
mod outbox;
mod reader;
mod scripts;
mod server_clock;
mod session;
mod settings;
mod thread;
mod tier;
mod value;

pub use builder::RedisTierBuilder;
pub use error::ConnectError;
#[doc(hidden)]
pub use listener::Listener;
pub use tier::RedisTier;
