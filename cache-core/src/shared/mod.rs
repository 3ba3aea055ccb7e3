//! Several processes with one cache: a second level, and a log of invalidations.
//!
//! `ARCHITECTURE.md` tells how a record and a value of the second level take effect. The rules of what is accepted are in
//! [`heard`], those of what memory may answer in [`lease`].

pub(crate) mod encoding;
pub(crate) mod error;
pub(crate) mod follower;
pub(crate) mod heard;
pub(crate) mod lease;
pub(crate) mod log;
pub(crate) mod mark;
pub(crate) mod record;
pub(crate) mod state;
pub(crate) mod stats;
pub(crate) mod ticket;
pub(crate) mod tier;
