//! Where a cache reads the time.

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;

use crate::sync::Arc;

/// A monotonic clock.
///
/// A cache uses [`SystemClock`], unless another is passed to [`CacheBuilder::clock`](crate::CacheBuilder::clock).
/// [`TickingClock`] is cheaper to read and has a thread; [`ManualClock`] is for tests.
///
/// A hit reads it once, when it has found the entry. A miss reads it again when it has waited and when its load has ended,
/// and an invalidation reads it to count the expired entries that it removed. If it panics there, everything that was named
/// has been invalidated. Caches with different clocks may be used together.
///
/// *Locking*: it is read with no lock held that another call waits for, and may use a cache with another clock. A slow
/// clock delays its caller alone.
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
        // The closure never returns `None`, so there is no failure to handle.
        let _ = self.nanos.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| Some(now.saturating_add(by)));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Acquire))
    }
}

/// A clock that a thread of its own moves on, so that reading it is one load from memory.
///
/// Use it where the few nanoseconds that [`SystemClock`] takes of each hit count. The thread runs from [`start`](Self::start)
/// until the last handle is dropped. Each clone is a handle, and so is a cache that was built with one:
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
/// The clock is behind by at most its period, and by the time until the scheduler lets its thread run. On an idle machine
/// the latter is a tenth of a millisecond; on a machine with more running threads than processors it can be several
/// milliseconds, and it has no bound. A value may be served that much later than its time to live. The delays do not add up:
/// each tick reads [`Instant`], it does not add a period.
///
/// - After the process or the machine was stopped (`SIGSTOP`, a paused virtual machine, suspend to memory), the clock shows
///   the time from before until its thread runs again. Whether the time of a suspend counts at all is up to [`Instant`]: on
///   Linux it does not, as for [`SystemClock`].
/// - After `fork`, the child has no such thread, and the clock stands still there: nothing expires any more. A child that
///   goes on without `exec` needs a new clock and a new cache.
/// - The thread runs no code of the user's, takes no lock and does not panic.
///
/// The thread wakes up a thousand times a second. That takes about one percent of a processor, and keeps it from its deepest
/// sleep states.
#[derive(Clone, Debug)]
pub struct TickingClock {
    /// Alone in its cache line: every hit of every thread reads it.
    nanos: Arc<CachePadded<AtomicU64>>,
    _thread: Arc<TickingThread>,
}

/// What all handles own together, and the thread does not.
#[derive(Debug)]
struct TickingThread {
    thread: Thread,
    should_stop: Arc<AtomicBool>,
}

impl Drop for TickingThread {
    /// Wakes the thread up, and does not wait until it has ended: after a `fork` there is none to wait for.
    fn drop(&mut self) {
        self.should_stop.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

impl TickingClock {
    /// Starts a thread, and a clock that ticks every millisecond.
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

    /// Starts a thread, and a clock that ticks once in a period.
    ///
    /// A period shorter than 100 microseconds is taken for 100: the thread would do little else than wake up. With a period
    /// longer than the times to live of the entries, these are served for as long as a period.
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

    /// Time is a parameter, so that tests control it.
    fn start_reading(period: Duration, mut read: impl FnMut() -> Duration + Send + 'static) -> Self {
        let nanos = Arc::new(CachePadded::new(AtomicU64::new(0)));
        let should_stop = Arc::new(AtomicBool::new(false));
        let (shown, stopped) = (Arc::clone(&nanos), Arc::clone(&should_stop));
        let tick = move || {
            // An `unpark` that comes before the `park` is not lost: no other code that parks runs here. A wake-up without a
            // reason is one tick more.
            while !stopped.load(Ordering::Acquire) {
                shown.store(point_in_time(read()), Ordering::Relaxed);
                thread::park_timeout(period);
            }
        };
        let thread = thread::Builder::new().name("cache-clock".into()).spawn(tick).expect("a thread for a clock");
        Self { nanos, _thread: Arc::new(TickingThread { thread: thread.thread().clone(), should_stop }) }
    }

    /// Relaxed: one thread alone writes it, and all that is read with it is the time. Reads of one atomic never go back, on
    /// one thread or from one thread to another that it has synchronized with.
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

/// A point in time, or a span, in nanoseconds. [`FOREVER`] is later than every point.
pub(crate) type Nanos = u64;

/// The expiry of what never expires.
pub(crate) const FOREVER: Nanos = Nanos::MAX;

pub(crate) fn saturating_nanos(span: Duration) -> Nanos {
    Nanos::try_from(span.as_nanos()).unwrap_or(FOREVER)
}

/// One short of [`FOREVER`], so that what never expires stays alive at the end of time.
fn point_in_time(since_origin: Duration) -> Nanos {
    saturating_nanos(since_origin).min(FOREVER - 1)
}

/// The clock of one cache: those of this crate that programs run with are called directly, others through a pointer.
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
        Self::Custom(Box::new(clock.expect("it is taken where it is of this crate")))
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

    /// Longer than any test: a thread that ends only after its period has not ended when the test does.
    const NEVER: Duration = Duration::from_secs(3600);

    /// After so long without a tick something is broken.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// The clock's own source of time, in the hands of the test.
    struct Source {
        asked: Receiver<()>,
        answers: Sender<Duration>,
    }

    impl Source {
        fn clock(period: Duration) -> (TickingClock, Self) {
            let (asks, asked) = channel();
            let (answers, answered) = channel();
            let mut last = Duration::ZERO;
            let clock = TickingClock::start_reading(period, move || {
                let _ = asks.send(());
                last = answered.recv().unwrap_or(last);
                last
            });
            (clock, Self { asked, answers })
        }

        /// Returns when the clock shows this time: the thread has asked for that of the tick after it.
        fn tick(&self, time: Duration) {
            self.answers.send(time).expect("the thread runs");
            self.asked.recv_timeout(PATIENCE).expect("it ticks");
        }
    }

    fn started(period: Duration) -> (TickingClock, Source) {
        let (clock, source) = Source::clock(period);
        source.asked.recv_timeout(PATIENCE).expect("it ticks");
        (clock, source)
    }

    #[test]
    fn each_tick_shows_the_time_of_the_source_however_late_it_comes() {
        let (clock, source) = started(Duration::ZERO);
        assert_eq!(clock.now(), Duration::ZERO);
        source.tick(Duration::from_millis(1));
        assert_eq!(clock.now(), Duration::from_millis(1));
        source.tick(Duration::from_secs(10));
        assert_eq!((clock.now(), clock.clone().now()), (Duration::from_secs(10), Duration::from_secs(10)));
    }

    #[test]
    fn p8_an_entry_expires_when_the_ticking_clock_says_so() {
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
    fn the_thread_ends_with_the_last_handle_and_not_a_period_later() {
        let (ticks, ticked) = channel();
        // It does not wait for an answer: a channel parks the thread as well, and would take the wake-up for its own.
        let clock = TickingClock::start_reading(NEVER, move || {
            let _ = ticks.send(());
            Duration::ZERO
        });
        ticked.recv_timeout(PATIENCE).expect("it ticks once at its start");
        drop(clock);
        // The thread drops what it reads the time from.
        assert_eq!(ticked.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
    }

    #[test]
    fn a_cache_is_a_handle() {
        let (clock, source) = started(Duration::ZERO);
        let cache: TaggedCache<u8, u8> = TaggedCache::builder().clock(clock.clone()).build();
        drop(clock);
        source.tick(Duration::from_secs(1));
        source.tick(Duration::from_secs(2));
        drop(cache);
        let start = Instant::now();
        // It still takes the answer that it has asked for.
        while source.answers.send(Duration::from_secs(3)).is_ok() {
            assert!(start.elapsed() < PATIENCE, "the thread has not ended with its last handle");
            thread::yield_now();
        }
    }

    #[test]
    fn a_clock_that_was_started_moves_on_and_never_back() {
        let clock = TickingClock::start_with(Duration::ZERO);
        let (start, mut last) = (Instant::now(), clock.now());
        while last < Duration::from_millis(5) {
            assert!(start.elapsed() < PATIENCE, "the clock stands still");
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
    fn the_end_of_time_is_before_forever() {
        assert_eq!(point_in_time(Duration::MAX), FOREVER - 1);
    }
}
