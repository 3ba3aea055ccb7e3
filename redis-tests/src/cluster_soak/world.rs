//! What parent and children have to agree on.

use std::time::Duration;

use cache_core::LeaseTime;

pub(crate) const MAX_LAG: Duration = Duration::from_millis(500);
pub(crate) const NAMESPACE: &str = "soak";
pub(crate) const SCHEMA: &str = "1";

/// Each has a scope of its own.
pub(crate) const TENANTS: u16 = 2;
pub(crate) const GROUPS: u16 = 8;
pub(crate) const ROWS: u16 = 32;

pub(crate) const ROWS_OF_GROUP: u16 = ROWS / GROUPS;
pub(crate) const ROWS_OF_TENANT: u16 = ROWS / TENANTS;

/// Nanoseconds, by a clock that all processes share.
pub(crate) fn now() -> u64 {
    nanos(LeaseTime::now().since_start())
}

pub(crate) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
