//! The registry: finds the node of a tag, of a key, or of a query in a scope.
//!
//! A node says when its tag was last invalidated. It lives for as long as something refers to it: an entry, a load, or an
//! entry that was made from either.
//!
//! Most references are made before a load begins, and the invalidation that comes later finds the node. Tags of a load's
//! result come late: the invalidation that should have raised their node may be past, when there was no node, or one that
//! has left since. So an invalidation that finds no node is recorded as an *orphan*, a node that leaves records its
//! version likewise, and a new node starts at the version that is recorded for its tag. Records are by hash, and there
//! are a few hundred in each shard; the oldest make room and raise the *floor* of the shard, where all its new nodes
//! start. A load may then be refused needlessly, if more tags than there are records were invalidated while it ran; none
//! is ever accepted wrongly.

use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::ptr;

use crossbeam_utils::CachePadded;
use hashbrown::{HashMap, HashTable};

use crate::sync::{Arc, AtomicUsize, Mutex, Ordering};
use crate::tag::Tag;
use crate::version::scope::{Scope, ScopeId};
use crate::version::{InvalidatedAt, Version};

/// The orphans that each shard records.
const ORPHANS: usize = 256;

/// A key of a query, as a hash of the query, of its instantiation and of the arguments. Whatever else has the same is
/// forgotten with it: once in 2^64 times.
pub(crate) type KeyId = u64;

/// What a node stands for.
#[derive(Clone, Debug)]
pub(crate) enum Label {
    Tag(Tag, ScopeId),
    Key(KeyId, ScopeId),
    /// All entries of the query with this number, in one scope.
    Query(u32, ScopeId),
    /// What lives as long as a cache, a query, or an entry, and is in no registry.
    Permanent,
}

/// A label, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum LabelRef<'a> {
    Tag(&'a str, ScopeId),
    Key(KeyId, ScopeId),
    Query(u32, ScopeId),
    Permanent,
}

impl Label {
    fn borrow(&self) -> LabelRef<'_> {
        match self {
            Self::Tag(tag, scope) => LabelRef::Tag(tag.as_str(), *scope),
            Self::Key(key, scope) => LabelRef::Key(*key, *scope),
            Self::Query(query, scope) => LabelRef::Query(*query, *scope),
            Self::Permanent => LabelRef::Permanent,
        }
    }
}

/// A tag, a key, a query, or everything: when it was last invalidated, and what else invalidates it.
///
/// What is read to know whether an entry is valid comes first, in one cache line.
#[repr(C)]
pub(crate) struct TagNode {
    invalidated_at: InvalidatedAt,
    above: Above,
    /// What it stands for, if that is several nodes together.
    members: Option<Members>,
    label: Label,
    hash: u64,
    /// How many [`TagRef`]s there are. Raised only under the shard's lock.
    references: AtomicUsize,
    /// Where it is listed, unless it is permanent.
    home: Option<Arc<Registry>>,
    /// Whether something has ever been made from very many keys, if this is the node of any key of a query.
    stands_for_keys: AtomicUsize,
}

/// Several nodes, as one entry depends on them.
pub(crate) struct Members {
    /// How many of them are the entry's own: the first ones. The others come from answers that it was made from.
    pub(crate) own: usize,
    pub(crate) all: Box<[Dependency]>,
}

/// A node that an entry depends on.
#[derive(Clone)]
pub(crate) enum Dependency {
    /// Invalidated by a version later than that as of which the entry is known to be valid.
    Here(TagRef),
    /// Of another cache: invalidated by a version of that one, later than this.
    Elsewhere(TagRef, Version),
}

impl Dependency {
    pub(crate) fn node(&self) -> &TagRef {
        match self {
            Self::Here(node) | Self::Elsewhere(node, _) => node,
        }
    }

    fn is_valid_since(&self, version: Version) -> bool {
        match self {
            Self::Here(node) => node.is_valid_since(version),
            Self::Elsewhere(node, then) => node.is_valid_since(*then),
        }
    }
}

/// What else invalidates whoever refers to a node.
#[derive(Default)]
pub(crate) struct Above {
    /// The same tag or key in all scopes.
    pub(crate) everywhere: Option<TagRef>,
    /// The scope that the node is in; it lives as long as the node.
    pub(crate) scope: Option<Arc<Scope>>,
    /// Of a key: the node of any key of its query.
    pub(crate) any_key: Option<TagRef>,
}

impl TagNode {
    fn new(label: Label, hash: u64, above: Above, home: Option<Arc<Registry>>, members: Option<Members>) -> Self {
        let (invalidated_at, references) = (InvalidatedAt::default(), AtomicUsize::new(0));
        let stands_for_keys = AtomicUsize::new(0);
        Self { invalidated_at, above, members, label, hash, references, home, stands_for_keys }
    }

    /// Whether what was valid at `version` has not been invalidated through this node since.
    #[inline]
    pub(crate) fn is_valid_since(&self, version: Version) -> bool {
        let Above { everywhere, scope, .. } = &self.above;
        self.invalidated_at.is_valid_since(version)
            && everywhere.as_ref().is_none_or(|everywhere| everywhere.is_valid_since(version))
            && scope.as_ref().is_none_or(|scope| scope.invalidated_at.is_valid_since(version))
            && self.members().is_none_or(|members| members.all.iter().all(|one| one.is_valid_since(version)))
    }

    /// The nodes that it stands for together, if there are several.
    pub(crate) fn members(&self) -> Option<&Members> {
        self.members.as_ref()
    }

    /// The tag of the user's that it stands for.
    pub(crate) fn tag(&self) -> Option<&Tag> {
        match &self.label {
            Label::Tag(tag, _) => Some(tag),
            _ => None,
        }
    }

    /// The scope that an entry is in which refers to this as its own.
    pub(crate) fn scope(&self) -> Option<&Arc<Scope>> {
        self.above.scope.as_ref()
    }

    /// The node of any key of the query, if this is one of a key.
    pub(crate) fn any_key(&self) -> Option<&TagRef> {
        self.above.any_key.as_ref()
    }

    pub(crate) fn raise(&self, version: Version) {
        self.invalidated_at.raise(version);
    }

    /// Records that something depends on this in place of keys. Their own nodes must still be there.
    pub(crate) fn stand_for_keys(&self) {
        self.stands_for_keys.store(1, Ordering::Release);
    }

    pub(crate) fn stands_for_keys(&self) -> bool {
        self.stands_for_keys.load(Ordering::Acquire) > 0
    }
}

/// A reference to a node. The last one to go takes the node out of the registry.
pub(crate) struct TagRef(Arc<TagNode>);

impl TagRef {
    fn new(node: &Arc<TagNode>) -> Self {
        if node.home.is_some() {
            node.references.fetch_add(1, Ordering::AcqRel);
        }
        Self(node.clone())
    }

    /// A node that is in no registry.
    pub(crate) fn permanent() -> Self {
        Self(Arc::new(TagNode::new(Label::Permanent, 0, Above::default(), None, None)))
    }

    /// A node that stands for several.
    pub(crate) fn of_all(members: Members) -> Self {
        Self(Arc::new(TagNode::new(Label::Permanent, 0, Above::default(), None, Some(members))))
    }

    /// Tells nodes apart.
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
        // Not under the shard's lock: as long as this reference lives, nobody releases the node.
        Self::new(&self.0)
    }
}

impl Drop for TagRef {
    fn drop(&mut self) {
        if let Some(home) = &self.0.home
            && self.0.references.fetch_sub(1, Ordering::AcqRel) == 1
        {
            home.release(&self.0);
        }
    }
}

pub(crate) struct Registry {
    shards: Box<[CachePadded<Mutex<Shard>>]>,
    /// How many nodes of keys there are. Most caches have none, and are spared the search for one.
    keys: AtomicUsize,
    hasher: foldhash::fast::RandomState,
}

#[derive(Default)]
struct Shard {
    nodes: HashTable<Arc<TagNode>>,
    orphans: Orphans,
}

/// What was invalidated when it had no node.
#[derive(Default)]
struct Orphans {
    by_hash: HashMap<u64, Version, foldhash::fast::RandomState>,
    /// The oldest first.
    records: VecDeque<(u64, Version)>,
    /// The last version that may have been forgotten.
    floor: Version,
}

impl Orphans {
    fn record(&mut self, hash: u64, version: Version) {
        if version <= self.version(hash) {
            return;
        }
        self.by_hash.insert(hash, version);
        self.records.push_back((hash, version));
        if self.records.len() > ORPHANS
            && let Some((hash, version)) = self.records.pop_front()
        {
            // Unless there is a later record of it.
            if self.by_hash.get(&hash) == Some(&version) {
                self.floor = self.floor.max(version);
                self.by_hash.remove(&hash);
            }
        }
    }

    fn version(&self, hash: u64) -> Version {
        self.by_hash.get(&hash).copied().unwrap_or_default().max(self.floor)
    }
}

impl Shard {
    fn find(&self, hash: u64, label: LabelRef<'_>) -> Option<&Arc<TagNode>> {
        self.nodes.find(hash, |node| node.hash == hash && node.label.borrow() == label)
    }
}

impl Registry {
    /// In so many shards, a power of two.
    pub(crate) fn new(shards: usize) -> Self {
        // A model of it has one, for the most meetings.
        let shards = if cfg!(shuttle) { 1 } else { shards };
        let shards = (0..shards).map(|_| CachePadded::default()).collect();
        Self { shards, keys: AtomicUsize::new(0), hasher: <_>::default() }
    }

    /// A reference to the node of a label, which is made if there is none. `above` is asked if it has to be made.
    pub(crate) fn attach(self: &Arc<Self>, label: Label, above: impl FnOnce() -> Above) -> TagRef {
        let hash = self.hasher.hash_one(label.borrow());
        let shard = self.shard(hash);
        if let Some(node) = shard.lock().find(hash, label.borrow()) {
            return TagRef::new(node);
        }
        // Before the lock: finding what is above locks a shard, too.
        let (above, home) = (above(), Some(self.clone()));
        let new = Arc::new(TagNode::new(label, hash, above, home, None));
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

    /// Raises the node of a tag, or records that it has none.
    pub(crate) fn raise(&self, label: LabelRef<'_>, version: Version) {
        let hash = self.hasher.hash_one(label);
        // Under the lock: a node that leaves takes its last version along to the records.
        let mut shard = self.shard(hash).lock();
        match shard.find(hash, label) {
            Some(node) => node.raise(version),
            None => shard.orphans.record(hash, version),
        }
    }

    /// Raises the node of what nobody attaches to late, if it has one.
    pub(crate) fn raise_if_attached(&self, label: LabelRef<'_>, version: Version) {
        let hash = self.hasher.hash_one(label);
        if let Some(node) = self.shard(hash).lock().find(hash, label) {
            node.raise(version);
        }
    }

    /// Whether a label has a node.
    pub(crate) fn is_attached(&self, label: LabelRef<'_>) -> bool {
        let hash = self.hasher.hash_one(label);
        self.shard(hash).lock().find(hash, label).is_some()
    }

    /// Whether there is a node of any key.
    pub(crate) fn has_keys(&self) -> bool {
        self.keys.load(Ordering::Acquire) > 0
    }

    /// Lets a node go, unless somebody refers to it again.
    fn release(&self, node: &TagNode) {
        /// Tables with room for fewer aren't worth the work.
        const FEW: usize = 64;
        let mut shard = self.shard(node.hash).lock();
        let Shard { nodes, orphans } = &mut *shard;
        let is_it = |found: &Arc<TagNode>| ptr::eq(&raw const **found, node);
        let Ok(found) = nodes.find_entry(node.hash, is_it) else { return };
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

    /// Frees what memory it can.
    pub(crate) fn shrink(&self) {
        for shard in &self.shards {
            let Shard { nodes, orphans } = &mut *shard.lock();
            nodes.shrink_to_fit(|node| node.hash);
            orphans.by_hash.shrink_to_fit();
            orphans.records.shrink_to_fit();
        }
    }

    /// How many nodes there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().nodes.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::scope::ROOT;

    fn everywhere(tag: &str) -> LabelRef<'_> {
        LabelRef::Tag(tag, ROOT)
    }

    fn registry() -> Arc<Registry> {
        Arc::new(Registry::new(2))
    }

    fn attach(registry: &Arc<Registry>, tag: &str) -> TagRef {
        registry.attach(Label::Tag(tag.into(), ROOT), Above::default)
    }

    #[test]
    fn p1_what_was_invalidated_without_a_node_is_not_missed() {
        let registry = registry();
        registry.raise(everywhere("late"), 5);
        let late = attach(&registry, "late");
        assert!(!late.is_valid_since(4) && late.is_valid_since(5));
    }

    #[test]
    fn p1_a_node_that_has_left_leaves_its_version_behind() {
        let registry = registry();
        let first = attach(&registry, "a");
        registry.raise(everywhere("a"), 5);
        drop(first);
        assert_eq!(registry.len(), 0);
        assert!(!attach(&registry, "a").is_valid_since(4));
    }

    /// Between the last reference's going and the release, another may have come.
    #[test]
    fn p1_a_node_that_is_referred_to_again_is_not_released() {
        let registry = registry();
        let tag = attach(&registry, "a");
        registry.release(&tag);
        registry.raise(everywhere("a"), 1);
        assert!(!tag.is_valid_since(0), "the node had left, and the invalidation missed it");
    }

    #[test]
    fn p4_invalidations_of_other_tags_refuse_nothing() {
        let registry = registry();
        for unrelated in 0..ORPHANS / 2 {
            registry.raise(everywhere(&format!("unrelated:{unrelated}")), 5);
        }
        assert!((0..1_000).all(|tag| attach(&registry, &tag.to_string()).is_valid_since(4)));
    }

    #[test]
    fn p1_what_no_record_is_left_of_is_refused() {
        let registry = registry();
        registry.raise(everywhere("first"), 1);
        for version in 2..10 * ORPHANS as u64 {
            registry.raise(everywhere(&version.to_string()), version);
        }
        let records = registry.shards.iter().map(|shard| shard.lock().orphans.records.len()).max();
        assert_eq!(records, Some(ORPHANS), "they are bounded");
        let first = attach(&registry, "first");
        assert!(!first.is_valid_since(0) && first.is_valid_since(10 * ORPHANS as u64));
    }

    #[test]
    fn p9_nodes_leave_with_their_last_reference_and_tables_shrink() {
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
    fn p1_a_tag_in_a_scope_is_also_the_tag_everywhere() {
        let registry = registry();
        let in_scope = |scope| {
            let above = || Above { everywhere: Some(attach(&registry, "a")), ..Above::default() };
            registry.attach(Label::Tag("a".into(), scope), above)
        };
        let (one, two) = (in_scope(1), in_scope(2));
        registry.raise(LabelRef::Tag("a", 1), 1);
        assert!(!one.is_valid_since(0) && two.is_valid_since(0));
        registry.raise(everywhere("a"), 2);
        assert!(!two.is_valid_since(1));
        drop((one, two));
        assert_eq!(registry.len(), 0, "the tag everywhere went with those in the scopes");
    }
}
