//! Where a cache reads the time.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::sync::Arc;

/// A monotonic clock.
///
/// A hit asks it once; a call that misses asks it again when it has waited and when its load has ended, and an invalidation
/// asks it to count the expired entries that it removed. If it panics there, everything that was named has been
/// invalidated. Pass one to [`CacheBuilder::clock`](crate::CacheBuilder::clock); without it a cache uses [`SystemClock`].
///
/// Caches with different clocks may be used together: what is taken from one to the other is the time that is left of an
/// answer.
///
/// ```
/// use std::time::{Duration, Instant};
/// use cache_core::{Cache, Clock};
///
/// /// Exact to the nanosecond, at three times the cost of the default.
/// struct Precise(Instant);
///
/// impl Clock for Precise {
///     fn now(&self) -> Duration {
///         self.0.elapsed()
///     }
/// }
///
/// let cache = Cache::builder().clock(Precise(Instant::now())).build();
/// # let _ = cache;
/// ```
pub trait Clock: Send + Sync + 'static {
    /// The time since an origin that is the clock's own, and fixed.
    ///
    /// It must never go backwards: a value would live longer by as much.
    fn now(&self) -> Duration;
}

/// The operating system's coarse monotonic clock.
///
/// Reading it costs a third of [`Instant::now`](std::time::Instant::now), and it moves in ticks:
/// 1 to 4 ms on Linux, up to 16 ms on Windows. A value may therefore be served that much later than
/// its time to live.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(coarse_nanos())
    }
}

fn coarse_nanos() -> u64 {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
    if true {
        return t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64;
    }
    // Not `Instant::now`: that also stores the time in a global, a line that all threads would write.
    let now = coarsetime::Instant::now_without_cache_update();
    coarsetime::Duration::from_ticks(now.as_ticks()).as_nanos()
}

/// A clock that moves only when told to, for tests.
///
/// Clones share the time, so that a test keeps one and the cache has the other.
///
/// ```
/// use std::time::Duration;
/// use cache_core::{ManualClock, TaggedCache};
///
/// let clock = ManualClock::new();
/// let cache = TaggedCache::builder()
///     .default_ttl(Duration::from_secs(60))
///     .clock(clock.clone())
///     .build();
/// cache.insert("a", 1);
///
/// clock.advance(Duration::from_secs(59));
/// assert_eq!(cache.get("a"), Some(1));
/// clock.advance(Duration::from_secs(1));
/// assert_eq!(cache.get("a"), None);
/// ```
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    nanos: Arc<AtomicU64>,
}

impl ManualClock {
    /// A clock that shows zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the clock forward. It stops at its end, about 584 years after zero.
    pub fn advance(&self, by: Duration) {
        let by = saturating_nanos(by);
        // The closure never returns `None`, so there is no failure to handle.
        let _ = self.nanos.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| Some(now.saturating_add(by)));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Acquire))
    }
}

/// A point in time, or a span, in nanoseconds. [`FOREVER`] is later than every point.
pub(crate) type Nanos = u64;

/// The expiry of what never expires.
pub(crate) const FOREVER: Nanos = Nanos::MAX;

pub(crate) fn saturating_nanos(span: Duration) -> Nanos {
    Nanos::try_from(span.as_nanos()).unwrap_or(FOREVER)
}

/// The clock of one cache: the default one is called directly, others through a pointer.
pub(crate) enum TimeSource {
    System,
    Custom(Box<dyn Clock>),
}

impl TimeSource {
    pub(crate) fn now(&self) -> Nanos {
        match self {
            Self::System => coarse_nanos(),
            // One short of `FOREVER`, so that what never expires stays alive at the end of time.
            Self::Custom(clock) => saturating_nanos(clock.now()).min(FOREVER - 1),
        }
    }
}

impl fmt::Debug for TimeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "SystemClock",
            Self::Custom(_) => "custom clock",
        })
    }
}
