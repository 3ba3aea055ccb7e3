//! The end of the body of a hit that is audited.

use std::fmt;
use std::time::Duration;

use crate::audit::finding::StaleFinding;
use crate::audit::inspect::Inspector;
use crate::audit::writes::Calm;
use crate::audit::{Auditor, Identity};
use crate::entry::{Entry, discard, discard_value};
use crate::load::leader::Leader;
use crate::observer::events::Call;
use crate::stats::counters::{Counters, Event};
use crate::store::{Storable, Store};
use crate::sync::Arc;
use crate::sync::unwind::catch;
use crate::version::Version;

/// A hit whose body runs as well.
pub(crate) struct AuditedHit<K, V> {
    /// The answer of the call, whatever the body returns.
    pub(crate) answer: V,
    pub(crate) entry: Arc<Entry<K, V>>,
    /// Until the body runs, the request has it.
    pub(crate) key: Option<K>,
    /// `None` while it is not known how values are compared.
    pub(crate) inspector: Option<Inspector<V>>,
    /// `None` if a write was in progress.
    pub(crate) calm: Option<Calm>,
    /// Before the body ran.
    pub(crate) version: Version,
}

impl<K, V> AuditedHit<K, V> {
    /// Without its body.
    pub(crate) fn into_answer(self, counters: &Counters) -> V {
        discard(self.entry, counters);
        discard_value(counters, self.key);
        self.answer
    }

    pub(crate) fn discard(self, counters: &Counters) {
        discard(self.entry, counters);
        discard_value(counters, self.key);
        discard_value(counters, self.answer);
    }
}

impl<K: Storable + Eq, V: Storable> Leader<K, V> {
    /// Compares the value of the body with the cached one, and returns the answer of the call.
    pub(crate) fn conclude_audit(mut self, loaded: Option<&V>) -> V {
        let hit = self.audited.take().expect("it is an audit");
        self.has_ended = true;
        let AuditedHit { answer, entry, key, inspector, calm, version } = *hit;
        let found = match (loaded, inspector, &self.engine.auditor, &key) {
            (Some(loaded), Some(inspector), Some(auditor), Some(key)) => {
                let compared = Compared { store: &self.store, entry: &entry, loaded, inspector };
                self.within(|| compared.finding(&self, auditor, key, calm, version))
            }
            // A body that fails says nothing of the answer.
            _ => None,
        };
        discard(entry, &self.store.query.counters);
        discard_value(&self.store.query.counters, key);
        if let (Some(finding), Some(auditor)) = (found, &self.engine.auditor) {
            self.store.query.counters.count(Event::StaleFound);
            auditor.report(&finding);
        }
        answer
    }
}

struct Compared<'a, K, V> {
    store: &'a Store<K, V>,
    entry: &'a Arc<Entry<K, V>>,
    loaded: &'a V,
    inspector: Inspector<V>,
}

impl<K: Storable, V: Storable> Compared<'_, K, V> {
    fn finding(
        &self,
        load: &Leader<K, V>,
        auditor: &Auditor,
        key: &K,
        calm: Option<Calm>,
        version: Version,
    ) -> Option<StaleFinding> {
        let Self { store, entry, loaded, inspector } = self;
        // If the comparison panics, it tells nothing.
        let differ = catch(|| (inspector.differ)(&entry.value, loaded)).ok()??;
        let identity = Identity::from(&entry.meta);
        if !differ {
            auditor.record_right(identity, version);
            return None;
        }
        let engine = &load.engine;
        let was_calm = calm.is_some_and(|calm| auditor.writes.is_still(calm)) && !engine.timeline().is_uncertain();
        if !was_calm || !store.has(entry) || !engine.storage.is_valid(&store.query, &entry.meta) {
            return None;
        }
        let right_as_of = auditor.begin_report(identity)?;
        let describe = |out: &mut dyn fmt::Write| (store.describe)(key, &store.query, out);
        let of = Call::new(&store.query, load.scope.as_ref(), &describe);
        let show = |value| {
            let shown = catch(|| (inspector.show)(value)).ok().flatten();
            shown.unwrap_or_else(|| "(a value without `Debug`)".into())
        };
        let now = engine.timeline().time.now();
        Some(StaleFinding {
            query: of.query,
            module: of.module,
            owner: of.owner,
            scope: of.scope.map(str::to_owned),
            arguments: catch(|| of.arguments()).unwrap_or_default(),
            cached: show(&entry.value),
            loaded: show(loaded),
            age: Duration::from_nanos(now.saturating_sub(entry.meta.began)),
            mutations: engine.mutations_since(right_as_of),
        })
    }
}
