//! What a cache has heard of other processes, and told them, for its page.

use cache_core::SharedStats;
use serde::Serialize;

/// Of a cache with a tier.
#[derive(PartialEq, Serialize)]
pub(super) struct OtherProcesses {
    /// Whether memory answers.
    is_live: bool,
    /// How long ago all was known to have been heard; `None` before the first time.
    ///
    /// Not an [`Age`](super::age::Age): it does not count on while the lease is proved again and again.
    lag_ms: Option<u128>,
    published: u64,
    unpublished: usize,
    heard: u64,
    gaps: u64,
    epochs: u64,
    second_level: SecondLevel,
}

#[derive(PartialEq, Serialize)]
struct SecondLevel {
    hits: u64,
    misses: u64,
    refused: u64,
    stored: u64,
    /// Reads and writes without an answer in time, or with one that is of no use.
    failed: u64,
}

impl OtherProcesses {
    pub(super) fn of(stats: &SharedStats) -> Self {
        Self {
            is_live: stats.is_live,
            lag_ms: stats.lag.map(|lag| lag.as_millis()),
            published: stats.published,
            unpublished: stats.unpublished,
            heard: stats.heard,
            gaps: stats.gaps,
            epochs: stats.epochs,
            second_level: SecondLevel {
                hits: stats.hits,
                misses: stats.misses,
                refused: stats.refused,
                stored: stats.puts,
                failed: stats.failed_gets + stats.failed_puts + stats.undecodable + stats.too_large,
            },
        }
    }

    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).expect("all keys are strings")
    }
}
