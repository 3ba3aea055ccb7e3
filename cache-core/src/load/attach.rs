//! Attaches answers of queries to the enclosing load. Not generic but for [`prepare`]: compiled in this crate.

use crate::flight::context::{self, Context, Lifetime};
use crate::query::state::QueryState;
use crate::store::Store;
use crate::sync::Arc;
use crate::version::Version;
use crate::version::registry::TagRef;
use crate::version::tag_set::TagSet;
use crate::version::timeline::Timeline;

/// What an answer makes the enclosing load depend on.
pub(crate) struct Answer {
    pub(crate) tags: TagSet,
    /// A version as of which it is valid.
    pub(crate) since: Version,
    pub(crate) lifetime: Lifetime,
}

/// Attaches an answer to the innermost load on this thread.
pub(crate) fn attach(timeline: &Arc<Timeline>, query: &QueryState, key_node: Option<&TagRef>, answer: Answer) {
    if !context::is_inside() {
        return;
    }
    let Answer { tags, since, lifetime } = answer;
    // Without a node if the caller was in no load when it asked: see `prepare`.
    let key_node = key_node.unwrap_or(&query.any_key);
    let sets = [key_node.clone().into(), query.node.clone().into(), tags];
    context::attach(timeline, query, sets, since, lifetime);
}

/// Attaches an ended load to the enclosing load.
pub(crate) fn attach_load(context: &Context, query: &QueryState, key_node: Option<&TagRef>, answer: Answer) {
    if !context::is_inside() {
        return;
    }
    if context.is_private() {
        context::set_innermost_private();
    }
    // The key is only known to be valid as of the birth of the load.
    let key = [key_node.unwrap_or(&query.any_key).clone().into(), TagSet::default(), TagSet::default()];
    context::attach(&context.timeline, query, key, context.birth, answer.lifetime);
    attach(&context.timeline, query, key_node, answer);
}

/// An answer without a node of its key: from now on an insert of any key of the query counts as one of this key.
pub(crate) fn prepare<K, V>(store: &Store<K, V>, key_node: Option<&TagRef>) {
    if key_node.is_none() && context::is_inside() {
        store.query.any_key.stand_for_keys();
    }
}
