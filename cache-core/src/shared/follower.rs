//! What a tier tells the cache.

use crate::shared::lease::LeaseTime;
use crate::shared::tier::LogPosition;

/// The cache, as a [tier](crate::SharedTier) knows it. Its methods take no locks that user code waits for, and call no user
/// code but observers and the `Drop` of values.
#[derive(Clone, Debug)]
pub struct Follower(());

/// Why a cache does not know everything until a [restart](Follower::restart).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Restart {
    /// It has heard nothing yet.
    First,
    /// A record is missing, or may be.
    Lost,
    /// A new epoch has begun.
    NewEpoch,
}

impl Follower {
    /// What was before is unknown: everything in memory is forgotten, and what the second level has from before is refused.
    /// The next record has the number after `position`.
    pub fn restart(&self, position: LogPosition, why: Restart) {
        let _ = (position, why);
    }

    /// The next record. It takes effect before this returns.
    pub fn hear(&self, position: LogPosition, record: &[u8]) {
        let _ = (position, record);
    }

    /// All records that were acknowledged before a time have been heard.
    pub fn prove(&self, heard_until: LeaseTime) {
        let _ = heard_until;
    }

    /// Ends the last proof early: nothing is served from memory until the next one.
    pub fn end_lease(&self) {}

    /// A publication was acknowledged.
    pub fn acknowledge(&self, token: u64, position: LogPosition) {
        let _ = (token, position);
    }

    /// Whether the cache has been dropped. The tier stops following then, after it has published what is left.
    pub fn is_over(&self) -> bool {
        false
    }
}
