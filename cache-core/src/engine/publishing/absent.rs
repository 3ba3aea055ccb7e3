//! Without the feature `shared`: nobody hears of an invalidation.

#![expect(clippy::unused_self, reason = "the signatures are those that there are with the feature")]

use std::marker::PhantomData;
use std::time::Duration;

use smol_str::SmolStr;

use crate::engine::Engine;
use crate::engine::target::ScopedTarget;
use crate::query::state::QueryState;
use crate::shared::ticket::Ticket;
use crate::tag::Tag;
use crate::version::scope::ScopeRef;
use crate::version::tag_set::TagSet;

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
