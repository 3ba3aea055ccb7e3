//! Commits that may still happen: their future was dropped, or their answer was lost.
//!
//! A load that reads before such a commit and ends after the invalidation has read the old rows, and the cache cannot
//! see it. So for a *grace* the nodes of the targets are [suspended](crate::version::InvalidatedAt::suspend): nothing that
//! depends on them is valid, so that nothing is stored, or joined by later callers. After the grace they are raised once
//! more, for loads that began within it, and resumed: by the next call that misses, or the next load that ends.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use smallvec::{SmallVec, smallvec};
use smol_str::SmolStr;

use crate::clock::Nanos;
use crate::engine::Engine;
use crate::engine::invalidation::{ScopedTarget, TargetRef};
use crate::query::state::QueryState;
use crate::sync::{Arc, Mutex};
use crate::tag::Tag;
use crate::version::InvalidatedAt;
use crate::version::registry::TagRef;
use crate::version::scope::Scope;

pub(crate) struct Uncertain {
    grace: Nanos,
    suspended: Mutex<Suspended>,
}

/// Each with the end of its grace.
#[derive(Default)]
struct Suspended {
    /// By address: each is suspended once.
    nodes: HashMap<usize, (Node, Nanos), RandomState>,
    /// Of queries that may be used for the first time within the grace.
    names: HashMap<SmolStr, Nanos, RandomState>,
}

enum Node {
    Tag(TagRef),
    Scope(Arc<Scope>),
}

impl Node {
    fn invalidated_at(&self) -> &InvalidatedAt {
        match self {
            Self::Tag(node) => node.invalidated_at(),
            Self::Scope(scope) => &scope.invalidated_at,
        }
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self.invalidated_at()).addr()
    }
}

impl Uncertain {
    pub(crate) fn new(grace: Nanos) -> Self {
        Self { grace, suspended: Mutex::default() }
    }
}

impl Engine {
    /// Called before the targets are invalidated: a load that is born after that finds them suspended.
    pub(super) fn suspend(&self, targets: &[ScopedTarget<'_>], names: impl Iterator<Item = SmolStr>) {
        let until = self.timeline().time.now().saturating_add(self.uncertain.grace);
        let nodes: Vec<Node> = targets.iter().flat_map(|target| self.nodes_of(*target)).collect();
        let mut suspended = self.uncertain.suspended.lock();
        for node in nodes {
            node.invalidated_at().suspend();
            suspended.nodes.insert(node.address(), (node, until));
        }
        suspended.names.extend(names.map(|name| (name, until)));
        self.timeline().set_uncertain(true);
    }

    fn nodes_of(&self, ScopedTarget { scope, target, .. }: ScopedTarget<'_>) -> SmallVec<[Node; 2]> {
        match (target, scope) {
            (TargetRef::Everything, None) => smallvec![Node::Tag(self.timeline().everything.clone())],
            (TargetRef::Everything, Some(scope)) => smallvec![Node::Scope(scope.clone())],
            (TargetRef::Query(query), None) => smallvec![Node::Tag(query.node.clone())],
            (TargetRef::Query(query), Some(scope)) => smallvec![Node::Tag(self.query_node(scope, query))],
            (TargetRef::Tag(tag), _) => smallvec![Node::Tag(self.tag_node(scope, Tag::from(tag)))],
            (TargetRef::Key(query, key), _) => {
                let key = self.key_node_of(scope, query, key);
                smallvec![Node::Tag(key), Node::Tag(query.any_key.clone())]
            }
        }
    }

    /// A query is used for the first time.
    pub(super) fn suspend_if_uncertain(&self, query: &QueryState) {
        if !self.timeline().is_uncertain() {
            return;
        }
        let node = Node::Tag(query.node.clone());
        let mut suspended = self.uncertain.suspended.lock();
        if let Some(&until) = suspended.names.get(query.name) {
            node.invalidated_at().suspend();
            suspended.nodes.insert(node.address(), (node, until));
        }
    }

    /// Called when a call misses, and when a load ends.
    #[inline]
    pub(crate) fn resume_certain(&self) {
        if self.timeline().is_uncertain() {
            self.resume_ended();
        }
    }

    #[cold]
    #[inline(never)]
    fn resume_ended(&self) {
        let now = self.timeline().time.now();
        let mut suspended = self.uncertain.suspended.lock();
        let Suspended { nodes, names } = &mut *suspended;
        let has_ended = |until: Nanos| until <= now;
        names.retain(|_, until| !has_ended(*until));
        if nodes.values().any(|(_, until)| has_ended(*until)) {
            // Raised before they are resumed: what was read within the grace stays invalid.
            self.timeline().versions.invalidate(|version| {
                let ended = nodes.values().filter(|(_, until)| has_ended(*until));
                ended.for_each(|(node, _)| node.invalidated_at().raise(version));
            });
        }
        let mut ended = Vec::new();
        nodes.retain(|_, (node, until)| {
            if has_ended(*until) {
                node.invalidated_at().resume();
                ended.push(std::mem::replace(node, Node::Tag(self.timeline().everything.clone())));
            }
            !has_ended(*until)
        });
        self.timeline().set_uncertain(!(nodes.is_empty() && names.is_empty()));
        drop(suspended);
        // After the lock: these may be the last references.
        drop(ended);
    }
}
