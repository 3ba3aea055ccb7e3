//! Without the feature `shared`: no cache has a tier, and what belongs to one cannot be made.

#![expect(clippy::unused_self, reason = "the signatures are those that there are with the feature")]

pub(crate) mod lease {
    use crate::clock::Nanos;

    pub(crate) enum Lease {}

    impl Lease {
        pub(crate) fn is_live(&self, _: Nanos) -> bool {
            match *self {}
        }

        pub(crate) fn is_live_now(&self) -> bool {
            match *self {}
        }

        pub(crate) fn is_recent(&self, _: LeaseTime) -> bool {
            match *self {}
        }
    }

    #[derive(Clone, Copy)]
    pub(crate) struct LeaseTime;

    impl LeaseTime {
        pub(crate) fn now() -> Self {
            Self
        }
    }
}

pub(crate) mod state {
    use crate::clock::TimeSource;
    use crate::shared::lease::Lease;
    use crate::sync::Arc;

    #[derive(Clone, Copy)]
    pub(crate) enum AnyTier {}

    pub(crate) enum Shared {}

    impl Shared {
        pub(crate) fn new(tier: AnyTier, _: &TimeSource) -> Arc<Self> {
            match tier {}
        }

        pub(crate) fn lease(&self) -> &Arc<Lease> {
            match *self {}
        }
    }
}

pub(crate) mod ticket {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    #[must_use = "as with the feature"]
    #[derive(Default)]
    pub(crate) struct Ticket(());

    impl Ticket {
        pub(crate) fn and(self, _: Self) -> Self {
            self
        }

        pub(crate) fn is_over(&self) -> bool {
            true
        }

        pub(crate) fn wait(self) {}

        pub(crate) fn leave(self) {}
    }

    impl Future for Ticket {
        type Output = ();

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            Poll::Ready(())
        }
    }
}
