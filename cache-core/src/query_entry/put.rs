//! A value that is stored together with an invalidation, and why that is free of races.
//!
//! A put has a [`ReadPoint`]: its value shows nothing older. It is refused if anything that it depends on was invalidated
//! since, and stored as of the version of its own invalidation. So
//!
//! - [`judge`](AnyPut::judge) runs under the turn of the version clock, before the put's own targets are raised to the
//!   version *v*: no other invalidation comes between what it finds and *v*. An invalidation before *v* and after the
//!   point refuses the value, also that of a mutation that ended meanwhile, put or not. One after *v* comes from a
//!   mutation that had not returned at *v*, and takes effect when it does.
//! - Between *v* and the moment when the entry is in its shard, an invalidation of the key finds nothing to remove. But it
//!   raises the node of the key, which is among the entry's tags: the entry is found invalid when it is read.
//! - Loads in flight at *v* were fenced before, with the entry of the key. A load that begins after *v* reads what was
//!   written before *v*, so that its value is as good: the put of a mutation does not replace it.
//!
//! If a load of the query has read other cached queries, its entry depends on their answers, which a put does not know: it
//! is refused. The first such load also invalidates the query if it has puts.

use crate::engine::Engine;
use crate::query::state::QueryState;
use crate::read_point::ReadPoint;
use crate::store::candidate::Candidate;
use crate::store::{Made, Storable, Store};
use crate::sync::Arc;
use crate::version::Version;
use crate::version::tag_set::TagSet;
use crate::version::timeline::Timeline;

/// A put with any types.
pub(crate) trait AnyPut: Send + Sync {
    /// Whether it is one of the cache with this timeline.
    fn is_of(&self, timeline: &Arc<Timeline>) -> bool;
    /// Whether nothing that it depends on was invalidated since its point.
    fn is_current(&self) -> bool;
    /// Called under the turn of the version clock.
    fn judge(&mut self, version: Version);
    /// Stores the value, if it was found current. Returns whether it did.
    fn store(self: Box<Self>, engine: &Engine) -> bool;
}

pub(crate) struct Put<K, V> {
    store: Arc<Store<K, V>>,
    candidate: Candidate<K>,
    value: V,
    weight: u64,
    point: ReadPoint,
    /// Whether each invalidation of the key since the point has raised the node of the key.
    knows_key: bool,
    replaces: bool,
    /// The version as of which it was found current.
    current_as_of: Option<Version>,
}

impl<K, V> Put<K, V> {
    pub(crate) fn new(
        store: Arc<Store<K, V>>,
        candidate: Candidate<K>,
        value: V,
        weight: u64,
        point: ReadPoint,
        knows_key: bool,
        replaces: bool,
    ) -> Self {
        Self { store, candidate, value, weight, point, knows_key, replaces, current_as_of: None }
    }
}

/// Not generic: compiled in this crate.
fn is_current(query: &QueryState, tags: &TagSet, point: &ReadPoint, knows_key: bool) -> bool {
    let since = point.version;
    point.timeline.everything.is_valid_since(since)
        && query.node.is_valid_since(since)
        && tags.is_valid_since(since)
        && (knows_key || query.any_key.is_valid_since(since))
        && query.allows_puts()
}

impl<K: Storable + Eq, V: Storable> AnyPut for Put<K, V> {
    fn is_of(&self, timeline: &Arc<Timeline>) -> bool {
        self.point.is_of(timeline)
    }

    fn is_current(&self) -> bool {
        is_current(&self.store.query, &self.candidate.tags, &self.point, self.knows_key)
    }

    fn judge(&mut self, version: Version) {
        self.current_as_of = self.is_current().then_some(version);
    }

    fn store(self: Box<Self>, engine: &Engine) -> bool {
        let Self { store, candidate, value, weight, point, replaces, current_as_of, .. } = *self;
        let Some(valid_as_of) = current_as_of else { return false };
        let now = engine.timeline().time.now();
        let made = Made { valid_as_of, began: point.time, weight, now, replaces };
        store.insert(&engine.storage, candidate, value, made).is_stored
    }
}
