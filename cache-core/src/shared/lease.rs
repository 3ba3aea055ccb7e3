//! Until when a process may serve what it has in memory.

use std::time::Duration;

use crate::clock::Nanos;
use crate::sync::{AtomicU64, Ordering};

/// A point in time that all threads of a machine agree on, by a clock that goes on while the machine sleeps, where the
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
    crate::clock::saturating_nanos(ORIGIN.elapsed())
}
