//! The nodes that one entry or load depends on, besides those of its query and of the whole cache.

use std::collections::HashMap;
use std::fmt;

use smallvec::SmallVec;

use crate::sync::Arc;
use crate::tag::Tag;
use crate::version::Version;
use crate::version::registry::{Dependency, Members, TagNode, TagRef};
use crate::version::scope::Scope;

/// References to nodes, in one pointer. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct TagSet(Option<TagRef>);

impl TagSet {
    #[inline]
    pub(crate) fn is_valid_since(&self, version: Version) -> bool {
        self.0.as_ref().is_none_or(|node| node.is_valid_since(version))
    }

    /// See [`TagNode::raised_after`].
    pub(crate) fn raised_after(&self, version: Version) -> Option<Version> {
        self.0.as_ref()?.raised_after(version)
    }

    /// Whether a node is of another cache, whose invalidations this one's clock does not show.
    pub(crate) fn has_foreign(&self) -> bool {
        // Own nodes are always local.
        let from_answers = self.members().map_or(&[][..], |members| &members.all[members.own..]);
        from_answers.iter().any(|one| matches!(one, Dependency::Foreign(..)))
    }

    pub(crate) fn len(&self) -> usize {
        self.members().map_or_else(|| usize::from(self.0.is_some()), |members| members.all.len())
    }

    #[cfg(feature = "shared")]
    pub(crate) fn has(&self, node: &TagRef) -> bool {
        match (&self.0, self.members()) {
            (_, Some(members)) => members.all.iter().any(|one| one.node().address() == node.address()),
            (one, None) => one.as_ref().is_some_and(|one| one.address() == node.address()),
        }
    }

    /// Unique among living sets; clones share it.
    pub(crate) fn address(&self) -> usize {
        self.0.as_ref().map_or(0, TagRef::address)
    }

    fn members(&self) -> Option<&Members> {
        self.0.as_ref()?.members()
    }

    fn own(&self) -> impl Iterator<Item = &TagNode> {
        let members = self.members();
        let one = self.0.as_deref().filter(|_| members.is_none());
        let several =
            members.into_iter().flat_map(|members| members.all[..members.own].iter().map(|one| &**one.node()));
        one.into_iter().chain(several)
    }

    /// What of it was invalidated after a version, if anything.
    pub(crate) fn invalidated_by(&self, version: Version) -> Option<InvalidatedBy> {
        if self.is_valid_since(version) {
            return None;
        }
        let mut own = self.own().filter(|node| !node.is_valid_since(version));
        Some(own.next().map_or(InvalidatedBy::Answer, |node| match (node.tag(), node.any_key()) {
            (Some(tag), _) if tag.is_mark() => InvalidatedBy::of_mark(tag),
            (Some(tag), _) => InvalidatedBy::Tag(tag.clone()),
            (None, Some(_)) => InvalidatedBy::Key,
            (None, None) => InvalidatedBy::Query,
        }))
    }

    pub(crate) fn tags(&self) -> impl Iterator<Item = &Tag> {
        self.own().filter_map(TagNode::tag).filter(|tag| !tag.is_mark())
    }

    /// All tags that it stands for, and the scopes that they are in.
    #[cfg(feature = "shared")]
    pub(crate) fn each_tag(&self, visit: &mut dyn FnMut(&Tag, Option<&Arc<Scope>>)) {
        let one = self.0.as_deref().filter(|node| node.members().is_none());
        let several = self.members().into_iter().flat_map(|members| members.all.iter().map(|one| &**one.node()));
        for node in one.into_iter().chain(several) {
            if let Some(tag) = node.tag() {
                visit(tag, node.scope());
            }
        }
    }

    pub(crate) fn scope(&self) -> Option<&Arc<Scope>> {
        self.own().find_map(TagNode::scope)
    }
}

/// What was invalidated that an entry depends on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum InvalidatedBy {
    Everything,
    Query,
    Key,
    Tag(Tag),
    /// Of another query, which its load read.
    Answer,
}

impl InvalidatedBy {
    /// Of an entry's own mark.
    fn of_mark(mark: &Tag) -> Self {
        if Tag::name_of_query_mark(mark.as_str()).is_some() { Self::Query } else { Self::Key }
    }
}

impl fmt::Display for InvalidatedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("everything was invalidated"),
            Self::Query => f.write_str("its query was invalidated"),
            Self::Key => f.write_str("its key was invalidated"),
            Self::Tag(tag) => write!(f, "its tag `{}` was invalidated", tag.as_str()),
            Self::Answer => f.write_str("an answer that it was made from was invalidated"),
        }
    }
}

impl From<TagRef> for TagSet {
    fn from(node: TagRef) -> Self {
        Self(Some(node))
    }
}

impl FromIterator<TagRef> for TagSet {
    fn from_iter<I: IntoIterator<Item = TagRef>>(nodes: I) -> Self {
        let mut nodes = nodes.into_iter();
        // Most sets have at most one node.
        let Some(first) = nodes.next() else { return Self(None) };
        let Some(second) = nodes.next() else { return first.into() };
        let mut set = TagSetBuilder::default();
        set.add(first);
        set.add(second);
        nodes.for_each(|node| set.add(node));
        set.build()
    }
}

/// An entry that reads more keys of one query depends on any key of that query.
pub(crate) const MAX_KEYS: usize = 256;

/// Collects references, each node once, in linear time.
#[derive(Default)]
pub(crate) struct TagSetBuilder {
    all: SmallVec<[Dependency; 4]>,
    own: usize,
    /// The index of each node, by its address. Empty until there are [`FEW`] nodes.
    indices: HashMap<usize, usize, foldhash::fast::RandomState>,
    /// The number of keys of each query, by the address of its node of any key.
    keys: HashMap<usize, usize, foldhash::fast::RandomState>,
}

/// A linear search through fewer is faster than a table.
const FEW: usize = 8;

impl TagSetBuilder {
    /// Own nodes must be added before other dependencies.
    pub(crate) fn add(&mut self, node: TagRef) {
        debug_assert_eq!(self.own, self.all.len());
        self.push(Dependency::Local(node));
        self.own = self.all.len();
    }

    pub(crate) fn add_all(&mut self, set: &TagSet) {
        match (&set.0, set.members()) {
            (_, Some(members)) => members.all.iter().for_each(|one| self.add(one.node().clone())),
            (Some(node), None) => self.add(node.clone()),
            (None, None) => {}
        }
    }

    /// `foreign`: the version as of which an answer of another cache was valid there.
    pub(crate) fn depend_on_all(&mut self, set: &TagSet, foreign: Option<Version>) {
        let dependency = |node: &TagRef| match foreign {
            None => Dependency::Local(node.clone()),
            Some(version) => Dependency::Foreign(node.clone(), version),
        };
        match (&set.0, set.members()) {
            (_, Some(members)) => {
                for one in &members.all {
                    self.depend(match one {
                        Dependency::Local(node) => dependency(node),
                        Dependency::Foreign(..) => one.clone(),
                    });
                }
            }
            (Some(node), None) => self.depend(dependency(node)),
            (None, None) => {}
        }
    }

    fn depend(&mut self, dependency: Dependency) {
        let Some(any_key) = dependency.node().any_key().cloned() else { return self.push(dependency) };
        let keys = self.keys.entry(any_key.address()).or_default();
        if *keys < MAX_KEYS {
            let before = self.all.len();
            self.push(dependency);
            *self.keys.entry(any_key.address()).or_default() += self.all.len() - before;
            return;
        }
        // Too many: from here on, any key. The listed keys remain.
        any_key.stand_for_keys();
        self.push(match dependency {
            Dependency::Local(_) => Dependency::Local(any_key),
            Dependency::Foreign(_, version) => Dependency::Foreign(any_key, version),
        });
    }

    /// Of a foreign node, the earliest version counts.
    fn push(&mut self, dependency: Dependency) {
        let address = dependency.node().address();
        match self.find(address) {
            None => {
                if !self.indices.is_empty() {
                    self.indices.insert(address, self.all.len());
                }
                self.all.push(dependency);
            }
            Some(index) => {
                if let (Dependency::Foreign(_, known), Dependency::Foreign(_, version)) =
                    (&mut self.all[index], &dependency)
                {
                    *known = (*known).min(*version);
                }
            }
        }
    }

    fn find(&mut self, address: usize) -> Option<usize> {
        if self.all.len() < FEW {
            return self.all.iter().position(|one| one.node().address() == address);
        }
        if self.indices.is_empty() {
            self.indices.extend(self.all.iter().enumerate().map(|(index, one)| (one.node().address(), index)));
        }
        self.indices.get(&address).copied()
    }

    pub(crate) fn build(mut self) -> TagSet {
        if self.own == self.all.len() && self.own <= 1 {
            return TagSet(self.all.pop().map(|one| one.node().clone()));
        }
        TagSet(Some(TagRef::of_all(Members { own: self.own, all: self.all.into_vec().into() })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::label::{Label, LabelRef};
    use crate::version::registry::{Parents, Registry};

    struct Nodes {
        registry: Arc<Registry>,
        any_key: TagRef,
    }

    impl Nodes {
        fn new() -> Self {
            Self { registry: Arc::new(Registry::new(2)), any_key: TagRef::permanent() }
        }

        fn tag(&self, tag: &str) -> TagRef {
            self.registry.attach(Label::Tag(tag.into(), 0), Parents::default)
        }

        fn key(&self, key: u64) -> TagRef {
            let parents = || Parents { any_key: Some(self.any_key.clone()), ..Parents::default() };
            self.registry.attach(Label::Key(key, 0), parents)
        }

        fn set(&self, tags: &[&str]) -> TagSet {
            tags.iter().map(|tag| self.tag(tag)).collect()
        }

        fn raise(&self, tag: &str, version: Version) {
            self.registry.raise(LabelRef::Tag(tag, 0), version);
        }
    }

    fn names(set: &TagSet) -> Vec<&str> {
        set.tags().map(Tag::as_str).collect()
    }

    /// The set of an entry whose load read these answers.
    fn made_from(own: &TagSet, answers: &[(&TagSet, Option<Version>)]) -> TagSet {
        let mut set = TagSetBuilder::default();
        set.add_all(own);
        for (answer, foreign) in answers {
            set.depend_on_all(answer, *foreign);
        }
        set.build()
    }

    /// Most entries have one tag or none, and must not pay for a list.
    #[test]
    fn a_set_of_one_tag_has_no_list() {
        let nodes = Nodes::new();
        let is_list = |tags: &[&str]| nodes.set(tags).0.map(|node| node.members().is_some());
        assert_eq!(
            [is_list(&[]), is_list(&["a"]), is_list(&["a", "a"]), is_list(&["a", "b"])],
            [None, Some(false), Some(false), Some(true)]
        );
    }

    #[test]
    fn p15_nodes_of_answers_count_and_are_not_listed_as_tags() {
        let nodes = Nodes::new();
        let set =
            made_from(&nodes.set(&["own"]), &[(&nodes.set(&["inner", "own"]), None), (&nodes.set(&["other"]), None)]);
        assert_eq!((names(&set), set.len()), (vec!["own"], 3));
        assert!(set.is_valid_since(0));
        nodes.raise("other", 2);
        assert!(!set.is_valid_since(1) && set.is_valid_since(2));
        drop(set);
        assert_eq!(nodes.registry.len(), 0);
    }

    #[test]
    fn p15_a_foreign_node_is_checked_against_its_own_version() {
        let nodes = Nodes::new();
        let inner = nodes.set(&["a"]);
        nodes.raise("a", 5);
        let set = made_from(&TagSet::default(), &[(&inner, Some(7)), (&inner, Some(5))]);
        assert!(set.has_foreign() && set.len() == 1 && set.is_valid_since(0));
        // An entry of a third cache that is made from it has the same version.
        let outer = made_from(&TagSet::default(), &[(&set, Some(100))]);
        nodes.raise("a", 6);
        assert!(!set.is_valid_since(Version::MAX) && !outer.is_valid_since(Version::MAX), "the earlier version counts");
    }

    #[test]
    fn p15_too_many_keys_of_a_query_become_any_key_of_it() {
        let nodes = Nodes::new();
        let answers: Vec<TagSet> = (0..10 * MAX_KEYS as u64).map(|key| nodes.key(key).into()).collect();
        let answers: Vec<_> = answers.iter().map(|answer| (answer, None)).collect();
        let few = made_from(&TagSet::default(), &answers[..MAX_KEYS]);
        let many = made_from(&TagSet::default(), &answers);
        assert_eq!((few.len(), many.len()), (MAX_KEYS, MAX_KEYS + 1));
        nodes.any_key.raise(1);
        assert!(few.is_valid_since(0) && !many.is_valid_since(0));
        let outer = made_from(&TagSet::default(), &[(&many, None), (&few, None)]);
        assert_eq!(outer.len(), MAX_KEYS + 1);
    }

    #[test]
    fn p5_a_set_is_built_in_linear_time() {
        let nodes = Nodes::new();
        let tags: Vec<_> = (0..30_000).map(|tag| nodes.tag(&tag.to_string())).collect();
        let set: TagSet = tags.iter().chain(&tags).cloned().collect();
        assert_eq!((set.len(), set.tags().count()), (30_000, 30_000));
        nodes.raise("29999", 1);
        assert!(!set.is_valid_since(0));
    }
}
