//! When a value may be served besides its time to live, and when it is loaded anew before or after its end.

use std::time::Duration;

use crate::clock::{Nanos, saturating_nanos};

/// The options of a query that concern values near or past their expiry. All are static facts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Freshness {
    pub(crate) refresh_ahead: Duration,
    pub(crate) stale_while_revalidate: Duration,
    pub(crate) stale_if_error: Duration,
    pub(crate) retry_after: Duration,
    pub(crate) soft_timeout: Option<Duration>,
}

impl Freshness {
    pub(crate) const NONE: Self = Self {
        refresh_ahead: Duration::ZERO,
        stale_while_revalidate: Duration::ZERO,
        stale_if_error: Duration::ZERO,
        retry_after: Duration::from_secs(1),
        soft_timeout: None,
    };
}

impl Default for Freshness {
    fn default() -> Self {
        Self::NONE
    }
}

/// The same, as a cache uses it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Windows {
    /// Before its expiry, a value is loaded anew for so long.
    pub(crate) refresh_ahead: Nanos,
    /// After it, for so long.
    revalidate: Nanos,
    /// After its expiry, a value is kept for so long: for revalidation and for errors.
    pub(crate) kept_for: Nanos,
    /// After a failed load, nobody loads for so long while there is a value to serve.
    pub(crate) retry_after: Nanos,
    pub(crate) soft_timeout: Option<Duration>,
}

/// 146 years.
const MAX_AHEAD: Nanos = 1 << 62;

/// What may be done with a value that was not invalidated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Age {
    /// It is served.
    Fresh,
    /// It is served while one caller loads anew. Perhaps it has expired.
    Refreshable,
    /// It has expired, and is served if a load fails.
    OnlyIfError,
    Over,
}

impl Windows {
    pub(crate) fn of(given: Freshness) -> Self {
        let Freshness { refresh_ahead, stale_while_revalidate, stale_if_error, retry_after, .. } = given;
        let (revalidate, if_error) = (saturating_nanos(stale_while_revalidate), saturating_nanos(stale_if_error));
        Self {
            refresh_ahead: saturating_nanos(refresh_ahead).min(MAX_AHEAD),
            revalidate,
            kept_for: revalidate.max(if_error),
            retry_after: saturating_nanos(retry_after),
            soft_timeout: given.soft_timeout,
        }
    }

    /// Whether a value is ever anything but fresh or dead.
    pub(crate) fn is_any(&self) -> bool {
        self.refresh_ahead > 0 || self.kept_for > 0
    }

    /// Called at each hit. The sum does not overflow before a clock shows more than 400 years.
    #[inline]
    pub(crate) fn is_fresh(ahead: Nanos, expires_at: Nanos, now: Nanos) -> bool {
        now.wrapping_add(ahead) < expires_at
    }

    pub(crate) fn age(&self, expires_at: Nanos, now: Nanos) -> Age {
        if Self::is_fresh(self.refresh_ahead, expires_at, now) {
            Age::Fresh
        } else if now < expires_at.saturating_add(self.revalidate) {
            Age::Refreshable
        } else if now < self.kept_until(expires_at) {
            Age::OnlyIfError
        } else {
            Age::Over
        }
    }

    pub(crate) fn kept_until(&self, expires_at: Nanos) -> Nanos {
        expires_at.saturating_add(self.kept_for)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::FOREVER;

    #[test]
    fn p18_ages_are_told_apart_at_their_bounds() {
        let seconds = Duration::from_secs;
        let windows = Windows::of(Freshness {
            refresh_ahead: seconds(2),
            stale_while_revalidate: seconds(3),
            stale_if_error: seconds(5),
            ..Freshness::NONE
        });
        let second = 1_000_000_000;
        let age = |now| windows.age(10 * second, now);
        assert_eq!([age(8 * second - 1), age(8 * second)], [Age::Fresh, Age::Refreshable]);
        assert_eq!([age(13 * second - 1), age(13 * second)], [Age::Refreshable, Age::OnlyIfError]);
        assert_eq!([age(15 * second - 1), age(15 * second)], [Age::OnlyIfError, Age::Over]);
        assert_eq!(windows.age(FOREVER, second), Age::Fresh);
    }

    #[test]
    fn p18_without_options_a_value_is_fresh_or_over() {
        let windows = Windows::of(Freshness::NONE);
        assert!(!windows.is_any());
        assert_eq!([windows.age(10, 9), windows.age(10, 10)], [Age::Fresh, Age::Over]);
        assert_eq!(windows.age(FOREVER, FOREVER - 1), Age::Fresh);
    }

    #[test]
    fn p18_the_longer_window_decides_how_long_a_value_is_kept() {
        let (short, long) = (Duration::from_nanos(2), Duration::from_nanos(7));
        let windows = Windows::of(Freshness { stale_while_revalidate: long, stale_if_error: short, ..Freshness::NONE });
        assert_eq!([windows.age(10, 16), windows.age(10, 17)], [Age::Refreshable, Age::Over]);
    }
}
