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
    use crate::engine::settings::Settings;
    use crate::shared::lease::Lease;
    use crate::sync::Arc;

    pub(crate) struct Shared {
        pub(crate) lease: Arc<Lease>,
    }

    impl Shared {
        pub(crate) fn of(_: &Settings) -> Option<Arc<Self>> {
            None
        }
    }
}

pub(crate) mod publish {
    use std::future::Future;
    use std::marker::PhantomData;
    use std::ops::ControlFlow;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use std::time::Duration;

    use smol_str::SmolStr;

    use crate::engine::Engine;
    use crate::engine::invalidation::ScopedTarget;
    use crate::query::state::QueryState;
    use crate::tag::Tag;
    use crate::version::scope::ScopeRef;
    use crate::version::tag_set::TagSet;

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

    pub(crate) struct Waiting<R>(PhantomData<fn() -> R>);

    impl<R> Default for Waiting<R> {
        fn default() -> Self {
            Self(PhantomData)
        }
    }

    impl<R> Waiting<R> {
        pub(crate) fn begin(&mut self, _: Ticket, result: R) -> ControlFlow<R> {
            ControlFlow::Break(result)
        }

        pub(crate) fn poll(&mut self, _: &mut Context<'_>) -> Option<Poll<R>> {
            None
        }
    }

    #[derive(Clone, Copy, Debug)]
    pub(crate) enum Announced {}

    #[derive(Clone, Copy, Default)]
    #[expect(dead_code, reason = "nobody hears of it")]
    pub(crate) struct Published<'a> {
        pub(crate) names: &'a [(ScopeRef<'a>, &'a str)],
        pub(crate) ends: Option<Announced>,
        pub(crate) may_happen_for: Option<Duration>,
    }

    pub(crate) struct Prepared<'a>(Announced, PhantomData<&'a ()>);

    impl<'a> Prepared<'a> {
        pub(crate) fn marks(&self) -> &[(ScopeRef<'a>, SmolStr)] {
            match self.0 {}
        }
    }

    impl Engine {
        pub(crate) fn mark_of(&self, _: &QueryState) -> Option<Tag> {
            None
        }

        pub(crate) fn absence_marks(&self, _: ScopeRef<'_>, _: &QueryState) -> TagSet {
            TagSet::default()
        }

        pub(crate) fn prepare<'a>(&self, _: &[ScopedTarget<'a>], _: Published<'a>) -> Option<Prepared<'a>> {
            None
        }

        pub(crate) fn publish(&self, prepared: &Prepared<'_>) -> Ticket {
            match prepared.0 {}
        }
    }
}

pub(crate) mod second_level {
    use std::future::Future;
    use std::marker::PhantomData;
    use std::pin::Pin;
    use std::task::{Context as PollContext, Poll};

    use crate::clock::{FOREVER, Nanos};
    use crate::engine::Engine;
    use crate::flight::context::Context;
    use crate::shared::publish::Ticket;
    use crate::sync::Arc;
    use crate::version::tag_set::TagSet;

    enum Never {}

    pub(crate) struct SharedLoad<V>(Never, PhantomData<V>);

    impl<V> SharedLoad<V> {
        pub(crate) fn mark(&self) -> u64 {
            match self.0 {}
        }

        pub(crate) fn take(&self, _: &Arc<Engine>) -> Option<Taking<V>> {
            match self.0 {}
        }

        pub(crate) fn ask(&self, _: &Arc<Engine>) -> Option<Taking<V>> {
            match self.0 {}
        }

        pub(crate) fn put(&self, _: &Arc<Engine>, _: &V, _: &TagSet, _: Nanos) -> Option<Ticket> {
            match self.0 {}
        }
    }

    pub(crate) type TakeFn<V> = fn(&SharedLoad<V>, &Arc<Engine>) -> Option<Taking<V>>;

    pub(crate) struct Taking<V>(Never, PhantomData<fn() -> V>);

    impl<V> Taking<V> {
        pub(crate) fn wait(self) -> Option<Taken<V>> {
            match self.0 {}
        }
    }

    impl<V> Future for Taking<V> {
        type Output = Option<Taken<V>>;

        fn poll(self: Pin<&mut Self>, _: &mut PollContext<'_>) -> Poll<Self::Output> {
            match self.0 {}
        }
    }

    pub(crate) struct Taken<V>(Never, PhantomData<V>);

    impl<V> Taken<V> {
        pub(crate) fn accept(self, _: &Engine) -> Option<(V, Source)> {
            match self.0 {}
        }
    }

    pub(crate) enum Source {
        Body,
    }

    impl Source {
        pub(crate) fn is_body(&self) -> bool {
            true
        }

        pub(crate) fn expires_at(&self) -> Nanos {
            FOREVER
        }

        pub(crate) fn attach(&self, _: &Context, _: &TagSet) {}
    }
}
