//! The spans of loads, for subscribers of the `tracing` crate. Without the feature, nothing is compiled.
//!
//! A span is in the [`Context`](crate::flight::context::Context) of its load, and entered with it: wherever the body runs,
//! is polled or dropped, also as a part on another thread. It is closed when the load has ended, and the last part with it.

#[cfg(not(feature = "tracing"))]
pub(crate) use off::LoadSpan;
#[cfg(feature = "tracing")]
pub(crate) use on::{LoadSpan, TARGET, known};

#[cfg(feature = "tracing")]
mod on {
    use std::sync::OnceLock;

    use ::tracing::field::Empty;
    use ::tracing::{Span, debug, debug_span};

    use crate::query::state::QueryState;
    use crate::sync::unwind::contain;
    use crate::sync::{Arc, Mutex};
    use crate::version::scope::ScopeRef;

    /// Of all spans and events.
    pub(crate) const TARGET: &str = "cache_core";

    /// Empty before the load begins, and if nobody looks at its span.
    #[derive(Default)]
    pub(crate) struct LoadSpan(OnceLock<Arc<BodySpan>>);

    /// One run of a body, for one load or for the loads of a batch.
    struct BodySpan {
        span: Span,
        loads: Mutex<Loads>,
    }

    struct Loads {
        /// How many have not ended.
        left: usize,
        outcome: Option<&'static str>,
    }

    impl LoadSpan {
        /// The span of the caller is its parent. Called with no lock held, before the body runs. If it has begun, it stays.
        pub(crate) fn begin(&self, query: &QueryState, scope: ScopeRef<'_>) {
            self.begin_body(query, scope, None);
        }

        /// Of a body that runs for some loads. Each of them [joins](Self::join).
        pub(crate) fn begin_batch(&self, query: &QueryState, scope: ScopeRef<'_>, loads: usize) {
            self.begin_body(query, scope, Some(loads));
        }

        pub(crate) fn join(&self, batch: &Self) {
            if let Some(body) = batch.0.get() {
                self.0.get_or_init(|| body.clone());
            }
        }

        fn begin_body(&self, query: &QueryState, scope: ScopeRef<'_>, loads: Option<usize>) {
            if self.0.get().is_some() {
                return;
            }
            let span = debug_span!(
                target: TARGET,
                "load",
                query = known(query.name),
                module = known(query.module),
                owner = known(query.owner),
                cache.scope = scope.map(|scope| &*scope.name),
                loads,
                outcome = Empty,
            );
            if !span.is_disabled() {
                let loads = Mutex::new(Loads { left: loads.unwrap_or(1), outcome: None });
                self.0.get_or_init(|| Arc::new(BodySpan { span, loads }));
            }
        }

        /// Each call is followed by one of [`exit`](Self::exit), on the same thread.
        pub(crate) fn enter(&self) {
            if let Some(body) = self.0.get() {
                body.span.with_subscriber(|(id, subscriber)| subscriber.enter(id));
            }
        }

        pub(crate) fn exit(&self) {
            if let Some(body) = self.0.get() {
                body.span.with_subscriber(|(id, subscriber)| subscriber.exit(id));
            }
        }

        /// The load has ended. The caller holds no lock. Of a batch, the last one is told: its outcome, or `mixed`.
        pub(crate) fn end(&self, query: &QueryState, outcome: &'static str, is_failure: bool) {
            let body = self.0.get();
            let outcome = match body {
                Some(body) => body.end_one(outcome),
                None => Some(outcome),
            };
            let Some(outcome) = outcome else { return };
            // It may be called while a panic unwinds.
            contain(|| {
                if let Some(body) = body {
                    body.span.record("outcome", outcome);
                }
                if is_failure {
                    let parent = body.map_or_else(Span::current, |body| body.span.clone());
                    debug!(
                        target: TARGET,
                        parent: &parent,
                        query = known(query.name),
                        module = known(query.module),
                        owner = known(query.owner),
                        outcome,
                        "a load has failed",
                    );
                }
            });
        }
    }

    impl BodySpan {
        /// The outcome of all, when all have ended.
        fn end_one(&self, outcome: &'static str) -> Option<&'static str> {
            let mut loads = self.loads.lock();
            let so_far = loads.outcome.unwrap_or(outcome);
            loads.outcome = Some(if so_far == outcome { outcome } else { "mixed" });
            loads.left = loads.left.saturating_sub(1);
            loads.outcome.filter(|_| loads.left == 0)
        }
    }

    /// A field that is left out if there is nothing to say.
    pub(crate) fn known(text: &'static str) -> Option<&'static str> {
        (!text.is_empty()).then_some(text)
    }
}

#[cfg(not(feature = "tracing"))]
mod off {
    #![expect(clippy::unused_self, reason = "there is nothing to do")]

    use crate::query::state::QueryState;
    use crate::version::scope::ScopeRef;

    #[derive(Default)]
    pub(crate) struct LoadSpan(());

    impl LoadSpan {
        #[inline]
        pub(crate) fn begin(&self, _: &QueryState, _: ScopeRef<'_>) {}

        #[inline]
        pub(crate) fn begin_batch(&self, _: &QueryState, _: ScopeRef<'_>, _: usize) {}

        #[inline]
        pub(crate) fn join(&self, _: &Self) {}

        #[inline]
        pub(crate) fn enter(&self) {}

        #[inline]
        pub(crate) fn exit(&self) {}

        #[inline]
        pub(crate) fn end(&self, _: &QueryState, _: &'static str, _: bool) {}
    }
}
