//! The registry: finds the node of a tag, of a key, or of a query in a scope.
//!
//! A node says when its tag was last invalidated, and lives as long as a load or an entry refers to it.
//!
//! Most references are made before a load begins, so that later invalidations find the node. Tags from a load's result
//! are attached when it ends: an invalidation may have found no node by then, or one removed since. [`Orphans`] records
//! both cases, and a new node starts at the recorded version.
//!
//! *Locking*: each shard has a mutex. While it is held, nothing else is locked and no user code runs.

use std::hash::BuildHasher;
use std::ptr;

use crossbeam_utils::CachePadded;
use hashbrown::HashTable;

use crate::sync::{Arc, AtomicUsize, Mutex, Ordering};
use crate::tag::Tag;
use crate::version::label::{Label, LabelRef};
use crate::version::orphans::Orphans;
use crate::version::scope::Scope;
use crate::version::{InvalidatedAt, Version};

/// When a tag, a key, a query, or everything was last invalidated, and through which other nodes it is.
///
/// What a validity check reads comes first, in one cache line.
#[repr(C)]
pub(crate) struct TagNode {
    invalidated_at: InvalidatedAt,
    parents: Parents,
    /// If this node stands for a set of nodes.
    members: Option<Members>,
    label: Label,
    hash: u64,
    /// The number of [`TagRef`]s. Raised from 0 only under the shard's lock.
    references: AtomicUsize,
    /// `None` if the node is permanent.
    registry: Option<Arc<Registry>>,
    /// Whether [`TagNode::stand_for_keys`] was called.
    stands_for_keys: AtomicUsize,
}

pub(crate) struct Members {
    /// The first `own` nodes are the entry's own. The others come from cached answers that its load read.
    pub(crate) own: usize,
    pub(crate) all: Box<[Dependency]>,
}

#[derive(Clone)]
pub(crate) enum Dependency {
    /// Checked against the version as of which the entry is valid.
    Local(TagRef),
    /// Of another cache. Checked against a version of that cache.
    Foreign(TagRef, Version),
}

impl Dependency {
    pub(crate) fn node(&self) -> &TagRef {
        match self {
            Self::Local(node) | Self::Foreign(node, _) => node,
        }
    }

    fn raised_after(&self, version: Version) -> Option<Version> {
        match self {
            Self::Local(node) => node.raised_after(version),
            Self::Foreign(node, valid_as_of) => node.raised_after(*valid_as_of).map(|_| 0),
        }
    }

    fn is_valid_since(&self, version: Version) -> bool {
        match self {
            Self::Local(node) => node.is_valid_since(version),
            Self::Foreign(node, valid_as_of) => node.is_valid_since(*valid_as_of),
        }
    }
}

#[derive(Default)]
pub(crate) struct Parents {
    /// The same tag or key in all scopes. Invalidates this node, too.
    pub(crate) everywhere: Option<TagRef>,
    /// The scope that the node is in. Invalidates this node, too.
    pub(crate) scope: Option<Arc<Scope>>,
    /// Of a key: its query's node of any key, raised with each of them. It does not invalidate this node; entries
    /// depend on it in place of too many single keys.
    pub(crate) any_key: Option<TagRef>,
}

impl TagNode {
    fn permanent(members: Option<Members>) -> Self {
        Self {
            invalidated_at: InvalidatedAt::default(),
            parents: Parents::default(),
            members,
            label: Label::Permanent,
            hash: 0,
            references: AtomicUsize::new(0),
            registry: None,
            stands_for_keys: AtomicUsize::new(0),
        }
    }

    /// Whether what was valid at `version` is still valid, as far as this node tells.
    #[inline]
    pub(crate) fn is_valid_since(&self, version: Version) -> bool {
        let Parents { everywhere, scope, .. } = &self.parents;
        self.invalidated_at.is_valid_since(version)
            && everywhere.as_ref().is_none_or(|everywhere| everywhere.is_valid_since(version))
            && scope.as_ref().is_none_or(|scope| scope.invalidated_at.is_valid_since(version))
            && self.members().is_none_or(|members| members.all.iter().all(|one| one.is_valid_since(version)))
    }

    /// When it was invalidated after a version, if it was: of each node that it is, the last time is known, and of those
    /// times the first counts. Of a node of another cache: 0.
    pub(crate) fn raised_after(&self, version: Version) -> Option<Version> {
        let of = |at: &InvalidatedAt| (!at.is_valid_since(version)).then(|| at.version());
        let Parents { everywhere, scope, .. } = &self.parents;
        let of_everywhere = everywhere.as_ref().and_then(|everywhere| everywhere.raised_after(version));
        let of_scope = scope.as_ref().and_then(|scope| of(&scope.invalidated_at));
        let of_members = self.members().into_iter().flat_map(|members| members.all.iter());
        let of_members = of_members.filter_map(|one| one.raised_after(version)).min();
        [of(&self.invalidated_at), of_everywhere, of_scope, of_members].into_iter().flatten().min()
    }

    pub(crate) fn members(&self) -> Option<&Members> {
        self.members.as_ref()
    }

    pub(crate) fn tag(&self) -> Option<&Tag> {
        match &self.label {
            Label::Tag(tag, _) => Some(tag),
            _ => None,
        }
    }

    /// Also the scope of an entry that has this node as its own.
    pub(crate) fn scope(&self) -> Option<&Arc<Scope>> {
        self.parents.scope.as_ref()
    }

    pub(crate) fn any_key(&self) -> Option<&TagRef> {
        self.parents.any_key.as_ref()
    }

    pub(crate) fn raise(&self, version: Version) {
        self.invalidated_at.raise(version);
    }

    pub(crate) fn invalidated_at(&self) -> &InvalidatedAt {
        &self.invalidated_at
    }

    /// An entry depends on this node of any key in place of single keys, whose nodes must still be registered.
    pub(crate) fn stand_for_keys(&self) {
        self.stands_for_keys.store(1, Ordering::Release);
    }

    pub(crate) fn stands_for_keys(&self) -> bool {
        self.stands_for_keys.load(Ordering::Acquire) > 0
    }
}

/// The last one removes the node from the registry.
pub(crate) struct TagRef(Arc<TagNode>);

impl TagRef {
    fn new(node: &Arc<TagNode>) -> Self {
        if node.registry.is_some() {
            node.references.fetch_add(1, Ordering::AcqRel);
        }
        Self(node.clone())
    }

    /// In no registry.
    pub(crate) fn permanent() -> Self {
        Self(Arc::new(TagNode::permanent(None)))
    }

    pub(crate) fn of_all(members: Members) -> Self {
        Self(Arc::new(TagNode::permanent(Some(members))))
    }

    /// The identity of the node.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

impl std::ops::Deref for TagRef {
    type Target = TagNode;

    #[inline]
    fn deref(&self) -> &TagNode {
        &self.0
    }
}

impl Clone for TagRef {
    fn clone(&self) -> Self {
        // No shard lock: while this reference lives, the node is not removed.
        Self::new(&self.0)
    }
}

impl Drop for TagRef {
    fn drop(&mut self) {
        if let Some(registry) = &self.0.registry
            && self.0.references.fetch_sub(1, Ordering::AcqRel) == 1
        {
            registry.remove_unreferenced(&self.0);
        }
    }
}

pub(crate) struct Registry {
    shards: Box<[CachePadded<Mutex<Shard>>]>,
    /// The number of nodes of keys. Most caches have none: no need to search.
    keys: AtomicUsize,
    hasher: foldhash::fast::RandomState,
}

#[derive(Default)]
struct Shard {
    nodes: HashTable<Arc<TagNode>>,
    orphans: Orphans,
}

impl Shard {
    fn find(&self, hash: u64, label: LabelRef<'_>) -> Option<&Arc<TagNode>> {
        self.nodes.find(hash, |node| node.hash == hash && node.label.borrow() == label)
    }
}

impl Registry {
    /// `shards` must be a power of two.
    pub(crate) fn new(shards: usize) -> Self {
        // One in models, for the most contention.
        let shards = if cfg!(shuttle) { 1 } else { shards };
        let shards = (0..shards).map(|_| CachePadded::default()).collect();
        Self { shards, keys: AtomicUsize::new(0), hasher: <_>::default() }
    }

    pub(crate) fn attach(self: &Arc<Self>, label: Label, parents: impl FnOnce() -> Parents) -> TagRef {
        let hash = self.hasher.hash_one(label.borrow());
        let shard = self.shard(hash);
        if let Some(node) = shard.lock().find(hash, label.borrow()) {
            return TagRef::new(node);
        }
        // Before the lock: attaching parents locks shards, too.
        let (parents, registry) = (parents(), Some(self.clone()));
        let new = Arc::new(TagNode { parents, label, hash, registry, ..TagNode::permanent(None) });
        let mut shard = shard.lock();
        if let Some(node) = shard.find(hash, new.label.borrow()) {
            let found = TagRef::new(node);
            drop(shard);
            return found;
        }
        new.raise(shard.orphans.version(hash));
        if let Label::Key(..) = new.label {
            self.keys.fetch_add(1, Ordering::AcqRel);
        }
        shard.nodes.insert_unique(hash, new.clone(), |node| node.hash);
        TagRef::new(&new)
    }

    pub(crate) fn raise(&self, label: LabelRef<'_>, version: Version) {
        let hash = self.hasher.hash_one(label);
        // Under the lock: if the node is removed next, this version is recorded.
        let mut shard = self.shard(hash).lock();
        match shard.find(hash, label) {
            Some(node) => node.raise(version),
            None => shard.orphans.record(hash, version),
        }
    }

    /// For labels that are attached only before a load begins: they need no orphan.
    pub(crate) fn raise_if_attached(&self, label: LabelRef<'_>, version: Version) {
        let hash = self.hasher.hash_one(label);
        if let Some(node) = self.shard(hash).lock().find(hash, label) {
            node.raise(version);
        }
    }

    pub(crate) fn is_attached(&self, label: LabelRef<'_>) -> bool {
        let hash = self.hasher.hash_one(label);
        self.shard(hash).lock().find(hash, label).is_some()
    }

    pub(crate) fn has_keys(&self) -> bool {
        self.keys.load(Ordering::Acquire) > 0
    }

    /// Unless it is referenced again: `attach` may have found it meanwhile.
    fn remove_unreferenced(&self, node: &TagNode) {
        /// Smaller tables are not shrunk.
        const FEW: usize = 64;
        let mut shard = self.shard(node.hash).lock();
        let Shard { nodes, orphans } = &mut *shard;
        let is_same = |found: &Arc<TagNode>| ptr::eq(&raw const **found, node);
        let Ok(found) = nodes.find_entry(node.hash, is_same) else { return };
        if node.references.load(Ordering::Acquire) > 0 {
            return;
        }
        let (removed, _) = found.remove();
        match node.label {
            Label::Tag(..) => orphans.record(node.hash, node.invalidated_at.version()),
            Label::Key(..) => _ = self.keys.fetch_sub(1, Ordering::AcqRel),
            Label::Query(..) | Label::Permanent => {}
        }
        if nodes.capacity() > FEW && nodes.len() < nodes.capacity() / 8 {
            nodes.shrink_to(nodes.len() * 2, |node| node.hash);
        }
        drop(shard);
        drop(removed);
    }

    fn shard(&self, hash: u64) -> &Mutex<Shard> {
        &self.shards[(hash >> 32) as usize & (self.shards.len() - 1)]
    }

    pub(crate) fn shrink(&self) {
        for shard in &self.shards {
            let Shard { nodes, orphans } = &mut *shard.lock();
            nodes.shrink_to_fit(|node| node.hash);
            orphans.shrink();
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().nodes.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::orphans::MAX_ORPHANS;
    use crate::version::scope::ROOT;

    fn everywhere(tag: &str) -> LabelRef<'_> {
        LabelRef::Tag(tag, ROOT)
    }

    fn registry() -> Arc<Registry> {
        Arc::new(Registry::new(2))
    }

    fn attach(registry: &Arc<Registry>, tag: &str) -> TagRef {
        registry.attach(Label::Tag(tag.into(), ROOT), Parents::default)
    }

    #[test]
    fn p1_an_invalidation_that_finds_no_node_is_not_missed() {
        let registry = registry();
        registry.raise(everywhere("late"), 5);
        let late = attach(&registry, "late");
        assert!(!late.is_valid_since(4) && late.is_valid_since(5));
    }

    #[test]
    fn p1_the_version_of_a_removed_node_is_recorded() {
        let registry = registry();
        let first = attach(&registry, "a");
        registry.raise(everywhere("a"), 5);
        drop(first);
        assert_eq!(registry.len(), 0);
        assert!(!attach(&registry, "a").is_valid_since(4));
    }

    /// A new reference may be made between the last drop and the removal.
    #[test]
    fn p1_a_node_that_is_referenced_again_is_not_removed() {
        let registry = registry();
        let tag = attach(&registry, "a");
        registry.remove_unreferenced(&tag);
        registry.raise(everywhere("a"), 1);
        assert!(!tag.is_valid_since(0), "the node was removed, and the invalidation missed it");
    }

    #[test]
    fn p4_invalidations_of_other_tags_refuse_no_load() {
        let registry = registry();
        for unrelated in 0..MAX_ORPHANS / 2 {
            registry.raise(everywhere(&format!("unrelated:{unrelated}")), 5);
        }
        assert!((0..1_000).all(|tag| attach(&registry, &tag.to_string()).is_valid_since(4)));
    }

    #[test]
    fn p1_a_tag_whose_record_was_dropped_is_refused() {
        let registry = registry();
        registry.raise(everywhere("first"), 1);
        for version in 2..10 * MAX_ORPHANS as u64 {
            registry.raise(everywhere(&version.to_string()), version);
        }
        let first = attach(&registry, "first");
        assert!(!first.is_valid_since(0) && first.is_valid_since(10 * MAX_ORPHANS as u64));
    }

    #[test]
    fn p9_nodes_are_removed_with_their_last_reference_and_tables_shrink() {
        let registry = registry();
        let all: Vec<_> = (0..10_000).map(|tag| attach(&registry, &tag.to_string())).collect();
        let again = all[0].clone();
        drop(all);
        assert_eq!(registry.len(), 1);
        drop(again);
        let room: usize = registry.shards.iter().map(|shard| shard.lock().nodes.capacity()).sum();
        assert!(registry.len() == 0 && room < 500, "room for {room} nodes");
    }

    #[test]
    fn p1_a_tag_in_a_scope_is_invalidated_with_the_tag_in_all_scopes() {
        let registry = registry();
        let in_scope = |scope| {
            let parents = || Parents { everywhere: Some(attach(&registry, "a")), ..Parents::default() };
            registry.attach(Label::Tag("a".into(), scope), parents)
        };
        let (one, two) = (in_scope(1), in_scope(2));
        registry.raise(LabelRef::Tag("a", 1), 1);
        assert!(!one.is_valid_since(0) && two.is_valid_since(0));
        registry.raise(everywhere("a"), 2);
        assert!(!two.is_valid_since(1));
        drop((one, two));
        assert_eq!(registry.len(), 0, "the node of all scopes is removed with those of the scopes");
    }
}
