//! Numbers of loads.

use std::sync::atomic::{AtomicU64, Ordering};

/// A load of this process. Of two, the one that began later has the higher number.
pub(crate) type LoadId = u64;

/// The number of a load that begins now, or of a caller that comes now: a load that began after the caller came has a higher
/// number, and sees what the caller had seen.
pub(crate) fn next_load() -> LoadId {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::AcqRel)
}
