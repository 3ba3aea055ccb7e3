//! What a tier tells the cache.

use std::fmt;
use std::time::Duration;

use crate::engine::Engine;
use crate::engine::invalidation::{ScopedTarget, TargetRef};
use crate::history::Writer;
use crate::shared::heard::KEPT;
use crate::shared::lease::LeaseTime;
use crate::shared::mark::{self, Mark};
use crate::shared::record::{Place, Record, decode};
use crate::shared::state::Shared;
use crate::shared::tier::LogPosition;
use crate::sync::{Arc, Weak};
use crate::version::scope::Scope;

/// The cache, as a [tier](crate::SharedTier) knows it. It does not keep the cache alive.
///
/// Its methods wait for no user code. They run that of observers, and the `Drop` of values, and let their panics through
/// after everything is done. `restart` and `hear` are called by one thread at a time.
#[derive(Clone)]
pub struct Follower {
    engine: Weak<Engine>,
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

    pub(crate) fn new(engine: &Arc<Engine>) -> Self {
        Self { engine: Arc::downgrade(engine) }
    }

    fn with(&self, with: impl FnOnce(&Engine, &Shared)) {
        if let Some(engine) = self.engine.upgrade()
            && let Some(shared) = engine.shared()
        {
            with(&engine, shared);
        }
    }

    /// What was before is unknown: everything in memory is forgotten, also by loads in flight, and what the second level has
    /// from before is refused. The next record has the number after that of `position`.
    pub fn restart(&self, position: LogPosition, why: Restart) {
        self.with(|engine, shared| {
            match why {
                Restart::First => {}
                Restart::Lost => shared.counters.gaps.count(),
                Restart::NewEpoch => shared.counters.epochs.count(),
            }
            shared.heard.lock().restart(position);
            engine.forget_everything("restart of the log");
            shared.heard.lock().apply();
        });
    }

    /// The next record. It takes effect before this returns. Returns whether it is the next: if not, the tier has to
    /// restart.
    ///
    /// What another version of this crate has written may be unreadable. Then everything is forgotten, as for a
    /// [lost](Restart::Lost) record.
    pub fn hear(&self, position: LogPosition, record: &[u8]) -> bool {
        let mut is_next = false;
        self.with(|engine, shared| is_next = engine.hear(shared, position, record));
        is_next
    }

    /// All records that were acknowledged before a time have been heard. From then on memory answers for
    /// [`max_lag`](crate::SharedTier::max_lag), but for a tick of 16 ms.
    pub fn prove(&self, heard_until: LeaseTime) {
        self.with(|_, shared| shared.lease.prove(heard_until));
    }

    /// Ends the last proof early: memory answers nothing until the next one.
    pub fn end_lease(&self) {
        self.with(|_, shared| shared.lease.end());
    }

    /// A publication was acknowledged.
    pub fn acknowledge(&self, token: u64, position: LogPosition) {
        self.with(|_, shared| {
            shared.counters.published.count();
            shared.heard.lock().acknowledge(token, position);
        });
    }

    /// Whether the cache has been dropped. The tier stops following then, after it has published what is left.
    pub fn is_over(&self) -> bool {
        self.engine.strong_count() == 0
    }
}

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower").field("is_over", &self.is_over()).finish()
    }
}

impl Engine {
    fn forget_everything(&self, why: &'static str) {
        let by = Writer::Tier(why);
        self.invalidate_marked(&[ScopedTarget { scope: None, target: TargetRef::Everything, by }], &[], |_| ());
    }

    fn hear(&self, shared: &Shared, position: LogPosition, record: &[u8]) -> bool {
        let Ok((record, _)) = decode::<Record>(record) else {
            if !shared.heard.lock().hear_unreadable(position) {
                return false;
            }
            shared.counters.gaps.count();
            self.forget_everything("record that cannot be read");
            shared.heard.lock().apply();
            return true;
        };
        let is_own = record.origin == shared.origin;
        // First: what is accepted from the second level before this is invalidated below.
        if !shared.heard.lock().hear(position, &record, is_own) {
            return false;
        }
        shared.counters.heard.count();
        if !is_own {
            self.apply(&record);
        }
        shared.heard.lock().apply();
        true
    }

    fn apply(&self, record: &Record) {
        let by = Writer::Tier("another process");
        let named: Vec<(Option<Arc<Scope>>, &str)> = record
            .places
            .iter()
            .map(|Place { scope, mark }| (scope.as_deref().map(|scope| self.scope(scope)), &**mark))
            .collect();
        let any_key: Vec<_> = named
            .iter()
            .filter_map(|(scope, mark)| match mark::parse(mark) {
                Some(Mark::Key(name)) => Some((scope.as_ref(), mark::of_any_key(name))),
                _ => None,
            })
            .collect();
        let targets: Vec<_> = named
            .iter()
            .map(|(scope, mark)| {
                let target = if *mark == mark::EVERYTHING { TargetRef::Everything } else { TargetRef::Tag(mark) };
                ScopedTarget { scope: scope.as_ref(), target, by }
            })
            .collect();
        if let Some(lasts) = record.intent {
            self.suspend_for(&targets, (record.origin, record.token), Duration::from_millis(lasts));
        }
        self.invalidate_marked(&targets, &any_key, |_| ());
        if let Some(ended) = record.ends {
            self.resume_after((record.origin, ended));
        }
    }
}
