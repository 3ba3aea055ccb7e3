//! The last calls that missed, and why.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use cache_core::{Observer, events};
use parking_lot::Mutex;
use serde::Serialize;

use super::snapshot::Age;

/// How many are kept.
const KEPT: usize = 30;

/// Observes the misses of a cache. Clones are of one list.
#[derive(Clone, Default)]
pub(super) struct LastMisses(Arc<Mutex<VecDeque<Kept>>>);

struct Kept {
    at: Instant,
    miss: Miss,
}

#[derive(Clone, PartialEq, Serialize)]
pub(super) struct Miss {
    /// Of all misses, from 0.
    number: u64,
    query: &'static str,
    arguments: String,
    reason: String,
    invalidated: Option<Invalidated>,
    ago_ms: Age,
}

/// What invalidated the answer that was there before.
#[derive(Clone, PartialEq, Serialize)]
struct Invalidated {
    by: &'static str,
    /// The target that it named.
    through: String,
}

impl LastMisses {
    /// The last first.
    pub(super) fn list(&self) -> Vec<Miss> {
        let kept = self.0.lock();
        kept.iter().map(|Kept { at, miss }| Miss { ago_ms: at.elapsed().into(), ..miss.clone() }).collect()
    }
}

impl Observer for LastMisses {
    fn missed(&self, event: &events::Missed<'_>) {
        let mut miss = Miss {
            number: 0,
            query: event.call.query,
            arguments: event.call.arguments(),
            reason: event.reason.to_string(),
            invalidated: event.mutation.map(|mutation| Invalidated {
                by: mutation.function,
                through: event.target.map(ToString::to_string).unwrap_or_default(),
            }),
            ago_ms: Age::from(Duration::ZERO),
        };
        let mut kept = self.0.lock();
        miss.number = kept.front().map_or(0, |last| last.miss.number + 1);
        kept.truncate(KEPT - 1);
        kept.push_front(Kept { at: Instant::now(), miss });
    }
}
