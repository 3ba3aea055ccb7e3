//! Numbers of loads.

use std::sync::atomic::{AtomicU64, Ordering};

/// The later of two loads of this process has the higher number.
pub(crate) type LoadId = u64;

/// The number of a load that begins now, or of a caller that arrives now. A load with a higher number than a caller
/// reads data at least as new as the caller has seen.
pub(crate) fn next_load() -> LoadId {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::AcqRel)
}
