//! The last calls that missed, and why.

use std::time::Duration;

use cache_core::{Observer, events};
use serde::Serialize;

use super::{age::Age, recent::Recent};

/// How many are kept.
const KEPT: usize = 30;

/// Observes the misses of a cache. Clones are of one list.
#[derive(Clone, Default)]
pub(super) struct LastMisses(Recent<Miss, KEPT>);

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
    /// The function that named the target: in a transaction one of several. If the target is unknown, the mutation: of a
    /// transaction that is `commit`.
    by: &'static str,
    /// The target that it named.
    through: String,
}

impl LastMisses {
    /// The last first.
    pub(super) fn list(&self) -> Vec<Miss> {
        self.0.list(|miss, ago| Miss { ago_ms: ago.into(), ..miss.clone() })
    }
}

impl Observer for LastMisses {
    fn missed(&self, event: &events::Missed<'_>) {
        let miss = Miss {
            number: 0,
            query: event.call.query,
            arguments: event.call.arguments(),
            reason: event.reason.to_string(),
            invalidated: event.mutation.map(|mutation| Invalidated {
                by: event.target.map_or(mutation.function, |target| target.by),
                through: event.target.map(ToString::to_string).unwrap_or_default(),
            }),
            ago_ms: Age::from(Duration::ZERO),
        };
        self.0.push(|last| Miss { number: last.map_or(0, |last| last.number + 1), ..miss });
    }
}
