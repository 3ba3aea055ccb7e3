//! Commits that may still happen: their future was dropped, or their answer was lost.
//!
//! A load that reads before such a commit and ends after the invalidation has read the old rows, and the cache cannot
//! see it. So for a *grace* the nodes of the targets are [suspended](crate::version::InvalidatedAt::suspend): nothing that
//! depends on them is valid, so that nothing is stored, or joined by later callers. After the grace they are raised once
//! more, for loads that began within it, and resumed: by the next call that misses, or the next load that ends.

use std::collections::HashMap;
use std::time::Duration;

use foldhash::fast::RandomState;
use smallvec::{SmallVec, smallvec};
use smol_str::SmolStr;

use crate::clock::Nanos;
#[cfg(feature = "shared")]
use crate::clock::saturating_nanos;
use crate::engine::Engine;
use crate::engine::target::{ScopedTarget, TargetRef};
use crate::query::state::QueryState;
use crate::sync::{Arc, Mutex, MutexGuard};
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
    /// Writes that other processes have announced: the addresses of their nodes, and the end of their grace.
    announced: HashMap<WriteId, (Vec<usize>, Nanos), RandomState>,
}

/// Of a write that another process has announced: the process, and a number.
pub(crate) type WriteId = (u64, u64);

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
        let mut suspended = self.suspend_until(self.nodes_of_all(targets), until);
        suspended.names.extend(names.map(|name| (name, until)));
    }

    pub(crate) fn commit_grace(&self) -> Duration {
        Duration::from_nanos(self.uncertain.grace)
    }

    /// The same for a write that another process has announced, until its [outcome](Self::resume_after) is known.
    #[cfg(feature = "shared")]
    pub(crate) fn suspend_for(&self, targets: &[ScopedTarget<'_>], write: WriteId, lasts: Duration) {
        let until = self.timeline().time.now().saturating_add(saturating_nanos(lasts));
        let nodes = self.nodes_of_all(targets);
        let addresses = nodes.iter().map(Node::address).collect();
        self.suspend_until(nodes, until).announced.insert(write, (addresses, until));
    }

    #[cfg(feature = "shared")]
    pub(crate) fn resume_after(&self, write: WriteId) {
        let mut suspended = self.uncertain.suspended.lock();
        let Suspended { nodes, announced, .. } = &mut *suspended;
        let Some((addresses, until)) = announced.remove(&write) else { return };
        for address in addresses {
            let of_others = announced.values().filter(|(others, _)| others.contains(&address)).map(|(_, until)| *until);
            // A commit of this process may have suspended it for longer.
            if let Some((_, ends)) = nodes.get_mut(&address).filter(|(_, ends)| *ends <= until) {
                *ends = of_others.max().unwrap_or(0);
            }
        }
        drop(suspended);
        self.resume_ended();
    }

    fn suspend_until(&self, nodes: Vec<Node>, until: Nanos) -> MutexGuard<'_, Suspended> {
        let mut suspended = self.uncertain.suspended.lock();
        for node in nodes {
            node.invalidated_at().suspend();
            let (_, ends) = suspended.nodes.entry(node.address()).or_insert((node, until));
            *ends = until.max(*ends);
        }
        self.timeline().set_uncertain(true);
        suspended
    }

    fn nodes_of_all(&self, targets: &[ScopedTarget<'_>]) -> Vec<Node> {
        targets.iter().flat_map(|target| self.nodes_of(*target)).collect()
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
        let Suspended { nodes, names, announced } = &mut *suspended;
        let has_ended = |until: Nanos| until <= now;
        names.retain(|_, until| !has_ended(*until));
        announced.retain(|_, (_, until)| !has_ended(*until));
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
