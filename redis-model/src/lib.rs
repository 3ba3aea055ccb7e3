//! The protocol of several processes with one cache, as a model: three processes, one Redis, one database. Random walks look
//! for an answer that is older than P20 and P21 allow, and for a reader that waits for longer than P22 allows. A walk is made
//! from a seed, one step of one actor at a time; time is a number.
//!
//! # What is modelled
//!
//! - `redis`: the head and the stream of the log, the values of the second level, and the scripts, each of them atomic.
//! - `process`: the memory with its versions, loads in flight and their waiters, a load that reads another query; how
//!   the log is read, and takes effect in several steps; the lease, the history, own publications that are not acknowledged,
//!   the outbox, what is published again, the intents of writes that must be announced.
//! - `network`: requests and replies, which arrive late and in any order, or never.
//! - `faults`: cut and half-open connections, paused and dying processes, trimmed and deleted logs, `FLUSHALL`, evicted
//!   values, restarts with all, some or none of the data, failover, split brain, a server that goes back in the same run.
//! - `oracle`: what is promised, and the exceptions that are not.
//! - `mechanism`: the parts of the protocol. Without any one of them the walks find a violation.
//!
//! The database is a number for each row, that of its writes: so an answer tells which writes it shows.
//!
//! # What is not modelled
//!
//! Time to live and eviction from memory (an entry that leaves is no risk), scopes and tags (targets are queries),
//! transactions, replicas of the database that lag, reading the log back in pieces, clocks that disagree, and the size of
//! anything. A process has one connection, not one for each purpose.

#![forbid(unsafe_code)]

mod walk;

mod faults;
mod step;

mod process;
mod redis;
mod world;

mod counts;
mod env;
mod mechanism;
mod network;
mod oracle;
mod protocol;
mod trace;

pub use counts::Counts;
pub use mechanism::{Mechanism, Mechanisms};
pub use oracle::Excused;
pub use walk::{Violation, walk};
