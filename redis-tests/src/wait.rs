//! Waiting for what becomes true by itself.

use std::{
    thread,
    time::{Duration, Instant},
};

use cache_core::{Cache, SharedStats};

const PATIENCE: Duration = Duration::from_mins(1);

/// Whether a condition is true within a minute. It is asked again and again.
#[must_use]
pub fn until(mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !condition() {
        if start.elapsed() > PATIENCE {
            return false;
        }
        thread::sleep(Duration::from_millis(2));
    }
    true
}

/// Figures of the tier of a cache.
///
/// # Panics
///
/// If it has no tier.
#[must_use]
pub fn shared_stats(cache: &Cache) -> SharedStats {
    cache.shared_stats().expect("the cache has a tier")
}

/// Waits until a cache has heard all, and has published all.
///
/// # Panics
///
/// If that takes longer than a minute.
pub fn recover(cache: &Cache) {
    let is_well = || {
        let stats = shared_stats(cache);
        stats.is_live && stats.unpublished == 0
    };
    assert!(until(is_well), "it does not recover: {}", shared_stats(cache));
}
