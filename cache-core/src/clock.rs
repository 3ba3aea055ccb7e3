//! Clocks of caches.

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;

use crate::sync::Arc;

/// A monotonic clock.
///
/// [`SystemClock`] is the default. [`TickingClock`] is cheaper to read and runs a thread; [`ManualClock`] is for tests.
///
/// A hit reads it once, after it has found the entry. A miss reads it again after a wait and after its load. An
/// invalidation reads it for the log of mutations, and again, if it has removed entries, to count those that had expired.
///
/// Caches with different clocks may be used together: they pass on only remaining times.
///
/// *Locking*: it is read with no lock held that another call waits for. It may be slow, and may use a cache with
/// another clock.
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
    /// The time since a fixed origin.
    ///
    /// It must never go backwards: values would be served that much longer.
    fn now(&self) -> Duration;
}

/// The operating system's coarse monotonic clock.
///
/// Reading it costs a third of [`Instant::now`](std::time::Instant::now). It ticks every 1 to 4 ms on Linux, and up to
/// 16 ms on Windows: a value may be served that much too long.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(coarse_nanos())
    }
}

fn coarse_nanos() -> u64 {
    // Not `Instant::now`, which writes to a global: all threads would contend for its cache line.
    let now = coarsetime::Instant::now_without_cache_update();
    coarsetime::Duration::from_ticks(now.as_ticks()).as_nanos()
}

/// A clock that advances only on request, for tests.
///
/// Clones share the time.
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
    /// A clock at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Advances the clock. It saturates at about 584 years.
    ///
    /// ```
    /// use std::time::Duration;
    /// use cache_core::{Clock, ManualClock};
    ///
    /// let clock = ManualClock::new();
    /// clock.advance(Duration::from_secs(1));
    /// assert_eq!(clock.now(), Duration::from_secs(1));
    /// ```
    pub fn advance(&self, by: Duration) {
        let by = saturating_nanos(by);
        // The closure never returns `None`.
        let _ = self.nanos.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| Some(now.saturating_add(by)));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Acquire))
    }
}

/// A clock that its own thread advances: reading it is one load from memory.
///
/// Use it where reading [`SystemClock`], a few nanoseconds per hit, counts. The thread runs until the last clone, and
/// the last cache built with one, is dropped:
///
/// ```
/// use cache_core::{Cache, TickingClock};
///
/// let cache = Cache::builder().clock(TickingClock::start()).build();
/// # let _ = cache;
/// ```
///
/// # Lag
///
/// The clock lags by at most its period, plus the time until the scheduler runs its thread: a tenth of a millisecond on
/// an idle machine, several milliseconds with more running threads than processors, without a bound. Values may be
/// served that much too long. Delays do not add up: each tick reads [`Instant`].
///
/// - After a stop of the process or the machine (`SIGSTOP`, a paused virtual machine, suspend to memory), the clock
///   shows the old time until its thread runs. [`Instant`] decides whether suspended time counts: not on Linux, as for
///   [`SystemClock`].
/// - After `fork`, the child has no such thread, and nothing expires. Without `exec` it needs a new clock and a new
///   cache.
/// - The thread runs no user code, takes no lock and does not panic.
///
/// A thousand wake-ups a second take about one percent of a processor, and prevent its deepest sleep states.
#[derive(Clone, Debug)]
pub struct TickingClock {
    /// In a cache line of its own: every hit reads it.
    nanos: Arc<CachePadded<AtomicU64>>,
    _thread: Arc<TickingThread>,
}

/// Held by the handles only: dropped with the last one.
#[derive(Debug)]
struct TickingThread {
    thread: Thread,
    should_stop: Arc<AtomicBool>,
}

impl Drop for TickingThread {
    /// Does not join the thread: after a `fork` there is none.
    fn drop(&mut self) {
        self.should_stop.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

impl TickingClock {
    /// Starts a clock that ticks every millisecond.
    ///
    /// # Panics
    ///
    /// If the operating system can't start a thread.
    ///
    /// ```
    /// use cache_core::{Clock, TickingClock};
    ///
    /// let clock = TickingClock::start();
    /// let start = clock.now();
    /// while clock.now() == start {
    ///     std::thread::yield_now();
    /// }
    /// assert!(clock.now() > start);
    /// ```
    pub fn start() -> Self {
        Self::start_with(Duration::from_millis(1))
    }

    /// Starts a clock that ticks once per period.
    ///
    /// Periods below 100 microseconds become 100. Entries with a shorter time to live than the period may be served for
    /// a whole period.
    ///
    /// # Panics
    ///
    /// If the operating system can't start a thread.
    ///
    /// ```
    /// use std::time::Duration;
    /// use cache_core::{TaggedCache, TickingClock};
    ///
    /// let clock = TickingClock::start_with(Duration::from_millis(10));
    /// let tracks = TaggedCache::<u32, String>::builder().clock(clock.clone()).build();
    /// let albums = TaggedCache::<u32, String>::builder().clock(clock).build(); // one thread is enough for both
    /// # let _ = (tracks, albums);
    /// ```
    pub fn start_with(period: Duration) -> Self {
        let origin = Instant::now();
        Self::start_reading(period.max(SHORTEST_PERIOD), move || origin.elapsed())
    }

    fn start_reading(period: Duration, mut read: impl FnMut() -> Duration + Send + 'static) -> Self {
        let nanos = Arc::new(CachePadded::new(AtomicU64::new(0)));
        let should_stop = Arc::new(AtomicBool::new(false));
        let (shown, stopped) = (Arc::clone(&nanos), Arc::clone(&should_stop));
        let tick = move || {
            // An earlier `unpark` is not lost: nothing else parks this thread. A spurious wake-up is a tick.
            while !stopped.load(Ordering::Acquire) {
                shown.store(point_in_time(read()), Ordering::Relaxed);
                thread::park_timeout(period);
            }
        };
        let thread = thread::Builder::new().name("cache-clock".into()).spawn(tick).expect("a thread for a clock");
        Self { nanos, _thread: Arc::new(TickingThread { thread: thread.thread().clone(), should_stop }) }
    }

    /// Relaxed: it orders no other data, and reads of one atomic never go back.
    fn nanos(&self) -> Nanos {
        self.nanos.load(Ordering::Relaxed)
    }
}

impl Clock for TickingClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.nanos())
    }
}

const SHORTEST_PERIOD: Duration = Duration::from_micros(100);

/// A point in time, or a span, in nanoseconds.
pub(crate) type Nanos = u64;

/// Later than every point in time: the expiry of what never expires.
pub(crate) const FOREVER: Nanos = Nanos::MAX;

pub(crate) fn saturating_nanos(span: Duration) -> Nanos {
    Nanos::try_from(span.as_nanos()).unwrap_or(FOREVER)
}

/// Before [`FOREVER`]: what never expires stays alive at the end of time.
fn point_in_time(since_origin: Duration) -> Nanos {
    saturating_nanos(since_origin).min(FOREVER - 1)
}

/// This crate's production clocks are called directly, others through a pointer.
pub(crate) enum TimeSource {
    System,
    Ticking(TickingClock),
    Custom(Box<dyn Clock>),
}

impl TimeSource {
    pub(crate) fn new<C: Clock>(clock: C) -> Self {
        let mut clock = Some(clock);
        let any: &mut dyn Any = &mut clock;
        if any.is::<Option<SystemClock>>() {
            return Self::System;
        }
        if let Some(ticking) = any.downcast_mut::<Option<TickingClock>>().and_then(Option::take) {
            return Self::Ticking(ticking);
        }
        Self::Custom(Box::new(clock.expect("only a `TickingClock` is taken")))
    }

    /// Whether it has a tick, and shows the system's time.
    pub(crate) fn is_coarse(&self) -> bool {
        matches!(self, Self::System | Self::Ticking(_))
    }

    pub(crate) fn now(&self) -> Nanos {
        match self {
            Self::System => coarse_nanos(),
            Self::Ticking(clock) => clock.nanos(),
            Self::Custom(clock) => point_in_time(clock.now()),
        }
    }
}

impl fmt::Debug for TimeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "SystemClock",
            Self::Ticking(_) => "TickingClock",
            Self::Custom(_) => "custom clock",
        })
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};

    use super::*;
    use crate::TaggedCache;

    const NEVER: Duration = Duration::from_secs(3600);

    const TIMEOUT: Duration = Duration::from_secs(60);

    struct Source {
        reads: Receiver<()>,
        times: Sender<Duration>,
    }

    impl Source {
        fn clock(period: Duration) -> (TickingClock, Self) {
            let (read, reads) = channel();
            let (times, next_time) = channel();
            let mut last = Duration::ZERO;
            let clock = TickingClock::start_reading(period, move || {
                let _ = read.send(());
                last = next_time.recv().unwrap_or(last);
                last
            });
            (clock, Self { reads, times })
        }

        /// Returns when the clock shows this time: the thread is reading the next one.
        fn tick(&self, time: Duration) {
            self.times.send(time).expect("the thread runs");
            self.reads.recv_timeout(TIMEOUT).expect("the clock ticks");
        }
    }

    fn started(period: Duration) -> (TickingClock, Source) {
        let (clock, source) = Source::clock(period);
        source.reads.recv_timeout(TIMEOUT).expect("the clock ticks");
        (clock, source)
    }

    #[test]
    fn a_late_tick_shows_the_time_of_the_source() {
        let (clock, source) = started(Duration::ZERO);
        assert_eq!(clock.now(), Duration::ZERO);
        source.tick(Duration::from_millis(1));
        assert_eq!(clock.now(), Duration::from_millis(1));
        source.tick(Duration::from_secs(10));
        assert_eq!((clock.now(), clock.clone().now()), (Duration::from_secs(10), Duration::from_secs(10)));
    }

    #[test]
    fn p8_an_entry_expires_by_the_ticking_clock() {
        let (clock, source) = started(Duration::ZERO);
        let cache = TaggedCache::builder().default_ttl(Duration::from_secs(60)).clock(clock).build();
        source.tick(Duration::from_secs(5));
        cache.insert("a", 1);
        source.tick(Duration::from_secs(65) - Duration::from_nanos(1));
        assert_eq!(cache.get("a"), Some(1));
        source.tick(Duration::from_secs(65));
        assert_eq!(cache.get("a"), None);
    }

    #[test]
    fn the_thread_ends_with_the_last_handle_before_its_period_does() {
        let (ticks, ticked) = channel();
        // Sends only: receiving would park the thread too, and consume the wake-up.
        let clock = TickingClock::start_reading(NEVER, move || {
            let _ = ticks.send(());
            Duration::ZERO
        });
        ticked.recv_timeout(TIMEOUT).expect("the clock ticks at its start");
        drop(clock);
        // The thread drops its source when it ends.
        assert_eq!(ticked.recv_timeout(TIMEOUT), Err(RecvTimeoutError::Disconnected));
    }

    #[test]
    fn a_cache_is_a_handle_of_its_clock() {
        let (clock, source) = started(Duration::ZERO);
        let cache: TaggedCache<u8, u8> = TaggedCache::builder().clock(clock.clone()).build();
        drop(clock);
        source.tick(Duration::from_secs(1));
        source.tick(Duration::from_secs(2));
        drop(cache);
        let start = Instant::now();
        // The thread may still read one time.
        while source.times.send(Duration::from_secs(3)).is_ok() {
            assert!(start.elapsed() < TIMEOUT, "the thread has not ended with its last handle");
            thread::yield_now();
        }
    }

    #[test]
    fn a_started_clock_advances_and_never_goes_back() {
        let clock = TickingClock::start_with(Duration::ZERO);
        let (start, mut last) = (Instant::now(), clock.now());
        while last < Duration::from_millis(5) {
            assert!(start.elapsed() < TIMEOUT, "the clock has stopped");
            let now = clock.now();
            assert!(now >= last);
            last = now;
            thread::yield_now();
        }
    }

    #[test]
    fn clocks_of_this_crate_are_called_directly() {
        let name = |time: &TimeSource| format!("{time:?}");
        assert_eq!(name(&TimeSource::new(SystemClock)), "SystemClock");
        assert_eq!(name(&TimeSource::new(TickingClock::start())), "TickingClock");
        assert_eq!(name(&TimeSource::new(ManualClock::new())), "custom clock");
    }

    #[test]
    fn the_last_point_in_time_is_before_forever() {
        assert_eq!(point_in_time(Duration::MAX), FOREVER - 1);
    }
}
