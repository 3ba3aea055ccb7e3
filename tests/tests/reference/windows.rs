//! When a value may be served besides its time to live, as the documentation has it.

use std::time::Duration;

/// The options of a query or of a cache for values near or past their expiry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Windows {
    pub(crate) refresh_ahead: Duration,
    pub(crate) stale_while_revalidate: Duration,
    pub(crate) stale_if_error: Duration,
    pub(crate) retry_after: Duration,
}

impl Windows {
    pub(crate) const NONE: Self = Self::of_seconds(0, 0, 0, 1);

    pub(crate) const fn of_seconds(ahead: u64, revalidate: u64, if_error: u64, retry: u64) -> Self {
        Self {
            refresh_ahead: Duration::from_secs(ahead),
            stale_while_revalidate: Duration::from_secs(revalidate),
            stale_if_error: Duration::from_secs(if_error),
            retry_after: Duration::from_secs(retry),
        }
    }

    pub(crate) fn is_any(&self) -> bool {
        self.refresh_ahead.max(self.stale_while_revalidate).max(self.stale_if_error) > Duration::ZERO
    }

    /// Whether every caller is served, and none loads.
    pub(crate) fn is_fresh(&self, expires_at: Duration, now: Duration) -> bool {
        now + self.refresh_ahead < expires_at
    }

    /// Whether a caller is served because another one loads.
    pub(crate) fn is_served_while_loading(&self, expires_at: Duration, now: Duration) -> bool {
        now < expires_at + self.stale_while_revalidate
    }

    /// Whether a caller is served if its load fails, or the last one failed not long ago: the value is still stored.
    pub(crate) fn is_kept(&self, expires_at: Duration, now: Duration) -> bool {
        now < expires_at + self.stale_while_revalidate.max(self.stale_if_error)
    }
}
