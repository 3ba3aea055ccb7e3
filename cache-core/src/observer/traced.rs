//! What observers are told, as events of the `tracing` crate. Without the feature, nothing is compiled.

#[cfg(not(feature = "tracing"))]
pub(crate) use off::{drop_panicked, evicted, invalidated, served_stale, wants_invalidations, wants_traces};
#[cfg(feature = "tracing")]
pub(crate) use on::{drop_panicked, evicted, invalidated, served_stale, wants_invalidations, wants_traces};

#[cfg(feature = "tracing")]
mod on {
    use std::fmt;

    use ::tracing::{Level, debug, event_enabled, trace, warn};

    use crate::flight::context::outside;
    use crate::flight::span::{TARGET, known};
    use crate::history::info::{MutationInfo, TargetInfo};
    use crate::observer::events::{DropPanicked, Evicted, ServedStale};
    use crate::sync::unwind::contain;

    /// Whether somebody looks at [`invalidated`].
    pub(crate) fn wants_invalidations() -> bool {
        event_enabled!(target: TARGET, Level::DEBUG)
    }

    /// Whether somebody looks at evictions and stale answers.
    pub(crate) fn wants_traces() -> bool {
        event_enabled!(target: TARGET, Level::TRACE)
    }

    pub(crate) fn invalidated(mutation: &MutationInfo) {
        emit(|| {
            debug!(
                target: TARGET,
                function = mutation.function,
                module = known(mutation.module),
                owner = known(mutation.owner),
                cache.scope = mutation.scope.as_deref(),
                targets = %Targets(&mutation.targets),
                version = mutation.version,
                removed = mutation.removed,
                fenced = mutation.fenced,
                "invalidated",
            );
        });
    }

    pub(crate) fn evicted(Evicted { call, age }: &Evicted<'_>) {
        emit(|| {
            trace!(
                target: TARGET,
                query = known(call.query),
                module = known(call.module),
                owner = known(call.owner),
                cache.scope = call.scope,
                ?age,
                "evicted",
            );
        });
    }

    pub(crate) fn served_stale(ServedStale { call, expired_for }: &ServedStale<'_>) {
        emit(|| {
            trace!(
                target: TARGET,
                query = known(call.query),
                module = known(call.module),
                owner = known(call.owner),
                cache.scope = call.scope,
                ?expired_for,
                "served stale",
            );
        });
    }

    pub(crate) fn drop_panicked(&DropPanicked { query, module, owner, message }: &DropPanicked<'_>) {
        emit(|| {
            warn!(
                target: TARGET,
                query = known(query),
                module = known(module),
                owner = known(owner),
                panic = message,
                "a `Drop` has panicked",
            );
        });
    }

    /// Like an observer: outside of all loads, and a panic changes nothing.
    fn emit(event: impl FnOnce()) {
        outside(|| contain(event));
    }

    struct Targets<'a>(&'a [TargetInfo]);

    impl fmt::Display for Targets<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            for (number, target) in self.0.iter().enumerate() {
                write!(f, "{}{target}", if number == 0 { "" } else { ", " })?;
            }
            Ok(())
        }
    }
}

#[cfg(not(feature = "tracing"))]
mod off {
    use crate::history::info::MutationInfo;
    use crate::observer::events::{DropPanicked, Evicted, ServedStale};

    #[inline]
    pub(crate) fn wants_invalidations() -> bool {
        false
    }

    #[inline]
    pub(crate) fn wants_traces() -> bool {
        false
    }

    #[inline]
    pub(crate) fn invalidated(_: &MutationInfo) {}

    #[inline]
    pub(crate) fn evicted(_: &Evicted<'_>) {}

    #[inline]
    pub(crate) fn served_stale(_: &ServedStale<'_>) {}

    #[inline]
    pub(crate) fn drop_panicked(_: &DropPanicked<'_>) {}
}
