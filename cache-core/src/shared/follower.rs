//! What a tier tells the cache.

use std::fmt;
use std::time::Duration;

use crate::shared::heard::KEPT;
use crate::shared::lease::LeaseTime;
use crate::shared::log::Log;
use crate::shared::record::{LogPosition, Record, decode};
use crate::sync::Weak;

/// The cache, as a [tier](crate::SharedTier) knows it. It does not keep the cache alive.
///
/// Its methods wait for no user code. They run that of observers, and the `Drop` of values, and let their panics through
/// after everything is done. `restart` and `hear` are called by one thread at a time.
#[derive(Clone)]
pub struct Follower {
    pub(super) log: Weak<Log>,
    pub(super) memory: Weak<dyn Memory>,
}

/// What a process has in memory, as the log changes it.
pub(crate) trait Memory: Send + Sync {
    /// Invalidates what a record names.
    fn apply(&self, record: &Record);

    /// Invalidates everything.
    fn forget_everything(&self, why: &'static str);
}

/// Why a cache does not know what was before a [restart](Follower::restart).
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
    /// How long a tier keeps what it has published, to publish it again in a new epoch.
    pub const KEPT: Duration = KEPT;

    fn with<R>(&self, with: impl FnOnce(&dyn Memory, &Log) -> R) -> Option<R> {
        Some(with(&*self.memory.upgrade()?, &*self.log.upgrade()?))
    }

    /// What was before is unknown: everything in memory is forgotten, also by loads in flight, and what the second level has
    /// from before is refused. The next record has the number after that of `position`.
    pub fn restart(&self, position: LogPosition, why: Restart) {
        self.with(|memory, log| {
            log.heard.lock().restart(position);
            memory.forget_everything("restart of the log");
            log.heard.lock().apply();
            match why {
                Restart::First => {}
                Restart::Lost => log.counters.gaps.count(),
                Restart::NewEpoch => log.counters.epochs.count(),
            }
        });
    }

    /// The next record. It takes effect before this returns. Returns whether it is the next: if not, the tier has to
    /// restart.
    ///
    /// What another version of this crate has written may be unreadable. Then everything is forgotten, as for a
    /// [lost](Restart::Lost) record.
    pub fn hear(&self, position: LogPosition, record: &[u8]) -> bool {
        self.with(|memory, log| hear(memory, log, position, record)).unwrap_or_default()
    }

    /// All records that were acknowledged before a time have been heard. From then on memory answers for
    /// [`max_lag`](crate::SharedTier::max_lag), but for a tick of 16 ms.
    pub fn prove(&self, heard_until: LeaseTime) {
        self.with(|_, log| log.lease.prove(heard_until));
    }

    /// Ends the last proof early: memory answers nothing until the next one.
    pub fn end_lease(&self) {
        self.with(|_, log| log.lease.end());
    }

    /// A publication was acknowledged.
    pub fn acknowledge(&self, token: u64, position: LogPosition) {
        self.with(|_, log| {
            log.heard.lock().acknowledge(token, position);
            log.counters.published.count();
        });
    }

    /// Whether the cache has been dropped. The tier stops following then, after it has published what is left.
    pub fn is_over(&self) -> bool {
        self.memory.strong_count() == 0
    }
}

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower").field("is_over", &self.is_over()).finish()
    }
}

/// Counts last: what was counted has taken effect.
fn hear(memory: &dyn Memory, log: &Log, position: LogPosition, record: &[u8]) -> bool {
    let Ok((record, _)) = decode::<Record>(record) else {
        if !log.heard.lock().hear_unreadable(position) {
            return false;
        }
        memory.forget_everything("record that cannot be read");
        log.heard.lock().apply();
        log.counters.gaps.count();
        return true;
    };
    let is_own = record.origin == log.origin;
    // First: what is accepted from the second level before this is invalidated below.
    if !log.heard.lock().hear(position, &record, is_own) {
        return false;
    }
    if !is_own {
        memory.apply(&record);
    }
    log.heard.lock().apply();
    log.counters.heard.count();
    true
}
