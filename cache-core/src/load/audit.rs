//! A hit that is audited.

use std::fmt;
use std::time::Duration;

use crate::audit::Identity;
use crate::audit::finding::StaleFinding;
use crate::audit::inspect::Inspector;
use crate::audit::writes::Calm;
use crate::engine::Engine;
use crate::entry::{Entry, discard, discard_value};
use crate::history::info::MutationsSince;
use crate::observer::events::Call;
use crate::stats::counters::Counters;
use crate::store::{Storable, Store};
use crate::sync::Arc;
use crate::sync::unwind::catch;
use crate::version::Version;
use crate::version::scope::ScopeRef;

/// A hit whose body runs as well.
pub(crate) struct AuditedHit<K, V> {
    /// The answer of the call, whatever the body returns.
    pub(crate) answer: V,
    entry: Arc<Entry<K, V>>,
    /// `None` while it is not known how values are compared.
    pub(crate) inspector: Option<Inspector<V>>,
    /// Set when the body is about to run.
    start: Option<BodyStart<K>>,
}

struct BodyStart<K> {
    /// Until then, the request has it.
    key: K,
    /// `None` if a write was in progress.
    calm: Option<Calm>,
    version: Version,
}

impl<K, V> AuditedHit<K, V> {
    pub(crate) fn new(answer: V, entry: Arc<Entry<K, V>>) -> Self {
        Self { answer, entry, inspector: None, start: None }
    }

    /// Called before the body runs. In a list that may be long after the look-up.
    pub(crate) fn begin(&mut self, engine: &Engine, key: K) {
        let (calm, version) = (engine.calm(), engine.timeline().versions.now());
        self.start = Some(BodyStart { key, calm, version });
    }

    pub(crate) fn into_answer(self, counters: &Counters) -> V {
        discard(self.entry, counters);
        discard_value(counters, self.start);
        self.answer
    }

    pub(crate) fn discard(self, counters: &Counters) {
        discard_value(counters, self.into_answer(counters));
    }
}

impl<K: Storable, V: Storable> AuditedHit<K, V> {
    /// Whether the body's value tells of a wrong answer.
    pub(crate) fn finding(
        &self,
        engine: &Engine,
        store: &Store<K, V>,
        scope: ScopeRef<'_>,
        loaded: &V,
    ) -> Option<StaleFinding> {
        let Self { entry, inspector, start, .. } = self;
        let (auditor, inspector) = (engine.auditor.as_ref()?, inspector.as_ref()?);
        let BodyStart { key, calm, version } = start.as_ref()?;
        // If the comparison panics, it tells nothing.
        let differ = catch(|| (inspector.differ)(&entry.value, loaded)).ok()??;
        let identity = Identity::from(&entry.meta);
        if !differ {
            auditor.record_right(identity, *version);
            return None;
        }
        let was_calm = calm.is_some_and(|calm| auditor.writes.is_still(calm)) && !engine.timeline().is_uncertain();
        if !was_calm || !store.has(entry) || !engine.storage.is_valid(&store.query, &entry.meta) {
            return None;
        }
        let right_as_of = auditor.begin_report(identity)?;
        let describe = |out: &mut dyn fmt::Write| (store.describe)(key, &store.query, out);
        let of = Call::new(&store.query, scope, &describe);
        let show = |value| {
            let shown = catch(|| (inspector.show)(value)).ok().flatten();
            shown.unwrap_or_else(|| "(a value without `Debug`)".into())
        };
        let now = engine.timeline().time.now();
        let MutationsSince { known: mutations, are_all: has_all_mutations } = engine.mutations_since(right_as_of);
        Some(StaleFinding {
            query: of.query,
            module: of.module,
            owner: of.owner,
            scope: of.scope.map(str::to_owned),
            arguments: catch(|| of.arguments()).unwrap_or_default(),
            cached: show(&entry.value),
            loaded: show(loaded),
            age: Duration::from_nanos(now.saturating_sub(entry.meta.began)),
            mutations,
            has_all_mutations,
        })
    }
}
