//! The last calls that missed, and why.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use cache_core::{Observer, events::Missed};
use parking_lot::Mutex;
use serde::Serialize;

const KEPT: usize = 30;

/// Observes the misses of a cache. Clones are of one list.
#[derive(Clone, Default)]
pub(super) struct LastMisses(Arc<Mutex<VecDeque<Miss>>>);

struct Miss {
    number: u64,
    at: Instant,
    query: &'static str,
    arguments: String,
    reason: String,
    /// The function that invalidated it, the target that it named, and the number of that invalidation.
    invalidated: Option<(&'static str, String, u64)>,
}

#[derive(Serialize)]
pub(super) struct LastMiss {
    /// Of all misses, from 0.
    number: u64,
    query: &'static str,
    arguments: String,
    reason: String,
    /// Of an invalidated one: the function that did that.
    by: Option<&'static str>,
    /// The target that it named.
    through: Option<String>,
    /// The number of that invalidation.
    version: Option<u64>,
    ago_ms: u128,
}

impl LastMisses {
    /// The last first.
    pub(super) fn list(&self) -> Vec<LastMiss> {
        let misses = self.0.lock();
        misses.iter().rev().map(LastMiss::of).collect()
    }
}

impl Observer for LastMisses {
    fn missed(&self, event: &Missed<'_>) {
        let invalidated = event.mutation.map(|mutation| {
            let through = event.target.map(ToString::to_string).unwrap_or_default();
            (mutation.function, through, mutation.version)
        });
        let (arguments, reason) = (event.call.arguments(), event.reason.to_string());
        let mut misses = self.0.lock();
        if misses.len() == KEPT {
            misses.pop_front();
        }
        let number = misses.back().map_or(0, |last| last.number + 1);
        misses.push_back(Miss { number, at: Instant::now(), query: event.call.query, arguments, reason, invalidated });
    }
}

impl LastMiss {
    fn of(miss: &Miss) -> Self {
        let Miss { number, at, query, arguments, reason, invalidated } = miss;
        let (by, through, version) = match invalidated {
            Some((by, through, version)) => (Some(*by), Some(through.clone()), Some(*version)),
            None => (None, None, None),
        };
        let (arguments, reason) = (arguments.clone(), reason.clone());
        Self { number: *number, query, arguments, reason, by, through, version, ago_ms: at.elapsed().as_millis() }
    }
}
