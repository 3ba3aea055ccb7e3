//! Without the feature `shared`: no load asks a second level.

#![expect(clippy::unused_self, reason = "the signatures are those that there are with the feature")]

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context as PollContext, Poll};

use crate::clock::{FOREVER, Nanos};
use crate::engine::Engine;
use crate::flight::context::Context;
use crate::shared::ticket::Ticket;
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
