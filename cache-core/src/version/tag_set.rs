//! What one entry or load depends on, beside its query and the whole cache.

use std::collections::HashMap;

use smallvec::SmallVec;

use crate::sync::Arc;
use crate::tag::Tag;
use crate::version::Version;
use crate::version::registry::{Dependency, Members, TagNode, TagRef};
use crate::version::scope::Scope;

/// References to nodes, in one pointer. A clone shares them.
#[derive(Clone, Default)]
pub(crate) struct TagSet(Option<TagRef>);

impl TagSet {
    /// Whether what was valid at `version` has not been invalidated through any of these since.
    #[inline]
    pub(crate) fn is_valid_since(&self, version: Version) -> bool {
        self.0.as_ref().is_none_or(|node| node.is_valid_since(version))
    }

    /// Whether something in it is of another cache, whose invalidations this cache's clock does not show.
    pub(crate) fn has_elsewhere(&self) -> bool {
        // There are none among its own.
        let made_from = self.members().map_or(&[][..], |members| &members.all[members.own..]);
        made_from.iter().any(|one| matches!(one, Dependency::Elsewhere(..)))
    }

    /// How many references there are.
    pub(crate) fn len(&self) -> usize {
        self.members().map_or_else(|| usize::from(self.0.is_some()), |members| members.all.len())
    }

    /// Tells sets apart that are alive at the same time; clones of one have the same.
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

    /// The tags that the user gave.
    pub(crate) fn tags(&self) -> impl Iterator<Item = &Tag> {
        self.own().filter_map(TagNode::tag)
    }

    /// The scope of what has these.
    pub(crate) fn scope(&self) -> Option<&Arc<Scope>> {
        self.own().find_map(TagNode::scope)
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
        // Most have no more.
        let Some(first) = nodes.next() else { return Self(None) };
        let Some(second) = nodes.next() else { return first.into() };
        let mut set = TagSetBuilder::default();
        set.add(first);
        set.add(second);
        nodes.for_each(|node| set.add(node));
        set.build()
    }
}

/// The most keys of one query that an entry depends on one by one. One that was made from more depends on any key of
/// that query.
pub(crate) const MAX_KEYS: usize = 256;

/// Collects references, each node once, in time in proportion to their number.
#[derive(Default)]
pub(crate) struct TagSetBuilder {
    all: SmallVec<[Dependency; 4]>,
    own: usize,
    /// Where each node is, once there are many.
    places: HashMap<usize, usize, foldhash::fast::RandomState>,
    /// How many keys there are of each query, by the address of its node of any key.
    keys: HashMap<usize, usize, foldhash::fast::RandomState>,
}

/// A search through so few is faster than a table.
const FEW: usize = 8;

impl TagSetBuilder {
    /// Adds a tag of its own. All of these come before what it depends on otherwise.
    pub(crate) fn add(&mut self, node: TagRef) {
        debug_assert_eq!(self.own, self.all.len());
        self.push(Dependency::Here(node));
        self.own = self.all.len();
    }

    /// Adds all tags that are a set's own.
    pub(crate) fn add_all(&mut self, set: &TagSet) {
        match (&set.0, set.members()) {
            (_, Some(members)) => members.all.iter().for_each(|one| self.add(one.node().clone())),
            (Some(node), None) => self.add(node.clone()),
            (None, None) => {}
        }
    }

    /// Adds what an answer depends on. With a version, that answer was of another cache, and valid then.
    pub(crate) fn depend_on_all(&mut self, set: &TagSet, elsewhere: Option<Version>) {
        let place = |node: &TagRef| match elsewhere {
            None => Dependency::Here(node.clone()),
            Some(version) => Dependency::Elsewhere(node.clone(), version),
        };
        match (&set.0, set.members()) {
            (_, Some(members)) => {
                for one in &members.all {
                    self.depend(match one {
                        Dependency::Here(node) => place(node),
                        Dependency::Elsewhere(..) => one.clone(),
                    });
                }
            }
            (Some(node), None) => self.depend(place(node)),
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
        // One too many: from here on, any key. Those that are in the list are among them.
        any_key.stand_for_keys();
        self.push(match dependency {
            Dependency::Here(_) => Dependency::Here(any_key),
            Dependency::Elsewhere(_, version) => Dependency::Elsewhere(any_key, version),
        });
    }

    /// Adds a node, once. Of a node of another cache, the earliest version counts.
    fn push(&mut self, dependency: Dependency) {
        let address = dependency.node().address();
        match self.find(address) {
            None => {
                if !self.places.is_empty() {
                    self.places.insert(address, self.all.len());
                }
                self.all.push(dependency);
            }
            Some(place) => {
                if let (Dependency::Elsewhere(_, known), Dependency::Elsewhere(_, version)) =
                    (&mut self.all[place], &dependency)
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
        if self.places.is_empty() {
            self.places.extend(self.all.iter().enumerate().map(|(place, one)| (one.node().address(), place)));
        }
        self.places.get(&address).copied()
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
    use crate::version::registry::{Above, Label, LabelRef, Registry};

    struct Nodes(Arc<Registry>, TagRef);

    impl Nodes {
        fn new() -> Self {
            Self(Arc::new(Registry::new(2)), TagRef::permanent())
        }

        fn tag(&self, tag: &str) -> TagRef {
            self.0.attach(Label::Tag(tag.into(), 0), Above::default)
        }

        fn key(&self, key: u64) -> TagRef {
            self.0.attach(Label::Key(key, 0), || Above { any_key: Some(self.1.clone()), ..Above::default() })
        }

        fn set(&self, tags: &[&str]) -> TagSet {
            tags.iter().map(|tag| self.tag(tag)).collect()
        }
    }

    fn names(set: &TagSet) -> Vec<&str> {
        set.tags().map(Tag::as_str).collect()
    }

    /// What an entry is that has tags of its own and was made from answers.
    fn made_from(own: &TagSet, answers: &[(&TagSet, Option<Version>)]) -> TagSet {
        let mut set = TagSetBuilder::default();
        set.add_all(own);
        for (answer, elsewhere) in answers {
            set.depend_on_all(answer, *elsewhere);
        }
        set.build()
    }

    /// Most entries have one tag or none, and are not to pay for a list.
    #[test]
    fn one_tag_is_kept_without_a_list() {
        let nodes = Nodes::new();
        let is_list = |tags: &[&str]| nodes.set(tags).0.map(|node| node.members().is_some());
        assert_eq!(
            [is_list(&[]), is_list(&["a"]), is_list(&["a", "a"]), is_list(&["a", "b"])],
            [None, Some(false), Some(false), Some(true)]
        );
    }

    #[test]
    fn p15_what_it_was_made_from_counts_and_is_no_tag_of_its_own() {
        let nodes = Nodes::new();
        let set =
            made_from(&nodes.set(&["own"]), &[(&nodes.set(&["inner", "own"]), None), (&nodes.set(&["other"]), None)]);
        assert_eq!((names(&set), set.len()), (vec!["own"], 3));
        assert!(set.is_valid_since(0));
        nodes.0.raise(LabelRef::Tag("other", 0), 2);
        assert!(!set.is_valid_since(1) && set.is_valid_since(2));
        drop(set);
        assert_eq!(nodes.0.len(), 0);
    }

    #[test]
    fn p15_of_another_cache_the_version_counts_as_of_which_it_was_valid() {
        let nodes = Nodes::new();
        let inner = nodes.set(&["a"]);
        nodes.0.raise(LabelRef::Tag("a", 0), 5);
        let set = made_from(&TagSet::default(), &[(&inner, Some(7)), (&inner, Some(5))]);
        assert!(set.has_elsewhere() && set.len() == 1 && set.is_valid_since(0));
        // What was made from that in a third cache has the same.
        let outer = made_from(&TagSet::default(), &[(&set, Some(100))]);
        nodes.0.raise(LabelRef::Tag("a", 0), 6);
        assert!(!set.is_valid_since(Version::MAX) && !outer.is_valid_since(Version::MAX), "the earlier one counts");
    }

    #[test]
    fn p15_very_many_keys_of_a_query_become_any_key_of_it() {
        let nodes = Nodes::new();
        let answers: Vec<TagSet> = (0..10 * MAX_KEYS as u64).map(|key| nodes.key(key).into()).collect();
        let answers: Vec<_> = answers.iter().map(|answer| (answer, None)).collect();
        let few = made_from(&TagSet::default(), &answers[..MAX_KEYS]);
        let many = made_from(&TagSet::default(), &answers);
        assert_eq!((few.len(), many.len()), (MAX_KEYS, MAX_KEYS + 1));
        nodes.1.raise(1);
        assert!(few.is_valid_since(0) && !many.is_valid_since(0));
        let outer = made_from(&TagSet::default(), &[(&many, None), (&few, None)]);
        assert_eq!(outer.len(), MAX_KEYS + 1);
    }

    #[test]
    fn p5_a_set_is_built_in_time_in_proportion_to_its_size() {
        let nodes = Nodes::new();
        let tags: Vec<_> = (0..30_000).map(|tag| nodes.tag(&tag.to_string())).collect();
        let set: TagSet = tags.iter().chain(&tags).cloned().collect();
        assert_eq!((set.len(), set.tags().count()), (30_000, 30_000));
        nodes.0.raise(LabelRef::Tag("29999", 0), 1);
        assert!(!set.is_valid_since(0));
    }
}
