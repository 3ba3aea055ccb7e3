//! Until when a process may serve what it has in memory.

use std::time::Duration;

use crate::clock::{FOREVER, Nanos, TimeSource, saturating_nanos};
use crate::sync::{AtomicU64, Ordering};

/// A point in time that all processes of a machine agree on, by a clock that goes on while the machine sleeps, where the
/// operating system has one (Linux). It is never that of a [`Clock`](crate::Clock).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LeaseTime(Nanos);

impl LeaseTime {
    /// Now.
    pub fn now() -> Self {
        Self(now())
    }

    /// The time since `earlier`; zero if that is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Since the machine was started.
    #[must_use]
    pub fn since_start(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    fn after(self, span: Nanos) -> Self {
        Self(self.0.saturating_add(span))
    }
}

#[cfg(target_os = "linux")]
fn now() -> Nanos {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let (seconds, nanos) = (now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs());
    seconds * 1_000_000_000 + nanos
}

#[cfg(not(target_os = "linux"))]
fn now() -> Nanos {
    use once_cell::sync::Lazy;
    use std::time::Instant;

    static ORIGIN: Lazy<Instant> = Lazy::new(Instant::now);
    saturating_nanos(ORIGIN.elapsed())
}

/// The coarse clock of hits ticks at least this often.
const TICK: Duration = Duration::from_millis(16);

/// A proof that all has been heard until lately.
///
/// A hit compares the time that it has read with that of the last hit that found the lease live: within one tick of the
/// coarse clock the answer is the same. So only the first hit of a tick reads the clock of the lease, and the lease ends a
/// tick early.
pub(crate) struct Lease {
    /// As a [`LeaseTime`]; 0 if there is none.
    ends_at: AtomicU64,
    /// The tick in which it was found live, by the clock of the cache.
    live_at: AtomicU64,
    /// When the last proof was, as a [`LeaseTime`].
    proved_at: AtomicU64,
    max_lag: Nanos,
    /// Whether the clock of the cache ticks by itself, and stands still for no longer than a tick.
    is_by_tick: bool,
}

impl Lease {
    pub(crate) fn new(max_lag: Duration, time: &TimeSource) -> Self {
        let is_by_tick = matches!(time, TimeSource::System);
        let (ends_at, live_at, proved_at) = (AtomicU64::new(0), AtomicU64::new(FOREVER), AtomicU64::new(0));
        Self { ends_at, live_at, proved_at, max_lag: saturating_nanos(max_lag), is_by_tick }
    }

    /// Whether memory may answer. `tick`: the time by the clock of the cache, read during the call.
    #[inline]
    pub(crate) fn is_live(&self, tick: Nanos) -> bool {
        tick == self.live_at.load(Ordering::Acquire) || self.is_live_in(tick)
    }

    pub(crate) fn is_live_now(&self) -> bool {
        now() < self.ends_at.load(Ordering::Acquire)
    }

    #[cold]
    fn is_live_in(&self, tick: Nanos) -> bool {
        let is_live = self.is_live_now();
        if is_live && self.is_by_tick {
            self.live_at.store(tick, Ordering::Release);
        }
        is_live
    }

    pub(crate) fn prove(&self, heard_until: LeaseTime) {
        self.proved_at.fetch_max(heard_until.0, Ordering::AcqRel);
        let ends_at = heard_until.after(self.max_lag.saturating_sub(saturating_nanos(TICK)));
        self.ends_at.fetch_max(ends_at.0, Ordering::AcqRel);
    }

    pub(crate) fn end(&self) {
        self.ends_at.store(0, Ordering::Release);
        self.live_at.store(FOREVER, Ordering::Release);
    }

    /// How long ago everything was known to have been heard; `None` before the first proof.
    pub(crate) fn lag(&self) -> Option<Duration> {
        let proved_at = self.proved_at.load(Ordering::Acquire);
        (proved_at > 0).then(|| Duration::from_nanos(now().saturating_sub(proved_at)))
    }

    /// Whether a caller without a lease may join a load that began then.
    pub(crate) fn is_recent(&self, began: LeaseTime) -> bool {
        now() <= began.after(self.max_lag).0
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use crate::ManualClock;

    const HOUR: Duration = Duration::from_secs(3600);

    impl LeaseTime {
        pub(crate) fn later(self, span: Duration) -> Self {
            self.after(saturating_nanos(span))
        }
    }

    #[test]
    fn p20_a_lease_is_live_from_a_proof_until_its_end() {
        let lease = Lease::new(HOUR, &TimeSource::System);
        assert!(!lease.is_live(1) && lease.lag().is_none());
        lease.prove(LeaseTime::now());
        assert!(lease.is_live(1) && lease.is_live(1) && lease.is_live(2));
        lease.end();
        assert!(!lease.is_live(2) && !lease.is_live(1), "no tick is remembered");
        lease.prove(LeaseTime(0));
        assert!(!lease.is_live(3), "an old proof proves nothing");
    }

    #[test]
    fn p22_an_older_proof_takes_nothing_back() {
        let lease = Lease::new(HOUR, &TimeSource::System);
        lease.prove(LeaseTime::now());
        lease.prove(LeaseTime(1));
        assert!(lease.is_live_now() && lease.lag().is_some_and(|lag| lag < HOUR));
    }

    /// A manual clock may stand still for ever.
    #[test]
    fn p20_a_lease_does_not_live_by_a_clock_that_stands_still() {
        let lease = Lease::new(HOUR, &TimeSource::new(ManualClock::new()));
        lease.prove(LeaseTime::now());
        assert!(lease.is_live(0));
        lease.ends_at.store(1, Ordering::Release);
        assert!(!lease.is_live(0));
    }

    #[test]
    fn p20_a_lease_is_shorter_than_the_lag_by_a_tick() {
        let lease = Lease::new(TICK, &TimeSource::System);
        lease.prove(LeaseTime::now());
        assert!(!lease.is_live(1));
    }
}
