//! Several processes with one cache: a second level, and a log of invalidations.

pub(crate) mod encoding;
pub(crate) mod follower;
pub(crate) mod lease;
pub(crate) mod mark;
pub(crate) mod tier;
