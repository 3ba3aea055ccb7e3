//! Tags: the labels that entries bear, and the registry that knows where each one's cell is.

use std::borrow::Borrow;
use std::fmt::{self, Write};
use std::{ptr, slice};

use smallvec::{SmallVec, smallvec};
use smol_str::{SmolStr, SmolStrBuilder};

use crate::scope::Scope;
use crate::sync::{Arc, AtomicUsize, Map, Ordering};
use crate::version::{Cell, Version};

/// A label that entries bear, and by which they are forgotten together.
///
/// Tags are compared whole: `artist:2` and `artist:22` have nothing to do with each other. Made from
/// anything that turns into a string:
///
/// ```
/// use cache_core::{EntryOptions, Tag, TaggedCache};
///
/// let tag = Tag::from(format!("artist:{}", 22));
/// let cache = TaggedCache::new();
/// cache.insert_with("Back in Black", 255, EntryOptions::new().tag(tag.clone()));
/// cache.invalidate_tags([tag]);
/// assert_eq!(cache.get("Back in Black"), None);
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(SmolStr);

impl Tag {
    #[inline]
    pub(crate) const fn from_static(text: &'static str) -> Self {
        Self(SmolStr::new_static(text))
    }

    /// Without an allocation, if the text is short or nothing is in it that has to be formatted.
    pub(crate) fn format(text: fmt::Arguments<'_>) -> Self {
        if let Some(text) = text.as_str() {
            return Self::from_static(text);
        }
        let mut builder = SmolStrBuilder::new();
        builder.write_fmt(text).expect("a `Display` of the user's reports no error");
        Self(builder.finish())
    }

    /// The tag's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Tag {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Tag {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&String> for Tag {
    fn from(text: &String) -> Self {
        Self(text.into())
    }
}

impl From<Arc<str>> for Tag {
    fn from(text: Arc<str>) -> Self {
        Self(text.into())
    }
}

impl AsRef<str> for Tag {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Tag {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The floors that a registry keeps for tags without a cell: more of them, fewer needless refusals.
const ORPHAN_FLOORS: usize = 64;

/// Finds the cell of a tag. A cell lives here for as long as something bears its tag.
///
/// A tag may be known only from a load's result, when the invalidation that should have hit it is past:
/// it found no cell to raise, or raised one that has left since. So both leave their version in an *orphan
/// floor*, shared by the tags that hash to it, and a new cell starts at that floor. A load then finds its
/// new cell above its birth and isn't stored: sometimes needlessly, never wrongly.
pub(crate) struct Registry {
    cells: Map<Tag, Arc<Borne>>,
    orphan_floors: Box<[Cell]>,
}

/// What a pointer in an entry leads to.
enum Borne {
    /// Shared by all who bear the tag.
    Cell(TagCell),
    /// None of them is a list.
    Several(List),
}

/// A tag's cell, and what stands above it.
pub(crate) struct TagCell {
    cell: Cell,
    tag: Tag,
    /// How many [`Bearing`]s there are. Raised only under the registry's lock on the tag.
    bearers: AtomicUsize,
    above: Above,
    home: Arc<Registry>,
}

/// What else invalidates the bearers of a tag.
pub(crate) enum Above {
    Nothing,
    /// The same tag in all scopes.
    Everywhere(Bearing),
    /// The scope that the bearers are in.
    Scope(Arc<Scope>),
}

impl Borne {
    fn cell(&self) -> Option<&TagCell> {
        match self {
            Self::Cell(cell) => Some(cell),
            Self::Several(_) => None,
        }
    }
}

impl TagCell {
    #[inline]
    fn admits(&self, birth: Version) -> bool {
        self.cell.admits(birth) && (matches!(self.above, Above::Nothing) || self.above.admits(birth))
    }

    /// The scope, if this is not of a tag of the user's but marks what is in it.
    fn scope(&self) -> Option<&Arc<Scope>> {
        match &self.above {
            Above::Scope(scope) => Some(scope),
            Above::Nothing | Above::Everywhere(_) => None,
        }
    }
}

impl Above {
    fn admits(&self, birth: Version) -> bool {
        match self {
            Self::Nothing => true,
            Self::Everywhere(tag) => tag.admits(birth),
            Self::Scope(scope) => scope.floor.admits(birth),
        }
    }
}

impl Registry {
    pub(crate) fn new(parts: usize) -> Self {
        Self { cells: Map::new(parts), orphan_floors: (0..ORPHAN_FLOORS).map(|_| Cell::default()).collect() }
    }

    /// How many tags are borne.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.cells.len()
    }

    /// Finds the cell of `tag`, or makes it, for one more bearer. `above` is asked if it has to be made.
    pub(crate) fn bear(self: &Arc<Self>, tag: &Tag, above: impl FnOnce() -> Above) -> Bearing {
        if let Some(bearing) = self.cells.look(tag, Bearing::new) {
            return bearing;
        }
        // Before the lock: finding what is above locks another registry.
        let above = above();
        let make = |tag: &Tag| {
            let cell = Cell::new(self.orphan_floor(tag.as_str()).at());
            let (tag, bearers, home) = (tag.clone(), AtomicUsize::new(0), self.clone());
            Arc::new(Borne::Cell(TagCell { cell, tag, bearers, above, home }))
        };
        self.cells.with(tag.clone(), make, |cell| Bearing::new(cell))
    }

    /// Raises the cell of `tag`, or the floor of those that have none.
    pub(crate) fn raise(&self, tag: &str, version: Version) {
        if !self.raise_cell(tag, version) {
            self.orphan_floor(tag).raise(version);
            // A cell made since the first look may have started at the floor as it was.
            self.raise_cell(tag, version);
        }
    }

    fn raise_cell(&self, tag: &str, version: Version) -> bool {
        // Raised while the lock is held: a cell that leaves takes its last version along to the floor.
        self.cells.look(tag, |borne| borne.cell().map(|own| own.cell.raise(version))).is_some()
    }

    fn orphan_floor(&self, tag: &str) -> &Cell {
        &self.orphan_floors[self.cells.hash(tag) % ORPHAN_FLOORS]
    }

    /// Lets a cell go, unless somebody has come to bear it since.
    fn release(&self, cell: &TagCell) {
        self.cells.remove_if(&cell.tag, |found| {
            let is_it = found.cell().is_some_and(|found| ptr::eq(found, cell));
            let forsaken = is_it && cell.bearers.load(Ordering::Acquire) == 0;
            if forsaken {
                self.orphan_floor(cell.tag.as_str()).raise(cell.cell.at());
            }
            forsaken
        });
    }
}

/// One bearer's hold on a tag's cell. The last one to go takes the cell out of the registry.
///
/// Or on a list of such holds, which is of one bearer alone: see [`Bearings`].
pub(crate) struct Bearing(Arc<Borne>);

impl Bearing {
    fn new(borne: &Arc<Borne>) -> Self {
        if let Some(cell) = borne.cell() {
            cell.bearers.fetch_add(1, Ordering::AcqRel);
        }
        Self(borne.clone())
    }

    /// Whether what was born at `birth` has not been invalidated by this, or from above, since.
    #[inline]
    fn admits(&self, birth: Version) -> bool {
        match &*self.0 {
            Borne::Cell(cell) => cell.admits(birth),
            Borne::Several(list) => admit_all(list, birth),
        }
    }

    fn as_slice(&self) -> &[Self] {
        match &*self.0 {
            Borne::Cell(_) => slice::from_ref(self),
            Borne::Several(list) => list,
        }
    }
}

impl Drop for Bearing {
    fn drop(&mut self) {
        if let Some(cell) = self.0.cell()
            && cell.bearers.fetch_sub(1, Ordering::AcqRel) == 1
        {
            cell.home.release(cell);
        }
    }
}

fn admit_all(list: &[Bearing], birth: Version) -> bool {
    list.iter().all(|one| one.admits(birth))
}

/// A few of them without an allocation.
type List = SmallVec<[Bearing; 4]>;

/// All that one entry bears of its own. What all entries of its query bear is kept with the query.
///
/// Every entry has it, and most bear one tag or none: so it is one pointer, to the cell that bearers share. Who bears
/// several has a list behind the pointer.
#[derive(Default)]
pub(crate) struct Bearings(Option<Bearing>);

impl Bearings {
    fn as_slice(&self) -> &[Bearing] {
        self.0.as_ref().map_or(&[], Bearing::as_slice)
    }

    /// Takes on what others are, but nothing twice.
    #[inline]
    pub(crate) fn join(&mut self, others: Self) {
        if others.0.is_none() {
            return;
        }
        if self.0.is_none() {
            *self = others;
            return;
        }
        self.join_some(others);
    }

    fn join_some(&mut self, others: Self) {
        let mut all = std::mem::take(self).into_list();
        others.into_list().into_iter().for_each(|other| add(&mut all, other));
        *self = all.into();
    }

    fn into_list(self) -> List {
        let Some(bearing) = self.0 else { return List::new() };
        match &*bearing.0 {
            Borne::Cell(_) => smallvec![bearing],
            Borne::Several(list) => list.iter().map(|one| Bearing::new(&one.0)).collect(),
        }
    }

    pub(crate) fn admit(&self, birth: Version) -> bool {
        self.0.as_ref().is_none_or(|bearing| bearing.admits(birth))
    }

    fn cells(&self) -> impl Iterator<Item = &TagCell> {
        self.as_slice().iter().filter_map(|bearing| bearing.0.cell())
    }

    /// The tags that the user gave.
    pub(crate) fn tags(&self) -> impl Iterator<Item = &Tag> {
        self.cells().filter(|cell| cell.scope().is_none()).map(|cell| &cell.tag)
    }

    /// The scope of what bears this.
    pub(crate) fn scope(&self) -> Option<&Arc<Scope>> {
        self.cells().find_map(TagCell::scope)
    }
}

impl From<Bearing> for Bearings {
    fn from(bearing: Bearing) -> Self {
        Self(Some(bearing))
    }
}

impl From<List> for Bearings {
    fn from(mut list: List) -> Self {
        match list.len() {
            0 | 1 => Self(list.pop()),
            _ => Self(Some(Bearing(Arc::new(Borne::Several(list))))),
        }
    }
}

impl FromIterator<Bearing> for Bearings {
    /// Leaves out what is there twice.
    fn from_iter<I: IntoIterator<Item = Bearing>>(bearings: I) -> Self {
        let mut bearings = bearings.into_iter();
        let Some(first) = bearings.next() else { return Self(None) };
        let Some(second) = bearings.next() else { return Self(Some(first)) };
        let mut all = smallvec![first];
        add(&mut all, second);
        bearings.for_each(|bearing| add(&mut all, bearing));
        all.into()
    }
}

/// Adds what is not there yet.
fn add(list: &mut List, bearing: Bearing) {
    if !list.iter().any(|one| Arc::ptr_eq(&one.0, &bearing.0)) {
        list.push(bearing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bear(registry: &Arc<Registry>, tags: &[&str]) -> Bearings {
        tags.iter().map(|&tag| registry.bear(&tag.into(), || Above::Nothing)).collect()
    }

    fn names(bearings: &Bearings) -> Vec<&str> {
        bearings.tags().map(Tag::as_str).collect()
    }

    #[test]
    fn a_tag_is_its_text() {
        let tag = Tag::from("a");
        assert_eq!((tag.as_ref(), tag.as_str(), tag.to_string().as_str()), ("a", "a", "a"));
        assert_eq!(format!("{tag:?}"), "\"a\"");
    }

    /// Most entries bear one tag or none, and are not to pay for a list: every entry has room for a pointer.
    #[test]
    fn one_bearing_is_kept_without_a_list() {
        let registry = Arc::new(Registry::new(2));
        let is_list = |tags: &[&str]| bear(&registry, tags).0.map(|bearing| bearing.0.cell().is_none());
        assert_eq!([is_list(&[]), is_list(&["a"]), is_list(&["a", "b"])], [None, Some(false), Some(true)]);
        assert_eq!(size_of::<Bearings>(), size_of::<usize>());
    }

    /// Between the last bearer's going and the release, another may have come.
    #[test]
    fn p1_a_cell_that_is_borne_again_is_not_released() {
        let registry = Arc::new(Registry::new(2));
        let bearing = registry.bear(&"a".into(), || Above::Nothing);
        registry.release(bearing.0.cell().expect("it is of one tag"));
        registry.raise("a", 1);
        assert!(!bearing.admits(0), "the cell had left, and the invalidation missed it");
    }

    #[test]
    fn bearings_join_without_doubles() {
        let registry = Arc::new(Registry::new(2));
        let mut all = bear(&registry, &[]);
        all.join(bear(&registry, &[]));
        assert_eq!(names(&all), [""; 0]);
        all.join(bear(&registry, &["a"]));
        assert_eq!(names(&all), ["a"]);
        all.join(bear(&registry, &["a"]));
        assert_eq!(names(&all), ["a"]);
        all.join(bear(&registry, &["b", "a", "c"]));
        assert_eq!(names(&all), ["a", "b", "c"]);
        drop(all);
        assert_eq!(registry.len(), 0, "what was there twice has left, too");
    }

    #[test]
    fn p1_each_of_several_bearings_counts() {
        let registry = Arc::new(Registry::new(2));
        let all = bear(&registry, &["a", "b", "c"]);
        assert!(all.admit(0));
        registry.raise("c", 2);
        assert!(!all.admit(1) && all.admit(2));
    }

    /// Others that share the floor may be refused in its place, but not from another registry's.
    #[test]
    fn p1_a_floor_is_that_of_few_tags() {
        let registry = Arc::new(Registry::new(2));
        registry.raise("unknown", 5);
        assert!(!bear(&registry, &["unknown"]).admit(4));
        let tags: Vec<_> = (0..ORPHAN_FLOORS * 4).map(|tag| tag.to_string()).collect();
        let admitted = tags.iter().filter(|tag| bear(&registry, &[tag]).admit(4)).count();
        assert!(admitted > tags.len() / 2, "{admitted} of {} tags have nothing to do with it", tags.len());
    }
}
