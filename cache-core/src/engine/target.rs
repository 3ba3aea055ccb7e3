//! What an invalidation names.

use crate::history::{Logged, LoggedTarget, Writer};
use crate::query::KeyHash;
use crate::query::state::QueryState;
use crate::sync::Arc;
use crate::version::scope::ScopeRef;

#[derive(Clone, Copy)]
pub(crate) enum TargetRef<'a> {
    Everything,
    Query(&'a Arc<QueryState>),
    /// One key of a query; through the root handle, in every scope.
    Key(&'a Arc<QueryState>, KeyHash),
    Tag(&'a str),
}

#[derive(Clone, Copy)]
pub(crate) struct ScopedTarget<'a> {
    pub(crate) scope: ScopeRef<'a>,
    pub(crate) target: TargetRef<'a>,
    /// Who named it.
    pub(crate) by: Writer,
}

impl From<&ScopedTarget<'_>> for LoggedTarget {
    fn from(&ScopedTarget { scope, target, by }: &ScopedTarget<'_>) -> Self {
        let what = match target {
            TargetRef::Everything => Logged::Everything,
            TargetRef::Query(query) => Logged::Query((&**query).into()),
            TargetRef::Key(query, key) => Logged::Key((&**query).into(), key),
            TargetRef::Tag(tag) => Logged::Tag(tag.into()),
        };
        Self::new(what, scope, by)
    }
}
